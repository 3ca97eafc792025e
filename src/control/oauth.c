/* The pages of the issuer. They need no key and say nothing secret; whoever checks our tokens may keep the set of keys
 * for minutes, because a key is published for longer than that before it signs. Called by worker.c.
 * house: allow secret-comparison -- of paths, one of which is called after tokens */
#include "control/oauth.h"

#include "base/json.h"
#include "control/problem.h"
#include "ports/permission.h"

#define PAGE_BYTES 65536

static const struct text jwks_path = TEXT("/.well-known/jwks.json");
static const struct text metadata_path = TEXT("/.well-known/oauth-authorization-server");
static const struct text token_path = TEXT("/oauth/token");

struct asking {
  struct oauth *oauth;
  struct buf *out;
  struct fault *fault;
};

void oauth_site_init(struct oauth_site *s, struct oauth *oauth, struct offload *offload) {
  *s = (struct oauth_site){.oauth = oauth, .offload = offload};
  pthread_mutex_init(&s->lock, NULL);
}

bool oauth_owns(struct text path) {
  return text_equal(path, jwks_path) || text_equal(path, metadata_path) || text_equal(path, token_path);
}

static enum err write_jwks(void *arg) {
  struct asking *a = arg;
  return a->oauth->write_jwks(a->oauth, loop_wall_us(), a->out, a->fault);
}

static void put_list(struct json_writer *w, const char *name, const char *only) {
  json_name(w, name);
  json_array(w);
  if (only)
    json_put_str(w, only);
  json_array_end(w);
}

static void put_address(struct json_writer *w, const char *name, struct text issuer, struct text path) {
  char address[2200];
  issuer.len -= text_ends(issuer, TEXT("/"));
  snprintf(address, sizeof address, "%.*s%.*s", TEXT_ARGS(text_head(issuer, 2100)), TEXT_ARGS(path));
  json_field_str(w, name, address);
}

static void write_metadata(const struct oauth *o, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "issuer", o->issuer);
  put_address(&w, "token_endpoint", o->issuer, token_path);
  put_address(&w, "jwks_uri", o->issuer, jwks_path);
  put_list(&w, "response_types_supported", NULL);
  put_list(&w, "grant_types_supported", "client_credentials");
  json_name(&w, "token_endpoint_auth_methods_supported");
  json_array(&w);
  json_put_str(&w, "client_secret_basic");
  json_put_str(&w, "client_secret_post");
  json_array_end(&w);
  json_name(&w, "scopes_supported");
  json_array(&w);
  for (int p = 0; p < PERMISSION_COUNT; p++)
    json_put_str(&w, permission_name((enum permission)p));
  json_array_end(&w);
  json_object_end(&w);
}

static void serve_page(const struct oauth_site *s, const struct oauth_page *p, struct http_request *rq, bool is_jwks) {
  struct http_header headers[3 + SITES_HEADERS] = {
      {TEXT("content-type"), is_jwks ? TEXT("application/jwk-set+json") : TEXT("application/json")},
      {TEXT("cache-control"), TEXT("public, max-age=300")},
      {TEXT("x-request-id"), rq->id}};
  struct fault f = {0};
  struct buf body;
  enum err e = ERR_OK;
  buf_init(&body, PAGE_BYTES);
  if (is_jwks)
    e = offload_call(s->offload, write_jwks, &(struct asking){s->oauth, &body, &f});
  else
    write_metadata(s->oauth, &body);
  f.err = e;
  memcpy(headers + 3, p->site, p->site_count * sizeof(*headers));
  if (e != ERR_OK) {
    problem_answer(rq, &f, NULL, p->site, p->site_count);
  } else {
    enum err ignored = http_respond(rq, 200, headers, 3 + p->site_count, buf_text(&body));
    (void)ignored; /* whoever asked has gone */
  }
  buf_done(&body);
}

static void refuse_method(const struct oauth_page *p, struct http_request *rq, struct text allowed) {
  struct http_header headers[1 + SITES_HEADERS] = {{TEXT("allow"), allowed}};
  struct fault f = {0};
  fault_set(&f, ERR_METHOD_NOT_ALLOWED, NULL, "only %.*s is allowed here", TEXT_ARGS(allowed));
  memcpy(headers + 1, p->site, p->site_count * sizeof(*headers));
  problem_answer(rq, &f, NULL, headers, 1 + p->site_count);
}

void oauth_serve(struct oauth_site *s, const struct config_control *c, struct http_request *rq) {
  struct text method = rq->head.method;
  struct oauth_page *p = ARENA_NEW(rq->arena, struct oauth_page);
  bool reads = text_equal(method, TEXT("GET")) || text_equal(method, TEXT("HEAD"));
  p->site_count = sites_headers(c, rq, p->site);
  if (sites_is_preflight(rq)) {
    sites_answer_preflight(c, rq);
  } else if (text_equal(rq->path, token_path)) {
    if (text_equal(method, TEXT("POST")))
      oauth_token_serve(s, p, rq);
    else
      refuse_method(p, rq, TEXT("POST"));
  } else if (reads) {
    serve_page(s, p, rq, text_equal(rq->path, jwks_path));
  } else {
    refuse_method(p, rq, TEXT("GET, HEAD"));
  }
}
