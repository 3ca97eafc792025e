/* Reads OpenRouter's list of models into a catalogue. Prices are decimals of USD a token and become nano-USD a million
 * tokens, fifteen places further left, digit by digit. It fetches nothing and remembers nothing: the gateway fetches,
 * traffic/catalogue.c keeps. */
#include "provider/openrouter_catalogue.h"

#include "base/json.h"

#define ID_BYTES_MAX   256
#define NAME_BYTES_MAX 512
#define PRICE_PLACES   15 /* USD a token -> 10^-9 USD per 10^6 tokens */
#define EXPONENT_MAX   64

/* The digits of a decimal without its point, and how many of them stand behind it. */
struct decimal {
  struct text whole, fraction;
  int64_t exponent;
};

static bool all_digits(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (t.at[i] < '0' || t.at[i] > '9')
      return false;
  return true;
}

static bool decimal_exponent(struct text t, int64_t *out) {
  if (text_starts(t, TEXT("+")))
    t = text_skip(t, 1);
  return text_to_i64(t, out) && *out >= -EXPONENT_MAX && *out <= EXPONENT_MAX;
}

/* "0.000003", "3e-06", "1"; no sign. */
static bool decimal_read(struct text t, struct decimal *out) {
  struct text exponent;
  *out = (struct decimal){.whole = t};
  if ((text_cut(t, 'e', &out->whole, &exponent) || text_cut(t, 'E', &out->whole, &exponent)) &&
      !decimal_exponent(exponent, &out->exponent))
    return false;
  t = out->whole;
  (void)text_cut(t, '.', &out->whole, &out->fraction);
  return out->whole.len + out->fraction.len > 0 && all_digits(out->whole) && all_digits(out->fraction);
}

/* The digit i places into the decimal, 0 beyond either end. */
static int64_t digit_at(const struct decimal *d, int64_t i) {
  int64_t whole = (int64_t)d->whole.len, all = whole + (int64_t)d->fraction.len;
  if (i < 0 || i >= all)
    return 0;
  return (i < whole ? d->whole.at[i] : d->fraction.at[i - whole]) - '0';
}

/* Scaled by 10^PRICE_PLACES and rounded half up. */
static bool price_read(struct text t, int64_t *out) {
  struct decimal d;
  if (!decimal_read(t, &d))
    return false;
  int64_t end = (int64_t)d.whole.len + d.exponent + PRICE_PLACES, n = 0;
  for (int64_t i = 0; i < end; i++) {
    n = n * 10 + digit_at(&d, i);
    if (n > PRICE_MAX)
      return false;
  }
  n += digit_at(&d, end) >= 5;
  if (n > PRICE_MAX)
    return false;
  *out = n;
  return true;
}

/* A price member: text or number. False when absent or not a price. */
static bool price_member(yyjson_val *pricing, const char *name, int64_t *out) {
  yyjson_val *value = json_get(pricing, name);
  struct text t = json_text(value);
  return price_read(t.len ? t : json_number(value), out);
}

static void read_price(yyjson_val *pricing, struct price *out) {
  struct price p = {0};
  if (!price_member(pricing, "prompt", &p.input) || !price_member(pricing, "completion", &p.output))
    return;
  if (!price_member(pricing, "input_cache_read", &p.cache_read))
    p.cache_read = p.input;
  if (!price_member(pricing, "input_cache_write", &p.cache_write_5m))
    p.cache_write_5m = p.input;
  if (!price_member(pricing, "input_cache_write_1h", &p.cache_write_1h))
    p.cache_write_1h = p.cache_write_5m;
  p.version = price_version(&p);
  *out = p;
}

static uint64_t count_of(yyjson_val *object, const char *name) {
  uint64_t n = 0;
  return json_number_u64(json_get(object, name), &n) && n <= USAGE_MAX_TOKENS ? n : 0;
}

static void read_model(yyjson_val *entry, struct llm_catalogue *c) {
  struct text id, name = TEXT_NONE;
  if (!json_get_text(entry, "id", &id) || text_is_empty(id) || id.len > ID_BYTES_MAX)
    return;
  struct llm_catalogue_model *model = llm_catalogue_add(c);
  if (!model)
    return;
  (void)json_get_text(entry, "name", &name);
  model->id = arena_copy(&c->arena, id);
  model->name = arena_copy(&c->arena, text_head(name, name.len <= NAME_BYTES_MAX ? name.len : 0));
  yyjson_val *top = json_get(entry, "top_provider");
  model->context_tokens = count_of(entry, "context_length");
  if (model->context_tokens == 0)
    model->context_tokens = count_of(top, "context_length");
  model->max_output_tokens = count_of(top, "max_completion_tokens");
  model->created_s = (int64_t)count_of(entry, "created");
  read_price(json_get(entry, "pricing"), &model->price);
}

static enum err read_list(yyjson_val *list, struct llm_catalogue **out, struct fault *f) {
  if (!yyjson_is_arr(list))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "data", "the list of models has no \"data\" with a list in it");
  struct llm_catalogue *c = llm_catalogue_new(yyjson_arr_size(list));
  yyjson_val *entry;
  size_t i, max;
  yyjson_arr_foreach (list, i, max, entry)
    read_model(entry, c);
  if (c->count == 0 && max > 0) {
    llm_catalogue_drop(c);
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "data", "no entry of the list of models has an id");
  }
  llm_catalogue_seal(c);
  *out = c;
  return ERR_OK;
}

enum err openrouter_catalogue_read(struct text body, struct llm_catalogue **out, struct fault *f) {
  struct json doc;
  if (json_read(body, &(struct json_limits){.lenient = true, .raw_numbers = true}, &doc, f))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the list of models is not JSON");
  enum err e = read_list(json_get(doc.root, "data"), out, f);
  json_done(&doc);
  return e;
}
