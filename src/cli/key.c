/* weir key: virtual keys in the store. A key is printed once, when it is made; afterwards only its first characters are
 * known. A running weir on the same store sees a change within a second. */
#include "base/random.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "identity/apikey.h"
#include "identity/server_key.h"

static const char usage[] =
    "usage: weir key create --name N [--user U] [--workspace W] [--policy P] [--model GLOB]...\n"
    "                       [--rpm N] [--tpm N] [--concurrency N]\n"
    "                       [--budget-usd X --period day|week|month] [--expires DURATION]  [-c FILE]\n"
    "       weir key list  [-c FILE]\n"
    "       weir key block|unblock|delete NAME|ID  [-c FILE]\n"
    "       weir key rotate NAME|ID [--overlap DURATION]  [-c FILE]\n"
    "  create prints the key once, and below it the pair with which AWS's SDKs sign in its place;\n"
    "  rotate prints a new key in place of the old one, which is good for 5m more, or --overlap, and then refused;\n"
    "  delete takes a key away; its rows in the ledger stay. DURATION is like 90d, 12h or 30m. A number is an id\n";

#define MODELS_MAX     64
#define OVERLAP_MAX_MS (INT64_C(90) * 24 * 3600 * 1000)

struct ask {
  const char *config, *name, *user, *workspace, *policy, *rpm, *tpm, *concurrency, *budget, *period, *expires, *overlap;
  const char *models[MODELS_MAX + 1];
};

static enum err number(const char *text, const char *option, int64_t *out, struct fault *f) {
  if (!text)
    return ERR_OK;
  uint64_t n;
  if (!text_to_u64(text_of(text), &n) || n < 1 || n > INT32_MAX)
    return fault_set(f, ERR_BAD_REQUEST, option, "%s must be a whole number from 1 to %d", option, INT32_MAX);
  *out = (int64_t)n;
  return ERR_OK;
}

static enum err budget(const struct ask *a, struct store_key *k, struct fault *f) {
  if (!a->budget && !a->period)
    return ERR_OK;
  if (!a->budget || !a->period)
    return fault_set(f, ERR_BAD_REQUEST, "--budget-usd", "--budget-usd and --period go together");
  bool known = strcmp(a->period, "day") == 0 || strcmp(a->period, "week") == 0 || strcmp(a->period, "month") == 0;
  if (!known)
    return fault_set(f, ERR_BAD_REQUEST, "--period", "--period must be day, week or month");
  if (!text_to_scaled(text_of(a->budget), 9, &k->budget_nano) || k->budget_nano <= 0) {
    return fault_set(f, ERR_BAD_REQUEST, "--budget-usd",
                     "--budget-usd must be an amount above 0 with at most 9 decimals");
  }
  k->budget_period = text_of(a->period);
  return ERR_OK;
}

static enum err read_ask(const struct ask *a, struct buf *models, struct store_key *k, struct fault *f) {
  int64_t life_ms = 0;
  if (!a->name || !a->name[0] || strlen(a->name) > 100)
    return fault_set(f, ERR_BAD_REQUEST, "--name", "--name is needed, at most 100 bytes");
  if (a->user && strlen(a->user) > 200)
    return fault_set(f, ERR_BAD_REQUEST, "--user", "--user must be at most 200 bytes");
  if (a->workspace && strlen(a->workspace) > 128)
    return fault_set(f, ERR_BAD_REQUEST, "--workspace", "--workspace must be at most 128 bytes");
  enum err e = number(a->rpm, "--rpm", &k->rpm, f);
  if (e == ERR_OK)
    e = number(a->tpm, "--tpm", &k->tpm, f);
  if (e == ERR_OK)
    e = number(a->concurrency, "--concurrency", &k->concurrency, f);
  if (e == ERR_OK)
    e = budget(a, k, f);
  if (e != ERR_OK)
    return e;
  if (a->expires && (!text_to_duration_ms(text_of(a->expires), &life_ms) || life_ms <= 0))
    return fault_set(f, ERR_BAD_REQUEST, "--expires", "--expires must be a duration such as 90d");
  for (size_t i = 0; a->models[i]; i++) {
    if (i > 0)
      buf_add_char(models, '\n');
    buf_add(models, text_of(a->models[i]));
  }
  k->name = text_of(a->name);
  k->user = text_of(a->user);
  k->finds_owner = true;
  k->workspace = text_of(a->workspace);
  k->policy = text_of(a->policy);
  k->models = models->len > 0 ? buf_text(models) : TEXT("*");
  k->created_us = loop_wall_us();
  k->expires_us = life_ms > 0 ? k->created_us + life_ms * 1000 : 0;
  return buf_check(models);
}

