/* The control API over a real connection and a real store in memory, as whoever the test says. */
#ifndef TESTS_UNIT_CONTROL_API_FIXTURE_H
#define TESTS_UNIT_CONTROL_API_FIXTURE_H

#include "../net/http_fixture.h"

#include "base/log.h"
#include "base/random.h"
#include "control/api.h"
#include "identity/keysmith.h"
#include "identity/vault.h"
#include "ports/store_replicas.h"
#include "ports/store_usage.h"
#include "store/store.h"
#include "support/actor.h"

static const char api_yaml[] =
    "providers:\n"
    "  - {name: a, kind: anthropic, credentials: [{name: main, api_key: sk-hush}, {name: b, api_key: k}]}\n"
    "  - {name: \"b\", kind: openai}\n"
    "models:\n"
    "  - {name: \"m-*\", strategy: weighted, targets: [{provider: a, model: \"x-*\", weight: 3}]}\n"
    "prices: [{provider: a, model: \"*\", input: 3, output: 15.5}]\n"
    "policies: [{name: p, only: [a], first: [anthropic]}]\n"
    "users: [{email: declared@example.org, password: correct-horse-battery}]\n";

/* The operator, who may do everything; a test that is about somebody else changes x->caller. */
static const struct caller api_owner = {
    .kind = CALLER_LOCAL, .actor = TEXT("local:0"), .origin = TEXT("socket"), .permissions = PERMISSION_ALL};

struct fixture {
  struct site site;
  struct api api;
  struct keysmith_adapter keysmith;
  struct secret *secret;
  struct sealed_vault *vault;
  struct caller caller;
  struct gateway_snapshot snapshot;
  struct gateway_worker worker;
};

static inline void serve(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  if (text_equal(rq->path, TEXT("/api/openapi.json")))
    api_serve_document(rq, NULL, 0);
  else
    api_serve(&x->api, &x->worker, &(struct api_visit){.caller = &x->caller}, rq);
}

static char body[524288], type[128], etag[64], location[128], replayed[16], retry_after[16], allow[64],
    seen_written[24], set_cookie[128];

static inline void keep_header(struct wire *c, const char *name, char *out, size_t cap) {
  snprintf(out, cap, "%.*s", TEXT_ARGS(wire_header(c, name)));
}

static inline int ask(struct fixture *x, const char *method_and_target, const char *more, const char *sent) {
  struct wire *c = wire_open(&x->site);
  static char head[131072];
  int n = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nhost: a\r\n%s%s%zu\r\n\r\n%s", method_and_target, more,
                   "content-length: ", strlen(sent), sent);
  wire_send(c, (struct text){head, (size_t)n});
  int status = wire_answer_to(c, strncmp(method_and_target, "HEAD ", 5) == 0);
  snprintf(body, sizeof(body), "%.*s", TEXT_ARGS(text_head(wire_text(c), sizeof(body) - 1)));
  keep_header(c, "content-type", type, sizeof(type));
  keep_header(c, "etag", etag, sizeof(etag));
  keep_header(c, "location", location, sizeof(location));
  keep_header(c, "idempotent-replayed", replayed, sizeof(replayed));
  keep_header(c, "retry-after", retry_after, sizeof(retry_after));
  keep_header(c, "allow", allow, sizeof(allow));
  keep_header(c, "x-weir-written", seen_written, sizeof(seen_written));
  keep_header(c, "set-cookie", set_cookie, sizeof(set_cookie));
  wire_close(c);
  return status;
}

static inline int get(struct fixture *x, const char *target) {
  char line[512];
  snprintf(line, sizeof(line), "GET %s", target);
  return ask(x, line, "", "");
}

/* With a JSON body. */
static inline int send_json(struct fixture *x, const char *method_and_target, const char *more, const char *json) {
  char all[1024];
  snprintf(all, sizeof(all), "%scontent-type: application/json\r\n", more);
  return ask(x, method_and_target, all, json);
}

static char fixture_yaml[2048];

/* It serves calls, and speaks to nobody. */
static inline const struct provider *fixture_no_adapter(struct text kind) { return NULL; }
static struct gateway fixture_gateway = {.provider_find = fixture_no_adapter};

static inline enum err fixture_join(void *ctx, const struct config_entry *entries, size_t count, struct config **out,
                                    struct config_errors *errors) {
  return config_load_joined(text_of(fixture_yaml), "weir.yaml", NULL, entries, count, out, errors);
}

/* With more of a configuration, and another way to serve. */
static inline void api_run(void (*test)(struct fixture *x), const char *more,
                           void (*serve_as)(struct site *site, struct http_request *rq)) {
  static struct config_errors errors;
  static uint8_t raw[32] = {1, 2, 3};
  struct fixture x = {.caller = api_owner};
  struct config *c = NULL;
  snprintf(fixture_yaml, sizeof(fixture_yaml), "%s%s", api_yaml, more);
  x.api.join = fixture_join;
  x.api.gateway = &fixture_gateway;
  CHECK_ERR(config_load_text(text_of(fixture_yaml), "weir.yaml", NULL, &c, &errors), ERR_OK);
  CHECK_ERR(store_open_memory(&x.api.store, NULL), ERR_OK);
  CHECK_ERR(offload_new(1, 8, &x.api.offload), ERR_OK);
  log_set_level(LOG_LEVEL_WARN); /* a line for every call would be many */
  random_start();
  secret_start();
  x.secret = secret_new((struct text){(const char *)raw, sizeof(raw)});
  keysmith_init(&x.keysmith, x.secret);
  x.api.keysmith = &x.keysmith.port;
  x.vault = vault_new(x.api.store, keeper_given(TEXT("8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg=")));
  x.api.vault = vault_port(x.vault);
  x.snapshot.config = c;
  x.worker.snapshot = &x.snapshot;
  x.site = site_options();
  x.site.serve = serve_as;
  x.site.data = &x;
  site_open(&x.site);
  test(&x);
  site_close(&x.site);
  settle();
  offload_free(x.api.offload);
  vault_free(x.vault);
  x.api.store->ops->close(x.api.store);
  secret_free(x.secret);
  config_unref((struct config *)x.snapshot.config);
}

static inline void run(void (*test)(struct fixture *x)) { api_run(test, "", serve); }

/* The cursor of the body, as a query; "" at the end. */
static inline const char *next_of(void) {
  static char cursor[128];
  const char *at = strstr(body, "\"next\":\"");
  cursor[0] = '\0';
  if (at)
    snprintf(cursor, sizeof(cursor), "%.*s", (int)strcspn(at + 8, "\""), at + 8);
  return cursor;
}

#endif
