/* The pages of the issuer. Needs no key, says nothing secret; whoever checks our tokens may keep the set for minutes,
 * because a key is published for longer than that before it signs. Called by worker.c. */
#include "control/oauth.h"

#include "control/problem.h"

#define JWKS_BYTES 65536

struct asking {
  struct oauth *oauth;
  struct buf *out;
  struct fault *fault;
};

static const struct text jwks_path = TEXT("/.well-known/jwks.json");

bool oauth_owns(struct text path) { return text_equal(path, jwks_path); }

static enum err write_jwks(void *arg) {
  struct asking *a = arg;
  return a->oauth->write_jwks(a->oauth, loop_wall_us(), a->out, a->fault);
}

static void serve_jwks(const struct oauth_site *s, struct http_request *rq) {
  const struct http_header headers[] = {{TEXT("content-type"), TEXT("application/jwk-set+json")},
                                        {TEXT("cache-control"), TEXT("public, max-age=300")},
                                        {TEXT("x-request-id"), rq->id}};
  struct fault f = {0};
  struct buf body;
  buf_init(&body, JWKS_BYTES);
  enum err e = offload_call(s->offload, write_jwks, &(struct asking){s->oauth, &body, &f});
  f.err = e;
  if (e != ERR_OK) {
    problem_answer(rq, &f, NULL, NULL, 0);
  } else {
    enum err ignored = http_respond(rq, 200, headers, sizeof(headers) / sizeof(headers[0]), buf_text(&body));
    (void)ignored; /* whoever asked has gone */
  }
  buf_done(&body);
}

void oauth_serve(const struct oauth_site *s, struct http_request *rq) {
  static const struct http_header allow = {TEXT("allow"), TEXT("GET, HEAD")};
  struct fault f = {0};
  if (text_equal(rq->head.method, TEXT("GET")) || text_equal(rq->head.method, TEXT("HEAD"))) {
    serve_jwks(s, rq);
    return;
  }
  fault_set(&f, ERR_METHOD_NOT_ALLOWED, NULL, "only GET is allowed here");
  problem_answer(rq, &f, NULL, &allow, 1);
}