/* A policy is one of the configuration, or built in. */
static enum err check_policy(const struct config *config, struct text name, struct fault *f) {
  if (text_is_empty(name) || config_find_policy(config, name))
    return ERR_OK;
  return fault_set(f, ERR_BAD_REQUEST, "--policy", "there is no policy \"%.*s\" in the configuration",
                   TEXT_ARGS(text_head(name, 64)));
}

/* The key is the first line, for scripts; the pair has the form of AWS's shared credentials file. */
static void print_made(struct text key, const struct secret *server_secret, const struct store_key *k) {
  char id[APIKEY_PAIR_ID_BYTES], secret[APIKEY_PAIR_SECRET_BYTES];
  apikey_pair(server_secret, k->hash, id, secret);
  printf("%.*s\n", TEXT_ARGS(key));
  printf("aws_access_key_id = %.*s\n", (int)sizeof(id), id);
  printf("aws_secret_access_key = %.*s\n", (int)sizeof(secret), secret);
}

static int create(const struct ask *a) {
  struct fault f = {0};
  struct store_key k = {.budget_period = TEXT("")};
  struct buf models;
  struct cli_store s;
  struct secret *secret = NULL;
  char key[APIKEY_TEXT_BYTES];
  int64_t id = 0;
  buf_init(&models, 16384);
  enum err e = read_ask(a, &models, &k, &f);
  if (e != ERR_OK) {
    buf_done(&models);
    cli_fail(&f);
    return 2;
  }
  if (!cli_store_open(a->config, &s)) {
    buf_done(&models);
    return 1;
  }
  e = check_policy(s.config, k.policy, &f);
  const struct server_key_place place = {secret_reveal(s.config->server_key), s.data_dir, s.store};
  if (e == ERR_OK)
    e = server_key_open(&place, &secret, &f);
  if (e == ERR_OK) {
    apikey_generate(key);
    k.prefix = (struct text){key, APIKEY_PREFIX_BYTES};
    secret_hmac(secret, (struct text){key, sizeof(key)}, k.hash);
    e = s.store->ops->key_create(s.store, &k, cli_actor(), &id, &f);
  }
  if (e == ERR_OK)
    print_made((struct text){key, sizeof(key)}, secret, &k);
  secret_free(secret);
  cli_store_close(&s);
  buf_done(&models);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

static void print_time(const char *what, int64_t us) {
  time_t seconds = (time_t)(us / 1000000);
  struct tm local;
  char at[32];
  if (us == 0)
    return;
  localtime_r(&seconds, &local);
  strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &local);
  printf(" %s=%s", what, at);
}

static void print_key(const struct store_key *k, int64_t now_us) {
  const char *state = k->blocked ? "blocked" : k->expires_us > 0 && now_us >= k->expires_us ? "expired" : "active";
  printf("%-6lld %-14.*s %-8s %.*s", (long long)k->id, TEXT_ARGS(k->prefix), state, TEXT_ARGS(k->name));
  print_time("expires", k->expires_us);
  print_time("used", k->last_used_us);
  if (!text_is_empty(k->workspace))
    printf(" workspace=%.*s", TEXT_ARGS(k->workspace));
  if (!text_is_empty(k->policy))
    printf(" policy=%.*s", TEXT_ARGS(k->policy));
  putchar('\n');
}

static int list(const char *config) {
  struct cli_store s;
  struct fault f = {0};
  int64_t after = 0;
  enum err e = ERR_OK;
  size_t count = 1;
  if (!cli_store_open(config, &s))
    return 1;
  while (e == ERR_OK && count > 0) {
    struct arena a;
    struct store_key *keys;
    arena_init(&a);
    e = s.store->ops->key_list(s.store, after, 500, &a, &keys, &count, &f);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
      print_key(&keys[i], loop_wall_us());
      after = keys[i].id;
    }
    arena_done(&a);
  }
  cli_store_close(&s);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

