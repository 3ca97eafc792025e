/* The answers in which AWS hands out credentials: JSON of the metadata services, XML (or JSON, where asked for) of STS.
 * Only the few members that matter are looked for. Asking is places.c and metadata.c, who are the callers; keeping and
 * renewing is source.c. */
#include "aws/credentials.h"

#include "base/json.h"
#include "base/secret.h"

#include <math.h>

#define VALUE_MAX_BYTES 8192

static bool two_digits(struct text t, size_t at, int *out) {
  uint64_t n;
  if (!text_to_u64(text_head(text_skip(t, at), 2), &n) || n > 99)
    return false;
  *out = (int)n;
  return true;
}

/* RFC 3339 in UTC, the only form AWS writes; a fraction is dropped. */
static bool read_time(struct text t, int64_t *out) {
  struct tm utc = {0};
  uint64_t year;
  if (t.len < 20 || t.at[4] != '-' || t.at[7] != '-' || t.at[10] != 'T' || t.at[13] != ':' || t.at[16] != ':' ||
      t.at[t.len - 1] != 'Z' || !text_to_u64(text_head(t, 4), &year) || !two_digits(t, 5, &utc.tm_mon) ||
      !two_digits(t, 8, &utc.tm_mday) || !two_digits(t, 11, &utc.tm_hour) || !two_digits(t, 14, &utc.tm_min) ||
      !two_digits(t, 17, &utc.tm_sec))
    return false;
  utc.tm_year = (int)year - 1900;
  utc.tm_mon--;
  *out = timegm(&utc);
  return true;
}

static bool is_sendable(struct text t) { return t.len <= VALUE_MAX_BYTES && text_is_visible_ascii(t); }

enum err credentials_check(const struct aws_credentials *c, struct fault *f) {
  if (!is_sendable(c->bearer) || !is_sendable(c->access_key_id) || !is_sendable(c->secret_access_key) ||
      !is_sendable(c->session_token))
    return fault_set(f, ERR_PROTOCOL, NULL, "the credentials hold a character that may not stand in them, or too many");
  if (text_is_empty(c->bearer) && (text_is_empty(c->access_key_id) || text_is_empty(c->secret_access_key)))
    return fault_set(f, ERR_PROTOCOL, NULL, "the credentials lack the access key id or its secret");
  return ERR_OK;
}

struct aws_credentials credentials_copy(const struct aws_credentials *c, struct arena *a) {
  return (struct aws_credentials){.bearer = arena_copy(a, c->bearer),
                                  .access_key_id = arena_copy(a, c->access_key_id),
                                  .secret_access_key = arena_copy(a, c->secret_access_key),
                                  .session_token = arena_copy(a, c->session_token),
                                  .expires_s = c->expires_s};
}

void credentials_wipe(struct aws_credentials *c) {
  struct text *const texts[] = {&c->bearer, &c->access_key_id, &c->secret_access_key, &c->session_token};
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    secret_wipe((char *)(uintptr_t)texts[i]->at, texts[i]->len);
    *texts[i] = TEXT_NONE;
  }
}

/* An answer's time is a text, or seconds since 1970 in the JSON of STS. */
static bool read_expiry(yyjson_val *value, int64_t *out) {
  if (yyjson_is_str(value))
    return read_time(json_text(value), out);
  double seconds = yyjson_get_num(value);
  if (!yyjson_is_num(value) || !isfinite(seconds) || seconds < 0 || seconds > 1e11)
    return false;
  *out = (int64_t)seconds;
  return true;
}

static enum err read_members(yyjson_val *object, const char *token_name, struct arena *a, struct aws_credentials *out,
                             struct fault *f) {
  struct aws_credentials c = {.access_key_id = json_text(json_get(object, "AccessKeyId")),
                              .secret_access_key = json_text(json_get(object, "SecretAccessKey")),
                              .session_token = json_text(json_get(object, token_name))};
  yyjson_val *expiry = json_get(object, "Expiration");
  if (expiry && !yyjson_is_null(expiry) && !read_expiry(expiry, &c.expires_s))
    return fault_set(f, ERR_PROTOCOL, NULL, "the answer's Expiration is not a time");
  enum err e = credentials_check(&c, f);
  if (!e)
    *out = credentials_copy(&c, a);
  return e;
}

