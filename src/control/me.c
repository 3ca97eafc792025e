/* Who calls, and what they may do themselves about how they sign in: name, password, second factor, sessions. And what
 * an admin may do about others: a link with which somebody chooses a password, ending their sessions, taking a lost
 * second factor away. Rows of routes.c. */
#include "control/people_view.h"

#include "ports/signin.h"

struct me_workspace {
  uint64_t given;
  int64_t id;
  struct text name;
  struct text *permissions;
  size_t permission_count;
};
static const struct shape_field me_workspace_fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(me_workspace, id), .min = 1, .max = INT64_MAX, .help = "its number"},
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_workspace, name), .max = 128, .help = "its name"},
    {"permissions", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(me_workspace, permissions, permission_count), .max = 64,
     .help = "there, besides those everywhere"},
};
static const struct shape me_workspace_shape = {"MyWorkspace", "What the caller may do in one workspace.",
                                                sizeof(struct me_workspace), SHAPE_FIELDS(me_workspace_fields)};

struct me_view {
  uint64_t given;
  struct text kind, actor, email, name;
  int64_t id, organisation_id, session_id, codes_left;
  bool second_factor;
  struct text *permissions;
  size_t permission_count;
  struct me_workspace *workspaces;
  size_t workspace_count;
};
static const struct shape_field me_fields[] = {
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_view, kind), .choices = "user|service|local",
     .help = "a person, a service account, or the operator's socket"},
    {"id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(me_view, id), .max = INT64_MAX, .help = "of the user or account"},
    {"organisation_id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(me_view, organisation_id), .max = INT64_MAX,
     .help = "the one whose things are seen; null: every one"},
    {"session_id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(me_view, session_id), .max = INT64_MAX,
     .help = "of this very request"},
    {"actor", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_view, actor), .max = 256, .help = "as the audit log says it"},
    {"email", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(me_view, email), .max = 254, .help = "of a user"},
    {"name", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(me_view, name), .max = 128, .help = "of a user"},
    {"second_factor", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(me_view, second_factor), .help = "whether one is on"},
    {"recovery_codes", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(me_view, codes_left), .max = 16,
     .help = "how many are left"},
    {"permissions", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(me_view, permissions, permission_count), .max = 64,
     .help = "in the whole organisation"},
    {"workspaces", SHAPE_LIST, SHAPE_REQUIRED, SHAPE_ARRAY(me_view, workspaces, workspace_count),
     .of = &me_workspace_shape, .help = "what else is permitted where"},
};
const struct shape me_shape = {"Me", "Who calls.", sizeof(struct me_view), SHAPE_FIELDS(me_fields)};

struct me_change {
  uint64_t given;
  struct text name, password, old_password;
};
enum { CHANGE_NAME, CHANGE_PASSWORD, CHANGE_OLD };
static const struct shape_field change_fields[] = {
    [CHANGE_NAME] = {"name", SHAPE_TEXT, 0, SHAPE_AT(me_change, name), .max = 128, .help = "what you are called"},
    [CHANGE_PASSWORD] = {"password", SHAPE_TEXT, 0, SHAPE_AT(me_change, password), .min = SIGNIN_CHOSEN_MIN,
                         .max = SIGNIN_CHOSEN_MAX, .help = "the new one; ends your other sessions"},
    [CHANGE_OLD] = {"old_password", SHAPE_TEXT, 0, SHAPE_AT(me_change, old_password), .min = 1, .max = 4096,
                    .help = "the one of now, with a new one"},
};
static void check_change(struct api_call *c) {
  if (shape_has(c->body, CHANGE_PASSWORD) && !shape_has(c->body, CHANGE_OLD))
    shape_refuse(c->errors, "/old_password", "is needed with a new password");
}
const struct shape me_change_shape = {"MyChange", "What you change about yourself.", sizeof(struct me_change),
                                      SHAPE_FIELDS(change_fields), .check = check_change};

struct me_session {
  uint64_t given;
  int64_t id, created_us, used_us, expires_us;
  bool is_current;
  struct text way, address, agent;
};
static const struct shape_field session_fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(me_session, id), .min = 1, .max = INT64_MAX, .help = "its number"},
    {"current", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(me_session, is_current), .help = "the one of this request"},
    {"way", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_session, way), .max = 256, .help = "how they came in"},
    {"address", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_session, address), .max = 256, .help = "from where"},
    {"agent", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_session, agent), .max = 256, .help = "the browser's word"},
    {"created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(me_session, created_us), .help = "when it began"},
    {"used", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(me_session, used_us), .help = "to some minutes"},
    {"expires", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(me_session, expires_us), .help = "when it is over in any case"},
};
const struct shape me_session_shape = {"Session", "A browser that is signed in.", sizeof(struct me_session),
                                       SHAPE_FIELDS(session_fields)};

