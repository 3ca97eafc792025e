/* weir credential: credentials of providers that are in the store, from the machine that Weir runs on. A secret is read
 * from standard input, because others see what stands in a command, and is never printed. A running weir takes a change
 * up within a second. */
#include "config/credential.h"
#include "app/master_key.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "identity/vault.h"
#include "ports/store_credentials.h"

#include <termios.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir credential list  [-c FILE]\n"
    "       weir credential add PROVIDER NAME [--workspace W] [--weight N] [--access-key-id ID]  [-c FILE]\n"
    "       weir credential replace PROVIDER NAME [--access-key-id ID]  [-c FILE]\n"
    "       weir credential remove PROVIDER NAME  [-c FILE]\n"
    "  add and replace read the secret from standard input, its first line; with --access-key-id it is the secret of "
    "an\n"
    "  access key of AWS. One of a workspace is for its calls alone and goes before those for all. --weight is its "
    "share\n"
    "  where a target uses all of its provider's (`credential: \"*\"`). Those of the configuration file are not "
    "listed\n";

struct ask {
  const char *config, *workspace, *weight, *access_key_id;
  const char *words[3];
};

static enum err find(struct store *s, const struct ask *a, struct arena *arena, struct store_credential *out,
                     struct fault *f) {
  struct store_credential *all = NULL;
  size_t count = 0;
  enum err e = s->ops->credentials->list(s, arena, &all, &count, f);
  for (size_t i = 0; i < count && !e; i++) {
    if (text_equal(all[i].provider, text_of(a->words[1])) && text_equal(all[i].name, text_of(a->words[2]))) {
      *out = all[i];
      return ERR_OK;
    }
  }
  return e ? e
           : fault_set(f, ERR_NOT_FOUND, NULL, "the store has no credential \"%s\" of \"%s\"", a->words[2],
                       a->words[1]);
}

/* What is typed is not shown. */
static enum err read_line(char *line, size_t cap, struct fault *f) {
  struct termios before, quiet;
  bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (is_terminal) {
    fputs("secret: ", stderr);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  (void)setvbuf(stdin, NULL, _IONBF, 0); /* no copy is left behind */
  bool is_read = fgets(line, (int)cap, stdin) != NULL;
  if (is_terminal) {
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
  }
  if (!is_read)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the secret is read from standard input, where there is none");
  line[strcspn(line, "\r\n")] = '\0';
  return ERR_OK;
}

static const struct config_provider *find_provider(const struct config *c, const char *name) {
  for (size_t i = 0; i < c->provider_count; i++)
    if (text_equal(c->providers[i].name, text_of(name)))
      return &c->providers[i];
  return NULL;
}

static enum err check(const struct ask *a, const struct config_provider *p, struct text secret, struct fault *f) {
  const char *member = NULL;
  struct text id = a->access_key_id ? text_of(a->access_key_id) : TEXT("");
  struct text kind = a->access_key_id ? TEXT("aws") : p ? credential_default_kind(p) : TEXT("");
  if (!p)
    return fault_set(f, ERR_BAD_REQUEST, NULL,
                     "the configuration file has no provider \"%s\"; one that was made by the API gets its "
                     "credentials by the API",
                     a->words[1]);
  if (!credential_name_is_good(text_of(a->words[2])))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "a name is of letters, digits, '.', '_' and '-', 64 at most");
  for (size_t i = 0; i < p->credential_count; i++)
    if (text_equal(p->credentials[i].name, text_of(a->words[2])))
      return fault_set(f, ERR_STORE_CONFLICT, NULL, "the configuration declares a credential of this name");
  const char *why = credential_refusal(p, kind, id, secret, &member);
  return why ? fault_set(f, ERR_BAD_REQUEST, NULL, "the %s %s", member, why) : ERR_OK;
}

static enum err seal(const struct ask *a, const struct cli_store *s, struct text secret, struct store_credential *row,
                     struct arena *arena, struct fault *f) {
  const struct vault_place place = store_credential_place(row->id, row->sealed_version);
  struct sealed_vault *v = vault_new(s->store, master_key_keeper(s->config, s->data_dir));
  struct vault *port = vault_port(v);
  struct buf plain, sealed;
  buf_init(&plain, VAULT_PLAIN_MAX);
  buf_init(&sealed, VAULT_SEALED_MAX);
  credential_write(a->access_key_id ? text_of(a->access_key_id) : TEXT(""), secret, &plain);
  enum err e = vault_check(v, f);
  if (!e)
    e = port->seal(port, &place, buf_text(&plain), &sealed, f);
  row->sealed = arena_copy(arena, buf_text(&sealed));
  row->last4 = credential_last4(secret);
  secret_wipe(plain.at, plain.len);
  buf_done(&plain);
  buf_done(&sealed);
  vault_free(v);
  return e;
}

