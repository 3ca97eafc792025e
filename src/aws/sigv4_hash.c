/* The canonical request of AWS Signature Version 4 and the signature over it, the same for our calls to AWS and for
 * calls of clients that sign with a Weir key pair. The canonical request is never put together in memory: its parts go
 * straight into the digest. The path is taken as it travels and encoded once more, with no other normalisation, as
 * AWS's own SDKs do for every service but S3. Called by sigv4.c and sigv4_check.c. */
#include "aws/sigv4_hash.h"

#include "base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define HASH_BYTES 32

static void must(int openssl_result) {
  if (openssl_result != 1)
    abort(); /* SHA-256 is always there: memory has run out */
}

static EVP_MD_CTX *hash_begin(void) {
  EVP_MD_CTX *h = EVP_MD_CTX_new();
  if (!h)
    abort();
  must(EVP_DigestInit_ex(h, EVP_sha256(), NULL));
  return h;
}

static void hash_add(EVP_MD_CTX *h, struct text t) { must(EVP_DigestUpdate(h, t.at, t.len)); }

static void hash_end(EVP_MD_CTX *h, char *out) {
  uint8_t raw[HASH_BYTES];
  must(EVP_DigestFinal_ex(h, raw, NULL));
  EVP_MD_CTX_free(h);
  text_hex(raw, sizeof(raw), out);
}

static void hmac(struct text key, struct text message, uint8_t out[HASH_BYTES]) {
  unsigned n = HASH_BYTES;
  if (!HMAC(EVP_sha256(), key.at, (int)key.len, (const unsigned char *)message.at, message.len, out, &n))
    abort();
}

struct text sigv4_header_of(struct text signed_name) {
  return text_equal(signed_name, TEXT(":authority")) ? TEXT("host") : signed_name;
}

