/* Serving /auth: from a body by its shape to a function of the port, and from its result to an answer with cookies. A
 * request that another site made a browser send is refused whatever it says, so that nobody is signed in as somebody
 * else without noticing. Called by worker.c. */
#include "control/auth.h"

#include "base/cidr.h"
#include "base/log.h"
#include "control/auth_oidc.h"
#include "control/problem.h"
#include "control/sites.h"
#include "gateway/peer.h"

#include <stdlib.h>

#define BODY_BYTES  16384
#define DEPTH       4
#define ANSWER_MAX  65536
#define ROUTE_COUNT 10
#define LOGOUT      4 /* the row */
#define OIDC_BEGIN  8
#define OIDC_BACK   9

struct credentials {
  uint64_t given;
  struct text email, password, code;
};
static const struct shape_field login_fields[] = {
    {"email", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(credentials, email), .min = 1, .max = 254, .help = "whatever case"},
    {"password", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(credentials, password), .min = 1, .max = 4096,
     .help = "as it was chosen"},
    {"code", SHAPE_TEXT, 0, SHAPE_AT(credentials, code), .max = 64,
     .help = "of the second factor, or a recovery code; asked for with `needs_code`"},
};
static const struct shape login_shape = {"Login", "An email and a password, and a code where there is a second factor.",
                                         sizeof(struct credentials), SHAPE_FIELDS(login_fields)};

struct newcomer {
  uint64_t given;
  struct text token, email, name, password;
};
static const struct shape_field setup_fields[] = {
    {"token", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(newcomer, token), .min = 1, .max = 128,
     .help = "of the link on the console"},
    {"email", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(newcomer, email), .min = 3, .max = 254,
     .help = "of the first owner"},
    {"name", SHAPE_TEXT, 0, SHAPE_AT(newcomer, name), .max = 128, .help = "what they are called"},
    {"password", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(newcomer, password), .min = SIGNIN_CHOSEN_MIN,
     .max = SIGNIN_CHOSEN_MAX, .help = "none of the first that are guessed"},
};
static const struct shape setup_shape = {"Setup", "The first owner.", sizeof(struct newcomer),
                                         SHAPE_FIELDS(setup_fields)};
static const struct shape_field accept_fields[] = {
    {"token", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(newcomer, token), .min = 1, .max = 128,
     .help = "of the link that was given"},
    {"name", SHAPE_TEXT, 0, SHAPE_AT(newcomer, name), .max = 128, .help = "what they are called; as it was without"},
    {"password", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(newcomer, password), .min = SIGNIN_CHOSEN_MIN,
     .max = SIGNIN_CHOSEN_MAX, .help = "the new one"},
};
static const struct shape accept_shape = {"Acceptance", "A link that was given, and the password to come.",
                                          sizeof(struct newcomer), SHAPE_FIELDS(accept_fields)};

static const struct shape_field magic_ask_fields[] = {
    {"email", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(credentials, email), .min = 1, .max = 254, .help = "whatever case"},
};
static const struct shape magic_ask_shape = {"MagicLinkAsked", "Whose link it is to be.", sizeof(struct credentials),
                                             SHAPE_FIELDS(magic_ask_fields)};
struct bearer {
  uint64_t given;
  struct text token, code;
};
static const struct shape_field magic_fields[] = {
    {"token", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(bearer, token), .min = 1, .max = 128, .help = "of the link"},
    {"code", SHAPE_TEXT, 0, SHAPE_AT(bearer, code), .max = 64,
     .help = "of the second factor, or a recovery code; asked for with `needs_code`"},
};
static const struct shape magic_shape = {"MagicLink", "A link that came by mail.", sizeof(struct bearer),
                                         SHAPE_FIELDS(magic_fields)};

