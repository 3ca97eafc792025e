/* The operator's own socket: binding it, the table of what is served there, and the rows about the life of the process.
 * The control API is served there too (control/api.h). It needs no key: the file's permissions are the authorisation.
 * Served by one worker (worker.c); asked by the commands `weir status` and `weir upgrade` (cli/local.c). */
#include "app/local.h"

#include "app/news.h"
#include "app/state.h"
#include "base/json.h"
#include "base/log.h"
#include "net/listen.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES 65536
#define TIMEOUT_MAX_MS   INT64_C(3600000)

static void get_status(struct local_call *c);
static void post_upgrade(struct local_call *c);

static const struct local_route {
  const char *method, *path;
  void (*handle)(struct local_call *c);
} routes[] = {
    {"GET", "/status", get_status},        {"POST", "/upgrade", post_upgrade},
    {"POST", "/reload", news_post_reload}, {"POST", "/routes/explain", local_explain},
    {"GET", "/breakers", local_breakers},  {"POST", "/breakers", local_set_breaker},
    {"GET", "/targets", local_targets},
};

void local_answer(const struct local_call *c, int status, struct text json) {
  static const struct http_header type = {TEXT("content-type"), TEXT("application/json")};
  enum err ignored = http_respond(c->rq, status, &type, 1, json);
  (void)ignored; /* whoever asked has gone */
}

void local_refuse(const struct local_call *c, const struct fault *f) {
  struct buf body;
  struct json_writer w;
  buf_init(&body, ANSWER_MAX_BYTES);
  json_writer_init(&w, &body);
  json_object(&w);
  json_field_str(&w, "error", fault_text(f));
  json_object_end(&w);
  local_answer(c, fault_status(f), buf_text(&body));
  buf_done(&body);
}

static void put_predecessors(struct json_writer *w, struct app *a) {
  struct predecessor old[SUCCESSION_MAX];
  size_t count = succession_list(&a->succession, old);
  json_name(w, "predecessors");
  json_array(w);
  for (size_t i = 0; i < count; i++) {
    json_object(w);
    json_field_i64(w, "pid", old[i].pid);
    json_field_u64(w, "generation", old[i].generation);
    json_object_end(w);
  }
  json_array_end(w);
}

/* How far the store is behind the journal: `weir backup` waits for what was settled before it began. */
static void put_ledger(struct json_writer *w, struct app *a) {
  struct ledger_stats l = ledger_stats(a->ledger);
  json_name(w, "ledger");
  json_object(w);
  json_field_u64(w, "open", l.open);
  json_field_u64(w, "settled", l.settled);
  json_field_u64(w, "stored", l.stored);
  json_field_bool(w, "store_failing", l.store_failing);
  json_object_end(w);
}

static void get_status(struct local_call *c) {
  struct app *a = c->app;
  struct buf body;
  struct json_writer w;
  buf_init(&body, ANSWER_MAX_BYTES);
  json_writer_init(&w, &body);
  json_object(&w);
  json_field_i64(&w, "pid", (int64_t)getpid());
  json_field_u64(&w, "generation", a->generation);
  json_field_str(&w, "version", WEIR_VERSION);
  json_field_i64(&w, "started_us", a->operations.started_wall_us);
  json_field_bool(&w, "draining", atomic_load(&a->draining));
  json_field_u64(&w, "config_generation", atomic_load(&a->config_generation));
  json_field_u64(&w, "reload_failures", atomic_load(&a->reload_failures));
  put_ledger(&w, a);
  operations_tell(&a->operations, &w);
  put_predecessors(&w, a);
  news_put_status(&w, a);
  json_object_end(&w);
  local_answer(c, 200, buf_text(&body));
  buf_done(&body);
}

/* "timeout_ms=N" in the query. */
static enum err read_timeout(struct text query, int64_t *out, struct fault *f) {
  struct text name, value;
  *out = UPGRADE_TIMEOUT_MS;
  if (query.len == 0)
    return ERR_OK;
  if (text_cut(query, '=', &name, &value) && text_equal(name, TEXT("timeout_ms")) && text_to_i64(value, out) &&
      *out > 0 && *out <= TIMEOUT_MAX_MS)
    return ERR_OK;
  return fault_set(f, ERR_BAD_REQUEST, "timeout_ms", "timeout_ms must be 1 to %lld", (long long)TIMEOUT_MAX_MS);
}