struct me_secret {
  uint64_t given;
  struct text password, code;
};
static const struct shape_field begin_fields[] = {
    {"password", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_secret, password), .min = 1, .max = 4096, .help = "yours"},
};
const struct shape factor_begin_shape = {"FactorBegin", "Your password once more.", sizeof(struct me_secret),
                                         SHAPE_FIELDS(begin_fields)};
static const struct shape_field confirm_fields[] = {
    {"code", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_secret, code), .min = 1, .max = 64, .help = "what the app shows"},
};
const struct shape factor_confirm_shape = {"FactorConfirm", "The proof that the app has the secret.",
                                           sizeof(struct me_secret), SHAPE_FIELDS(confirm_fields)};
static const struct shape_field end_fields[] = {
    {"password", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_secret, password), .min = 1, .max = 4096, .help = "yours"},
    {"code", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(me_secret, code), .min = 1, .max = 64,
     .help = "what the app shows, or a recovery code"},
};
const struct shape factor_end_shape = {"FactorEnd", "Your password and a code once more.", sizeof(struct me_secret),
                                       SHAPE_FIELDS(end_fields)};

struct factor_view {
  uint64_t given;
  struct text secret, uri;
};
static const struct shape_field factor_fields[] = {
    {"secret", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(factor_view, secret), .max = 64,
     .help = "in base32, to be typed into an app; not shown again"},
    {"uri", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(factor_view, uri), .max = 1024, .help = "the same for a picture"},
};
const struct shape factor_shape = {"Factor", "A second factor that waits for its first code.",
                                   sizeof(struct factor_view), SHAPE_FIELDS(factor_fields)};

struct codes_view {
  uint64_t given;
  struct text *codes;
  size_t count;
};
static const struct shape_field codes_fields[] = {
    {"recovery_codes", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(codes_view, codes, count), .max = SIGNIN_RECOVERY,
     .help = "each good once, in place of a code; not shown again"},
};
const struct shape codes_shape = {"RecoveryCodes", "For who loses the app.", sizeof(struct codes_view),
                                  SHAPE_FIELDS(codes_fields)};

struct link_view {
  uint64_t given;
  struct text kind, url;
  int64_t expires_us;
};
static const struct shape_field link_fields[] = {
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(link_view, kind), .choices = "invite|reset",
     .help = "for somebody who has no password yet, or another one"},
    {"url", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(link_view, url), .max = 4096,
     .help = "to be given to them; good once, and not shown again"},
    {"expires", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(link_view, expires_us), .help = "when it is good no longer"},
};
const struct shape link_shape = {"Link", "A link with which a user chooses a password.", sizeof(struct link_view),
                                 SHAPE_FIELDS(link_fields)};

struct mailed_view {
  uint64_t given;
  struct text kind;
};
static const struct shape_field mailed_fields[] = {
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(mailed_view, kind), .choices = "invite|reset",
     .help = "for somebody who has no password yet, or another one"},
};
const struct shape mailed_shape = {"LinkMailed", "A link that is on its way.", sizeof(struct mailed_view),
                                   SHAPE_FIELDS(mailed_fields)};

static enum err need_signin(const struct api_call *c, struct fault *f) {
  return c->api->signin ? ERR_OK : fault_set(f, ERR_NOT_FOUND, NULL, "nobody signs in here");
}

static struct signin_visit visit_of(const struct api_call *c) {
  return (struct signin_visit){.address = c->caller->origin, .now_us = c->now_us, .arena = c->arena};
}

/* What was typed wrongly is a member at fault. */
static enum err blame(const struct api_call *c, enum err e, struct fault *f) {
  char place[sizeof(f->field) + 1];
  if (e != ERR_BAD_REQUEST || !f->field[0])
    return e;
  snprintf(place, sizeof(place), "/%s", f->field);
  shape_refuse(c->errors, place, "%s", fault_text(f));
  return e;
}

