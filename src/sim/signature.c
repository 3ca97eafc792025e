/* The server's side of signed requests: canonical request, string to sign, derived key, comparison. Refusals are those
 * of the service. It shares no line with the client side in src/aws on purpose. Called by caller.c. */
#include "sim/signature.h"

#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define SCHEME             "AWS4-HMAC-SHA256"
#define PIECES_MAX         128
#define CANONICAL_MAX      (512 * 1024)

#define DENY(f, name, ...) fault_set((f), ERR_FORBIDDEN, (name), __VA_ARGS__)
#define MISMATCH                                                                                                       \
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "   \
  "and signing method. Consult the service documentation for details."

struct claim {
  struct text key_id, date, region, service;
  struct text scope;  /* date/region/service/aws4_request */
  struct text names;  /* of the signed headers */
  struct text wanted; /* the signature */
  struct text amz_date;
};

static void sha256_hex(struct text t, char out[static 64]) {
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256((const unsigned char *)(t.at ? t.at : ""), t.len, sum);
  (void)text_hex(sum, sizeof(sum), out);
}

static void hmac(const void *key, size_t key_len, struct text t, unsigned char out[static 32]) {
  unsigned len = 0;
  (void)HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)t.at, t.len, out, &len);
}

bool signature_is_claimed(struct text authorization) { return text_starts(authorization, TEXT(SCHEME)); }

/* Fields of the Authorization header: name=value, joined by commas. */
static struct text field_of(struct text authorization, struct text name) {
  struct text list = text_skip(authorization, sizeof(SCHEME) - 1), element, before, value;
  while (text_next_in_list(&list, &element)) {
    if (text_cut(element, '=', &before, &value) && text_equal(text_trim(before), name))
      return value;
  }
  return TEXT_NONE;
}

