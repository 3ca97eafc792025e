/* The token endpoint: reads who asks from the header or the form (one of them, each value once), has the adapter
 * decide, and tells the outcome in the words of RFC 6749. Nothing of what was sent is ever in an answer or in the log.
 * Called by oauth.c. */
#include "control/form.h"
#include "control/oauth.h"

#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"

#define BODY_BYTES   8192
#define TOKEN_BYTES  8192
#define ANSWER_BYTES 16384

struct refusal {
  int status;
  const char *error, *description;
};

bool oauth_may_ask(struct oauth_site *s, struct text peer, int64_t now_us) {
  size_t end = peer.len;
  while (end > 0 && peer.at[end - 1] != ':')
    end--;
  struct text address = text_head(peer, end > 0 ? end - 1 : peer.len);
  int64_t minute = now_us / 60000000;
  pthread_mutex_lock(&s->lock);
  if (minute != s->minute)
    memset(s->asked, 0, sizeof s->asked);
  s->minute = minute;
  uint16_t *asked = &s->asked[text_hash(address) % OAUTH_PLACES];
  bool may = *asked < OAUTH_PER_MINUTE;
  *asked = (uint16_t)(*asked + may);
  pthread_mutex_unlock(&s->lock);
  return may;
}

static void respond(const struct oauth_page *p, struct http_request *rq, int status, struct text body) {
  const struct http_header headers[] = {{TEXT("content-type"), TEXT("application/json")},
                                        {TEXT("cache-control"), TEXT("no-store")},
                                        {TEXT("pragma"), TEXT("no-cache")},
                                        {TEXT("x-request-id"), rq->id},
                                        {TEXT("www-authenticate"), TEXT("Basic realm=\"weir\"")},
                                        {TEXT("retry-after"), TEXT("60")}};
  size_t count = status == 401 ? 5 : 4;
  struct http_header sent[5 + SITES_HEADERS];
  memcpy(sent, headers, count * sizeof *sent);
  if (status == 429)
    sent[count++] = headers[5];
  for (size_t i = 0; i < p->site_count; i++)
    sent[count++] = p->site[i];
  enum err ignored = http_respond(rq, status, sent, count, body);
  (void)ignored; /* whoever asked has gone */
}

static void refuse(const struct oauth_page *p, struct http_request *rq, const struct refusal *r) {
  struct json_writer w;
  struct buf body;
  buf_init(&body, ANSWER_BYTES);
  json_writer_init(&w, &body);
  json_object(&w);
  json_field_str(&w, "error", r->error);
  json_field_str(&w, "error_description", r->description);
  json_object_end(&w);
  respond(p, rq, r->status, buf_text(&body));
  buf_done(&body);
}

struct form {
  struct text grant_type;
  struct oauth_ask ask;
};

/* Names that are not known are passed over, as the RFC asks; one that is known may come once. */
static bool read_form(struct text body, struct arena *a, struct form *out) {
  const struct {
    const char *name;
    struct text *value;
  } known[] = {{"grant_type", &out->grant_type},
               {"client_id", &out->ask.client_id},
               {"client_secret", &out->ask.client_secret},
               {"scope", &out->ask.scope}};
  struct text name, value;
  while (form_next(&body, a, &name, &value)) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
      if (!text_equal(name, text_of(known[i].name)))
        continue;
      if (known[i].value->at)
        return false;
      *known[i].value = value;
    }
  }
  return body.len == 0;
}

/* "Basic" and, in base64, id:secret, each encoded as in a form (RFC 6749 section 2.3.1). False: another scheme, or not
 * well-formed. */
static bool read_basic(struct text header, struct arena *a, struct oauth_ask *out) {
  struct text scheme, encoded, id, secret;
  size_t n = 0;
  if (!text_cut(header, ' ', &scheme, &encoded) || !text_equal_nocase(scheme, TEXT("Basic")))
    return false;
  encoded = text_trim(encoded);
  char *plain = arena_alloc(a, encoded.len / 4 * 3 + 3);
  return text_base64_decode(encoded, plain, &n) && text_cut((struct text){plain, n}, ':', &id, &secret) &&
         form_decode(id, a, &out->client_id) && form_decode(secret, a, &out->client_secret);
}

static struct text header_of(const struct http_request *rq, const char *name) {
  return http_header_value(&rq->head.headers, text_of(name));
}

