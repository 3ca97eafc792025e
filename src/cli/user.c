/* weir user: people of the installation, in the store. What they may do is a role in the first organisation, or in the
 * one that is named; more is for the control API. A running weir on the same store hears of a change within a second.
 */
#include "base/random.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "identity/server_key.h"
#include "identity/signin.h"
#include "ports/permission.h"
#include "ports/store_people.h"

static const char usage[] =
    "usage: weir user create EMAIL --role ROLE [--name N] [--organisation ID]  [-c FILE]\n"
    "       weir user list [--organisation ID]  [-c FILE]\n"
    "       weir user link EMAIL|ID  [-c FILE]\n"
    "       weir user disable|enable|delete EMAIL|ID  [-c FILE]\n"
    "  create   makes a user, who has not signed in yet, with a role in the organisation (1 unless given), and prints\n"
    "           the id. ROLE is owner, admin, auditor, member, viewer, or role: and the id of one that was made\n"
    "  link     prints a link with which the user chooses a password: good once, for three days\n"
    "  disable  takes every right away until enable gives them back; the last owner of an organisation stays\n"
    "  delete   takes the user away, with roles and memberships; keys and calls stay\n"
    "  A number is an id\n";

#define PAGE 500

struct ask {
  const char *config, *role, *name, *organisation;
  const char *words[2];
  int64_t org_id; /* 0: not given */
};

static enum err check_ask(struct ask *a, struct fault *f) {
  if (a->organisation && (!text_to_i64(text_of(a->organisation), &a->org_id) || a->org_id < 1))
    return fault_set(f, ERR_BAD_REQUEST, "--organisation", "--organisation must be the id of one");
  return ERR_OK;
}

static enum err check_new(const struct ask *a, struct fault *f) {
  enum builtin_role role;
  struct text t = text_of(a->words[1]);
  ptrdiff_t at = text_find_char(t, '@');
  if (at <= 0 || (size_t)at + 1 == t.len || t.len > 200)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.64s\" is not an email", a->words[1]);
  if (!a->role || (!builtin_role_find(text_of(a->role), &role) && !text_starts(text_of(a->role), TEXT("role:"))))
    return fault_set(f, ERR_BAD_REQUEST, "--role", "--role must be owner, admin, auditor, member, viewer or role:ID");
  if (a->name && strlen(a->name) > 100)
    return fault_set(f, ERR_BAD_REQUEST, "--name", "--name must be at most 100 bytes");
  return ERR_OK;
}

/* A user whose role cannot be given is taken back: nobody is left with less than was meant. */
static enum err create(const void *ask, const struct cli_store *c, struct arena *arena, struct fault *f) {
  const struct ask *a = ask;
  struct store *s = c->store;
  int64_t org_id = a->org_id ? a->org_id : 1;
  const struct people_row row = {.org_id = org_id,
                                 .name = text_of(a->name),
                                 .text = text_of(a->words[1]),
                                 .is_invited = true,
                                 .created_us = loop_wall_us()};
  struct people_grant g = {
      .org_id = org_id, .to = GRANT_TO_USER, .role = text_of(a->role), .created_us = row.created_us};
  int64_t grant_id = 0;
  enum err e = s->ops->people->create(s, PEOPLE_USER, &row, cli_actor(), &g.to_id, f);
  if (e != ERR_OK)
    return e;
  e = s->ops->people->grant(s, &g, cli_actor(), &grant_id, f);
  if (e == ERR_OK)
    printf("%lld\n", (long long)g.to_id);
  else if (s->ops->people->remove(s, PEOPLE_USER, org_id, g.to_id, 0, cli_actor(), NULL) != ERR_OK)
    fprintf(stderr, "weir: user %lld is there, but without a role\n", (long long)g.to_id);
  return e;
}

static void print_roles(struct store *s, int64_t id, struct arena *a) {
  const struct grant_filter filter = {.max = 20, .to = GRANT_TO_USER, .to_id = id};
  struct people_grant *grants = NULL;
  size_t count = 0;
  if (s->ops->people->grants(s, &filter, a, &grants, &count, NULL) != ERR_OK)
    return;
  for (size_t i = 0; i < count; i++) {
    printf(" %.*s", TEXT_ARGS(grants[i].role));
    if (grants[i].workspace_id)
      printf("@%lld", (long long)grants[i].workspace_id);
  }
}

