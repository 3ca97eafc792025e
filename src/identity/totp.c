/* The arithmetic of RFC 4226 and RFC 6238, and codes for a lost phone. It keeps nothing: which steps were used, and
 * which codes are left, is in the store. Called by identity/second.c. */
#include "identity/totp.h"

#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdlib.h>

#define HALF 5

static const char letters[] = "abcdefghjkmnpqrstuvwxyz123456789"; /* 32: five bits each */

uint32_t totp_code(const uint8_t *secret, size_t len, uint64_t counter, int digits) {
  unsigned char message[8], mac[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  uint32_t modulus = 1;
  for (size_t i = 0; i < 8; i++)
    message[i] = (unsigned char)(counter >> (56 - 8 * i));
  if (!HMAC(EVP_sha1(), secret, (int)len, message, sizeof(message), mac, &n) || n < 20)
    abort(); /* nothing but a lack of memory */
  const unsigned char *at = mac + (mac[19] & 0x0f);
  uint32_t word = ((uint32_t)at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  for (int i = 0; i < digits; i++)
    modulus *= 10;
  sodium_memzero(mac, sizeof(mac));
  return word % modulus;
}

/* Six digits, with the spaces that apps show between them. */
static bool read_code(struct text code, char out[TOTP_DIGITS]) {
  size_t n = 0;
  for (size_t i = 0; i < code.len; i++) {
    if (code.at[i] == ' ')
      continue;
    if (code.at[i] < '0' || code.at[i] > '9' || n == TOTP_DIGITS)
      return false;
    out[n++] = code.at[i];
  }
  return n == TOTP_DIGITS;
}

bool totp_check(const uint8_t *secret, size_t len, struct text code, int64_t now_us, int64_t after_step,
                int64_t *out_step) {
  char typed[TOTP_DIGITS], right[16];
  int64_t now = now_us / 1000000 / TOTP_STEP_S, found = -1;
  if (code.len > 2 * (size_t)TOTP_DIGITS || !read_code(code, typed))
    return false;
  for (int64_t step = now - TOTP_WINDOW; step <= now + TOTP_WINDOW; step++) {
    snprintf(right, sizeof(right), "%06u", (unsigned)totp_code(secret, len, (uint64_t)step, TOTP_DIGITS));
    if (sodium_memcmp(right, typed, TOTP_DIGITS) == 0 && step > after_step)
      found = step;
  }
  sodium_memzero(right, sizeof(right));
  if (found < 0)
    return false;
  *out_step = found;
  return true;
}

size_t totp_base32(const uint8_t *bytes, size_t n, char *out) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  size_t len = 0;
  uint32_t bits = 0;
  int have = 0;
  for (size_t i = 0; i < n; i++) {
    bits = bits << 8 | bytes[i];
    for (have += 8; have >= 5; have -= 5)
      out[len++] = alphabet[bits >> (have - 5) & 31];
  }
  if (have > 0)
    out[len++] = alphabet[bits << (5 - have) & 31];
  return len;
}

/* Everything but the unreserved (RFC 3986 section 2.3) as %XX. */
static void add_encoded(struct buf *out, struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain)
      buf_add_char(out, c);
    else
      buf_add_format(out, "%%%02X", (unsigned)(unsigned char)c);
  }
}

void totp_write_uri(struct text email, const uint8_t secret[TOTP_SECRET_BYTES], struct buf *out) {
  char base32[TOTP_BASE32_BYTES];
  size_t n = totp_base32(secret, TOTP_SECRET_BYTES, base32);
  buf_add(out, TEXT("otpauth://totp/Weir:"));
  add_encoded(out, email);
  buf_add_format(out, "?secret=%.*s&issuer=Weir&algorithm=SHA1&digits=%d&period=%d", (int)n, base32, TOTP_DIGITS,
                 TOTP_STEP_S);
  sodium_memzero(base32, sizeof(base32));
}

void totp_new_recovery_code(char out[TOTP_RECOVERY_BYTES]) {
  uint8_t random[2 * HALF];
  random_bytes(random, sizeof(random));
  for (size_t i = 0; i < sizeof(random); i++)
    out[i < HALF ? i : i + 1] = letters[random[i] & 31];
  out[HALF] = '-';
  sodium_memzero(random, sizeof(random));
}

bool totp_read_recovery_code(struct text typed, char out[TOTP_RECOVERY_BYTES]) {
  size_t n = 0;
  if (typed.len > 3 * (size_t)TOTP_RECOVERY_BYTES)
    return false;
  for (size_t i = 0; i < typed.len; i++) {
    char c = typed.at[i] >= 'A' && typed.at[i] <= 'Z' ? (char)(typed.at[i] + 32) : typed.at[i];
    if (c == ' ' || c == '-')
      continue;
    if (n == 2 * HALF || !c || !strchr(letters, c))
      return false;
    out[n < HALF ? n : n + 1] = c;
    n++;
  }
  out[HALF] = '-';
  return n == 2 * HALF;
}