static enum err read_weight(const struct ask *a, int64_t *out, struct fault *f) {
  *out = 1;
  if (a->weight && (!text_to_i64(text_of(a->weight), out) || *out < 1 || *out > CREDENTIAL_WEIGHT_MAX))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "--weight must be a whole number from 1 to %d", CREDENTIAL_WEIGHT_MAX);
  return ERR_OK;
}

static enum err add_with(const struct ask *a, const struct cli_store *s, struct text secret, struct arena *arena,
                         struct fault *f) {
  const struct config_provider *p = find_provider(s->config, a->words[1]);
  struct store_credential row = {.provider = text_of(a->words[1]),
                                 .name = text_of(a->words[2]),
                                 .workspace = a->workspace ? text_of(a->workspace) : TEXT(""),
                                 .sealed_version = 1,
                                 .is_active = true,
                                 .created_us = loop_wall_us()};
  enum err e = check(a, p, secret, f);
  if (!e)
    e = read_weight(a, &row.weight, f);
  if (!e)
    e = s->store->ops->credentials->number(s->store, &row.id, f);
  if (!e)
    e = seal(a, s, secret, &row, arena, f);
  if (e)
    return e;
  row.kind = a->access_key_id ? TEXT("aws") : credential_default_kind(p);
  return s->store->ops->credentials->add(s->store, &row, cli_actor(), f);
}

static enum err replace_with(const struct ask *a, const struct cli_store *s, struct text secret, struct arena *arena,
                             struct fault *f) {
  struct store_credential row;
  const struct config_provider *p = find_provider(s->config, a->words[1]);
  enum err e = find(s->store, a, arena, &row, f);
  const char *member = NULL, *why = NULL;
  if (!e && p)
    why = credential_refusal(p, row.kind, a->access_key_id ? text_of(a->access_key_id) : TEXT(""), secret, &member);
  if (why)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the %s %s", member, why);
  if (e)
    return e;
  row.sealed_version++;
  row.changed_us = loop_wall_us();
  e = seal(a, s, secret, &row, arena, f);
  return e ? e : s->store->ops->credentials->change(s->store, &row, row.version, cli_actor(), f);
}

typedef enum err with_secret(const struct ask *a, const struct cli_store *s, struct text secret, struct arena *arena,
                             struct fault *f);

static enum err read_and(with_secret *then, const struct ask *a, const struct cli_store *s, struct arena *arena,
                         struct fault *f) {
  const size_t cap = CREDENTIAL_SECRET_MAX + 3;
  char *line = arena_zalloc(arena, cap);
  enum err e = read_line(line, cap, f);
  if (!e)
    e = then(a, s, text_of(line), arena, f);
  secret_wipe(line, cap);
  return e;
}

static enum err add(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  return read_and(add_with, ask, s, arena, f);
}

static enum err replace(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  return read_and(replace_with, ask, s, arena, f);
}

static enum err list(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  struct store_credential *all = NULL;
  size_t count = 0;
  enum err e = s->store->ops->credentials->list(s->store, arena, &all, &count, f);
  for (size_t i = 0; i < count && !e; i++)
    printf("%-6lld %-8s %-8.*s %-4.*s %.*s %.*s%s%.*s\n", (long long)all[i].id, all[i].is_active ? "active" : "rests",
           TEXT_ARGS(all[i].kind), TEXT_ARGS(all[i].last4), TEXT_ARGS(all[i].provider), TEXT_ARGS(all[i].name),
           all[i].workspace.len > 0 ? " for " : "", TEXT_ARGS(all[i].workspace));
  return e;
}

static enum err take_away(const void *ask, const struct cli_store *s, struct arena *arena, struct fault *f) {
  struct store_credential row;
  enum err e = find(s->store, ask, arena, &row, f);
  return e ? e : s->store->ops->credentials->remove(s->store, row.id, 0, cli_actor(), f);
}

static const struct cli_verb verbs[] = {
    {"list", 1, list}, {"add", 3, add}, {"replace", 3, replace}, {"remove", 3, take_away}};

int cli_credential(int argc, char **argv) {
  struct ask a = {0};
  const struct cli_option options[] = {{.name = "-c", .value = &a.config},
                                       {.name = "--workspace", .value = &a.workspace},
                                       {.name = "--weight", .value = &a.weight},
                                       {.name = "--access-key-id", .value = &a.access_key_id}};
  size_t words = 0;
  bool help = false;
  if (!cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, a.words, 3, &words, &help))
    return help ? 0 : 2;
  return cli_verb_run(&(struct cli_verbs){verbs, sizeof verbs / sizeof *verbs, usage}, a.words, words, a.config, &a);
}
