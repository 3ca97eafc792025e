/* The way into the control API over the network, in order: the address, the page it comes from, the caller. Nothing a
 * request says of itself is believed but what can be proved: addresses by trusted proxies alone, callers by what
 * ports/caller.h finds out. Called by the workers. */
#include "control/front.h"

#include "control/access_line.h"
#include "control/docs.h"
#include "control/problem.h"
#include "control/sites.h"
#include "fiber/loop.h"
#include "gateway/peer.h"

#include "base/cidr.h"

#include <stdlib.h>

struct visit {
  const struct front *front;
  struct gateway_worker *worker;
  struct http_request *rq;
  const struct config *config;
  struct text address;
  int64_t began_us;
  struct http_header headers[API_VISIT_HEADERS]; /* of every answer: what pages of the one site may read */
  size_t header_count;
};

_Static_assert(API_VISIT_HEADERS >= SITES_HEADERS, "they have room there");

bool front_owns(struct text path) { return api_owns(path) || docs_owns(path); }

static void refuse(const struct visit *v, const struct fault *f) {
  struct http_header headers[API_VISIT_HEADERS + 1];
  size_t n = 0;
  for (; n < v->header_count; n++)
    headers[n] = v->headers[n];
  if (f->err == ERR_UNAUTHENTICATED)
    headers[n++] = (struct http_header){TEXT("www-authenticate"), TEXT("Bearer realm=\"weir\"")};
  int status = problem_answer(v->rq, f, NULL, headers, n);
  access_line_write(v->rq, &(struct access_line){.address = v->address, .status = status, .began_us = v->began_us});
}

static bool is_let_in(const struct visit *v) {
  const struct config_control *c = &v->config->control;
  return c->allow_ip_count == 0 || cidr_any_has(c->allow_ips, c->allow_ip_count, v->address);
}

/* A header that decides who calls may be there once: two of them could mean two things to two readers. */
static enum err single(const struct http_request *rq, struct text name, struct text *out, struct fault *f) {
  const struct http_headers *h = &rq->head.headers;
  size_t seen = 0;
  for (size_t i = 0; i < h->count; i++) {
    if (text_equal_nocase(h->at[i].name, name)) {
      *out = h->at[i].value;
      seen++;
    }
  }
  if (seen <= 1)
    return ERR_OK;
  return fault_set(f, ERR_BAD_REQUEST, NULL, "the header %.*s may be sent only once", TEXT_ARGS(name));
}

static enum err find_caller(const struct visit *v, struct arena *a, struct caller *out, struct fault *f) {
  struct access *access = v->front->access;
  struct access_claim claim = {.method = v->rq->head.method, .address = v->address};
  enum err e = single(v->rq, TEXT("authorization"), &claim.authorization, f);
  if (e == ERR_OK)
    e = single(v->rq, TEXT("cookie"), &claim.cookie, f);
  if (e == ERR_OK)
    e = single(v->rq, TEXT("x-weir-csrf"), &claim.csrf, f);
  if (e == ERR_OK)
    e = access->find(access, &claim, loop_wall_us(), a, out, f);
  if (e != ERR_OK)
    f->err = e; /* also of those who said no more */
  return e;
}

static enum err find_again(const struct api_visit *visit, struct arena *a, struct caller *out, struct fault *f) {
  const struct visit *v = visit->data;
  *out = (struct caller){.origin = v->address};
  return find_caller(v, a, out, f);
}

static void serve_api(struct visit *v) {
  struct caller *caller = ARENA_NEW(v->rq->arena, struct caller);
  struct fault f = {0};
  *caller = (struct caller){.origin = v->address};
  if (find_caller(v, v->rq->arena, caller, &f) != ERR_OK) {
    refuse(v, &f);
    return;
  }
  const struct api_visit visit = {caller, v->headers, v->header_count, find_again, v};
  api_serve(v->front->api, v->worker, &visit, v->rq);
}

static bool is_read(const struct http_request *rq) {
  return text_equal(rq->head.method, TEXT("GET")) || text_equal(rq->head.method, TEXT("HEAD"));
}

void front_serve(const struct front *front, struct gateway_worker *w, struct http_request *rq) {
  struct config *held = config_ref(w->snapshot->config); /* a reload may come while this waits */
  struct visit *v = ARENA_NEW(rq->arena, struct visit);
  struct fault f = {0};
  *v = (struct visit){.front = front,
                      .worker = w,
                      .rq = rq,
                      .config = held,
                      .address = peer_address(rq, held),
                      .began_us = loop_now_us(loop_current())};
  if (!is_let_in(v)) {
    fault_set(&f, ERR_FORBIDDEN, NULL, "the control API cannot be reached from this address");
    refuse(v, &f);
    config_unref(held);
    return;
  }
  v->header_count = sites_headers(&held->control, rq, v->headers);
  if (sites_is_preflight(rq))
    sites_answer_preflight(&held->control, rq);
  else if (is_read(rq) && text_equal(rq->path, TEXT("/api/openapi.json")))
    api_serve_document(rq, v->headers, v->header_count);
  else if (is_read(rq) && docs_owns(rq->path))
    docs_serve(rq);
  else
    serve_api(v);
  config_unref(held);
}