/* The id that is meant by a name, or by a number, which is always an id. */
static enum err find_id(struct store *store, const char *word, int64_t *out, struct fault *f) {
  struct arena a;
  struct store_key key;
  if (text_to_i64(text_of(word), out))
    return ERR_OK;
  arena_init(&a);
  enum err e = store->ops->key_find_by_name(store, text_of(word), &a, &key, f);
  if (e == ERR_OK)
    *out = key.id;
  arena_done(&a);
  return e;
}

static enum err change(struct store *store, const char *what, int64_t id, struct fault *f) {
  if (strcmp(what, "delete") == 0)
    return store->ops->key_delete(store, id, 0, cli_actor(), f);
  return store->ops->key_set_blocked(store, id, strcmp(what, "block") == 0, cli_actor(), f);
}

static int change_key(const char *config, const char *what, const char *word) {
  struct cli_store s;
  struct fault f = {0};
  int64_t id;
  if (!cli_store_open(config, &s))
    return 1;
  enum err e = find_id(s.store, word, &id, &f);
  if (e == ERR_OK)
    e = change(s.store, what, id, &f);
  cli_store_close(&s);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

static enum err rotate_on(struct cli_store *s, const char *word, int64_t overlap_ms, struct fault *f) {
  struct secret *secret = NULL;
  char key[APIKEY_TEXT_BYTES];
  struct store_key made = {0};
  struct key_rotation r = {.prefix = {key, APIKEY_PREFIX_BYTES}, .now_us = loop_wall_us()};
  r.until_us = r.now_us + overlap_ms * 1000;
  enum err e = find_id(s->store, word, &r.id, f);
  if (e == ERR_OK)
    e = apikey_load_secret(s->data_dir, &secret, f);
  if (e != ERR_OK)
    return e;
  apikey_generate(key);
  secret_hmac(secret, (struct text){key, sizeof(key)}, r.hash);
  e = s->store->ops->key_rotate(s->store, &r, cli_actor(), f);
  if (e == ERR_OK) {
    memcpy(made.hash, r.hash, sizeof(made.hash));
    print_made((struct text){key, sizeof(key)}, secret, &made);
  }
  secret_wipe(key, sizeof(key));
  secret_free(secret);
  return e;
}

static int rotate(const struct ask *a, const char *word) {
  struct cli_store s;
  struct fault f = {0};
  int64_t overlap_ms = 0;
  if (!text_to_duration_ms(text_of(a->overlap), &overlap_ms) || overlap_ms > OVERLAP_MAX_MS) {
    fprintf(stderr, "weir: --overlap must be a duration such as 5m, at most 90d\n");
    return 2;
  }
  if (!cli_store_open(a->config, &s))
    return 1;
  enum err e = rotate_on(&s, word, overlap_ms, &f);
  cli_store_close(&s);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

int cli_key(int argc, char **argv) {
  struct ask a = {.overlap = "5m"};
  const char *word[2] = {NULL, NULL};
  const struct cli_option options[] = {
      {"-c", false, &a.config, NULL, 0},
      {"--name", false, &a.name, NULL, 0},
      {"--user", false, &a.user, NULL, 0},
      {"--workspace", false, &a.workspace, NULL, 0},
      {"--policy", false, &a.policy, NULL, 0},
      {"--model", false, NULL, a.models, MODELS_MAX + 1},
      {"--rpm", false, &a.rpm, NULL, 0},
      {"--tpm", false, &a.tpm, NULL, 0},
      {"--concurrency", false, &a.concurrency, NULL, 0},
      {"--budget-usd", false, &a.budget, NULL, 0},
      {"--period", false, &a.period, NULL, 0},
      {"--expires", false, &a.expires, NULL, 0},
      {"--overlap", false, &a.overlap, NULL, 0},
  };
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, sizeof(options) / sizeof(options[0]), word, 2, &words, &help))
    return help ? 0 : 2;
  random_start();
  secret_start();
  if (words == 1 && strcmp(word[0], "create") == 0)
    return create(&a);
  if (words == 1 && strcmp(word[0], "list") == 0)
    return list(a.config);
  if (words == 2 && strcmp(word[0], "rotate") == 0)
    return rotate(&a, word[1]);
  if (words == 2 &&
      (strcmp(word[0], "block") == 0 || strcmp(word[0], "unblock") == 0 || strcmp(word[0], "delete") == 0))
    return change_key(a.config, word[0], word[1]);
  fputs(usage, stderr);
  return 2;
}
