/* Secrets of service accounts through the control API: made (and shown once), listed without what is secret, ended. Who
 * makes one may act as the account, so they must be able to do all that it may. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_service_secrets.c */
#include "control/people_view.h"
#include "ports/store_service_secrets.h"

#define EXPIRES_S_MAX (INT64_C(10) * 366 * 24 * 3600)

struct secret_view {
  uint64_t given;
  int64_t id;
  struct text prefix;
  int64_t created_us, expires_us;
};
static const struct shape_field secret_fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(secret_view, id), .min = 1, .max = INT64_MAX,
     .help = "never used twice"},
    {"prefix", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(secret_view, prefix), .max = SERVICE_SECRET_BEGIN,
     .help = "how it begins"},
    {"created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(secret_view, created_us), .help = "when it was made"},
    {"expires", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(secret_view, expires_us), .help = "when it ends by itself"},
};
const struct shape service_secret_shape = {"ServiceSecret", "What a service account asks for tokens with.",
                                           sizeof(struct secret_view), SHAPE_FIELDS(secret_fields)};

struct input {
  uint64_t given;
  int64_t expires_s;
};
static const struct shape_field new_fields[] = {
    {"expires_s", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(input, expires_s), .min = 1, .max = EXPIRES_S_MAX,
     .help = "after how many seconds it ends; never unless given"},
};
const struct shape service_secret_new_shape = {"ServiceSecretNew", "A secret to be made.", sizeof(struct input),
                                               SHAPE_FIELDS(new_fields)};

struct made_view {
  uint64_t given;
  struct secret_view entry;
  struct text client_id, client_secret;
};
static const struct shape_field made_fields[] = {
    {"secret", SHAPE_OBJECT, SHAPE_REQUIRED, SHAPE_AT(made_view, entry), .of = &service_secret_shape,
     .help = "as it is kept"},
    {"client_id", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(made_view, client_id), .min = 5, .max = 24,
     .help = "for POST /oauth/token"},
    {"client_secret", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(made_view, client_secret), .min = 50, .max = 50,
     .help = "it is not kept and never shown again"},
};
const struct shape service_secret_made_shape = {"ServiceSecretMade", "A secret and, this once, what it is.",
                                                sizeof(struct made_view), SHAPE_FIELDS(made_fields)};

static struct secret_view view_of(const struct store_service_secret *s) {
  return (struct secret_view){
      .id = s->id, .prefix = s->prefix, .created_us = s->created_us, .expires_us = s->expires_us};
}

/* The account of the path, if the caller may do that there; also all that it may, when they are to change it. */
static enum err find_account(struct api_call *c, enum permission p, struct people_row *out, struct fault *f) {
  struct store *s = c->api->store;
  int64_t id = 0;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = people_may(c, p, f);
  if (e == ERR_OK)
    e = s->ops->people->get(s, PEOPLE_SERVICE, c->org_id, id, c->arena, out, f);
  if (e == ERR_OK && p == PERMISSION_USERS_WRITE)
    e = people_covers(c, PEOPLE_SERVICE, id, f);
  return e;
}

enum err service_secrets_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_service_secret *all = NULL;
  struct people_row account = {0};
  size_t count = 0;
  enum err e = find_account(c, PERMISSION_USERS_READ, &account, f);
  if (e == ERR_OK)
    e = s->ops->service_secrets->list(s, account.org_id, account.id, c->arena, &all, &count, f);
  if (e != ERR_OK)
    return e;
  struct secret_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&all[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

enum err service_secrets_create(struct api_call *c, struct fault *f) {
  const struct input *in = c->body;
  struct store *s = c->api->store;
  struct people_row account = {0};
  struct keysmith_client made;
  enum err e = find_account(c, PERMISSION_USERS_WRITE, &account, f);
  if (e != ERR_OK)
    return e;
  c->api->keysmith->make_client(c->api->keysmith, &made);
  struct made_view *v = ARENA_NEW(c->arena, struct made_view);
  v->client_secret = arena_copy(c->arena, (struct text){made.secret, sizeof(made.secret)});
  v->client_id = arena_format(c->arena, "svc_%lld", (long long)account.id);
  struct store_service_secret row = {.org_id = account.org_id,
                                     .service_id = account.id,
                                     .prefix = text_head(v->client_secret, KEYSMITH_CLIENT_PREFIX_BYTES),
                                     .created_us = c->now_us,
                                     .expires_us = in->expires_s > 0 ? c->now_us + in->expires_s * 1000000 : 0};
  memcpy(row.hash, made.hash, sizeof(row.hash));
  secret_wipe(&made, sizeof(made));
  e = s->ops->service_secrets->add(s, &row, &c->by, &row.id, f);
  v->entry = view_of(&row);
  c->answer = v;
  c->made_id = row.id;
  return e;
}

enum err service_secrets_remove(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct people_row account = {0};
  int64_t id = 0;
  enum err e = find_account(c, PERMISSION_USERS_WRITE, &account, f);
  if (e == ERR_OK)
    e = api_id(c, 1, &id, f);
  return e == ERR_OK ? s->ops->service_secrets->remove(s, account.org_id, account.id, id, &c->by, f) : e;
}