enum err credentials_read_metadata(struct text answer, struct arena *a, struct aws_credentials *out, struct fault *f) {
  struct json doc = {0};
  enum err e = json_read(answer, NULL, &doc, NULL);
  if (e)
    return fault_set(f, ERR_PROTOCOL, NULL, "the answer is not JSON");
  struct text code = json_text(json_get(doc.root, "Code"));
  if (!text_is_empty(code) && !text_equal(code, TEXT("Success")))
    e = fault_set(f, ERR_PROTOCOL, NULL, "the answer says %.*s", TEXT_ARGS(text_head(code, 64)));
  else
    e = read_members(doc.root, "Token", a, out, f);
  json_done(&doc);
  return e;
}

/* What stands between the first <name ...> and the </name> after it. */
static bool element(struct text xml, struct text name, struct text *out) {
  for (ptrdiff_t at = 0; (at = text_find_char(xml, '<')) >= 0;) {
    xml = text_skip(xml, (size_t)at + 1);
    if (!text_starts(xml, name) || xml.len == name.len || (xml.at[name.len] != '>' && xml.at[name.len] != ' '))
      continue;
    ptrdiff_t open_end = text_find_char(xml, '>');
    if (open_end < 0)
      return false;
    struct text inside = text_skip(xml, (size_t)open_end + 1), left = inside;
    while ((at = text_find(left, TEXT("</"))) >= 0) {
      left = text_skip(left, (size_t)at + 2);
      if (text_starts(left, name) && left.len > name.len && left.at[name.len] == '>') {
        *out = (struct text){inside.at, (size_t)(left.at - inside.at) - 2};
        return true;
      }
    }
    return false;
  }
  return false;
}

/* The text of an element that holds no others. */
static struct text content(struct text xml, struct text name, struct arena *a) {
  static const struct {
    const char *code;
    char c;
  } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
  struct text inside = TEXT_NONE;
  if (!element(xml, name, &inside))
    return TEXT_NONE;
  inside = text_trim(inside);
  char *out = arena_alloc(a, inside.len + 1);
  size_t n = 0;
  while (inside.len) {
    size_t step = 1;
    out[n] = inside.at[0];
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
      if (text_starts(inside, text_of(entities[i].code))) {
        step = strlen(entities[i].code);
        out[n] = entities[i].c;
      }
    n++;
    inside = text_skip(inside, step);
  }
  return (struct text){out, n};
}

static enum err read_sts_xml(struct text answer, struct arena *a, struct aws_credentials *out, struct fault *f) {
  struct text inside;
  if (!element(answer, TEXT("Credentials"), &inside))
    return fault_set(f, ERR_PROTOCOL, NULL, "the answer of STS holds no credentials");
  struct aws_credentials c = {.access_key_id = content(inside, TEXT("AccessKeyId"), a),
                              .secret_access_key = content(inside, TEXT("SecretAccessKey"), a),
                              .session_token = content(inside, TEXT("SessionToken"), a)};
  if (!read_time(content(inside, TEXT("Expiration"), a), &c.expires_s))
    return fault_set(f, ERR_PROTOCOL, NULL, "the answer's Expiration is not a time");
  enum err e = credentials_check(&c, f);
  if (!e)
    *out = c;
  return e;
}

enum err credentials_read_sts(struct text answer, struct arena *a, struct aws_credentials *out, struct fault *f) {
  struct json doc = {0};
  if (json_read(answer, NULL, &doc, NULL))
    return read_sts_xml(answer, a, out, f);
  yyjson_val *response = json_get(doc.root, "AssumeRoleWithWebIdentityResponse");
  yyjson_val *result = json_get(response, "AssumeRoleWithWebIdentityResult");
  enum err e = read_members(json_get(result, "Credentials"), "SessionToken", a, out, f);
  json_done(&doc);
  return e;
}

struct text credentials_sts_error(struct text answer, struct arena *a) {
  struct json doc = {0};
  if (json_read(answer, NULL, &doc, NULL))
    return content(answer, TEXT("Code"), a);
  struct text code = arena_copy(a, json_text(json_get(json_get(doc.root, "Error"), "Code")));
  json_done(&doc);
  return code;
}
