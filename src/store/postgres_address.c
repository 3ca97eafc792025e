/* The address of a PostgreSQL database: libpq reads it, this file judges it and adds what it leaves open. libpq's own
 * words about a bad address are never shown, for they quote it. Called by postgres_pool.c. */
#include "store/postgres.h"

#include "base/secret.h"

#include <unistd.h>

static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                      "/etc/ssl/cert.pem"};

static const char *setting(const struct postgres_address *a, const char *key) {
  for (size_t i = 0; i < a->count; i++)
    if (strcmp(a->keys[i], key) == 0)
      return a->values[i];
  return NULL;
}

static void add(struct postgres_address *a, const char *key, const char *value) {
  if (setting(a, key) || a->count == POSTGRES_SETTINGS_MAX)
    return;
  a->keys[a->count] = key;
  a->values[a->count++] = value;
}

/* Each of a list's parts must pass. */
static bool all_parts(const char *list, bool (*is_good)(struct text part)) {
  struct text rest = text_of(list), part;
  while (text_cut(rest, ',', &part, &rest))
    if (!is_good(part))
      return false;
  return is_good(rest);
}

static bool is_host(struct text part) { return text_find_char(part, '@') < 0; }

static bool is_port(struct text part) {
  uint64_t port = 0;
  return text_is_empty(part) || (text_to_u64(part, &port) && port > 0 && port < 65536);
}

static bool is_local(struct text part) {
  return text_is_empty(part) || text_starts(part, TEXT("/")) || text_starts(part, TEXT("127.")) ||
         text_equal(part, TEXT("::1")) || text_equal(part, TEXT("localhost"));
}

/* A password with an '@' or a '/' in it that was not written %40 or %2F ends up in the host, the port or the name. */
static bool is_sound(const struct postgres_address *a) {
  const char *host = setting(a, "host"), *port = setting(a, "port"), *name = setting(a, "dbname");
  return (!host || all_parts(host, is_host)) && (!port || all_parts(port, is_port)) && (!name || !strchr(name, '@'));
}

static const char *first_set(const char *a, const char *b, const char *c) { return a ? a : b ? b : c; }

static const char *environment(const char *name) {
  const char *value = getenv(name);
  return value && value[0] ? value : NULL;
}

static bool has_own_authorities(void) {
  char path[1024];
  const char *home = getenv("HOME");
  return environment("PGSSLROOTCERT") ||
         (home && snprintf(path, sizeof path, "%s/.postgresql/root.crt", home) < (int)sizeof path &&
          access(path, R_OK) == 0);
}

static void add_tls(struct postgres_address *a) {
  const char *host = first_set(setting(a, "hostaddr"), setting(a, "host"), environment("PGHOST"));
  add(a, "sslmode", all_parts(host, is_local) ? "prefer" : "verify-full");
  if (strncmp(setting(a, "sslmode"), "verify-", 7) != 0 || has_own_authorities())
    return;
  for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
    if (access(bundles[i], R_OK) == 0)
      add(a, "sslrootcert", bundles[i]); /* the first one stays */
}

static void name_place(struct postgres_address *a) {
  const char *host = first_set(setting(a, "host"), setting(a, "hostaddr"), environment("PGHOST"));
  const char *port = first_set(setting(a, "port"), environment("PGPORT"), "5432");
  const char *name = first_set(setting(a, "dbname"), environment("PGDATABASE"), "");
  snprintf(a->place, sizeof a->place, "%.90s:%.12s/%.50s", host ? host : "localhost", port, name);
}

static void add_defaults(struct postgres_address *a, bool is_replica) {
  add(a, "connect_timeout", a->connect_timeout);
  add(a, "client_encoding", "UTF8");
  add(a, "fallback_application_name", "weir");
  add(a, "gssencmode", "disable");
  add(a, "target_session_attrs", is_replica ? "any" : "read-write");
  add(a, "keepalives_idle", "30");
  add(a, "keepalives_interval", "10");
  add(a, "keepalives_count", "3");
  add(a, "tcp_user_timeout", "30000");
}

enum err postgres_address_read(struct text url, bool is_replica, int64_t connect_timeout_ms,
                               struct postgres_address *out, struct fault *f) {
  struct postgres_address *a = out;
  char *copy = calloc(1, url.len + 1), *problem = NULL;
  if (!copy)
    abort();
  if (url.len > 0)
    memcpy(copy, url.at, url.len);
  memset(a, 0, sizeof *a);
  a->given = PQconninfoParse(copy, &problem);
  secret_wipe(copy, url.len);
  free(copy);
  if (problem)
    PQfreemem(problem);
  int64_t seconds = (connect_timeout_ms + 999) / 1000;
  snprintf(a->connect_timeout, sizeof a->connect_timeout, "%lld", (long long)(seconds < 2 ? 2 : seconds));
  for (const PQconninfoOption *o = a->given; o && o->keyword; o++)
    if (o->val)
      add(a, o->keyword, o->val);
  if (!a->given || !is_sound(a)) {
    postgres_address_done(a);
    return fault_set(
        f, ERR_CONFIG, "store",
        "must be an address such as postgres://user:password@host:5432/db; other characters than letters and "
        "digits in user and password are written as %%XX");
  }
  add_tls(a);
  add_defaults(a, is_replica);
  name_place(a);
  return ERR_OK;
}

void postgres_address_done(struct postgres_address *a) {
  for (PQconninfoOption *o = a->given; o && o->keyword; o++)
    if (o->val)
      secret_wipe(o->val, strlen(o->val));
  PQconninfoFree(a->given);
  memset(a, 0, sizeof *a);
}
