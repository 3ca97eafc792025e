/* The request log as the control API shows it: rows of the ledger, newest settled first, with filters. Rows of
 * routes.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

#include "ports/store_usage.h"

struct filter {
  uint64_t given;
  int64_t since_us, until_us, key_id;
  struct text user, workspace, provider, model, outcome;
};
static const struct shape_field filter_fields[] = {
    {"since", SHAPE_TIME, 0, SHAPE_AT(filter, since_us), .help = "settled at or after it"},
    {"until", SHAPE_TIME, 0, SHAPE_AT(filter, until_us), .help = "settled before it"},
    {"key_id", SHAPE_INTEGER, 0, SHAPE_AT(filter, key_id), .min = INT64_MIN, .max = INT64_MAX,
     .help = "of this key; ids of declared keys are negative"},
    {"user", SHAPE_TEXT, 0, SHAPE_AT(filter, user), .min = 1, .max = 128, .help = "of exactly this user"},
    {"workspace", SHAPE_TEXT, 0, SHAPE_AT(filter, workspace), .min = 1, .max = 128, .help = "of exactly this one"},
    {"provider", SHAPE_TEXT, 0, SHAPE_AT(filter, provider), .min = 1, .max = 64, .help = "that went to it"},
    {"model", SHAPE_TEXT, 0, SHAPE_AT(filter, model), .min = 1, .max = 256, .help = "as the client named it"},
    {"outcome", SHAPE_TEXT, 0, SHAPE_AT(filter, outcome), .min = 1, .max = 32,
     .help = "exactly this, or `failed` for every one but `ok`"},
};
const struct shape request_filter = {"RequestFilter", "Which requests.", sizeof(struct filter),
                                     SHAPE_FIELDS(filter_fields)};

struct tokens_view {
  uint64_t given;
  int64_t input, output, cache_write_5m, cache_write_1h, cache_read, reasoning;
  bool known, estimated;
};
#define TOKENS(member, text)                                                                                           \
  { #member, SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(tokens_view, member), .max = INT64_MAX, .help = text }
static const struct shape_field tokens_fields[] = {
    TOKENS(input, "neither read from the cache nor written to it"),
    TOKENS(output, "reasoning included"),
    TOKENS(cache_write_5m, "written to the cache for 5 minutes"),
    TOKENS(cache_write_1h, "written to the cache for an hour"),
    TOKENS(cache_read, "read from the cache"),
    TOKENS(reasoning, "of the output"),
    {"known", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(tokens_view, known), .help = "whether anybody has counted"},
    {"estimated", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(tokens_view, estimated),
     .help = "counted by Weir, because the provider did not get to it"},
};
static const struct shape tokens_shape = {"Tokens", "Tokens by class.", sizeof(struct tokens_view),
                                          SHAPE_FIELDS(tokens_fields)};

struct cost_view {
  uint64_t given;
  int64_t total, input, output, cache_write, cache_read;
  bool known;
};
#define COST(member, text)                                                                                             \
  { #member, SHAPE_USD, SHAPE_REQUIRED, SHAPE_AT(cost_view, member), .max = INT64_MAX, .help = text }
static const struct shape_field cost_fields[] = {
    COST(total, "of all classes"),
    COST(input, "of input tokens"),
    COST(output, "of output tokens"),
    COST(cache_write, "of tokens written to the cache"),
    COST(cache_read, "of tokens read from it"),
    {"known", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(cost_view, known), .help = "false where no price is known"},
};
static const struct shape cost_shape = {"Cost", "In USD, exactly.", sizeof(struct cost_view),
                                        SHAPE_FIELDS(cost_fields)};

struct request_view {
  uint64_t given;
  struct text id, request_id, key_name, user, workspace, wire, operation, provider, credential, model, upstream_model;
  struct text upstream_request_id, outcome, error, provider_metadata;
  int64_t attempt, key_id, reserved_us, settled_us, status, upstream_status, price_version;
  int64_t first_token_us, duration_us, overhead_us;
  bool streamed, billable;
  struct tokens_view tokens;
  struct cost_view cost;
};
#define TEXT_OF(member, text)                                                                                          \
  { #member, SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(request_view, member), .max = 256, .help = text }
#define NUMBER(name, member, text)                                                                                     \
  {                                                                                                                    \
    name, SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(request_view, member), .min = INT64_MIN, .max = INT64_MAX,           \
                                                                         .help = text                                  \
  }
static const struct shape_field request_fields[] = {
    {"id", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(request_view, id), .min = 1, .max = 20,
     .help = "of the attempt; a text, because it is larger than numbers of JSON are in every language"},
    TEXT_OF(request_id, "of the request, which may have had several attempts"),
    NUMBER("attempt", attempt, "1, 2, ... within the request"),
    NUMBER("key_id", key_id, "negative for declared keys, 0 for none"),
    TEXT_OF(key_name, "the key's name then"),
    TEXT_OF(user, "whose the key was then"),
    TEXT_OF(workspace, "the key's workspace then"),
    TEXT_OF(wire, "in which the client spoke"),
    TEXT_OF(operation, "what was asked for"),
    TEXT_OF(provider, "where it went"),
    TEXT_OF(credential, "with which of its credentials"),
    TEXT_OF(model, "as the client named it"),
    TEXT_OF(upstream_model, "as the provider was asked for it"),
    TEXT_OF(upstream_request_id, "the provider's own id of it"),
    TEXT_OF(outcome, "`ok`, `error`, `cancelled`, `cut`, `recovered` ..."),
    TEXT_OF(error, "what kind of error"),
    {"reserved", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(request_view, reserved_us), .help = "when the attempt began"},
    {"settled", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(request_view, settled_us), .help = "when it was over"},
    NUMBER("status", status, "sent to the client; 0: none"),
    NUMBER("upstream_status", upstream_status, "of the provider; 0: none"),
    {"streamed", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(request_view, streamed), .help = "whether it was a stream"},
    {"billable", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(request_view, billable), .help = "whether budgets count it"},
    {"tokens", SHAPE_OBJECT, SHAPE_REQUIRED, SHAPE_AT(request_view, tokens), .of = &tokens_shape, .help = "by class"},
    {"cost_usd", SHAPE_OBJECT, SHAPE_REQUIRED, SHAPE_AT(request_view, cost), .of = &cost_shape, .help = "by class"},
    NUMBER("price_version", price_version, "of the price row that was used; 0: none"),
    NUMBER("first_token_us", first_token_us, "microseconds to the first token; -1: unknown"),
    NUMBER("duration_us", duration_us, "microseconds in all; -1: unknown"),
    NUMBER("overhead_us", overhead_us, "microseconds of Weir's own; -1: unknown"),
    {"provider_metadata", SHAPE_JSON, SHAPE_NULLABLE, SHAPE_AT(request_view, provider_metadata),
     .help = "what the provider reports beside: `service_tier`, `system_fingerprint`, `provider` (who served it for a "
             "broker), `generation_id`, `native_finish_reason`, `server_tool_use`, `inference_geo`, `speed`, "
             "`latency_ms`, `first_byte_ms`, `performance`; null when nothing"},
};
const struct shape request_shape = {"Request", "One attempt of a request, as the ledger has it.",
                                    sizeof(struct request_view), SHAPE_FIELDS(request_fields)};

static int64_t whole(uint64_t n) { return n > INT64_MAX ? INT64_MAX : (int64_t)n; }

static struct request_view view_of(const struct ledger_row *r, struct arena *a) {
  return (struct request_view){
      .id = arena_format(a, "%lld", (long long)r->id),
      .request_id = r->request_id,
      .key_name = r->key_name,
      .user = r->user,
      .workspace = r->workspace,
      .wire = r->wire,
      .operation = r->operation,
      .provider = r->provider,
      .credential = r->credential,
      .model = r->model,
      .upstream_model = r->upstream_model,
      .upstream_request_id = r->upstream_request_id,
      .outcome = r->outcome,
      .error = r->error,
      .provider_metadata = r->provider_metadata,
      .attempt = r->attempt,
      .key_id = r->key_id,
      .reserved_us = r->reserved_us,
      .settled_us = r->settled_us,
      .status = r->status,
      .upstream_status = r->upstream_status,
      .price_version = r->price_version,
      .first_token_us = r->first_token_us,
      .duration_us = r->duration_us,
      .overhead_us = r->overhead_us,
      .streamed = r->streamed,
      .billable = r->billable,
      .tokens = {.input = whole(r->usage.input),
                 .output = whole(r->usage.output),
                 .cache_write_5m = whole(r->usage.cache_write_5m),
                 .cache_write_1h = whole(r->usage.cache_write_1h),
                 .cache_read = whole(r->usage.cache_read),
                 .reasoning = whole(r->usage.reasoning),
                 .known = r->usage.known,
                 .estimated = r->usage.estimated},
      .cost = {.total = r->cost.total,
               .input = r->cost.input,
               .output = r->cost.output,
               .cache_write = r->cost.cache_write,
               .cache_read = r->cost.cache_read,
               .known = r->cost.known},
  };
}

void request_write(const struct ledger_row *r, struct buf *out) {
  struct json_writer w;
  struct arena a;
  arena_init(&a);
  struct request_view view = view_of(r, &a);
  json_writer_init(&w, out);
  shape_write(&request_shape, &view, &w);
  arena_done(&a);
}

enum err requests_list(struct api_call *c, struct fault *f) {
  const struct filter *q = c->query;
  struct store *s = c->api->store;
  struct usage_log_ask ask = {.org_id = c->org_id,
                              .since_us = q->since_us,
                              .until_us = q->until_us,
                              .below_us = c->cursor.at,
                              .below_id = c->cursor.id,
                              .key_id = q->key_id,
                              .user = q->user,
                              .workspace = q->workspace,
                              .provider = q->provider,
                              .model = q->model,
                              .outcome = q->outcome,
                              .max = (size_t)c->limit + 1};
  struct ledger_row *rows = NULL;
  size_t count = 0;
  struct api_own own = {&ask.user, &ask.since_us, false};
  enum err e = api_narrow(c, PERMISSION_USAGE_READ, PERMISSION_USAGE_OWN, ask.workspace, &own, f);
  if (e == ERR_OK)
    e = s->ops->usage->log(s, &ask, c->arena, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  if (count > (size_t)c->limit) {
    count = (size_t)c->limit;
    c->next = (struct api_place){rows[count - 1].settled_us, rows[count - 1].id};
  }
  struct request_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&rows[i], c->arena);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}
