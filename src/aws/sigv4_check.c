/* Reading and checking the signature a client put on its request. Whose secret belongs to the access key id is not
 * known here: identity brings it and decides what the client is told. A request is checked as it arrived, so nothing
 * may be rewritten before. The digest of a request is sigv4_hash.c. */
#include "aws/sigv4_hash.h"

#include "base/secret.h"

#define NAME_MAX_BYTES 256 /* of a header that is signed */

bool sigv4_is_claim(struct text authorization) {
  size_t n = sizeof(SIGV4_ALGORITHM) - 1;
  return text_equal_nocase(text_head(authorization, n), TEXT(SIGV4_ALGORITHM)) &&
         (authorization.len == n || authorization.at[n] == ' ');
}

static enum err refuse(struct fault *f, const char *why) {
  return fault_set(f, ERR_UNAUTHENTICATED, "authorization", "the AWS signature cannot be accepted: %s", why);
}

/* Cuts at the last c. */
static bool cut_last(struct text *t, char c, struct text *out_last) {
  for (size_t i = t->len; i > 0; i--) {
    if (t->at[i - 1] != c)
      continue;
    *out_last = text_skip(*t, i);
    t->len = i - 1;
    return true;
  }
  return false;
}

/* From the right, because an access key id may hold a slash. */
static bool read_credential(struct text t, struct sigv4_claim *out, struct text *out_terminator) {
  bool whole = cut_last(&t, '/', out_terminator) && cut_last(&t, '/', &out->service) &&
               cut_last(&t, '/', &out->region) && cut_last(&t, '/', &out->date);
  out->access_key_id = t;
  return whole && !text_is_empty(t) && out->date.len == SIGV4_DATE_BYTES && !text_is_empty(out->region) &&
         !text_is_empty(out->service);
}

static bool is_lower_hex(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!((t.at[i] >= '0' && t.at[i] <= '9') || (t.at[i] >= 'a' && t.at[i] <= 'f')))
      return false;
  return t.len == SIGV4_HEX_BYTES;
}

enum err sigv4_read_claim(struct text authorization, struct sigv4_claim *out, struct fault *f) {
  struct sigv4_claim claim = {0};
  struct text list, part, name, value, credential = TEXT_NONE, terminator;
  if (!sigv4_is_claim(authorization))
    return refuse(f, "the scheme is not " SIGV4_ALGORITHM);
  list = text_skip(authorization, sizeof(SIGV4_ALGORITHM) - 1);
  while (text_next_in_list(&list, &part)) {
    struct text *place = NULL;
    if (!text_cut(part, '=', &name, &value))
      return refuse(f, "a part of the Authorization header has no value");
    if (text_equal(name, TEXT("Credential")))
      place = &credential;
    else if (text_equal(name, TEXT("SignedHeaders")))
      place = &claim.signed_headers;
    else if (text_equal(name, TEXT("Signature")))
      place = &claim.signature;
    if (!place || !text_is_empty(*place) || text_is_empty(value))
      return refuse(f, "a part of the Authorization header is unknown, empty or repeated");
    *place = value;
  }
  if (!read_credential(credential, &claim, &terminator))
    return refuse(f, "Credential must be ID/DATE/REGION/SERVICE/" SIGV4_TERMINATOR);
  if (!text_equal(terminator, TEXT(SIGV4_TERMINATOR)))
    return refuse(f, "the credential scope does not end in " SIGV4_TERMINATOR);
  if (text_is_empty(claim.signed_headers))
    return refuse(f, "SignedHeaders is missing");
  if (!is_lower_hex(claim.signature))
    return refuse(f, "Signature must be 64 lower-case hexadecimal digits");
  *out = claim;
  return ERR_OK;
}

static const struct sigv4_header *header_of(const struct sigv4_request *rq, struct text name) {
  for (size_t i = 0; i < rq->header_count; i++)
    if (text_equal_nocase(rq->headers[i].name, name))
      return &rq->headers[i];
  return NULL;
}

static bool has_name(const struct sigv4_names *names, struct text name) {
  for (size_t i = 0; i < names->count; i++)
    if (text_equal_nocase(sigv4_header_of(names->at[i]), name))
      return true;
  return false;
}

static bool is_lower_name(struct text name) {
  for (size_t i = 0; i < name.len; i++)
    if (name.at[i] >= 'A' && name.at[i] <= 'Z')
      return false;
  return name.len > 0 && name.len <= NAME_MAX_BYTES;
}

static enum err read_names(struct text list, struct sigv4_names *out, struct fault *f) {
  for (bool more = true; more;) {
    struct text name = list;
    more = text_cut(list, ';', &name, &list);
    if (!is_lower_name(name) || (out->count > 0 && sigv4_compare(out->at[out->count - 1], name) >= 0))
      return refuse(f, "SignedHeaders must be lower-case names in ascending order");
    if (out->count == SIGV4_HEADERS_MAX)
      return refuse(f, "SignedHeaders names too many headers");
    out->at[out->count++] = name;
  }
  return ERR_OK;
}

