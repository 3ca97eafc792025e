/* Counters and the ring of the last requests behind GET /__stats. A request is kept as the JSON that will be shown, so
 * keeping costs one allocation and showing none. Called by sim.c for every request and by play.c when an answer ends.
 */
#include "sim/stats.h"

#include <sodium.h>

#define ENTRY_MAX_BYTES (512 * 1024)
#define KEEP_MAX        10000

struct stats_entry {
  char *json; /* members without the braces; NULL: empty */
  size_t len;
  int status;
  const char *outcome;
};

void stats_init(struct stats *s, size_t keep) {
  *s = (struct stats){.ring_size = keep < KEEP_MAX ? keep : KEEP_MAX};
  if (s->ring_size == 0)
    return;
  s->ring = calloc(s->ring_size, sizeof(*s->ring));
  if (!s->ring)
    abort();
}

void stats_done(struct stats *s) {
  for (size_t i = 0; i < s->ring_size; i++)
    free(s->ring[i].json);
  free(s->ring);
  *s = (struct stats){0};
}

void stats_reset(struct stats *s) {
  size_t keep = s->ring_size;
  stats_done(s);
  stats_init(s, keep);
}

static void count_path(struct stats *s, const char *path, struct text method) {
  char name[sizeof(s->path[0].name)];
  snprintf(name, sizeof(name), "%.*s %s", TEXT_ARGS(text_head(method, 16)), path);
  for (size_t i = 0; i < s->path_count; i++) {
    if (strcmp(s->path[i].name, name) != 0)
      continue;
    s->path[i].count++;
    return;
  }
  if (s->path_count == STATS_PATHS_MAX)
    return;
  memcpy(s->path[s->path_count].name, name, sizeof(name));
  s->path[s->path_count++].count = 1;
}

static void put_headers(struct json_writer *w, const struct http_headers *headers) {
  json_name(w, "headers");
  json_array(w);
  for (size_t i = 0; i < headers->count; i++) {
    json_array(w);
    json_put_text(w, headers->at[i].name);
    json_put_text(w, headers->at[i].value);
    json_array_end(w);
  }
  json_array_end(w);
}

static void put_body(struct json_writer *w, struct text body) {
  unsigned char sha[crypto_hash_sha256_BYTES];
  char hex[2 * sizeof(sha)];
  crypto_hash_sha256(sha, (const unsigned char *)(body.at ? body.at : ""), body.len);
  json_field_u64(w, "body_bytes", body.len);
  json_field_text(w, "body_sha256", (struct text){hex, text_hex(sha, sizeof(sha), hex)});
  json_field_bool(w, "body_is_whole", body.len <= STATS_BODY_BYTES);
  json_field_text(w, "body", text_head(body, STATS_BODY_BYTES));
}

static void keep(struct stats *s, const struct http1_head *head, struct text id, struct text body) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, ENTRY_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  json_field_text(&w, "id", id);
  json_field_text(&w, "method", head->method);
  json_field_text(&w, "target", head->target);
  put_headers(&w, &head->headers);
  put_body(&w, body);
  struct stats_entry *entry = &s->ring[s->recorded % s->ring_size];
  free(entry->json);
  *entry = (struct stats_entry){0};
  if (buf_check(&out) == ERR_OK) {
    struct text taken = buf_take(&out);
    *entry = (struct stats_entry){(char *)(uintptr_t)taken.at, taken.len, 0, "open"};
  }
  buf_done(&out);
}

uint64_t stats_record(struct stats *s, const char *path, const struct http1_head *head, struct text id,
                      struct text body) {
  s->requests++;
  count_path(s, path, head->method);
  if (s->ring_size > 0)
    keep(s, head, id, body);
  return s->recorded++;
}

void stats_outcome(struct stats *s, uint64_t number, int status, const char *outcome) {
  if (s->ring_size == 0 || number >= s->recorded || s->recorded - number > s->ring_size)
    return;
  struct stats_entry *entry = &s->ring[number % s->ring_size];
  entry->status = status;
  entry->outcome = outcome;
}

static void put_recent(struct json_writer *w, const struct stats *s) {
  size_t kept = s->recorded < s->ring_size ? (size_t)s->recorded : s->ring_size;
  json_name(w, "recent");
  json_array(w);
  for (size_t i = 0; i < kept; i++) {
    const struct stats_entry *entry = &s->ring[(s->recorded - kept + i) % s->ring_size];
    if (!entry->json)
      continue;
    /* The kept text lacks only its closing brace, so the two late members follow it. */
    json_put_raw(w, (struct text){entry->json, entry->len});
    buf_add_format(w->out, ",\"status\":%d,\"outcome\":\"%s\"}", entry->status, entry->outcome);
  }
  json_array_end(w);
}

void stats_write(struct buf *out, const struct stats *s, size_t connections, size_t active) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_u64(&w, "requests", s->requests);
  json_field_u64(&w, "cancelled", s->cancelled);
  json_field_u64(&w, "cancelled_mid_stream", s->cancelled_mid_stream);
  json_field_u64(&w, "streams_started", s->streams_started);
  json_field_u64(&w, "streams_finished", s->streams_finished);
  json_field_u64(&w, "streams_broken", s->streams_broken);
  json_field_u64(&w, "connections", connections);
  json_field_u64(&w, "active", active);
  json_name(&w, "paths");
  json_object(&w);
  for (size_t i = 0; i < s->path_count; i++)
    json_field_u64(&w, s->path[i].name, s->path[i].count);
  json_object_end(&w);
  put_recent(&w, s);
  json_object_end(&w);
}
