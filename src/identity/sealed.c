/* The sealed format on libsodium. What is authenticated with each layer is a purpose, the format and the place, every
 * text with its length before it, so that no two places look alike. Called by vault.c, and by the fuzzer. */
#include "identity/sealed.h"

#include <sodium.h>
#include <string.h>

#define FORMAT      1
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAP_AT     (1 + SEALED_KEY_ID_BYTES)
#define WRAP_BYTES  (NONCE_BYTES + SEALED_KEY_BYTES + TAG_BYTES)
#define BODY_AT     (WRAP_AT + WRAP_BYTES)
#define PLACE_BYTES 640

_Static_assert(SEALED_EXTRA_BYTES == BODY_AT + NONCE_BYTES + TAG_BYTES, "what is around the secret");
_Static_assert(SEALED_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key is a key");

struct context {
  unsigned char at[PLACE_BYTES];
  size_t len;
};

static enum err corrupt(struct fault *f, const struct vault_place *p, const char *why) {
  return fault_set(f, ERR_STORE_CORRUPT, NULL, "the secret in %s of %s %lld %s", p->column, p->table, (long long)p->id,
                   why);
}

static bool add_text(struct context *c, const char *text) {
  size_t n = strlen(text);
  if (n > 255)
    return false;
  c->at[c->len++] = (unsigned char)n;
  memcpy(c->at + c->len, text, n);
  c->len += n;
  return true;
}

static void add_number(struct context *c, int64_t n) {
  for (unsigned i = 0; i < 8; i++)
    c->at[c->len++] = (unsigned char)((uint64_t)n >> 8 * i);
}

static bool describe(const char *purpose, const struct vault_place *p, struct context *out) {
  out->len = 0;
  out->at[out->len++] = FORMAT;
  if (!add_text(out, purpose) || !add_text(out, p->table) || !add_text(out, p->column))
    return false;
  add_number(out, p->org_id);
  add_number(out, p->id);
  add_number(out, p->version);
  return true;
}

static bool describe_wrap(const struct sealed_key *k, const struct vault_place *p, struct context *out) {
  if (!describe("weir data key", p, out))
    return false;
  memcpy(out->at + out->len, k->id, SEALED_KEY_ID_BYTES);
  out->len += SEALED_KEY_ID_BYTES;
  return true;
}

static bool describe_body(const struct vault_place *p, struct context *out) { return describe("weir secret", p, out); }

static void derive(const uint8_t raw[SEALED_KEY_BYTES], const char *purpose, uint8_t out[SECRET_HMAC_BYTES]) {
  struct secret *s = secret_new((struct text){(const char *)raw, SEALED_KEY_BYTES});
  secret_hmac(s, text_of(purpose), out);
  secret_free(s);
}

void sealed_key_init(struct sealed_key *k, const uint8_t raw[SEALED_KEY_BYTES]) {
  uint8_t check[SECRET_HMAC_BYTES];
  secret_start();
  derive(raw, "weir vault: which master key", check);
  derive(raw, "weir vault: wrapping data keys", k->wrapping);
  memcpy(k->id, check, SEALED_KEY_ID_BYTES);
  text_hex(check, sizeof check, k->check);
}

/* nonce, what is encrypted, tag; out has room for n bytes more than plain. */
static void encrypt(const uint8_t key[SEALED_KEY_BYTES], const struct context *c, struct text plain,
                    unsigned char *out) {
  randombytes_buf(out, NONCE_BYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_BYTES, NULL, (const unsigned char *)plain.at, plain.len, c->at,
                                             c->len, NULL, out, key);
}

static bool decrypt(const uint8_t key[SEALED_KEY_BYTES], const struct context *c, struct text box, unsigned char *out) {
  const unsigned char *at = (const unsigned char *)box.at;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, at + NONCE_BYTES, box.len - NONCE_BYTES, c->at,
                                                    c->len, at, key) == 0;
}

/* The head and the wrapped data key. */
static bool write_head(const struct sealed_key *k, const struct vault_place *p,
                       const uint8_t data_key[SEALED_KEY_BYTES], unsigned char out[BODY_AT]) {
  struct context c;
  if (!describe_wrap(k, p, &c))
    return false;
  out[0] = FORMAT;
  memcpy(out + 1, k->id, SEALED_KEY_ID_BYTES);
  encrypt(k->wrapping, &c, (struct text){(const char *)data_key, SEALED_KEY_BYTES}, out + WRAP_AT);
  return true;
}