static enum err check_names(const struct sigv4_request *rq, const struct sigv4_names *names, struct fault *f) {
  if (!has_name(names, TEXT("host")))
    return refuse(f, "host is not among the signed headers");
  for (size_t i = 0; i < rq->header_count; i++)
    if (text_equal_nocase(text_head(rq->headers[i].name, 6), TEXT("x-amz-")) && !has_name(names, rq->headers[i].name))
      return refuse(f, "an x-amz- header that was sent is not among the signed headers");
  for (size_t i = 0; i < names->count; i++)
    if (!header_of(rq, sigv4_header_of(names->at[i])))
      return refuse(f, "a signed header is missing from the request");
  return ERR_OK;
}

static bool two_digits(struct text t, size_t at, int least, int most, int *out) {
  uint64_t n;
  if (!text_to_u64(text_head(text_skip(t, at), 2), &n) || n < (uint64_t)least || n > (uint64_t)most)
    return false;
  *out = (int)n;
  return true;
}

static bool read_amz_date(struct text t, int64_t *out) {
  struct tm utc = {0};
  uint64_t year;
  if (t.len != SIGV4_AMZ_DATE_BYTES || t.at[8] != 'T' || t.at[15] != 'Z' || !text_to_u64(text_head(t, 4), &year) ||
      year < 1970 || !two_digits(t, 4, 1, 12, &utc.tm_mon) || !two_digits(t, 6, 1, 31, &utc.tm_mday) ||
      !two_digits(t, 9, 0, 23, &utc.tm_hour) || !two_digits(t, 11, 0, 59, &utc.tm_min) ||
      !two_digits(t, 13, 0, 60, &utc.tm_sec))
    return false;
  utc.tm_year = (int)year - 1900;
  utc.tm_mon--;
  *out = timegm(&utc);
  return true;
}

static enum err check_date(const struct sigv4_request *rq, const struct sigv4_claim *claim, int64_t now_s,
                           struct text *out, struct fault *f) {
  const struct sigv4_header *date = header_of(rq, TEXT("x-amz-date"));
  int64_t signed_s;
  if (!date || !read_amz_date(text_trim(date->value), &signed_s))
    return refuse(f, "x-amz-date is missing or not of the form 20150830T123600Z");
  *out = text_trim(date->value);
  if (!text_equal(text_head(*out, SIGV4_DATE_BYTES), claim->date))
    return refuse(f, "x-amz-date and the credential scope name different days");
  if (signed_s < now_s - SIGV4_SKEW_S || signed_s > now_s + SIGV4_SKEW_S)
    return refuse(f, "x-amz-date is more than 5 minutes away from the server's time");
  return ERR_OK;
}

static enum err check_body(const struct sigv4_request *rq, char out[SIGV4_HEX_BYTES], struct fault *f) {
  const struct sigv4_header *sent = header_of(rq, TEXT("x-amz-content-sha256"));
  sigv4_hash_body(rq, out);
  if (sent && !text_equal_nocase(text_trim(sent->value), (struct text){out, SIGV4_HEX_BYTES}))
    return refuse(f, "x-amz-content-sha256 is not the SHA-256 of the body");
  return ERR_OK;
}

enum err sigv4_check(const struct sigv4_request *rq, const struct sigv4_claim *claim, struct text secret_access_key,
                     int64_t now_s, struct arena *a, struct fault *f) {
  struct sigv4_names *names = ARENA_NEW(a, struct sigv4_names);
  struct sigv4_day day = {claim->date, claim->region, claim->service};
  struct text amz_date = TEXT_NONE;
  char body_hash[SIGV4_HEX_BYTES], request_hash[SIGV4_HEX_BYTES], expected[SIGV4_HEX_BYTES];
  enum err e = read_names(claim->signed_headers, names, f);
  if (!e)
    e = check_names(rq, names, f);
  if (!e)
    e = check_date(rq, claim, now_s, &amz_date, f);
  if (!e)
    e = check_body(rq, body_hash, f);
  if (e)
    return e;
  sigv4_hash_request(rq, names, (struct text){body_hash, SIGV4_HEX_BYTES}, a, request_hash);
  sigv4_signature_of((struct text){request_hash, SIGV4_HEX_BYTES}, amz_date, &day, secret_access_key, a, expected);
  if (!secret_equal((struct text){expected, SIGV4_HEX_BYTES}, claim->signature))
    return refuse(f, "it is not the one that this access key's secret gives the request");
  return ERR_OK;
}
