/* Loading: file to text to nodes to snapshot, and the snapshot's life and look-ups. The snapshot is built in its own
 * arena and handed out only when nothing at all was wrong. It does not watch the file; the reload decides when to load
 * again. Called by app, by the reload, and on each request for look-ups. */
#include "config/config.h"
#include "config/derive.h"

#include "config/join.h"
#include "config/section.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#define FILE_MOST (1u << 20)

/* config comes first: the address handed out is the address freed. */
struct snapshot {
  struct config config;
  struct arena arena;
  atomic_uint references;
};

static atomic_ullong generations;

static const char *from_environment(const char *name) { return getenv(name); }

static struct snapshot *snapshot_new(void) {
  struct snapshot *s = calloc(1, sizeof *s);
  if (s == NULL)
    abort();
  arena_init(&s->arena);
  atomic_init(&s->references, 1);
  return s;
}

static void build(struct text yaml, const char *(*lookup)(const char *name), const struct config_entry *entries,
                  size_t count, struct snapshot *s, struct config_errors *errors) {
  struct arena scratch;
  struct loader l = {
      .config = &s->config, .arena = &s->arena, .errors = errors, .lookup = lookup != NULL ? lookup : from_environment};
  arena_init(&scratch);
  struct node *root = node_read(yaml, l.lookup, &scratch, errors);
  if (root != NULL && root->kind != NODE_MAP)
    errors_add(errors, root->line, root->column,
               "the file must hold keys and values, such as `listen: 127.0.0.1:8080`");
  else if (root != NULL)
    join_read(&l, root, &(struct join_list){entries, count}, &scratch);
  node_wipe(root);
  arena_done(&scratch);
}

enum err config_load_text(struct text yaml, const char *source, const char *(*lookup)(const char *name),
                          struct config **out, struct config_errors *errors) {
  return config_load_joined(yaml, source, lookup, NULL, 0, out, errors);
}

enum err config_load_joined(struct text yaml, const char *source, const char *(*lookup)(const char *name),
                            const struct config_entry *entries, size_t count, struct config **out,
                            struct config_errors *errors) {
  struct snapshot *s = snapshot_new();
  errors_start(errors, source);
  if (yaml.len > FILE_MOST)
    errors_add(errors, 0, 0, "longer than %u bytes", FILE_MOST);
  else
    build(yaml, lookup, entries, count, s, errors);
  if (errors->count > 0) {
    config_unref(&s->config);
    return ERR_CONFIG;
  }
  s->config.generation = atomic_fetch_add(&generations, 1) + 1;
  *out = &s->config;
  return ERR_OK;
}

/* One byte more than allowed is read, to know that there is more. -1 with errno on failure. */
static ssize_t read_file(const char *path, char *at, size_t n) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  size_t used = 0;
  ssize_t got = -1;
  if (fd < 0)
    return -1;
  while (used < n && (got = read(fd, at + used, n - used)) != 0) {
    if (got > 0)
      used += (size_t)got;
    else if (errno != EINTR)
      break;
  }
  int saved = errno;
  (void)close(fd);
  errno = saved;
  return got < 0 ? -1 : (ssize_t)used;
}

enum err config_load_file(const char *path, const char *(*lookup)(const char *name), struct config **out,
                          struct config_errors *errors) {
  char *bytes = malloc(FILE_MOST + 1);
  enum err e = ERR_CONFIG;
  if (bytes == NULL)
    abort();
  ssize_t n = read_file(path, bytes, FILE_MOST + 1);
  if (n < 0) {
    errors_start(errors, path);
    errors_add(errors, 0, 0, "cannot be read: %s", strerror(errno));
  } else {
    e = config_load_text((struct text){bytes, (size_t)n}, path, lookup, out, errors);
    secret_wipe(bytes, (size_t)n);
  }
  free(bytes);
  return e;
}

static struct snapshot *snapshot_of(const struct config *c) { return (struct snapshot *)c; }

struct config *config_ref(const struct config *c) {
  struct snapshot *s = snapshot_of(c);
  atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
  return &s->config;
}

void config_unref(struct config *c) {
  if (c == NULL)
    return;
  struct snapshot *s = snapshot_of(c);
  if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
    return;
  arena_done(&s->arena);
  free(s);
}

static void end_base(void *data) { config_unref(data); }

struct config *config_derive(const struct config *base, struct arena **out_arena) {
  struct snapshot *s = snapshot_new();
  s->config = *base;
  arena_defer(&s->arena, end_base, config_ref(base));
  *out_arena = &s->arena;
  return &s->config;
}

/* "openai" stands for every wire whose name begins with "openai_". */
static bool wire_fits(struct text wanted, struct text wire) {
  if (wanted.len == 0 || text_equal(wanted, wire))
    return true;
  return text_starts(wire, wanted) && wire.at[wanted.len] == '_';
}

const struct config_model *config_find_model(const struct config *c, struct text model, struct text wire,
                                             struct text *out_star) {
  for (size_t i = 0; i < c->model_count; i++)
    if (wire_fits(c->models[i].wire, wire) && text_glob(c->models[i].name, model, out_star))
      return &c->models[i];
  return NULL;
}

const struct config_price *config_find_price(const struct config *c, struct text provider, struct text model) {
  for (size_t i = 0; i < c->price_count; i++)
    if (text_equal(c->prices[i].provider, provider) && text_glob(c->prices[i].model, model, NULL))
      return &c->prices[i];
  return NULL;
}
