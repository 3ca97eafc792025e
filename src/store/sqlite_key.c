/* The key of an encrypted database on its way to SQLCipher. It keeps none and writes none into a message. Called by all
 * who open a database file; test_sqlcipher.c tries it where the library is there. */
#include "store/sqlite_key.h"

#include "base/secret.h"

/* What SQLCipher would write to standard error comes back as an error in any case. */
#define QUIET     "PRAGMA cipher_log_level = NONE"
#define PAGE_SIZE "PRAGMA cipher_page_size = 16384"

#ifdef WEIR_SQLCIPHER
static const bool is_possible = true;

static bool is_hex(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!memchr("0123456789abcdefABCDEF", t.at[i], 22))
      return false;
  return true;
}

/* SQLCipher takes x'...' for the bytes of the key. */
static int give(sqlite3 *db, struct text key) {
  char raw[SQLITE_KEY_HEX + 4];
  if (key.len != SQLITE_KEY_HEX || !is_hex(key))
    return sqlite3_key(db, key.at, (int)key.len);
  int n = snprintf(raw, sizeof raw, "x'%.*s'", TEXT_ARGS(key));
  int rc = sqlite3_key(db, raw, n);
  secret_wipe(raw, sizeof raw);
  return rc;
}
#else
static const bool is_possible = false;
static int give(sqlite3 *db, struct text key) { return SQLITE_MISUSE; }
#endif

bool sqlite_key_is_possible(void) { return is_possible; }

enum err sqlite_key_give(sqlite3 *db, struct text key, struct fault *f) {
  if (key.len == 0)
    return ERR_OK;
  if (!is_possible)
    return fault_set(f, ERR_UNSUPPORTED, "store_key",
                     "store_key needs a weir that was built with SQLCipher (-Dsqlcipher=enabled)");
  enum err e = sqlite_run(db, QUIET, f);
  if (e)
    return e;
  if (give(db, key) != SQLITE_OK)
    return sqlite_fail(db, "giving the store its key", f);
  return sqlite_run(db, PAGE_SIZE, f);
}

enum err sqlite_key_check(sqlite3 *db, struct text key, const char *path, struct fault *f) {
  int64_t tables = 0;
  struct fault why = {0};
  if (key.len == 0 || sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &tables, &why) == ERR_OK)
    return ERR_OK;
  if (sqlite3_errcode(db) != SQLITE_NOTADB) {
    *f = why;
    return why.err;
  }
  return fault_set(f, ERR_FORBIDDEN, "store_key",
                   "%s does not open with store_key: it is another key, or the file is damaged or no database; nothing "
                   "was changed",
                   path);
}