static const struct refusal bad_form = {400, "invalid_request", "the body must be a form with each name once"};
static const struct refusal two_ways = {400, "invalid_request", "the client must show its secret in one way, once"};
static const struct refusal no_client = {401, "invalid_client", "the client is not known, or its secret is not good"};
static const struct refusal bad_grant = {400, "unsupported_grant_type", "only client_credentials is supported"};
static const struct refusal bad_scope = {400, "invalid_scope", "a scope that was asked for is not this client's"};
static const struct refusal too_often = {429, "temporarily_unavailable", "too many requests: wait a minute"};
static const struct refusal failed = {503, "temporarily_unavailable", "no token can be given now"};

static const struct refusal *read_client(const struct http_request *rq, struct oauth_ask *ask, struct arena *a) {
  struct text header = header_of(rq, "authorization");
  struct oauth_ask basic = {TEXT_NONE, TEXT_NONE, TEXT_NONE};
  if (header.len == 0)
    return ask->client_id.len > 0 && ask->client_secret.len > 0 ? NULL : &no_client;
  if (!read_basic(header, a, &basic))
    return &no_client;
  if (ask->client_secret.at || (ask->client_id.at && !text_equal(ask->client_id, basic.client_id)))
    return &two_ways;
  ask->client_id = basic.client_id;
  ask->client_secret = basic.client_secret;
  return NULL;
}

static bool is_form(const struct http_request *rq) {
  struct text type = header_of(rq, "content-type"), more;
  (void)text_cut(type, ';', &type, &more);
  return text_equal_nocase(text_trim(type), TEXT("application/x-www-form-urlencoded"));
}

static const struct refusal *read_ask(struct http_request *rq, struct form *out) {
  struct fault f = {0};
  struct text body;
  if (!is_form(rq) || http_request_body(rq, BODY_BYTES, &body, &f) != ERR_OK || !read_form(body, rq->arena, out))
    return &bad_form;
  if (!text_equal(out->grant_type, TEXT("client_credentials")))
    return out->grant_type.len > 0 ? &bad_grant : &bad_form;
  return read_client(rq, &out->ask, rq->arena);
}

struct asking {
  struct oauth *oauth;
  const struct oauth_ask *ask;
  struct buf *token;
  int64_t expires_in_s;
  struct fault fault;
};

static enum err ask_for_token(void *arg) {
  struct asking *w = arg;
  return w->oauth->token(w->oauth, w->ask, loop_wall_us(), w->token, &w->expires_in_s, &w->fault);
}

static const struct refusal *refusal_of(enum err e, const struct fault *f) {
  if (e == ERR_UNAUTHENTICATED)
    return &no_client;
  if (e == ERR_FORBIDDEN)
    return &bad_scope;
  LOG_ERROR("token_failed", log_str("error", err_name(e)), log_str("detail", fault_text(f)));
  return &failed;
}

static void give(const struct oauth_page *p, struct http_request *rq, const struct asking *w) {
  struct json_writer j;
  struct buf body;
  buf_init(&body, ANSWER_BYTES);
  json_writer_init(&j, &body);
  json_object(&j);
  json_field_text(&j, "access_token", buf_text(w->token));
  json_field_str(&j, "token_type", "Bearer");
  json_field_i64(&j, "expires_in", w->expires_in_s);
  if (w->ask->scope.len > 0)
    json_field_text(&j, "scope", w->ask->scope);
  json_object_end(&j);
  respond(p, rq, 200, buf_text(&body));
  buf_done(&body);
}

void oauth_token_serve(struct oauth_site *s, const struct oauth_page *p, struct http_request *rq) {
  struct form form = {0};
  struct buf token;
  struct asking w = {s->oauth, &form.ask, &token, 0, {0}};
  const struct refusal *r = oauth_may_ask(s, rq->peer, loop_wall_us()) ? read_ask(rq, &form) : &too_often;
  buf_init(&token, TOKEN_BYTES);
  if (!r) {
    enum err e = offload_call(s->offload, ask_for_token, &w);
    r = e == ERR_OK ? NULL : refusal_of(e, &w.fault);
  }
  if (r)
    refuse(p, rq, r);
  else
    give(p, rq, &w);
  buf_done(&token);
}
