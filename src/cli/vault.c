/* weir vault: which master key the secrets in the store are sealed under, and another one for all of them. It opens no
 * secret and prints no key. A running weir goes on meanwhile; it hears of a new key through the store. */
#include "identity/vault.h"
#include "app/master_key.h"
#include "cli/cli.h"
#include "identity/rewrap.h"

static const char usage[] =
    "usage: weir vault status  [-c FILE]\n"
    "       weir vault rewrap [--from OLD_CONFIG]  [-c FILE]\n"
    "  status tells who keeps the master key, whether it is the right one, and what is sealed under which;\n"
    "  rewrap puts another master key in place of the present one, for everything that is sealed. A key in data_dir "
    "or\n"
    "  in AWS KMS makes its successor itself. For any other, and for another keeper, change the section `vault` of "
    "the\n"
    "  configuration and give the configuration of before with --from. It may be stopped, and goes on when it is "
    "called\n"
    "  again; until its end both keys are good\n";

#define PAGE 200

struct counts {
  uint64_t now, next, other;
};

static void count_one(const struct store_sealed *r, struct text now_id, struct text next_id, struct counts *out) {
  struct text id;
  bool is_sealed = sealed_read_key_id(r->sealed, &id, NULL) == ERR_OK;
  if (is_sealed && text_equal(id, now_id))
    out->now++;
  else if (is_sealed && text_equal(id, next_id))
    out->next++;
  else
    out->other++;
}

static enum err count_column(struct store *s, size_t column, struct text now_id, struct text next_id,
                             struct counts *out, struct fault *f) {
  int64_t after_id = 0;
  size_t count = PAGE;
  enum err e = ERR_OK;
  while (!e && count == PAGE) {
    struct store_sealed *rows = NULL;
    struct arena a;
    arena_init(&a);
    e = s->ops->vault->sealed_list(s, column, after_id, PAGE, &a, &rows, &count, f);
    for (size_t i = 0; i < count && !e; i++) {
      count_one(&rows[i], now_id, next_id, out);
      after_id = rows[i].place.id;
    }
    arena_done(&a);
  }
  return e;
}

/* The id in a sealed secret is the beginning of the check, and that of the key to come stands in the link. */
static bool ids_of(const struct store_vault_state *state, struct arena *a, uint8_t now[SEALED_KEY_ID_BYTES],
                   struct text *next) {
  struct rewrap_link l;
  *next = TEXT_NONE;
  for (size_t i = 0; i < SEALED_KEY_ID_BYTES; i++) {
    char digits[3] = "", *end = digits;
    if (state->check.len >= 2 * SEALED_KEY_ID_BYTES)
      memcpy(digits, state->check.at + 2 * i, 2);
    now[i] = (uint8_t)strtoul(digits, &end, 16);
    if (end != digits + 2)
      return false;
  }
  if (state->next.len > 0 && rewrap_link_read(state->next, a, &l, NULL) == ERR_OK)
    return sealed_read_key_id(l.back, next, NULL) == ERR_OK; /* the old key is sealed under the one to come */
  return true;
}

static enum err print_counts(const struct cli_store *s, const struct store_vault_state *state, struct arena *a,
                             struct fault *f) {
  uint8_t now[SEALED_KEY_ID_BYTES] = {0};
  struct text next;
  struct counts n = {0};
  enum err e = ERR_OK;
  (void)ids_of(state, a, now, &next);
  for (size_t i = 0; i < *s->store->ops->vault->sealed_columns && !e; i++)
    e = count_column(s->store, i, (struct text){(const char *)now, sizeof now}, next, &n, f);
  if (e)
    return e;
  printf("sealed under it: %llu\n", (unsigned long long)n.now);
  if (state->next.len > 0)
    printf("another key takes over: %llu are under it; `weir vault rewrap` goes on\n", (unsigned long long)n.next);
  if (n.other > 0)
    printf("cannot be opened: %llu\n", (unsigned long long)n.other);
  return ERR_OK;
}

static int show_status(const char *config) {
  struct store_vault_state state;
  struct fault f = {0}, why = {0};
  struct cli_store s;
  struct arena a;
  if (!cli_store_open(config, &s))
    return 1;
  arena_init(&a);
  struct keeper *k = master_key_keeper(s.config, s.data_dir);
  printf("keeper: %s\n", k->name);
  struct sealed_vault *v = vault_new(s.store, k);
  enum err wrong = vault_check(v, &why);
  enum err e = s.store->ops->vault->state(s.store, &a, &state, &f);
  if (!e && state.check.len == 0)
    printf("master key: nothing is sealed yet\n");
  else if (!e) {
    printf("master key: %.*s, %s\n", TEXT_ARGS(text_head(state.check, 2 * SEALED_KEY_ID_BYTES)),
           wrong ? fault_text(&why) : "which is the one of this configuration");
    e = print_counts(&s, &state, &a, &f);
  } else if (!e && wrong)
    printf("master key: %s\n", fault_text(&why));
  vault_free(v);
  arena_done(&a);
  cli_store_close(&s);
  if (e)
    return cli_fail(&f);
  return wrong ? 1 : 0;
}

static enum err heed_interrupt(void *data, uint64_t done, struct fault *f) { return cli_check_interrupt(f); }

static enum err rewrap(const struct cli_store *s, const struct config *old, struct rewrap_result *out,
                       struct fault *f) {
  struct keeper *now = master_key_keeper(s->config, s->data_dir);
  struct keeper *from = old ? master_key_keeper(old, s->data_dir) : NULL;
  const struct rewrap_options o = {.store = s->store,
                                   .from = from ? from : now,
                                   .to = from ? now : NULL,
                                   .by = cli_actor(),
                                   .grace_ms = 2000,
                                   .go_on = heed_interrupt};
  cli_catch_interrupts();
  enum err e = rewrap_run(&o, out, f);
  keeper_free(from);
  keeper_free(now);
  return e;
}

static int run_rewrap(const char *config, const char *from) {
  struct rewrap_result r;
  struct fault f = {0};
  struct cli_store s;
  struct config *old = NULL;
  if (from && !cli_config_load(from, &old))
    return 1;
  if (!cli_store_open(config, &s)) {
    config_unref(old);
    return 1;
  }
  enum err e = rewrap(&s, old, &r, &f);
  cli_store_close(&s);
  config_unref(old);
  if (e == ERR_CANCELLED)
    fault_set(&f, e, NULL, "stopped; both keys are good, and `weir vault rewrap` goes on");
  if (e)
    return cli_fail(&f);
  printf("%llu sealed secrets are under the new master key%s\n", (unsigned long long)r.records,
         r.was_begun ? ", and those that were done before" : "");
  return 0;
}

int cli_vault(int argc, char **argv) {
  const char *config = NULL, *from = NULL, *word = NULL;
  const struct cli_option options[] = {{.name = "-c", .value = &config}, {.name = "--from", .value = &from}};
  size_t words = 0;
  bool help = false;
  if (!cli_parse(argc, argv, usage, options, 2, &word, 1, &words, &help))
    return help ? 0 : 2;
  if (words == 1 && strcmp(word, "status") == 0 && !from)
    return show_status(config);
  if (words == 1 && strcmp(word, "rewrap") == 0)
    return run_rewrap(config, from);
  fputs(usage, stderr);
  return 2;
}