static size_t names_of(uint64_t permissions, struct arena *a, struct text **out) {
  size_t n = 0;
  *out = arena_alloc(a, (PERMISSION_COUNT + 1) * sizeof(**out));
  for (unsigned p = 0; p < PERMISSION_COUNT; p++) {
    if (permissions & PERMISSION_BIT(p))
      (*out)[n++] = text_of(permission_name((enum permission)p));
  }
  return n;
}

static enum err fill_user(const struct api_call *c, struct me_view *v, struct fault *f) {
  struct store *s = c->api->store;
  struct signin_factor factor = {false, 0};
  struct people_row row;
  struct signin *signin = c->api->signin;
  enum err e = s->ops->people->get(s, PEOPLE_USER, c->org_id, c->caller->id, c->arena, &row, f);
  if (e == ERR_OK)
    e = need_signin(c, f);
  if (e == ERR_OK)
    e = signin->factor(signin, c->caller, &factor, f);
  if (e != ERR_OK)
    return e;
  v->name = row.name;
  v->second_factor = factor.is_on;
  v->codes_left = factor.codes_left;
  return ERR_OK;
}

enum err me_get(struct api_call *c, struct fault *f) {
  static const char *const kinds[] = {[CALLER_LOCAL] = "local", [CALLER_USER] = "user", [CALLER_SERVICE] = "service"};
  const struct caller *who = c->caller;
  struct me_view *v = ARENA_NEW(c->arena, struct me_view);
  v->kind = text_of(kinds[who->kind]);
  v->id = who->id;
  v->organisation_id = who->org_id;
  v->session_id = who->session_id;
  v->actor = who->actor;
  v->email = who->email;
  v->permission_count = names_of(who->permissions, c->arena, &v->permissions);
  v->workspaces = arena_zalloc(c->arena, (who->workspace_count + 1) * sizeof(*v->workspaces));
  v->workspace_count = who->workspace_count;
  for (size_t i = 0; i < who->workspace_count; i++) {
    struct me_workspace *w = &v->workspaces[i];
    w->id = who->workspaces[i].id;
    w->name = who->workspaces[i].name;
    w->permission_count = names_of(who->workspaces[i].permissions, c->arena, &w->permissions);
  }
  c->answer = v;
  return who->kind == CALLER_USER ? fill_user(c, v, f) : ERR_OK;
}

static enum err change_name(const struct api_call *c, struct text name, struct fault *f) {
  struct store *s = c->api->store;
  struct people_row row;
  enum err e = s->ops->people->get(s, PEOPLE_USER, c->org_id, c->caller->id, c->arena, &row, f);
  if (e != ERR_OK)
    return e;
  row.name = name;
  return s->ops->people->update(s, PEOPLE_USER, &row, 0, &c->by, f);
}

enum err me_change(struct api_call *c, struct fault *f) {
  const struct me_change *change = c->body;
  const struct signin_visit v = visit_of(c);
  struct signin *signin = c->api->signin;
  enum err e = need_signin(c, f);
  if (e != ERR_OK)
    return e;
  if (c->caller->kind != CALLER_USER)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no person behind this");
  check_change(c);
  if (c->errors->count > 0)
    return ERR_BAD_REQUEST;
  if (shape_has(change, CHANGE_PASSWORD))
    e = blame(c, signin->set_password(signin, &v, c->caller, change->old_password, change->password, f), f);
  if (e == ERR_OK && shape_has(change, CHANGE_NAME))
    e = change_name(c, change->name, f);
  return e == ERR_OK ? me_get(c, f) : e;
}

static enum err list_sessions(struct api_call *c, int64_t user_id, struct fault *f) {
  struct store *s = c->api->store;
  struct signin_session *list = NULL;
  size_t count = 0;
  enum err e = s->ops->signin->session_list(s, user_id, c->now_us, c->arena, &list, &count, f);
  if (e != ERR_OK)
    return e;
  struct me_session *views = arena_zalloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = (struct me_session){.id = list[i].id,
                                   .created_us = list[i].created_us,
                                   .used_us = list[i].rotated_us,
                                   .expires_us = list[i].expires_us,
                                   .is_current = list[i].id == c->caller->session_id,
                                   .way = list[i].way,
                                   .address = list[i].address,
                                   .agent = list[i].agent};
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

/* Others have none. */
enum err me_sessions(struct api_call *c, struct fault *f) {
  return c->caller->kind == CALLER_USER ? list_sessions(c, c->caller->id, f) : ERR_OK;
}

enum err me_end_session(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK && c->caller->kind != CALLER_USER)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no person behind this");
  return e == ERR_OK ? s->ops->signin->session_end(s, c->caller->id, id, "revoked", c->now_us, &c->by, f) : e;
}

