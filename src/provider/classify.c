/* Status and body to class. Vendors tell "too fast" and "used up" apart only in words, so the words are here, in one
 * place. Retry rules are not: they stand in gateway/send. Called by the adapters. */
#include "provider/classify.h"

#include "base/json.h"

#define BODY_LOOK_BYTES 16384 /* of an error body that is no JSON */

#define WORD(literal)                                                                                                  \
  { (literal), sizeof(literal) - 1 }

static const struct text usage_words[] = {
    WORD("usage limit"),
    WORD("usage_limit"),
    WORD("usage cap"),
    WORD("usage exceeded"),
    WORD("exceeded your usage"),
    WORD("monthly usage"),
    WORD("quota"),
    WORD("credit balance"),
    WORD("credits"),
    WORD("insufficient credit"),
    WORD("billing_error"),
    WORD("billing hard"),
    WORD("billing_hard"),
    WORD("billing limit"),
    WORD("spend limit"),
    WORD("spending limit"),
    WORD("insufficient balance"),
    WORD("limit exceeded (total limit)"),
    WORD("plan limit"),
};
/* A quota by the minute is a rate. */
static const struct text rate_words[] = {WORD("per minute"), WORD("per second"), WORD("per_minute"),
                                         WORD("per_second")};

static bool has_word(struct text t, struct text word) {
  for (size_t i = 0; i + word.len <= t.len; i++)
    if (text_equal_nocase((struct text){t.at + i, word.len}, word))
      return true;
  return false;
}

static bool has_any(struct text t, const struct text *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (has_word(t, words[i]))
      return true;
  return false;
}

#define HAS_ANY(t, words) has_any((t), (words), sizeof(words) / sizeof((words)[0]))

static bool says_used_up(struct text t) { return HAS_ANY(t, usage_words) && !HAS_ANY(t, rate_words); }

static struct text message_of(yyjson_val *root) {
  yyjson_val *error = json_get(root, "error");
  if (yyjson_is_str(error))
    return json_text(error);
  return json_text(json_get(yyjson_is_obj(error) ? error : root, "message"));
}

bool classify_speaks_of_usage(struct text body) {
  struct json doc = {0};
  if (json_read(body, NULL, &doc, NULL))
    return says_used_up(text_head(body, BODY_LOOK_BYTES));
  yyjson_val *error = json_get(doc.root, "error");
  bool is = says_used_up(json_text(json_get(error, "type"))) || says_used_up(json_text(json_get(error, "code"))) ||
            says_used_up(text_head(message_of(doc.root), BODY_LOOK_BYTES));
  json_done(&doc);
  return is;
}

bool classify_message_starts(struct text body, const struct text *openings, size_t count) {
  struct json doc = {0};
  bool is = false;
  if (json_read(body, NULL, &doc, NULL))
    return false;
  for (size_t i = 0; i < count && !is; i++)
    is = text_starts(message_of(doc.root), openings[i]);
  json_done(&doc);
  return is;
}

enum provider_class classify_common(int status, struct text body) {
  if (status >= 200 && status < 300)
    return PROVIDER_OK;
  if (status < 400 || status >= 500)
    return PROVIDER_SERVER_ERROR;
  switch (status) {
  case 401: return PROVIDER_AUTH_ERROR;
  case 402: return PROVIDER_USAGE_LIMIT;
  case 403: return classify_speaks_of_usage(body) ? PROVIDER_USAGE_LIMIT : PROVIDER_AUTH_ERROR;
  case 408: return PROVIDER_TIMEOUT;
  case 429: return classify_speaks_of_usage(body) ? PROVIDER_USAGE_LIMIT : PROVIDER_RATE_LIMIT;
  default: return PROVIDER_CLIENT_ERROR;
  }
}
