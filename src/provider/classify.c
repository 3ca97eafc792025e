/* The engine behind the tables of failures: takes the names and the message out of an answer, then looks for the first
 * row that fits. What the rows say is the adapters' business and, for what all vendors share, stands here; what follows
 * from a class stands in table.c. Called by the gateway for every failed attempt. */
#include "provider/classify.h"

#include "base/json.h"

#define BODY_LOOK_BYTES 16384 /* of an error body that is no JSON, or of a message */
#define NAMES_MOST      8

#define WORD(literal)                                                                                                  \
  { (literal), sizeof(literal) - 1 }
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct provider_failure shared[] = {
    {401, 401, .class = PROVIDER_AUTH_ERROR},
    {402, 402, .class = PROVIDER_USAGE_LIMIT},
    {403, 403, .used_up = true, .class = PROVIDER_USAGE_LIMIT},
    {403, 403, .class = PROVIDER_AUTH_ERROR},
    {408, 408, .class = PROVIDER_TIMEOUT},
    {429, 429, .used_up = true, .class = PROVIDER_USAGE_LIMIT},
    {429, 429, .class = PROVIDER_RATE_LIMIT},
    {400, 499, .class = PROVIDER_CLIENT_ERROR},
    {504, 504, .class = PROVIDER_TIMEOUT},
    {.class = PROVIDER_SERVER_ERROR},
};
static const struct text usage_words[] = {
    WORD("usage limit"),
    WORD("usage_limit"),
    WORD("usage cap"),
    WORD("usage exceeded"),
    WORD("exceeded your usage"),
    WORD("monthly usage"),
    WORD("quota"),
    WORD("credit balance"),
    WORD("credit_balance"),
    WORD("credits"),
    WORD("insufficient credit"),
    WORD("billing_error"),
    WORD("billing hard"),
    WORD("billing_hard"),
    WORD("billing limit"),
    WORD("spend limit"),
    WORD("spend_limit"),
    WORD("spending limit"),
    WORD("insufficient balance"),
    WORD("limit exceeded (total limit)"),
    WORD("plan limit"),
};
/* A quota by the minute is a rate; and Azure ends its rate limits with where to ask for more quota. */
static const struct text rate_words[] = {WORD("per min"),    WORD("per second"),       WORD("per_minute"),
                                         WORD("per_second"), WORD("token rate limit"), WORD("call rate limit")};

struct said {
  int status;
  struct text names[NAMES_MOST], message;
  size_t name_count;
};

static void add_name(struct said *s, struct text name) {
  if (!text_is_empty(name) && s->name_count < NAMES_MOST)
    s->names[s->name_count++] = name;
}

/* "com.amazon.coral.service#ThrottlingException:http://..." holds the name between '#' and ':'. */
static void add_exception(struct said *s, struct text type) {
  struct text name, rest;
  if (text_cut(type, '#', &name, &rest))
    type = rest;
  (void)text_cut(type, ':', &type, &rest);
  add_name(s, type);
}

static struct text message_of(yyjson_val *root) {
  yyjson_val *error = json_get(root, "error");
  if (yyjson_is_str(error))
    return json_text(error);
  return json_text(json_get(yyjson_is_obj(error) ? error : root, "message"));
}

static void read_body(struct said *s, yyjson_val *root) {
  yyjson_val *error = json_get(root, "error"), *metadata = json_get(error, "metadata");
  add_exception(s, json_text(json_get(root, "__type")));
  add_name(s, json_text(json_get(error, "type")));
  add_name(s, json_text(json_get(error, "code")));
  add_name(s, json_text(json_get(json_get(error, "details"), "error_code")));
  add_name(s, json_text(json_get(metadata, "error_type")));
  add_name(s, json_text(json_get(metadata, "limit_source")));
  s->message = message_of(root);
}

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

static bool says_used_up(struct text t) {
  return has_any(t, usage_words, COUNT_OF(usage_words)) && !has_any(t, rate_words, COUNT_OF(rate_words));
}

static bool speaks_of_usage(const struct said *s) {
  for (size_t i = 0; i < s->name_count; i++)
    if (says_used_up(s->names[i]))
      return true;
  return says_used_up(text_head(s->message, BODY_LOOK_BYTES));
}

static bool is_named(const struct said *s, struct text name) {
  for (size_t i = 0; i < s->name_count; i++)
    if (text_equal_nocase(s->names[i], name))
      return true;
  return false;
}

static bool fits(const struct provider_failure *row, const struct said *s) {
  if (row->high != 0 && (s->status < row->low || s->status > row->high))
    return false;
  if (row->name != NULL && !is_named(s, text_of(row->name)))
    return false;
  if (row->opening != NULL && !text_starts(s->message, text_of(row->opening)))
    return false;
  return !row->used_up || speaks_of_usage(s);
}

static const struct provider_failure *find(const struct provider_failure *rows, size_t count, const struct said *s) {
  for (size_t i = 0; i < count; i++)
    if (fits(&rows[i], s))
      return &rows[i];
  return NULL;
}

static enum provider_class class_of(const struct provider *p, const struct said *s) {
  const struct provider_failure *row = find(p->failures, p->failure_count, s);
  if (row == NULL)
    row = find(shared, COUNT_OF(shared), s);
  return row != NULL ? row->class : PROVIDER_SERVER_ERROR;
}

enum provider_class provider_classify(const struct provider *p, int status, struct text body, struct text error_type) {
  struct said s = {.status = status};
  struct json doc = {0};
  if (status >= 200 && status < 300)
    return PROVIDER_OK;
  add_exception(&s, error_type);
  /* What is no JSON has no message that could begin in some way, but it has words. */
  bool is_json = json_read(body, NULL, &doc, NULL) == ERR_OK;
  if (is_json)
    read_body(&s, doc.root);
  else
    add_name(&s, text_head(body, BODY_LOOK_BYTES));
  enum provider_class class = class_of(p, &s);
  if (is_json)
    json_done(&doc);
  return class;
}

enum provider_class provider_classify_fault(const struct provider *p, const struct fault *f) {
  struct said s = {.status = fault_status(f), .message = text_of(f->text)};
  struct text rest = text_of(f->names), name;
  while (text_cut(rest, ' ', &name, &rest))
    add_name(&s, name);
  add_name(&s, rest);
  return class_of(p, &s);
}

const struct provider_failure *classify_shared(size_t *out_count) {
  *out_count = COUNT_OF(shared);
  return shared;
}

const struct text *classify_usage_words(size_t *out_count) {
  *out_count = COUNT_OF(usage_words);
  return usage_words;
}

const struct text *classify_rate_words(size_t *out_count) {
  *out_count = COUNT_OF(rate_words);
  return rate_words;
}
