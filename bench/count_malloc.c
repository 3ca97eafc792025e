/* Preloaded into a gateway (LD_PRELOAD), counts its calls of the allocator: 8 bytes for malloc, calloc, realloc and
 * aligned ones, 8 bytes for free, in the file that COUNT_MALLOC_FILE names, where bench_load reads them while the
 * gateway runs. Only for glibc. Changes no allocation. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static _Atomic uint64_t before_start[2];
static _Atomic uint64_t *counts = before_start;

__attribute__((constructor)) static void open_counts(void) {
  const char *path = getenv("COUNT_MALLOC_FILE");
  int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
  if (fd < 0)
    return;
  void *map = ftruncate(fd, sizeof(before_start)) == 0
                  ? mmap(NULL, sizeof(before_start), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                  : MAP_FAILED;
  (void)close(fd);
  if (map != MAP_FAILED)
    counts = map;
}

static void count(size_t which) { atomic_fetch_add_explicit(&counts[which], 1, memory_order_relaxed); }

void *malloc(size_t size) {
  count(0);
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  count(0);
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) {
  count(0);
  return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count(0);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  count(0);
  void *p = __libc_memalign(alignment, size);
  if (p == NULL)
    return ENOMEM;
  *out = p;
  return 0;
}

void free(void *p) {
  if (p != NULL)
    count(1);
  __libc_free(p);
}