static enum err read_claim(const struct signature_request *rq, struct claim *c, struct fault *f) {
  struct text authorization = http_header_value(rq->headers, TEXT("authorization")), credential, rest, last;
  credential = field_of(authorization, TEXT("Credential"));
  c->names = field_of(authorization, TEXT("SignedHeaders"));
  c->wanted = field_of(authorization, TEXT("Signature"));
  if (credential.len == 0 || c->names.len == 0 || c->wanted.len == 0) {
    return DENY(f, "IncompleteSignatureException",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.");
  }
  if (!text_cut(credential, '/', &c->key_id, &c->scope) || !text_cut(c->scope, '/', &c->date, &rest) ||
      !text_cut(rest, '/', &c->region, &rest) || !text_cut(rest, '/', &c->service, &last) ||
      !text_equal(last, TEXT("aws4_request")) || c->region.len == 0) {
    return DENY(f, "InvalidSignatureException",
                "Credential should be of the form KEY/DATE/REGION/SERVICE/aws4_request, got: '%.*s'",
                TEXT_ARGS(text_head(credential, 100)));
  }
  if (!text_equal(c->service, TEXT("bedrock")))
    return DENY(f, "InvalidSignatureException", "Credential should be scoped to correct service: 'bedrock'.");
  c->amz_date = http_header_value(rq->headers, TEXT("x-amz-date"));
  if (c->amz_date.len == 0) {
    return DENY(f, "IncompleteSignatureException",
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  return ERR_OK;
}

static bool is_signed(struct text names, struct text name) {
  struct text first, rest = names;
  while (text_cut(rest, ';', &first, &rest)) {
    if (text_equal_nocase(first, name))
      return true;
  }
  return text_equal_nocase(rest, name);
}

/* Seconds since 1970 of "20260102T030405Z"; -1 when it is not that. */
static int64_t time_of(struct text t) {
  static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  uint64_t date, clock;
  if (t.len != 16 || t.at[8] != 'T' || t.at[15] != 'Z' || !text_to_u64(text_head(t, 8), &date) ||
      !text_to_u64(text_head(text_skip(t, 9), 6), &clock))
    return -1;
  int64_t year = (int64_t)(date / 10000), month = (int64_t)(date / 100 % 100), day = (int64_t)(date % 100);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
    return -1;
  int64_t leaps = month > 2 ? year : year - 1;
  int64_t days = (year - 1970) * 365 + (leaps / 4 - leaps / 100 + leaps / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
  days += days_before[month - 1] + day - 1;
  return days * 86400 + (int64_t)(clock / 10000) * 3600 + (int64_t)(clock / 100 % 100) * 60 + (int64_t)(clock % 100);
}

static enum err check_time(const struct claim *c, int64_t now_s, struct fault *f) {
  int64_t at = time_of(c->amz_date);
  if (at < 0)
    return DENY(f, "InvalidSignatureException", "Date must be in ISO-8601 'basic format'.");
  if (!text_starts(c->amz_date, c->date) || c->date.len != 8)
    return DENY(f, "InvalidSignatureException",
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                "of date from HTTP.");
  if (at > now_s + SIGNATURE_SKEW_S || at < now_s - SIGNATURE_SKEW_S) {
    return DENY(f, "InvalidSignatureException", "Signature %s: %.*s is more than %d seconds away from now",
                at > now_s ? "not yet current" : "expired", TEXT_ARGS(c->amz_date), SIGNATURE_SKEW_S);
  }
  return ERR_OK;
}

static enum err check_names(const struct signature_request *rq, const struct claim *c, struct fault *f) {
  if (!is_signed(c->names, TEXT("host")))
    return DENY(f, "InvalidSignatureException",
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS "
                "Authorization.");
  for (size_t i = 0; i < rq->headers->count; i++) {
    struct text name = rq->headers->at[i].name;
    bool is_amz = name.len > 6 && text_equal_nocase(text_head(name, 6), TEXT("x-amz-"));
    if (is_amz && !is_signed(c->names, name))
      return DENY(f, "InvalidSignatureException", "'%.*s' must be a 'SignedHeader' in the AWS Authorization.",
                  TEXT_ARGS(text_head(name, 80)));
  }
  return ERR_OK;
}

static enum err check_key(const struct signature_request *rq, const struct claim *c, struct fault *f) {
  struct text token = http_header_value(rq->headers, TEXT("x-amz-security-token"));
  bool is_session = text_equal(c->key_id, TEXT(SIGNATURE_SESSION_KEY_ID));
  bool good = is_session ? text_equal(token, TEXT(SIGNATURE_SESSION_TOKEN))
                         : text_equal(c->key_id, TEXT(SIGNATURE_KEY_ID)) && token.len == 0;
  return good ? ERR_OK
              : DENY(f, "UnrecognizedClientException", "The security token included in the request is invalid.");
}

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.~", c) != NULL;
}

static void add_encoded(struct buf *out, struct text t, bool keep_slash) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    if (c != 0 && (is_unreserved(c) || (keep_slash && c == '/')))
      buf_add_char(out, c);
    else
      buf_add_format(out, "%%%02X", (unsigned char)c);
  }
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct text decoded(struct arena *a, struct text t) {
  char *out = arena_alloc(a, t.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < t.len; i++) {
    bool is_coded = t.at[i] == '%' && i + 2 < t.len && hex_digit(t.at[i + 1]) >= 0 && hex_digit(t.at[i + 2]) >= 0;
    out[len++] = is_coded ? (char)(hex_digit(t.at[i + 1]) * 16 + hex_digit(t.at[i + 2])) : t.at[i];
    i += is_coded ? 2 : 0;
  }
  return (struct text){out, len};
}

static int by_bytes(const void *x, const void *y) {
  const struct text *a = x, *b = y;
  size_t n = a->len < b->len ? a->len : b->len;
  int order = n > 0 ? memcmp(a->at, b->at, n) : 0;
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* Parameters with their names and values decoded and encoded again, in the order of their bytes. */
static void add_query(struct buf *out, struct text query, struct arena *a) {
  struct text pair[PIECES_MAX], one, name, value;
  size_t count = 0;
  while (query.len > 0 && count < PIECES_MAX) {
    one = query;
    if (!text_cut(query, '&', &one, &query))
      query = TEXT_NONE;
    name = one;
    value = TEXT_NONE;
    (void)text_cut(one, '=', &name, &value);
    struct buf b;
    buf_init(&b, CANONICAL_MAX);
    add_encoded(&b, decoded(a, name), false);
    buf_add_char(&b, '=');
    add_encoded(&b, decoded(a, value), false);
    pair[count++] = arena_copy(a, buf_text(&b));
    buf_done(&b);
  }
  qsort(pair, count, sizeof(pair[0]), by_bytes);
  for (size_t i = 0; i < count; i++) {
    if (i > 0)
      buf_add_char(out, '&');
    buf_add(out, pair[i]);
  }
}

/* Without spaces around, and one for many inside. */
static void add_folded(struct buf *out, struct text value) {
  value = text_trim(value);
  for (size_t i = 0; i < value.len; i++) {
    if (value.at[i] != ' ' || value.at[i - 1] != ' ')
      buf_add_char(out, value.at[i]);
  }
}

/* One signed header with all of its values; false when the request does not have it. */
static bool add_header(struct buf *out, const struct http_headers *headers, struct text name) {
  bool found = false;
  for (size_t i = 0; i < headers->count; i++) {
    if (!text_equal_nocase(headers->at[i].name, name))
      continue;
    if (found) {
      buf_add_char(out, ',');
    } else {
      buf_add(out, name);
      buf_add_char(out, ':');
    }
    add_folded(out, headers->at[i].value);
    found = true;
  }
  buf_add_char(out, '\n');
  return found;
}

static bool add_headers(struct buf *out, const struct signature_request *rq, struct text names) {
  struct text name;
  bool all = true;
  while (text_cut(names, ';', &name, &names))
    all = add_header(out, rq->headers, name) && all;
  return add_header(out, rq->headers, names) && all;
}

static bool add_canonical(struct buf *out, const struct signature_request *rq, const struct claim *c, struct arena *a) {
  char body[64];
  buf_add(out, rq->method);
  buf_add_char(out, '\n');
  add_encoded(out, rq->path, true);
  buf_add_char(out, '\n');
  add_query(out, rq->query, a);
  buf_add_char(out, '\n');
  bool all = add_headers(out, rq, c->names);
  buf_add_char(out, '\n');
  buf_add(out, c->names);
  buf_add_char(out, '\n');
  sha256_hex(rq->body, body);
  buf_add(out, (struct text){body, sizeof(body)});
  return all;
}

static void sign(const struct claim *c, struct text canonical, struct arena *a, char out[static 64]) {
  char hash[64];
  unsigned char key[32];
  sha256_hex(canonical, hash);
  struct text to_sign =
      arena_format(a, SCHEME "\n%.*s\n%.*s\n%.64s", TEXT_ARGS(c->amz_date), TEXT_ARGS(c->scope), hash);
  hmac("AWS4" SIGNATURE_SECRET, sizeof("AWS4" SIGNATURE_SECRET) - 1, c->date, key);
  hmac(key, sizeof(key), c->region, key);
  hmac(key, sizeof(key), c->service, key);
  hmac(key, sizeof(key), TEXT("aws4_request"), key);
  hmac(key, sizeof(key), to_sign, key);
  (void)text_hex(key, sizeof(key), out);
}

static enum err check_body(const struct signature_request *rq, struct fault *f) {
  char hash[64];
  struct text told = http_header_value(rq->headers, TEXT("x-amz-content-sha256"));
  if (told.len == 0)
    return ERR_OK;
  sha256_hex(rq->body, hash);
  return text_equal(told, (struct text){hash, sizeof(hash)})
             ? ERR_OK
             : DENY(f, "InvalidSignatureException",
                    "The value passed in as x-amz-content-sha256 does not match the "
                    "SHA-256 of the payload.");
}

static enum err check_signature(const struct signature_request *rq, const struct claim *c, struct arena *a,
                                struct fault *f) {
  struct buf canonical;
  char hex[64];
  buf_init(&canonical, CANONICAL_MAX);
  bool good = add_canonical(&canonical, rq, c, a) && buf_check(&canonical) == ERR_OK;
  if (good) {
    sign(c, buf_text(&canonical), a, hex);
    good = text_equal(c->wanted, (struct text){hex, sizeof(hex)});
  }
  buf_done(&canonical);
  return good ? ERR_OK : DENY(f, "InvalidSignatureException", "%s", MISMATCH);
}

enum err signature_check(const struct signature_request *rq, int64_t now_s, struct arena *a, struct fault *f) {
  struct claim c = {0};
  enum err e = read_claim(rq, &c, f);
  if (!e)
    e = check_names(rq, &c, f);
  if (!e)
    e = check_time(&c, now_s, f);
  if (!e)
    e = check_key(rq, &c, f);
  if (!e)
    e = check_body(rq, f);
  return e ? e : check_signature(rq, &c, a, f);
}