/* What could not be done now is a conflict; what was tried and failed is an error. */
static int status_of(enum err e) {
  switch (e) {
  case ERR_BAD_REQUEST: return 400;
  case ERR_UNAVAILABLE:
  case ERR_UNSUPPORTED:
  case ERR_LIMIT: return 409;
  default: return 500;
  }
}

static void post_upgrade(struct local_call *c) {
  struct upgrade_result result;
  struct fault f = {0};
  char body[96];
  int64_t timeout_ms;
  enum err e = read_timeout(c->rq->query, &timeout_ms, &f);
  if (e == ERR_OK)
    e = upgrade_ask(c->app, timeout_ms, &result, &f);
  if (e != ERR_OK) {
    f.status = status_of(e);
    local_refuse(c, &f);
    return;
  }
  snprintf(body, sizeof(body), "{\"pid\":%lld,\"generation\":%llu}", (long long)result.pid,
           (unsigned long long)result.generation);
  local_answer(c, 200, text_of(body));
}

/* Whoever may open the socket owns the data, and may do everything. */
static void serve_control(struct local_call *c) {
  char actor[32];
  snprintf(actor, sizeof(actor), "local:%u", (unsigned)geteuid());
  const struct caller owner = {.kind = CALLER_LOCAL,
                               .actor = arena_copy(c->rq->arena, text_of(actor)),
                               .origin = TEXT("socket"),
                               .permissions = PERMISSION_ALL};
  const struct api_visit visit = {.caller = &owner};
  if (text_equal(c->rq->path, TEXT("/api/openapi.json")) && text_equal(c->rq->head.method, TEXT("GET")))
    api_serve_document(c->rq, NULL, 0);
  else
    api_serve(&c->app->api, c->worker, &visit, c->rq);
}

void local_serve(struct local *l, struct gateway_worker *w, struct http_request *rq) {
  struct local_call call = {l->app, w, rq};
  if (api_owns(rq->path)) {
    serve_control(&call);
    return;
  }
  struct fault f = {0};
  enum err e = ERR_NOT_FOUND;
  for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
    if (!text_equal(rq->path, text_of(routes[i].path)))
      continue;
    if (text_equal(rq->head.method, text_of(routes[i].method))) {
      routes[i].handle(&call);
      return;
    }
    e = ERR_METHOD_NOT_ALLOWED;
  }
  fault_set(&f, e, NULL, "%.*s %.*s is not served here", TEXT_ARGS(text_head(rq->head.method, 20)),
            TEXT_ARGS(text_head(rq->path, 100)));
  local_refuse(&call, &f);
}

static enum err find_address(const char *data_dir, struct addr *out) {
  char text[1100];
  int n = snprintf(text, sizeof(text), "unix:%s/weir.sock", data_dir);
  return n > 0 && (size_t)n < sizeof(text) ? addr_parse(text_of(text), out, NULL) : ERR_LIMIT;
}

enum err local_open(struct app *a, struct fault *f) {
  struct local *l = &a->local;
  if (!app_data_dir(a))
    return ERR_OK;
  if (find_address(app_data_dir(a), &l->address) != ERR_OK) {
    LOG_WARN("no_local_socket", log_str("detail", "the path of data_dir is too long for a socket in it: `weir status` "
                                                  "and `weir upgrade` cannot reach this process, signals can"));
    return ERR_OK;
  }
  if (l->fd >= 0)
    return ERR_OK;
  mode_t before = umask(0177);
  enum err e = listen_bind(&l->address, false, &l->fd, f);
  umask(before);
  return e;
}

void local_close(struct local *l, bool remove) {
  if (l->fd < 0)
    return;
  close(l->fd);
  l->fd = -1;
  if (remove)
    (void)unlink(l->address.as.un.sun_path);
}
