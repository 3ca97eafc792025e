/* From a query to a function of ports/oidc.h, and from its outcome to a redirect. The code and the state are in no log
 * and no referrer. A page says what is wrong in words and in nothing that could be a script. Called by auth.c. */
#include "control/auth_oidc.h"

#include "base/log.h"
#include "control/form.h"
#include "control/problem.h"

#define QUERY_MAX 16384
#define PAGE_MAX  16384

struct begin_query {
  uint64_t given;
  struct text return_to;
};
static const struct shape_field begin_fields[] = {
    {"return_to", SHAPE_TEXT, 0, SHAPE_AT(begin_query, return_to), .max = OIDC_RETURN_MAX,
     .help = "a path of this site, where the browser is sent when somebody is signed in"},
};
const struct shape auth_oidc_begin_shape = {"BeginQuery", "Where to go afterwards.", sizeof(struct begin_query),
                                            SHAPE_FIELDS(begin_fields)};

struct callback_query {
  uint64_t given;
  struct oidc_answer answer;
};
static const struct shape_field callback_fields[] = {
    {"code", SHAPE_TEXT, 0, SHAPE_AT(callback_query, answer.code), .max = 4096, .help = "for tokens, good once"},
    {"state", SHAPE_TEXT, 0, SHAPE_AT(callback_query, answer.state), .max = 256, .help = "as it was sent"},
    {"iss", SHAPE_TEXT, 0, SHAPE_AT(callback_query, answer.iss), .max = 1024, .help = "who answers (RFC 9207)"},
    {"error", SHAPE_TEXT, 0, SHAPE_AT(callback_query, answer.error), .max = 256, .help = "in place of a code"},
    {"error_description", SHAPE_TEXT, 0, SHAPE_AT(callback_query, answer.error_description), .max = 1024,
     .help = "in words"},
};
const struct shape auth_oidc_callback_shape = {"CallbackQuery",
                                               "What the provider says; anything else in it is not looked at.",
                                               sizeof(struct callback_query), SHAPE_FIELDS(callback_fields)};

struct work {
  const struct auth_oidc_call *call;
  struct text return_to;
  struct oidc_answer answer;
  struct text location, cookie;
  struct signin_result result;
  struct fault *fault;
};

static enum err handle(void *arg) {
  struct work *w = arg;
  const struct auth_oidc_call *c = w->call;
  struct oidc *o = c->site->oidc;
  if (c->is_back)
    return o->finish(o, c->visit, c->name, &w->answer, &w->result, &w->location, w->fault);
  return o->begin(o, c->visit, c->name, w->return_to, &w->location, &w->cookie, w->fault);
}

/* Others than these are for somebody else (RFC 6749 section 4.1.2); one that comes twice is nobody's (section 3.1). */
static enum err read_query(struct work *w, struct http_request *rq, struct fault *f) {
  struct {
    const char *name;
    struct text *to;
    bool is_back, is_there;
  } known[] = {
      {"return_to", &w->return_to, false, false}, {"code", &w->answer.code, true, false},
      {"state", &w->answer.state, true, false},   {"iss", &w->answer.iss, true, false},
      {"error", &w->answer.error, true, false},   {"error_description", &w->answer.error_description, true, false}};
  struct text rest = rq->query, name, value;
  if (rest.len > QUERY_MAX)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the query is too long");
  while (form_next(&rest, rq->arena, &name, &value)) {
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
      if (known[i].is_back != w->call->is_back || !text_equal(name, text_of(known[i].name)))
        continue;
      if (known[i].is_there)
        return fault_set(f, ERR_BAD_REQUEST, known[i].name, "%s is given twice", known[i].name);
      known[i].is_there = true;
      *known[i].to = value;
    }
  }
  return rest.len == 0 ? ERR_OK : fault_set(f, ERR_BAD_REQUEST, NULL, "the query is not well-formed");
}

static void add_escaped(struct buf *out, struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    if (strchr("<>&\"'", c) && c != '\0')
      buf_add_format(out, "&#%d;", c);
    else
      buf_add_char(out, c);
  }
}

static bool wants_page(const struct http_request *rq) {
  return text_find(http_header_value(&rq->head.headers, TEXT("accept")), TEXT("text/html")) >= 0;
}

static size_t add_headers(const struct work *w, struct http_request *rq, struct http_header *out) {
  size_t n = 0;
  out[n++] = (struct http_header){TEXT("cache-control"), TEXT("no-store")};
  out[n++] = (struct http_header){TEXT("referrer-policy"), TEXT("no-referrer")};
  /* Whatever came of it, this attempt is over; one that was not looked at may come again. */
  if (w->call->is_back && w->fault->err != ERR_RATE_LIMITED)
    out[n++] = (struct http_header){TEXT("set-cookie"), w->call->site->oidc->forget(w->call->site->oidc, rq->arena)};
  return n;
}
#define OWN_HEADERS 3