struct session_view {
  uint64_t given;
  bool needs_code;
  int64_t user_id, session_id, access_expires_us, session_expires_us;
  struct text email, name, csrf;
};
static const struct shape_field session_fields[] = {
    {"needs_code", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(session_view, needs_code),
     .help = "nobody is signed in yet: the same again, with a code"},
    {"user_id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(session_view, user_id), .max = INT64_MAX, .help = "who it is"},
    {"session_id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(session_view, session_id), .max = INT64_MAX,
     .help = "their session"},
    {"email", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(session_view, email), .max = 254, .help = "in lower case"},
    {"name", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(session_view, name), .max = 128, .help = "what they are called"},
    {"csrf", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(session_view, csrf), .max = 64,
     .help = "for the header `x-weir-csrf` of requests that change something; also in a cookie"},
    {"access_expires", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(session_view, access_expires_us),
     .help = "refresh before that"},
    {"session_expires", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(session_view, session_expires_us),
     .help = "sign in again then"},
};
static const struct shape session_shape = {"SignIn", "A session in the cookies of the answer, or what is missing.",
                                           sizeof(struct session_view), SHAPE_FIELDS(session_fields)};

struct door_view {
  uint64_t given;
  bool needs_setup;
  struct text *providers;
  size_t provider_count;
};
static const struct shape_field door_fields[] = {
    {"needs_setup", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(door_view, needs_setup),
     .help = "there is no user yet: the first comes by the link on the console"},
    {"providers", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(door_view, providers, provider_count), .max = 16,
     .help = "through whom people sign in, each at `/auth/oidc/NAME`"},
};
static const struct shape door_shape = {"Door", "How one may come in.", sizeof(struct door_view),
                                        SHAPE_FIELDS(door_fields)};

struct leave_view {
  uint64_t given;
  struct text end_session_url;
};
static const struct shape_field leave_fields[] = {
    {"end_session_url", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(leave_view, end_session_url), .max = 8192,
     .help = "where the browser goes to end its session at the identity provider that it began at, too"},
};
static const struct shape leave_shape = {"SignedOut", "The session here has ended; another one has not.",
                                         sizeof(struct leave_view), SHAPE_FIELDS(leave_fields)};

struct auth_call {
  struct signin *signin;
  struct oidc *oidc;
  struct signin_visit visit;
  const void *body;
  struct signin_result result;
  struct text turn;                       /* a cookie for who has to wait; "" */
  const void *answer;                     /* NULL: the result */
  struct leave_view elsewhere;            /* end_session_url "": nothing is left to do */
  struct http_header site[SITES_HEADERS]; /* of every answer */
  size_t site_count;
};

static enum err door(struct auth_call *c, struct fault *f) {
  struct door_view *view = ARENA_NEW(c->visit.arena, struct door_view);
  c->answer = view;
  if (c->oidc)
    c->oidc->names(c->oidc, c->visit.arena, &view->providers, &view->provider_count);
  return c->signin->needs_setup(c->signin, &view->needs_setup, f);
}

static enum err setup(struct auth_call *c, struct fault *f) {
  const struct newcomer *n = c->body;
  return c->signin->setup(c->signin, &c->visit, n->token, n->email, n->name, n->password, &c->result, f);
}

static enum err login(struct auth_call *c, struct fault *f) {
  const struct credentials *n = c->body;
  return c->signin->login(c->signin, &c->visit, n->email, n->password, n->code, &c->result, f);
}

static enum err refresh(struct auth_call *c, struct fault *f) {
  return c->signin->refresh(c->signin, &c->visit, &c->result, f);
}

static enum err logout(struct auth_call *c, struct fault *f) {
  return c->signin->logout(c->signin, &c->visit, &c->result, f);
}

static enum err accept_link(struct auth_call *c, struct fault *f) {
  const struct newcomer *n = c->body;
  return c->signin->accept(c->signin, &c->visit, n->token, n->name, n->password, &c->result, f);
}

static enum err ask_for_link(struct auth_call *c, struct fault *f) {
  const struct credentials *n = c->body;
  return c->signin->magic_ask(c->signin, &c->visit, n->email, f);
}

static enum err take_link(struct auth_call *c, struct fault *f) {
  const struct bearer *n = c->body;
  return c->signin->magic_finish(c->signin, &c->visit, n->token, n->code, &c->result, f);
}

#define ROW(how, at, name, what, which, said, sent, gives)                                                             \
  {                                                                                                                    \
    .method = (how), .path = (at), .id = (name), .tag = "Signing in", .summary = (what), .permission = API_ANYBODY,    \
    .own = API_ANYBODY, .kind = (which), .status = (said), .body = (sent), .answer = (gives)                           \
  }
#define GO(at, name, what, asked)                                                                                      \
  {                                                                                                                    \
    .method = "GET", .path = (at), .id = (name), .tag = "Signing in", .summary = (what), .permission = API_ANYBODY,    \
    .own = API_ANYBODY, .kind = API_NOTHING, .status = 303, .query = (asked)                                           \
  }
/* clang-format off */
const struct api_route auth_routes[ROUTE_COUNT] = {
    ROW("GET", "/auth/door", "getDoor", "Whether there is anybody yet", API_ONE, 200, NULL, &door_shape),
    ROW("POST", "/auth/setup", "setUp", "Makes the first owner and signs them in", API_ONE, 200, &setup_shape, &session_shape),
    ROW("POST", "/auth/login", "logIn", "Signs in", API_ONE, 200, &login_shape, &session_shape),
    ROW("POST", "/auth/refresh", "refreshSession", "Goes on with the session of the cookies; needs `x-weir-csrf`", API_ONE, 200, NULL, &session_shape),
    [LOGOUT] = {.method = "POST", .path = "/auth/logout", .id = "logOut", .tag = "Signing in", .summary = "Ends the session of the cookies; needs `x-weir-csrf`", .permission = API_ANYBODY, .own = API_ANYBODY, .kind = API_NOTHING, .status = 204, .instead = &leave_shape},
    ROW("POST", "/auth/accept", "acceptLink", "Takes a link, sets the password and signs in", API_ONE, 200, &accept_shape, &session_shape),
    ROW("POST", "/auth/magic", "askForLink", "Sends a link to sign in with, if there is such a user; 404 where no mail server is configured", API_NOTHING, 202, &magic_ask_shape, NULL),
    ROW("POST", "/auth/magic/finish", "takeLink", "Signs in with such a link", API_ONE, 200, &magic_shape, &session_shape),
    [OIDC_BEGIN] = GO("/auth/oidc/{name}", "goToProvider", "Sends the browser to an identity provider", &auth_oidc_begin_shape),
    [OIDC_BACK] = GO("/auth/oidc/{name}/callback", "comeFromProvider", "Where an identity provider sends it back to: signs in", &auth_oidc_callback_shape),
};
static enum err (*const handlers[OIDC_BEGIN])(struct auth_call *c, struct fault *f) = {
    door, setup, login, refresh, logout, accept_link, ask_for_link, take_link,
};
/* clang-format on */
const size_t auth_route_count = ROUTE_COUNT;

bool auth_owns(struct text path) { return text_equal(path, TEXT("/auth")) || text_starts(path, TEXT("/auth/")); }

/* Whether it is a path of the row; *out_name is what stands for {name}. */
static bool fits(const char *row, struct text path, struct text *out_name) {
  struct text before, after, name, rest;
  if (!text_cut(text_of(row), '{', &before, &after))
    return text_equal(path, text_of(row));
  if (!text_cut(after, '}', &name, &after) || !text_starts(path, before) || !text_ends(path, after) ||
      path.len <= before.len + after.len)
    return false;
  name = text_head(text_skip(path, before.len), path.len - before.len - after.len);
  if (text_cut(name, '/', &name, &rest))
    return false;
  *out_name = name;
  return true;
}

static enum err find_route(const struct http_request *rq, size_t *out, struct text *out_name, const char **out_allowed,
                           struct fault *f) {
  for (size_t i = 0; i < ROUTE_COUNT; i++) {
    if (!fits(auth_routes[i].path, rq->path, out_name))
      continue;
    if (!text_equal(rq->head.method, text_of(auth_routes[i].method))) {
      *out_allowed = auth_routes[i].method;
      return fault_set(f, ERR_METHOD_NOT_ALLOWED, NULL, "%.*s is not allowed here",
                       TEXT_ARGS(text_head(rq->head.method, 20)));
    }
    *out = i;
    return ERR_OK;
  }
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
}

/* Browsers say where a request comes from (Fetch Metadata); whoever says nothing is none, or an old one, and the
 * cookies are not sent across sites anyway. Pages of the sites that are listed have business here. */
static enum err check_site(const struct config_control *c, const struct http_request *rq, struct fault *f) {
  struct text site = http_header_value(&rq->head.headers, TEXT("sec-fetch-site"));
  if (site.len == 0 || text_equal(site, TEXT("same-origin")) || text_equal(site, TEXT("none")) ||
      text_equal(rq->head.method, TEXT("GET")) || sites_know(c, rq))
    return ERR_OK;
  return fault_set(f, ERR_FORBIDDEN, NULL, "another site has no business here");
}

static bool is_json(struct text type) {
  struct text media = type, rest;
  (void)text_cut(type, ';', &media, &rest);
  return text_equal_nocase(text_trim(media), TEXT("application/json"));
}

/* Without a shape a body may be there, but nobody looks at it. */
static enum err read_body(struct http_request *rq, const struct shape *s, struct shape_errors *errors, const void **out,
                          struct fault *f) {
  const struct json_limits limits = {.max_depth = DEPTH};
  struct text bytes = TEXT_NONE;
  struct json j;
  enum err e = rq->head.has_body ? http_request_body(rq, BODY_BYTES, &bytes, f) : ERR_OK;
  if (e != ERR_OK || !s)
    return e;
  if (!is_json(http_header_value(&rq->head.headers, TEXT("content-type")))) {
    fault_set(f, ERR_BAD_REQUEST, NULL, "the body must be application/json");
    f->status = 415;
    return f->err;
  }
  e = json_read(bytes, &limits, &j, f);
  if (e != ERR_OK)
    return e;
  void *body = arena_zalloc(rq->arena, s->size);
  shape_read(s, j.root, rq->arena, body, errors);
  json_done(&j);
  *out = body;
  return errors->count > 0 ? problem_invalid(errors, f) : ERR_OK;
}

static struct session_view *view_of(const struct signin_result *r, struct arena *a) {
  struct session_view *v = ARENA_NEW(a, struct session_view);
  *v = (struct session_view){.needs_code = r->needs_code,
                             .user_id = r->user_id,
                             .session_id = r->session_id,
                             .access_expires_us = r->access_expires_us,
                             .session_expires_us = r->session_expires_us,
                             .email = r->email,
                             .name = r->name,
                             .csrf = r->csrf};
  return v;
}

static void answer(const struct auth_call *c, const struct api_route *r, struct http_request *rq) {
  struct http_header headers[3 + SIGNIN_COOKIES_MAX + SITES_HEADERS] = {{TEXT("cache-control"), TEXT("no-store")},
                                                                        {TEXT("x-request-id"), rq->id}};
  struct json_writer w;
  struct buf body;
  size_t n = 2;
  buf_init(&body, ANSWER_MAX);
  json_writer_init(&w, &body);
  for (size_t i = 0; i < c->site_count; i++)
    headers[n++] = c->site[i];
  for (size_t i = 0; i < c->result.cookie_count; i++)
    headers[n++] = (struct http_header){TEXT("set-cookie"), c->result.cookies[i]};
  bool is_left = c->elsewhere.end_session_url.len > 0;
  if (r->kind != API_NOTHING || is_left)
    headers[n++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
  if (is_left)
    shape_write(r->instead, &c->elsewhere, &w);
  else if (r->kind != API_NOTHING)
    shape_write(r->answer, c->answer ? c->answer : view_of(&c->result, rq->arena), &w);
  enum err ignored = http_respond(rq, is_left ? 200 : r->status, headers, n, buf_text(&body));
  (void)ignored; /* whoever asked has gone */
  buf_done(&body);
}

struct handling {
  struct auth_call *call;
  size_t route;
  struct fault *fault;
};

static enum err handle(void *arg) {
  struct handling *h = arg;
  return handlers[h->route](h->call, h->fault);
}

/* What could not be waited for is said as what it is. */
static enum err run(const struct auth_site *s, struct handling *h) {
  enum err e = offload_call(s->offload, handle, h);
  if (e == ERR_LIMIT && !h->fault->text[0])
    e = fault_set(h->fault, ERR_UNAVAILABLE, NULL, "too many people sign in at this moment: try again in some seconds");
  if (e == ERR_UNAVAILABLE)
    h->fault->retry_after_s = 2;
  if (e == ERR_BAD_REQUEST && h->fault->field[0])
    h->fault->status = 422;
  return e;
}

static enum err find_end(void *arg) {
  struct auth_call *c = arg;
  struct text way, name;
  (void)text_cut(c->result.way, ':', &way, &name);
  return c->oidc->end(c->oidc, &c->visit, name, c->result.email, &c->elsewhere.end_session_url, NULL);
}

/* The session here is over in any case. */
static void leave_provider(const struct auth_site *s, struct auth_call *c) {
  if (s->oidc && text_starts(c->result.way, TEXT("oidc:")) && offload_call(s->oidc_offload, find_end, c) != ERR_OK)
    c->elsewhere.end_session_url = TEXT_NONE;
}

static struct text header_of(const struct http_request *rq, const char *name) {
  return http_header_value(&rq->head.headers, text_of(name));
}

/* One header, or none: of two Cookie lines nobody can say which the browser meant. */
static struct text cookies_of(const struct http_request *rq) {
  const struct http_headers *h = &rq->head.headers;
  size_t lines = 0;
  for (size_t i = 0; i < h->count; i++)
    lines += text_equal_nocase(h->at[i].name, TEXT("cookie"));
  return lines == 1 ? header_of(rq, "cookie") : TEXT_NONE;
}

static void tell_field(const struct fault *f, struct shape_errors *errors) {
  char place[sizeof(f->field) + 1];
  snprintf(place, sizeof(place), "/%s", f->field);
  shape_refuse(errors, place, "%s", fault_text(f));
}

static enum err check_address(const struct config_control *c, struct text address, struct fault *f) {
  if (c->allow_ip_count == 0 || cidr_any_has(c->allow_ips, c->allow_ip_count, address))
    return ERR_OK;
  return fault_set(f, ERR_FORBIDDEN, NULL, "the control API cannot be reached from this address");
}

/* What an operator looks for when somebody cannot come in, or too many try to: never the email, which may be mistyped
 * into a password. */
static void log_outcome(const struct auth_call *c, const struct http_request *rq, const char *operation, enum err e) {
  if (!text_equal(rq->head.method, TEXT("GET")))
    LOG_INFO("sign_in", log_text("request_id", rq->id), log_str("operation", operation),
             log_str("outcome", e == ERR_OK ? c->result.needs_code ? "needs_code" : "ok" : err_name(e)),
             log_i64("user_id", c->result.user_id));
}

static void serve_provider(const struct auth_site *s, const struct auth_call *c, struct http_request *rq,
                           struct text name, size_t route) {
  struct fault f = {0};
  if (s->oidc) {
    auth_oidc_serve(&(struct auth_oidc_call){s, &c->visit, name, route == OIDC_BACK}, rq);
    return;
  }
  fault_set(&f, ERR_NOT_FOUND, NULL, "there is no identity provider of that name");
  problem_answer(rq, &f, NULL, NULL, 0);
}

void auth_serve(const struct auth_site *s, struct gateway_worker *w, struct http_request *rq) {
  struct shape_errors *errors = ARENA_NEW(rq->arena, struct shape_errors);
  struct auth_call *c = ARENA_NEW(rq->arena, struct auth_call);
  const struct config *config = w->snapshot->config;
  struct text address = arena_copy(rq->arena, peer_address(rq, config));
  struct fault f = {0};
  const char *allowed = NULL;
  struct text name = TEXT_NONE;
  size_t route = 0;
  *c = (struct auth_call){.signin = s->signin,
                          .oidc = s->oidc,
                          .visit = {address, header_of(rq, "user-agent"), cookies_of(rq), header_of(rq, "x-weir-csrf"),
                                    loop_wall_us(), rq->arena, &c->turn}};
  enum err e = check_address(&config->control, address, &f);
  c->site_count = sites_headers(&config->control, rq, c->site);
  if (e == ERR_OK && sites_is_preflight(rq)) {
    sites_answer_preflight(&config->control, rq);
    return;
  }
  if (e == ERR_OK)
    e = find_route(rq, &route, &name, &allowed, &f);
  if (e == ERR_OK)
    e = check_site(&config->control, rq, &f);
  if (e == ERR_OK && route >= OIDC_BEGIN) {
    serve_provider(s, c, rq, name, route);
    return;
  }
  if (e == ERR_OK)
    e = read_body(rq, auth_routes[route].body, errors, &c->body, &f);
  if (e == ERR_OK) {
    e = run(s, &(struct handling){c, route, &f});
    log_outcome(c, rq, auth_routes[route].id, e);
  }
  if (e == ERR_OK && route == LOGOUT)
    leave_provider(s, c);
  http_request_drop_body(rq);
  if (e == ERR_OK) {
    answer(c, &auth_routes[route], rq);
    return;
  }
  f.err = e;
  if (errors->count == 0 && f.status == 422)
    tell_field(&f, errors);
  struct http_header headers[SITES_HEADERS + 2] = {{TEXT("allow"), text_of(allowed)}};
  size_t n = allowed != NULL;
  for (size_t i = 0; i < c->site_count; i++)
    headers[n++] = c->site[i];
  if (c->turn.len > 0)
    headers[n++] = (struct http_header){TEXT("set-cookie"), c->turn};
  problem_answer(rq, &f, errors->count > 0 ? errors : NULL, headers, n);
}
