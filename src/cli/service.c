/* weir service: service accounts and the secrets with which they ask for tokens, from the machine that Weir runs on. A
 * secret is printed once, when it is made. What an account may do is a grant of a role. */
#include "cli/cli.h"
#include "fiber/loop.h"
#include "identity/client_secret.h"
#include "identity/server_key.h"
#include "ports/permission.h"
#include "ports/store_people.h"
#include "ports/store_service_secrets.h"

static const char usage[] =
    "usage: weir service create NAME [--role ROLE [--workspace W]]  [--org ID] [-c FILE]\n"
    "       weir service list  [--org ID] [-c FILE]\n"
    "       weir service secret NAME [--expires DURATION]  [--org ID] [-c FILE]\n"
    "       weir service secrets NAME  [--org ID] [-c FILE]\n"
    "       weir service forget NAME SECRET_ID  [--org ID] [-c FILE]\n"
    "  create makes a service account, which may do what the role permits (owner, admin, auditor, member, viewer), in\n"
    "  one workspace or everywhere; secret prints a client_id and, once, a client_secret for POST /oauth/token;\n"
    "  forget ends one; tokens that were had with it last an hour at most\n";

#define PAGE 200

struct ask {
  const char *config, *role, *workspace, *expires, *org;
  const char *words[3];
  int64_t org_id;
};

typedef enum err visit(void *data, const struct people_row *row);

/* Every row of a kind; an error of visit ends it. */
static enum err each(struct store *s, enum people_kind kind, int64_t org_id, visit *fn, void *data, struct fault *f) {
  struct people_filter filter = {.org_id = org_id, .max = PAGE};
  size_t count = PAGE;
  enum err e = ERR_OK;
  while (!e && count == PAGE) {
    struct people_row *rows = NULL;
    struct arena a;
    arena_init(&a);
    e = s->ops->people->list(s, kind, &filter, &a, &rows, &count, f);
    for (size_t i = 0; i < count && !e; i++) {
      e = fn(data, &rows[i]);
      filter.after_id = rows[i].id;
    }
    arena_done(&a);
  }
  return e;
}

struct search {
  struct text name;
  int64_t id;
};

static enum err match(void *data, const struct people_row *row) {
  struct search *w = data;
  if (text_equal(row->name, w->name))
    w->id = row->id;
  return ERR_OK;
}

static enum err find(struct store *s, enum people_kind kind, int64_t org_id, const char *name, int64_t *out,
                     struct fault *f) {
  struct search w = {text_of(name), 0};
  enum err e = each(s, kind, org_id, match, &w, f);
  if (!e && w.id == 0)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %s \"%s\"",
                     kind == PEOPLE_SERVICE ? "service account" : "workspace", name);
  if (!e)
    *out = w.id;
  return e;
}

static enum err check_ask(struct ask *a, struct fault *f) {
  enum builtin_role role;
  a->org_id = 1;
  if (a->org && (!text_to_i64(text_of(a->org), &a->org_id) || a->org_id < 1))
    return fault_set(f, ERR_BAD_REQUEST, "--org", "--org must be the id of an organisation");
  if (a->role && !builtin_role_find(text_of(a->role), &role))
    return fault_set(f, ERR_BAD_REQUEST, "--role", "--role must be owner, admin, auditor, member or viewer");
  if (a->workspace && !a->role)
    return fault_set(f, ERR_BAD_REQUEST, "--workspace", "--workspace goes with --role");
  return ERR_OK;
}

static enum err create(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  const struct ask *a = ask;
  const struct people_row row = {.org_id = a->org_id, .name = text_of(a->words[1]), .created_us = loop_wall_us()};
  struct people_grant g = {.org_id = a->org_id, .to = GRANT_TO_SERVICE, .role = text_of(a->role)};
  int64_t grant_id = 0;
  enum err e = a->workspace ? find(s->store, PEOPLE_WORKSPACE, a->org_id, a->workspace, &g.workspace_id, f) : ERR_OK;
  if (!e)
    e = s->store->ops->people->create(s->store, PEOPLE_SERVICE, &row, cli_actor(), &g.to_id, f);
  g.created_us = row.created_us;
  if (!e && a->role)
    e = s->store->ops->people->grant(s->store, &g, cli_actor(), &grant_id, f);
  if (!e)
    printf("svc_%lld\n", (long long)g.to_id);
  return e;
}