enum err me_factor_begin(struct api_call *c, struct fault *f) {
  const struct signin_visit v = visit_of(c);
  struct factor_view *view = ARENA_NEW(c->arena, struct factor_view);
  struct signin *signin = c->api->signin;
  enum err e = need_signin(c, f);
  if (e == ERR_OK)
    e = signin->factor_begin(signin, &v, c->caller, ((const struct me_secret *)c->body)->password, &view->secret,
                             &view->uri, f);
  c->answer = view;
  return blame(c, e, f);
}

enum err me_factor_confirm(struct api_call *c, struct fault *f) {
  const struct signin_visit v = visit_of(c);
  struct codes_view *view = ARENA_NEW(c->arena, struct codes_view);
  struct signin *signin = c->api->signin;
  view->codes = arena_zalloc(c->arena, SIGNIN_RECOVERY * sizeof(*view->codes));
  view->count = SIGNIN_RECOVERY;
  enum err e = need_signin(c, f);
  if (e == ERR_OK)
    e = signin->factor_confirm(signin, &v, c->caller, ((const struct me_secret *)c->body)->code, view->codes, f);
  if (e == ERR_UNAUTHENTICATED) /* the session is good: the code is not */
    e = fault_set(f, ERR_FORBIDDEN, "code", "this code is not right, or was used before");
  c->answer = view;
  return e;
}

enum err me_factor_end(struct api_call *c, struct fault *f) {
  const struct me_secret *secret = c->body;
  const struct signin_visit v = visit_of(c);
  struct signin *signin = c->api->signin;
  enum err e = need_signin(c, f);
  if (e == ERR_OK)
    e = signin->factor_end(signin, &v, c->caller, secret->password, secret->code, f);
  if (e == ERR_UNAUTHENTICATED)
    e = fault_set(f, ERR_FORBIDDEN, "code", "this code is not right, or was used before");
  return e == ERR_OK ? me_get(c, f) : e;
}

/* The user of the path, if the caller's organisation may see them. */
static enum err find_user(const struct api_call *c, int64_t *out, struct fault *f) {
  struct store *s = c->api->store;
  struct people_row row;
  enum err e = api_id(c, 0, out, f);
  return e == ERR_OK ? s->ops->people->get(s, PEOPLE_USER, c->org_id, *out, c->arena, &row, f) : e;
}

enum err user_sessions(struct api_call *c, struct fault *f) {
  int64_t id;
  enum err e = find_user(c, &id, f);
  return e == ERR_OK ? list_sessions(c, id, f) : e;
}

enum err user_end_sessions(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  int64_t id;
  enum err e = find_user(c, &id, f);
  if (e == ERR_OK)
    e = people_covers_other(c, id, f);
  return e == ERR_OK ? s->ops->signin->session_end_all(s, id, 0, "revoked", c->now_us, &c->by, f) : e;
}

/* The same, for what signing in has to do with them. */
static enum err find_guest(const struct api_call *c, int64_t *out, struct fault *f) {
  enum err e = find_user(c, out, f);
  return e ? e : need_signin(c, f);
}

enum err user_link(struct api_call *c, struct fault *f) {
  const struct signin_visit v = visit_of(c);
  struct link_view *view = ARENA_NEW(c->arena, struct link_view);
  struct signin *signin = c->api->signin;
  int64_t id;
  enum err e = find_guest(c, &id, f);
  c->answer = view;
  return e ? e : signin->link(signin, &v, c->caller, id, &view->kind, &view->url, &view->expires_us, f);
}

enum err user_mail(struct api_call *c, struct fault *f) {
  const struct signin_visit v = visit_of(c);
  struct mailed_view *view = ARENA_NEW(c->arena, struct mailed_view);
  struct signin *signin = c->api->signin;
  int64_t id;
  enum err e = find_guest(c, &id, f);
  c->answer = view;
  return e ? e : signin->mail_link(signin, &v, c->caller, id, &view->kind, f);
}

enum err user_drop_factor(struct api_call *c, struct fault *f) {
  const struct signin_visit v = visit_of(c);
  struct signin *signin = c->api->signin;
  int64_t id;
  enum err e = find_guest(c, &id, f);
  return e ? e : signin->factor_drop(signin, &v, c->caller, id, f);
}
