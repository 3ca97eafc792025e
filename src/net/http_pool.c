/* Keeps idle upstream connections for http_client.c. The newest goes out first: it is the least likely to be closed by
 * the other side just now, and the oldest can age and go. Never waits; runs on one loop. */
#include "net/http_pool.h"

static void remove_from_list(struct pooled *p) {
  struct http_origin *o = p->origin;
  *(p->newer ? &p->newer->older : &o->newest) = p->older;
  *(p->older ? &p->older->newer : &o->oldest) = p->newer;
  o->idle--;
  o->pool->idle--;
}

static struct stream *release(struct pooled *p) {
  struct stream *s = p->stream;
  remove_from_list(p);
  free(p);
  s->owner = NULL;
  s->watch.on_event = NULL;
  return s;
}

/* Nothing may arrive between two exchanges but what TLS needs for itself. */
static bool is_quiet(struct stream *s) {
  char byte;
  size_t n;
  return stream_try_read(s, &byte, 1, &n) == ERR_AGAIN && !stream_is_hung_up(s);
}

static void on_event(struct loop_watch *w) {
  struct stream *s = (struct stream *)(void *)((char *)w - offsetof(struct stream, watch));
  if (!is_quiet(s))
    stream_close(release(s->owner), false);
}

static void on_timer(struct loop_timer *t) {
  struct http_pool *pool = (struct http_pool *)(void *)((char *)t - offsetof(struct http_pool, timer));
  int64_t now_us = loop_now_us(pool->loop), next_us = INT64_MAX;
  for (struct http_origin *o = pool->origins; o; o = o->next) {
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): release moves oldest on, which the analyser cannot follow */
    while (o->oldest && o->oldest->idle_since_us + pool->idle_timeout_us <= now_us)
      stream_close(release(o->oldest), false);
    if (o->oldest && o->oldest->idle_since_us < next_us)
      next_us = o->oldest->idle_since_us;
  }
  if (next_us < INT64_MAX)
    loop_timer_start(pool->loop, t, next_us + pool->idle_timeout_us);
}

void http_pool_init(struct http_pool *pool, struct loop *loop, const struct http_client_options *o) {
  *pool = (struct http_pool){.loop = loop,
                             .timer = LOOP_TIMER_INIT(on_timer),
                             .max_idle_per_origin = o->max_idle_per_origin,
                             .idle_timeout_us = o->idle_timeout_us};
}

void http_pool_done(struct http_pool *pool) {
  loop_timer_stop(pool->loop, &pool->timer);
  for (struct http_origin *o = pool->origins, *next; o; o = next) {
    next = o->next;
    while (o->newest)
      stream_close(release(o->newest), false); /* NOLINT(clang-analyzer-unix.Malloc): release moves newest on */
    free((void *)(uintptr_t)o->host.at);
    free((void *)(uintptr_t)o->name.at);
    free(o);
  }
  pool->origins = NULL;
}

static struct text copy_of(const char *bytes, size_t n) {
  char *copy = malloc(n + 1);
  if (!copy)
    abort();
  memcpy(copy, bytes, n);
  copy[n] = 0;
  return (struct text){copy, n};
}

struct http_origin *http_pool_add_origin(struct http_pool *pool, const struct url *u) {
  struct http_origin *o = calloc(1, sizeof(*o));
  if (!o)
    abort();
  char name[300];
  bool is_v6 = text_find_char(u->host, ':') >= 0, is_default = u->port == (u->tls ? 443 : 80);
  int n =
      snprintf(name, sizeof(name), "%s%.*s%s", is_v6 ? "[" : "", TEXT_ARGS(text_head(u->host, 255)), is_v6 ? "]" : "");
  if (!is_default)
    n += snprintf(name + n, sizeof(name) - (size_t)n, ":%u", (unsigned)u->port);
  *o = (struct http_origin){.pool = pool, .next = pool->origins, .tls = u->tls, .port = u->port};
  o->host = copy_of(u->host.at, u->host.len);
  o->name = copy_of(name, (size_t)n);
  pool->origins = o;
  return o;
}

struct stream *http_pool_take(struct http_origin *o) {
  while (o->newest) {
    struct stream *s = release(o->newest); /* NOLINT(clang-analyzer-unix.Malloc): release moves newest on */
    if (is_quiet(s))
      return s;
    stream_close(s, false);
  }
  return NULL;
}

void http_pool_put(struct http_origin *o, struct stream *s) {
  struct http_pool *pool = o->pool;
  if (pool->max_idle_per_origin == 0 || !is_quiet(s)) {
    stream_close(s, false);
    return;
  }
  if (o->idle >= pool->max_idle_per_origin)
    stream_close(release(o->oldest), false);
  struct pooled *p = malloc(sizeof(*p));
  if (!p)
    abort();
  *p = (struct pooled){.stream = s, .origin = o, .older = o->newest, .idle_since_us = loop_now_us(pool->loop)};
  *(o->newest ? &o->newest->newer : &o->oldest) = p;
  o->newest = p;
  o->idle++;
  pool->idle++;
  s->owner = p;
  s->watch.on_event = on_event;
  if (!loop_timer_is_running(&pool->timer))
    loop_timer_start(pool->loop, &pool->timer, p->idle_since_us + pool->idle_timeout_us);
}
