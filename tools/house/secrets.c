/* Secrets are compared in a time that does not tell how much of them was right: with secret_equal (base/secret.h) or
 * sodium_memcmp, and with nothing that stops at the first difference. Goes by the names of what is compared, which
 * are chosen to say what a thing is. Called by house.c. */
#include "rules.h"

#include <string.h>

#include "scan.h"

/* Whatever gives an answer after a difference. */
static const char *const comparisons[] = {"memcmp",      "strcmp",     "strncmp",           "strcasecmp",
                                          "strncasecmp", "text_equal", "text_equal_nocase", "text_starts",
                                          "text_ends",   "text_find",  "text_compare"};

/* Parts of names, between underscores. */
static const char *const secrets[] = {"secret",  "secrets", "password", "passphrase", "mac",    "hmac",  "csrf",
                                      "refresh", "token",   "recovery", "signature",  "nonce",  "proof", "otp",
                                      "totp",    "reveal",  "SECRET",   "TOTP",       "SIGNIN", "hash"};

/* Where nobody's secrets are: a simulator, and tokens that models count. */
static const char *const elsewhere[] = {"src/sim", "src/llm", "src/wire", "src/net"};

static bool is_secret(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
    size_t n = strlen(secrets[i]);
    for (size_t at = 0; at + n <= length; at++) {
      bool begins = at == 0 || name[at - 1] == '_', ends = at + n == length || name[at + n] == '_';
      if (begins && ends && memcmp(name + at, secrets[i], n) == 0)
        return true;
    }
  }
  return false;
}

/* The first name among the arguments that is a secret's; the parenthesis is where they begin. */
static const char *find_secret(const char *parenthesis, size_t *out_length) {
  int depth = 0;
  for (const char *at = parenthesis; *at != '\0'; at++) {
    depth += (*at == '(') - (*at == ')');
    if (depth == 0)
      return NULL;
    if (!scan_is_word_char(*at))
      continue;
    size_t length = 0;
    while (scan_is_word_char(at[length]))
      length++;
    if (is_secret(at, length)) {
      *out_length = length;
      return at;
    }
    at += length - 1;
  }
  return NULL;
}

static void check_comparison(struct house *h, struct source *s, const char *name) {
  for (const char *at = s->code; (at = scan_word(at, name)) != NULL; at++) {
    const char *after = at + strlen(name);
    size_t length = 0;
    const char *found = *after == '(' ? find_secret(after, &length) : NULL;
    if (found)
      house_report(h, s, source_line_of(s, (size_t)(at - s->code)), RULE_SECRET_COMPARISON,
                   "%s of %.*s tells by its time how much was right: use secret_equal", name, (int)length, found);
  }
}

void rule_secrets(struct house *h, struct source *s) {
  if (!source_is_under(s, "src"))
    return;
  for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
    if (source_is_under(s, elsewhere[i]))
      return;
  for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
    check_comparison(h, s, comparisons[i]);
}
