/* Signing our own calls to AWS with Signature Version 4. The digest of a request is sigv4_hash.c; checking what clients
 * signed is sigv4_check.c. Where credentials come from is source.c; this only uses them. Called by provider/bedrock. */
#include "aws/sigv4.h"

#include "aws/sigv4_hash.h"

static struct text amz_date_of(int64_t now_s, struct arena *a) {
  time_t when = (time_t)now_s;
  struct tm utc;
  char *out = arena_alloc(a, SIGV4_AMZ_DATE_BYTES + 1);
  gmtime_r(&when, &utc);
  return (struct text){out, strftime(out, SIGV4_AMZ_DATE_BYTES + 1, "%Y%m%dT%H%M%SZ", &utc)};
}

static struct text lower(struct text t, struct arena *a) {
  char *out = arena_alloc(a, t.len + 1);
  for (size_t i = 0; i < t.len; i++)
    out[i] = t.at[i] >= 'A' && t.at[i] <= 'Z' ? (char)(t.at[i] | 0x20) : t.at[i];
  return (struct text){out, t.len};
}

/* Into its place, unless it is there. */
static enum err add_name(struct sigv4_names *names, struct text name) {
  size_t place = names->count;
  while (place > 0 && sigv4_compare(names->at[place - 1], name) > 0)
    place--;
  if (place > 0 && text_equal(names->at[place - 1], name))
    return ERR_OK;
  if (names->count == SIGV4_HEADERS_MAX)
    return ERR_LIMIT;
  memmove(&names->at[place + 1], &names->at[place], (names->count - place) * sizeof(names->at[0]));
  names->at[place] = name;
  names->count++;
  return ERR_OK;
}

static bool is_ours(struct text name) {
  return text_equal_nocase(name, TEXT("x-amz-date")) || text_equal_nocase(name, TEXT("x-amz-security-token")) ||
         text_equal_nocase(name, TEXT("authorization"));
}

/* The headers of rq with the two that signing adds in place of its own. */
static enum err collect(const struct sigv4_request *rq, const struct sigv4_signature *s, struct arena *a,
                        struct sigv4_request *out, struct sigv4_names *names) {
  struct sigv4_header *all = arena_alloc(a, (rq->header_count + 2) * sizeof(*all));
  size_t count = 0;
  enum err e = ERR_OK;
  for (size_t i = 0; i < rq->header_count; i++)
    if (!is_ours(rq->headers[i].name))
      all[count++] = rq->headers[i];
  all[count++] = (struct sigv4_header){TEXT("x-amz-date"), s->amz_date};
  if (!text_is_empty(s->security_token))
    all[count++] = (struct sigv4_header){TEXT("x-amz-security-token"), s->security_token};
  for (size_t i = 0; !e && i < count; i++)
    e = add_name(names, lower(all[i].name, a));
  *out = *rq;
  out->headers = all;
  out->header_count = count;
  return e;
}

static struct text joined(const struct sigv4_names *names, struct arena *a) {
  struct text parts[2 * SIGV4_HEADERS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < names->count; i++) {
    if (i > 0)
      parts[count++] = TEXT(";");
    parts[count++] = names->at[i];
  }
  return arena_join(a, parts, count);
}

enum err sigv4_sign(const struct sigv4_request *rq, const struct sigv4_scope *scope, const struct aws_credentials *c,
                    struct arena *a, struct sigv4_signature *out) {
  struct sigv4_signature s = {.amz_date = amz_date_of(scope->now_s, a), .security_token = c->session_token};
  struct sigv4_day day = {text_head(s.amz_date, SIGV4_DATE_BYTES), scope->region, scope->service};
  struct sigv4_request all;
  struct sigv4_names *names = ARENA_NEW(a, struct sigv4_names);
  char body_hash[SIGV4_HEX_BYTES], request_hash[SIGV4_HEX_BYTES], signature[SIGV4_HEX_BYTES];
  enum err e = collect(rq, &s, a, &all, names);
  if (e)
    return e;
  sigv4_hash_body(rq, body_hash);
  sigv4_hash_request(&all, names, (struct text){body_hash, SIGV4_HEX_BYTES}, a, request_hash);
  sigv4_signature_of((struct text){request_hash, SIGV4_HEX_BYTES}, s.amz_date, &day, c->secret_access_key, a,
                     signature);
  const struct text parts[] = {TEXT(SIGV4_ALGORITHM " Credential="),
                               c->access_key_id,
                               TEXT("/"),
                               day.date,
                               TEXT("/"),
                               day.region,
                               TEXT("/"),
                               day.service,
                               TEXT("/" SIGV4_TERMINATOR ", SignedHeaders="),
                               joined(names, a),
                               TEXT(", Signature="),
                               {signature, SIGV4_HEX_BYTES}};
  s.authorization = arena_join(a, parts, sizeof(parts) / sizeof(parts[0]));
  *out = s;
  return ERR_OK;
}