enum err sealed_write(const struct sealed_key *k, const struct vault_place *p, struct text plain, struct buf *out,
                      struct fault *f) {
  uint8_t data_key[SEALED_KEY_BYTES];
  struct context c;
  if (plain.len > VAULT_PLAIN_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "a secret may have %d bytes", VAULT_PLAIN_MAX);
  char *room = buf_reserve(out, plain.len + SEALED_EXTRA_BYTES);
  if (!room)
    return fault_set(f, ERR_LIMIT, NULL, "there is no room for a sealed secret");
  randombytes_buf(data_key, sizeof data_key);
  bool good = describe_body(p, &c) && write_head(k, p, data_key, (unsigned char *)room);
  if (good) {
    encrypt(data_key, &c, plain, (unsigned char *)room + BODY_AT);
    buf_commit(out, plain.len + SEALED_EXTRA_BYTES);
  }
  sodium_memzero(data_key, sizeof data_key);
  return good ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "the name of a table or column is too long");
}

enum err sealed_read_key_id(struct text sealed, struct text *out, struct fault *f) {
  if (sealed.len < SEALED_EXTRA_BYTES || sealed.at[0] != FORMAT)
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "a sealed secret in the store is cut, or of another format");
  *out = text_head(text_skip(sealed, 1), SEALED_KEY_ID_BYTES);
  return ERR_OK;
}

/* The data key of a sealed secret; wipe it. */
static enum err unwrap(const struct sealed_key *k, const struct vault_place *p, struct text sealed,
                       uint8_t out[SEALED_KEY_BYTES], struct fault *f) {
  struct context c;
  struct text id;
  if (sealed_read_key_id(sealed, &id, NULL) != ERR_OK)
    return corrupt(f, p, "is cut, or of another format");
  if (memcmp(id.at, k->id, SEALED_KEY_ID_BYTES) != 0)
    return corrupt(f, p, "is sealed under another master key");
  if (!describe_wrap(k, p, &c) || !decrypt(k->wrapping, &c, (struct text){sealed.at + WRAP_AT, WRAP_BYTES}, out))
    return corrupt(f, p, "is not what was sealed there");
  return ERR_OK;
}

static enum err open_body(const uint8_t data_key[SEALED_KEY_BYTES], const struct vault_place *p, struct text sealed,
                          struct secret **out, struct fault *f) {
  struct text box = text_skip(sealed, BODY_AT);
  struct context c;
  size_t n = box.len - NONCE_BYTES - TAG_BYTES;
  unsigned char *plain = malloc(n + 1);
  if (!plain)
    abort();
  bool good = describe_body(p, &c) && decrypt(data_key, &c, box, plain);
  if (good)
    *out = secret_new((struct text){(const char *)plain, n});
  sodium_memzero(plain, n + 1);
  free(plain);
  return good ? ERR_OK : corrupt(f, p, "is not what was sealed there");
}

enum err sealed_open(const struct sealed_key *k, const struct vault_place *p, struct text sealed, struct secret **out,
                     struct fault *f) {
  uint8_t data_key[SEALED_KEY_BYTES];
  enum err e = unwrap(k, p, sealed, data_key, f);
  if (e == ERR_OK)
    e = open_body(data_key, p, sealed, out, f);
  sodium_memzero(data_key, sizeof data_key);
  return e;
}

enum err sealed_rewrap(const struct sealed_key *from, const struct sealed_key *to, const struct vault_place *p,
                       struct text sealed, struct buf *out, struct fault *f) {
  uint8_t data_key[SEALED_KEY_BYTES];
  unsigned char head[BODY_AT];
  enum err e = unwrap(from, p, sealed, data_key, f);
  if (e == ERR_OK && !write_head(to, p, data_key, head))
    e = fault_set(f, ERR_LIMIT, NULL, "the name of a table or column is too long");
  sodium_memzero(data_key, sizeof data_key);
  if (e != ERR_OK)
    return e;
  buf_add(out, (struct text){(const char *)head, sizeof head});
  buf_add(out, text_skip(sealed, BODY_AT));
  return buf_check(out) == ERR_OK ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "there is no room for a sealed secret");
}
