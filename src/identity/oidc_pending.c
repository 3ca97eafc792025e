/* The attempt that a browser carries while it is at its provider: sealed, so that it can neither be read nor made, and
 * bound to its state, its provider and the time. Called by oidc.c. */
#include "base/random.h"
#include "identity/cookie.h"
#include "identity/oidc_inner.h"

#include <sodium.h>

#define NONCE_BYTES   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES     crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PLAIN_MAX     1600
#define BOX_MAX       (NONCE_BYTES + PLAIN_MAX + TAG_BYTES)
#define BOX_TEXT_MAX  ((BOX_MAX * 4 + 2) / 3)
#define CONTEXT       "weir: oidc pending 1"
#define RETURN_ALWAYS "/api/docs"

_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == SECRET_HMAC_BYTES, "a sum is a key");

bool oidc_read_return(struct text path, struct text *out) {
  if (path.len == 0) {
    *out = TEXT(RETURN_ALWAYS);
    return true;
  }
  /* "//host" and "/\host" are other hosts to a browser, and so may be anything with a backslash. */
  if (path.len > OIDC_RETURN_MAX || path.at[0] != '/' || text_starts(path, TEXT("//")) ||
      text_find_char(path, '\\') >= 0 || !text_is_visible_ascii(path))
    return false;
  *out = path;
  return true;
}

static struct text random_text(struct arena *a) {
  uint8_t bytes[32];
  char *out = arena_alloc(a, OIDC_RANDOM_TEXT + 1);
  random_bytes(bytes, sizeof(bytes));
  size_t n = text_base64url(bytes, sizeof(bytes), out);
  secret_wipe(bytes, sizeof(bytes));
  return (struct text){out, n};
}

struct oidc_pending oidc_pending_new(struct text name, struct text return_to, int64_t now_us, struct arena *a) {
  return (struct oidc_pending){now_us,         arena_copy(a, name), random_text(a),
                               random_text(a), random_text(a),      arena_copy(a, return_to)};
}

struct text oidc_pending_cookie(const struct oidc_desk *d, const struct oidc_pending *p, struct arena *a) {
  char *plain = arena_alloc(a, PLAIN_MAX), *box = arena_alloc(a, BOX_TEXT_MAX);
  uint8_t *sealed = arena_alloc(a, BOX_MAX);
  struct buf out;
  int n = snprintf(plain, PLAIN_MAX, "%lld\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", (long long)p->begun_us, TEXT_ARGS(p->name),
                   TEXT_ARGS(p->state), TEXT_ARGS(p->nonce), TEXT_ARGS(p->verifier), TEXT_ARGS(p->return_to));
  random_bytes(sealed, NONCE_BYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, NULL, (const unsigned char *)plain, (unsigned)n,
                                             (const unsigned char *)CONTEXT, sizeof(CONTEXT) - 1, NULL, sealed, d->key);
  size_t len = text_base64url(sealed, NONCE_BYTES + (size_t)n + TAG_BYTES, box);
  secret_wipe(plain, PLAIN_MAX);
  buf_init(&out, 8192);
  cookie_write(COOKIE_OIDC, d->door->is_secure, (struct text){box, len}, OIDC_PENDING_US / 1000000, &out);
  struct text cookie = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return cookie;
}

static bool open_box(const struct oidc_desk *d, struct text box, struct arena *a, struct text *out) {
  size_t n = 0;
  if (box.len > BOX_TEXT_MAX)
    return false;
  uint8_t *sealed = arena_alloc(a, box.len + 3);
  char *plain = arena_alloc(a, box.len + 3);
  if (!text_base64url_decode(box, sealed, &n) || n < NONCE_BYTES + TAG_BYTES)
    return false;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)plain, NULL, NULL, sealed + NONCE_BYTES,
                                                 n - NONCE_BYTES, (const unsigned char *)CONTEXT, sizeof(CONTEXT) - 1,
                                                 sealed, d->key) != 0)
    return false;
  *out = (struct text){plain, n - NONCE_BYTES - TAG_BYTES};
  return true;
}

static bool read_plain(struct text plain, struct oidc_pending *out) {
  struct text begun;
  return text_cut(plain, '\n', &begun, &plain) && text_to_i64(begun, &out->begun_us) &&
         text_cut(plain, '\n', &out->name, &plain) && text_cut(plain, '\n', &out->state, &plain) &&
         text_cut(plain, '\n', &out->nonce, &plain) && text_cut(plain, '\n', &out->verifier, &out->return_to);
}

enum err oidc_pending_find(const struct oidc_desk *d, const struct signin_visit *v, struct text name,
                           struct oidc_pending *out, struct fault *f) {
  struct text box, plain;
  struct oidc_pending p;
  if (!cookie_find(v->cookie, cookie_name(COOKIE_OIDC, d->door->is_secure), &box) ||
      !open_box(d, box, v->arena, &plain) || !read_plain(plain, &p) || !text_equal(p.name, name))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this sign-in was not begun in this browser: begin again");
  if (v->now_us - p.begun_us > OIDC_PENDING_US || p.begun_us - v->now_us > OIDC_PENDING_US)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this sign-in was begun too long ago: begin again");
  *out = p;
  return ERR_OK;
}