static enum err print_row(void *data, const struct people_row *row) {
  printf("svc_%-8lld %s %.*s\n", (long long)row->id, row->is_disabled ? "disabled" : "active  ", TEXT_ARGS(row->name));
  return ERR_OK;
}

static enum err list(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  const struct ask *a = ask;
  return each(s->store, PEOPLE_SERVICE, a->org_id, print_row, NULL, f);
}

static enum err expiry(const struct ask *a, int64_t now_us, int64_t *out, struct fault *f) {
  int64_t life_ms = 0;
  if (a->expires && (!text_to_duration_ms(text_of(a->expires), &life_ms) || life_ms <= 0))
    return fault_set(f, ERR_BAD_REQUEST, "--expires", "--expires must be a duration such as 90d");
  *out = life_ms > 0 ? now_us + life_ms * 1000 : 0;
  return ERR_OK;
}

static enum err add_secret(const struct ask *a, const struct cli_store *s, const struct secret *server_secret,
                           struct fault *f) {
  struct store_service_secret n = {.org_id = a->org_id, .created_us = loop_wall_us()};
  char text[CLIENT_SECRET_BYTES];
  int64_t id = 0;
  enum err e = expiry(a, n.created_us, &n.expires_us, f);
  if (!e)
    e = find(s->store, PEOPLE_SERVICE, a->org_id, a->words[1], &n.service_id, f);
  if (e)
    return e;
  client_secret_make(text);
  client_secret_hash(server_secret, (struct text){text, sizeof text}, n.hash);
  n.prefix = (struct text){text, CLIENT_SECRET_PREFIX_BYTES};
  e = s->store->ops->service_secrets->add(s->store, &n, cli_actor(), &id, f);
  if (!e)
    printf("client_id = svc_%lld\nclient_secret = %.*s\n", (long long)n.service_id, (int)sizeof text, text);
  secret_wipe(text, sizeof text);
  return e;
}

static enum err make_secret(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  const struct ask *a = ask;
  const struct server_key_place place = {secret_reveal(s->config->server_key), s->data_dir, s->store};
  struct secret *server_secret = NULL;
  enum err e = server_key_open(&place, &server_secret, f);
  if (!e)
    e = add_secret(a, s, server_secret, f);
  secret_free(server_secret);
  return e;
}

static enum err show_secrets(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  const struct ask *a = ask;
  struct store_service_secret *all = NULL;
  int64_t id = 0, now_us = loop_wall_us();
  size_t count = 0;
  enum err e = find(s->store, PEOPLE_SERVICE, a->org_id, a->words[1], &id, f);
  if (!e)
    e = s->store->ops->service_secrets->list(s->store, a->org_id, id, arena, &all, &count, f);
  for (size_t i = 0; i < count; i++)
    printf("%-6lld %.*s... %s\n", (long long)all[i].id, TEXT_ARGS(all[i].prefix),
           all[i].expires_us > 0 && now_us >= all[i].expires_us ? "expired" : "active");
  return e;
}

static enum err forget(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  const struct ask *a = ask;
  int64_t id = 0, secret_id = 0;
  if (!text_to_i64(text_of(a->words[2]), &secret_id))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "a secret is named by its number: see `weir service secrets`");
  enum err e = find(s->store, PEOPLE_SERVICE, a->org_id, a->words[1], &id, f);
  return e ? e : s->store->ops->service_secrets->remove(s->store, a->org_id, id, secret_id, cli_actor(), f);
}

static const struct cli_verb verbs[] = {{"create", 2, create},
                                        {"list", 1, list},
                                        {"secret", 2, make_secret},
                                        {"secrets", 2, show_secrets},
                                        {"forget", 3, forget}};

int cli_service(int argc, char **argv) {
  struct ask a = {0};
  struct fault f = {0};
  const struct cli_option options[] = {{.name = "-c", .value = &a.config},
                                       {.name = "--org", .value = &a.org},
                                       {.name = "--role", .value = &a.role},
                                       {.name = "--workspace", .value = &a.workspace},
                                       {.name = "--expires", .value = &a.expires}};
  size_t words = 0;
  bool help = false;
  if (!cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, a.words, 3, &words, &help))
    return help ? 0 : 2;
  if (check_ask(&a, &f) != ERR_OK) {
    cli_fail(&f);
    return 2;
  }
  return cli_verb_run(&(struct cli_verbs){verbs, sizeof verbs / sizeof *verbs, usage}, a.words, words, a.config, &a);
}
