/* Stands in for libFuzzer in the test suite: runs a fuzz target on every file of its corpus, then on a fixed number of
 * mutations of those files. The mutations come from a seeded generator, so a failure repeats on every machine. A crash
 * leaves the input in
 * ./crash-<name> and the test program dies of it, which tally counts.
 * Usage: fuzz_<name> NAME CORPUS_DIR. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUTATIONS      2000
#define SEED_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seed {
  uint8_t *data;
  size_t size;
};

/* What the crash handler needs: plain globals, it can ask nobody. */
static char crash_path[256];
static const uint8_t *current_data;
static size_t current_size;

static void keep_input(int number) {
  int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0 && write(fd, current_data, current_size) == (ssize_t)current_size) {
    const char text[] = "# the input that did it is in ";
    if (write(1, text, sizeof(text) - 1) > 0 && write(1, crash_path, strlen(crash_path)) > 0)
      (void)!write(1, "\n", 1);
  }
  raise(number); /* the handler was reset: this ends the program */
}

static void watch_for_crashes(const char *name) {
  (void)snprintf(crash_path, sizeof(crash_path), "crash-%s", name);
  struct sigaction action = {.sa_handler = keep_input, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
  const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    sigaction(numbers[i], &action, NULL);
}

static uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

/* A copy of exactly the right size, so that AddressSanitizer sees a read beyond the end. */
static void run(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size > 0 ? size : 1);
  if (copy == NULL)
    abort();
  memcpy(copy, data, size);
  current_data = copy;
  current_size = size;
  (void)LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

static int choose_seed(const struct dirent *entry) { return entry->d_name[0] != '.' ? 1 : 0; }

static struct seed read_seed(const char *folder, const char *name) {
  char path[2048];
  struct seed seed = {.data = malloc(SEED_BYTES_MAX)};
  (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL || seed.data == NULL)
    abort();
  seed.size = fread(seed.data, 1, SEED_BYTES_MAX, file);
  (void)fclose(file);
  return seed;
}

/* Seeds in the order of their names. */
static size_t read_seeds(const char *folder, struct seed **out) {
  struct dirent **entries = NULL;
  int count = scandir(folder, &entries, choose_seed, alphasort);
  if (count <= 0)
    return 0;
  *out = calloc((size_t)count, sizeof(**out));
  if (*out == NULL)
    abort();
  for (int i = 0; i < count; i++) {
    (*out)[i] = read_seed(folder, entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  return (size_t)count;
}

/* One small change: another byte, a lost or doubled stretch, a byte of meaning put in, a piece of another seed. */
static size_t change(uint8_t *data, size_t size, const struct seed *other, uint64_t *state) {
  static const char telling[] = "\r\n\t :,;\"{}[]\\%#-+09aZ\x7f\xff";
  size_t at = size > 0 ? next_random(state) % size : 0;
  size_t length = 1 + next_random(state) % 16;
  switch (next_random(state) % 5) {
  case 0:
    if (size > 0)
      data[at] = (uint8_t)next_random(state);
    return size;
  case 1:
    length = at + length > size ? size - at : length;
    memmove(data + at, data + at + length, size - at - length);
    return size - length;
  case 2:
    length = at + length > size ? size - at : length;
    memmove(data + at + length, data + at, size - at);
    return size + length;
  case 3:
    memmove(data + at + 1, data + at, size - at);
    data[at] = (uint8_t)
        telling[next_random(state) % (sizeof(telling) - 1)]; /* the sizeof counts the zero byte, which is left out */
    return size + 1;
  default:
    length = length < other->size ? length : other->size;
    memmove(data + at + length, data + at, size - at);
    memcpy(data + at, other->data + (other->size > length ? next_random(state) % (other->size - length) : 0), length);
    return size + length;
  }
}

static void run_mutations(const struct seed *seeds, size_t count) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  uint8_t *data = malloc(SEED_BYTES_MAX + 8 * 17);
  if (data == NULL)
    abort();
  for (size_t i = 0; i < MUTATIONS; i++) {
    const struct seed *seed = &seeds[next_random(&state) % count];
    size_t size = seed->size;
    memcpy(data, seed->data, size);
    for (uint64_t left = 1 + next_random(&state) % 8; left > 0; left--)
      size = change(data, size, &seeds[next_random(&state) % count], &state);
    run(data, size);
  }
  free(data);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    (void)fprintf(stderr, "usage: %s NAME CORPUS_DIR\n", argv[0]);
    return 2;
  }
  struct seed *seeds = NULL;
  size_t count = read_seeds(argv[2], &seeds);
  printf("1..2\n");
  (void)fflush(stdout);
  watch_for_crashes(argv[1]);
  run((const uint8_t *)"", 0);
  for (size_t i = 0; i < count; i++)
    run(seeds[i].data, seeds[i].size);
  printf("%s 1 - %s takes every input of its corpus (%zu)\n", count > 0 ? "ok" : "not ok", argv[1], count);
  (void)fflush(stdout);
  if (count > 0)
    run_mutations(seeds, count);
  printf("%s 2 - %s takes %d mutations of them\n", count > 0 ? "ok" : "not ok", argv[1], MUTATIONS);
  for (size_t i = 0; i < count; i++)
    free(seeds[i].data);
  free(seeds);
  return count > 0 ? 0 : 1;
}