static void print_user(struct store *s, const struct people_row *u, struct arena *a) {
  const char *state = u->is_disabled ? "disabled" : u->is_invited ? "invited" : "active";
  printf("%-6lld %-8s %-4lld %.*s", (long long)u->id, state, (long long)u->org_id, TEXT_ARGS(u->text));
  print_roles(s, u->id, a);
  putchar('\n');
}

static enum err list(const void *ask, const struct cli_store *c, struct arena *arena, struct fault *f) {
  struct people_filter filter = {.max = PAGE, .org_id = ((const struct ask *)ask)->org_id};
  enum err e = ERR_OK;
  size_t count = PAGE;
  while (e == ERR_OK && count == PAGE) {
    struct people_row *users;
    struct arena page;
    arena_init(&page);
    e = c->store->ops->people->list(c->store, PEOPLE_USER, &filter, &page, &users, &count, f);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
      print_user(c->store, &users[i], &page);
      filter.after_id = users[i].id;
    }
    arena_done(&page);
  }
  return e;
}

static enum err find(struct store *s, const char *word, struct arena *a, struct people_row *out, struct fault *f) {
  int64_t id;
  return text_to_i64(text_of(word), &id) ? s->ops->people->get(s, PEOPLE_USER, 0, id, a, out, f)
                                         : s->ops->people->find_user(s, text_of(word), a, out, f);
}

static enum err link_user(const void *ask, const struct cli_store *s, struct arena *a, struct fault *f) {
  const struct server_key_place place = {secret_reveal(s->config->server_key), s->data_dir, s->store};
  struct secret *secret = NULL;
  struct people_row u = {0};
  struct text url = TEXT_NONE;
  enum err e = find(s->store, ((const struct ask *)ask)->words[1], a, &u, f);
  if (e == ERR_OK)
    e = server_key_open(&place, &secret, f);
  if (e == ERR_OK) {
    const struct signin_options o = {
        .store = s->store, .server_secret = secret, .public_url = s->config->public_url, .cost = {8192, 1, 1}};
    struct signin_desk *desk = signin_new(&o); /* no password is worked on here */
    e = signin_user_url(desk, u.id, loop_wall_us(), cli_actor(), a, &url, f);
    signin_free(desk);
  }
  if (e == ERR_OK)
    printf("%.*s\n", TEXT_ARGS(url));
  secret_free(secret);
  return e;
}

/* disable or enable, as the first word says. */
static enum err allow(const void *ask, const struct cli_store *s, struct arena *a, struct fault *f) {
  const char *const *words = ((const struct ask *)ask)->words;
  struct people_row u;
  enum err e = find(s->store, words[1], a, &u, f);
  if (e != ERR_OK || u.is_disabled == (strcmp(words[0], "disable") == 0))
    return e;
  u.is_disabled = !u.is_disabled;
  return s->store->ops->people->update(s->store, PEOPLE_USER, &u, u.version, cli_actor(), f);
}

static enum err take_away(const void *ask, const struct cli_store *s, struct arena *a, struct fault *f) {
  struct people_row u;
  enum err e = find(s->store, ((const struct ask *)ask)->words[1], a, &u, f);
  return e ? e : s->store->ops->people->remove(s->store, PEOPLE_USER, 0, u.id, 0, cli_actor(), f);
}

static const struct cli_verb verbs[] = {{"create", 2, create}, {"list", 1, list},    {"link", 2, link_user},
                                        {"disable", 2, allow}, {"enable", 2, allow}, {"delete", 2, take_away}};

int cli_user(int argc, char **argv) {
  struct ask a = {0};
  struct fault f = {0};
  const struct cli_option options[] = {
      {"-c", false, &a.config, NULL, 0},
      {"--role", false, &a.role, NULL, 0},
      {"--name", false, &a.name, NULL, 0},
      {"--organisation", false, &a.organisation, NULL, 0},
  };
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, sizeof(options) / sizeof(options[0]), a.words, 2, &words, &help))
    return help ? 0 : 2;
  random_start();
  secret_start();
  bool is_new = words == 2 && strcmp(a.words[0], "create") == 0;
  if (check_ask(&a, &f) != ERR_OK || (is_new && check_new(&a, &f) != ERR_OK)) {
    cli_fail(&f);
    return 2;
  }
  return cli_verb_run(&(struct cli_verbs){verbs, sizeof verbs / sizeof *verbs, usage}, a.words, words, a.config, &a);
}
