/* The access line. Its order is the order in which people read it: when, what, whose, where to, how it ended, how much,
 * how long. Written into a buffer of the thread and handed to the log's batch, so that a busy worker writes many lines
 * with one system call. */
#include "telemetry/access.h"

#include "base/json.h"
#include "base/log.h"
#include "fiber/loop.h"

#define LINE_MAX_BYTES 65536 /* seventeen texts of TEXT_MAX_BYTES, each byte an escape of six, and the numbers */
#define TEXT_MAX_BYTES 512

static const char *const stage_names[TELEMETRY_STAGES] = {
    "intake_us", "identify_us", "admit_us", "choose_us", "send_us", "relay_us", "settle_us",
};

/* Client-chosen text is cut, so that nobody can write a line of any length. */
static void field(struct json_writer *w, const char *name, struct text t) {
  if (!text_is_empty(t))
    json_field_text(w, name, text_head(t, TEXT_MAX_BYTES));
}

/* The date is made once a second; a line only sets its milliseconds. */
static void write_time(struct json_writer *w, int64_t wall_us) {
  static _Thread_local char stamp[40];
  static _Thread_local time_t made_for = -1;
  time_t seconds = (time_t)(wall_us / 1000000);
  int ms = (int)(wall_us / 1000 % 1000);
  if (seconds != made_for) {
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    made_for = seconds;
  }
  stamp[20] = (char)('0' + ms / 100);
  stamp[21] = (char)('0' + ms / 10 % 10);
  stamp[22] = (char)('0' + ms % 10);
  json_field_text(w, "ts", (struct text){stamp, 24});
}

static void write_usage(struct json_writer *w, const struct telemetry_exchange *e) {
  json_field_u64(w, "input_tokens", e->usage.input);
  json_field_u64(w, "output_tokens", e->usage.output);
  if (e->usage.cache_write_5m)
    json_field_u64(w, "cache_write_5m_tokens", e->usage.cache_write_5m);
  if (e->usage.cache_write_1h)
    json_field_u64(w, "cache_write_1h_tokens", e->usage.cache_write_1h);
  if (e->usage.cache_read)
    json_field_u64(w, "cache_read_tokens", e->usage.cache_read);
  if (e->usage.reasoning)
    json_field_u64(w, "reasoning_tokens", e->usage.reasoning);
  if (e->usage.estimated)
    json_field_bool(w, "tokens_estimated", true);
  if (e->cost.known)
    json_field_i64(w, "cost_nano_usd", e->cost.total);
  else
    json_field_str(w, "cost_nano_usd", NULL);
}

static void write_times(struct json_writer *w, const struct telemetry_exchange *e) {
  json_field_i64(w, "duration_us", e->duration_us);
  json_field_i64(w, "overhead_us", e->overhead_us);
  if (e->first_token_us >= 0)
    json_field_i64(w, "first_token_us", e->first_token_us);
  for (size_t i = 0; i < TELEMETRY_STAGES; i++) {
    if (e->stage_us[i] >= 0)
      json_field_i64(w, stage_names[i], e->stage_us[i]);
  }
}

void access_write_line(struct buf *out, int64_t wall_us, const struct telemetry_exchange *e) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  write_time(&w, wall_us);
  json_field_str(&w, "level", "info");
  json_field_str(&w, "event", "request");
  field(&w, "request_id", e->request_id);
  field(&w, "method", e->method);
  field(&w, "path", e->path);
  json_field_i64(&w, "status", e->status);
  json_field_str(&w, "outcome", e->outcome);
  field(&w, "error", e->error);
  field(&w, "detail", e->detail);
  field(&w, "key", e->key_name);
  field(&w, "user", e->user);
  field(&w, "wire", e->wire);
  field(&w, "operation", e->operation);
  field(&w, "model", e->model);
  field(&w, "provider", e->provider);
  field(&w, "upstream_model", e->upstream_model);
  field(&w, "upstream_request_id", e->upstream_request_id);
  field(&w, "left_out", e->left_out);
  field(&w, "not_carried", e->not_carried);
  if (e->upstream_status)
    json_field_i64(&w, "upstream_status", e->upstream_status);
  json_field_u64(&w, "attempts", e->attempts);
  if (e->failovers)
    json_field_u64(&w, "failovers", e->failovers);
  if (e->rounds)
    json_field_u64(&w, "further_rounds", e->rounds);
  if (e->hedged)
    json_field_bool(&w, "hedge_won", e->hedge_won);
  json_field_bool(&w, "streamed", e->streamed);
  json_field_u64(&w, "request_bytes", e->request_bytes);
  json_field_u64(&w, "response_bytes", e->response_bytes);
  write_usage(&w, e);
  write_times(&w, e);
  field(&w, "peer", e->peer);
  field(&w, "user_agent", e->user_agent);
  json_object_end(&w);
}

static void exchange_done(struct telemetry *self, unsigned worker, const struct telemetry_exchange *e) {
  struct access_telemetry *a = (struct access_telemetry *)self;
  metrics_count(a->metrics, worker, e);
  if (!log_is_on(LOG_LEVEL_INFO))
    return;
  static _Thread_local char memory[LINE_MAX_BYTES];
  struct buf line = {.at = memory, .cap = sizeof(memory), .max = sizeof(memory)};
  access_write_line(&line, loop_wall_us(), e);
  if (buf_check(&line) == ERR_OK)
    log_access(buf_text(&line));
}

void access_init(struct access_telemetry *a, struct metrics *metrics) {
  *a = (struct access_telemetry){{exchange_done}, metrics};
}