/* Bytewise; a text comes before those it begins. */
int sigv4_compare(struct text a, struct text b) {
  size_t n = a.len < b.len ? a.len : b.len;
  int order = n ? memcmp(a.at, b.at, n) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

static size_t encode(char c, char out[3]) {
  static const char digits[] = "0123456789ABCDEF";
  out[0] = is_unreserved(c) ? c : '%';
  out[1] = digits[(unsigned char)c >> 4];
  out[2] = digits[(unsigned char)c & 15];
  return is_unreserved(c) ? 1 : 3;
}

static void hash_path(EVP_MD_CTX *h, struct text path) {
  if (text_is_empty(path))
    hash_add(h, TEXT("/"));
  for (size_t i = 0; i < path.len; i++) {
    char code[3] = "/";
    hash_add(h, (struct text){code, path.at[i] == '/' ? 1 : encode(path.at[i], code)});
  }
}

struct parameter {
  struct text name, value;
};

static int by_name_and_value(const void *a, const void *b) {
  const struct parameter *x = a, *y = b;
  int order = sigv4_compare(x->name, y->name);
  return order ? order : sigv4_compare(x->value, y->value);
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decoded, then encoded, so that what the sender left as it was ('!', lower-case codes) looks the same. */
static struct text recoded(struct text t, struct arena *a) {
  char *out = arena_alloc(a, t.len * 3 + 1);
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    int high = c == '%' && i + 2 < t.len ? hex_digit(t.at[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(t.at[i + 2]) : -1;
    if (low >= 0) {
      c = (char)(high << 4 | low);
      i += 2;
    }
    char code[3];
    size_t length = encode(c, code);
    memcpy(out + n, code, length);
    n += length;
  }
  return (struct text){out, n};
}

static void hash_query(EVP_MD_CTX *h, struct text query, struct arena *a) {
  size_t most = 1, count = 0;
  for (size_t i = 0; i < query.len; i++)
    most += query.at[i] == '&';
  struct parameter *all = arena_alloc(a, most * sizeof(*all));
  while (!text_is_empty(query)) {
    struct text one, name, value = TEXT_NONE;
    if (!text_cut(query, '&', &one, &query)) {
      one = query;
      query = TEXT_NONE;
    }
    if (text_is_empty(one))
      continue;
    if (!text_cut(one, '=', &name, &value))
      name = one;
    all[count++] = (struct parameter){recoded(name, a), recoded(value, a)};
  }
  qsort(all, count, sizeof(*all), by_name_and_value);
  for (size_t i = 0; i < count; i++) {
    if (i > 0)
      hash_add(h, TEXT("&"));
    hash_add(h, all[i].name);
    hash_add(h, TEXT("="));
    hash_add(h, all[i].value);
  }
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Without white space at the ends, and with one space for each run of it. */
static void hash_folded(EVP_MD_CTX *h, struct text value) {
  bool begun = false;
  for (size_t i = 0; i < value.len;) {
    size_t end = i;
    while (end < value.len && !is_space(value.at[end]))
      end++;
    if (end > i && begun)
      hash_add(h, TEXT(" "));
    begun = begun || end > i;
    hash_add(h, (struct text){value.at + i, end - i});
    i = end + (end < value.len);
  }
}

static void hash_header(EVP_MD_CTX *h, struct text name, const struct sigv4_header *headers, size_t count) {
  bool repeated = false;
  hash_add(h, name);
  hash_add(h, TEXT(":"));
  name = sigv4_header_of(name);
  for (size_t i = 0; i < count; i++) {
    if (!text_equal_nocase(headers[i].name, name))
      continue;
    if (repeated)
      hash_add(h, TEXT(","));
    hash_folded(h, headers[i].value);
    repeated = true;
  }
  hash_add(h, TEXT("\n"));
}

static void hash_names(EVP_MD_CTX *h, const struct sigv4_names *names) {
  for (size_t i = 0; i < names->count; i++) {
    if (i > 0)
      hash_add(h, TEXT(";"));
    hash_add(h, names->at[i]);
  }
}

void sigv4_hash_body(const struct sigv4_request *rq, char *out) {
  EVP_MD_CTX *h = hash_begin();
  for (size_t i = 0; i < rq->body_pieces; i++)
    hash_add(h, rq->body[i]);
  hash_end(h, out);
}

void sigv4_hash_request(const struct sigv4_request *rq, const struct sigv4_names *names, struct text body_hash,
                        struct arena *a, char *out) {
  EVP_MD_CTX *h = hash_begin();
  hash_add(h, rq->method);
  hash_add(h, TEXT("\n"));
  hash_path(h, rq->path);
  hash_add(h, TEXT("\n"));
  hash_query(h, rq->query, a);
  hash_add(h, TEXT("\n"));
  for (size_t i = 0; i < names->count; i++)
    hash_header(h, names->at[i], rq->headers, rq->header_count);
  hash_add(h, TEXT("\n"));
  hash_names(h, names);
  hash_add(h, TEXT("\n"));
  hash_add(h, body_hash);
  hash_end(h, out);
}

/* The key of a day, a region and a service, derived step by step from the secret. */
static void signing_key(struct text secret, const struct sigv4_day *s, struct arena *a, uint8_t out[HASH_BYTES]) {
  const struct text steps[] = {s->date, s->region, s->service, TEXT(SIGV4_TERMINATOR)};
  struct text first = arena_join(a, (const struct text[]){TEXT("AWS4"), secret}, 2);
  uint8_t next[HASH_BYTES];
  hmac(first, steps[0], out);
  for (size_t i = 1; i < sizeof(steps) / sizeof(steps[0]); i++) {
    hmac((struct text){(const char *)out, HASH_BYTES}, steps[i], next);
    memcpy(out, next, HASH_BYTES);
  }
  secret_wipe(next, sizeof(next));
  secret_wipe((char *)(uintptr_t)first.at, first.len);
}

void sigv4_signature_of(struct text request_hash, struct text amz_date, const struct sigv4_day *day,
                        struct text secret_access_key, struct arena *a, char *out) {
  uint8_t key[HASH_BYTES], raw[HASH_BYTES];
  struct text message =
      arena_format(a, SIGV4_ALGORITHM "\n%.*s\n%.*s/%.*s/%.*s/" SIGV4_TERMINATOR "\n%.*s", TEXT_ARGS(amz_date),
                   TEXT_ARGS(day->date), TEXT_ARGS(day->region), TEXT_ARGS(day->service), TEXT_ARGS(request_hash));
  signing_key(secret_access_key, day, a, key);
  hmac((struct text){(const char *)key, sizeof(key)}, message, raw);
  secret_wipe(key, sizeof(key));
  text_hex(raw, sizeof(raw), out);
}