static void answer_page(const struct work *w, struct http_request *rq, const struct fault *f) {
  struct http_header headers[OWN_HEADERS + 5];
  int status = fault_status(f) ? fault_status(f) : 500;
  bool is_inner = status >= 500 && f->err != ERR_UNAVAILABLE && f->err != ERR_DRAINING;
  struct buf page;
  buf_init(&page, PAGE_MAX);
  if (is_inner)
    LOG_ERROR("control_failed", log_text("request_id", rq->id), log_str("detail", fault_text(f)));
  buf_add(&page, TEXT("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Weir</title>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<link rel=\"stylesheet\" href=\"/api/docs.css\">\n</head>\n<body>\n<main>\n"
                      "<h1>Nobody is signed in</h1>\n<p>"));
  add_escaped(&page, text_of(is_inner ? err_text(f->err) : fault_text(f)));
  buf_add(&page, TEXT("</p>\n<p><a href=\"/signin\">Sign in</a></p>\n<p class=\"help\">The number of this request: "));
  add_escaped(&page, rq->id);
  buf_add(&page, TEXT("</p>\n</main>\n</body>\n</html>\n"));
  size_t n = add_headers(w, rq, headers);
  headers[n++] = (struct http_header){TEXT("content-type"), TEXT("text/html; charset=utf-8")};
  headers[n++] = (struct http_header){TEXT("x-content-type-options"), TEXT("nosniff")};
  headers[n++] = (struct http_header){
      TEXT("content-security-policy"),
      TEXT("default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")};
  headers[n++] = (struct http_header){TEXT("x-request-id"), rq->id};
  if (f->retry_after_s > 0)
    headers[n++] = (struct http_header){TEXT("retry-after"), arena_format(rq->arena, "%d", f->retry_after_s)};
  enum err ignored = http_respond(rq, status, headers, n, buf_text(&page));
  (void)ignored; /* whoever asked has gone */
  buf_done(&page);
}

static void answer_problem(const struct work *w, struct http_request *rq, struct fault *f) {
  struct http_header headers[OWN_HEADERS];
  size_t n = add_headers(w, rq, headers);
  problem_answer(rq, f, NULL, headers + 1, n - 1); /* which says no-store itself */
}

static void answer_redirect(const struct work *w, struct http_request *rq) {
  struct http_header headers[OWN_HEADERS + 3 + SIGNIN_COOKIES_MAX];
  size_t n = add_headers(w, rq, headers);
  headers[n++] = (struct http_header){TEXT("location"), w->location};
  headers[n++] = (struct http_header){TEXT("x-request-id"), rq->id};
  if (!w->call->is_back)
    headers[n++] = (struct http_header){TEXT("set-cookie"), w->cookie};
  for (size_t i = 0; i < w->result.cookie_count; i++)
    headers[n++] = (struct http_header){TEXT("set-cookie"), w->result.cookies[i]};
  enum err ignored = http_respond(rq, 303, headers, n, TEXT_NONE);
  (void)ignored; /* whoever asked has gone */
}

/* Before a thread is taken and a provider asked. Who fails has no account that could be counted, so addresses are. */
static enum err count_visit(const struct work *w) {
  const struct signin_visit *v = w->call->visit;
  char room[RATES_ADDRESS_BYTES];
  int wait_s = 0;
  if (rates_take(w->call->site->rates, rates_address(v->address, room), AUTH_OIDC_PER_MINUTE, v->now_us, &wait_s))
    return ERR_OK;
  fault_set(w->fault, ERR_RATE_LIMITED, NULL, "too many attempts: try again in %d seconds", wait_s);
  w->fault->retry_after_s = wait_s;
  return ERR_RATE_LIMITED;
}

static enum err run(struct work *w) {
  struct fault *f = w->fault;
  enum err e = offload_call(w->call->site->oidc_offload, handle, w);
  if (e == ERR_LIMIT && !f->text[0])
    e = fault_set(f, ERR_UNAVAILABLE, NULL, "too many people sign in at this moment: try again in some seconds");
  if (e == ERR_UNAVAILABLE && f->retry_after_s == 0)
    f->retry_after_s = 2;
  if (e == ERR_UNAUTHENTICATED || e == ERR_FORBIDDEN || e == ERR_UNAVAILABLE)
    LOG_INFO("sign_in_refused", log_text("provider", w->call->name), log_str("outcome", err_name(e)),
             log_str("detail", fault_text(f)));
  return e;
}

void auth_oidc_serve(const struct auth_oidc_call *c, struct http_request *rq) {
  struct fault f = {0};
  struct work *w = ARENA_NEW(rq->arena, struct work);
  *w = (struct work){.call = c, .fault = &f};
  enum err e = count_visit(w);
  if (e == ERR_OK)
    e = read_query(w, rq, &f);
  if (e == ERR_OK)
    e = run(w);
  if (c->is_back)
    LOG_INFO("sign_in", log_text("request_id", rq->id), log_str("operation", "signInBack"),
             log_str("outcome", e == ERR_OK ? "ok" : err_name(e)), log_i64("user_id", w->result.user_id));
  http_request_drop_body(rq);
  f.err = e;
  if (e == ERR_OK)
    answer_redirect(w, rq);
  else if (wants_page(rq))
    answer_page(w, rq, &f);
  else
    answer_problem(w, rq, &f);
}
