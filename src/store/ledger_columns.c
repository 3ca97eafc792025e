/* The one place that knows which member of a ledger row is which column. Numbers above the largest signed one are
 * stored as that. Used by the row-by-row insert, PostgreSQL's COPY, and the listing.
 * house: tested-by tests/unit/store/test_store_ledger.c */
#include "store/ledger_columns.h"

static struct ledger_value number(int64_t n) { return (struct ledger_value){.number = n}; }
static struct ledger_value size(uint64_t n) { return number(n > INT64_MAX ? INT64_MAX : (int64_t)n); }
static struct ledger_value text(struct text t) { return (struct ledger_value){.is_text = true, .text = t}; }

static void usage_of(const struct usage *u, struct ledger_value *out) {
  out[0] = size(u->input);
  out[1] = size(u->output);
  out[2] = size(u->cache_write_5m);
  out[3] = size(u->cache_write_1h);
  out[4] = size(u->cache_read);
  out[5] = size(u->reasoning);
  out[6] = number(u->known);
  out[7] = number(u->estimated);
}

static void cost_of(const struct cost *c, struct ledger_value *out) {
  out[0] = number(c->input);
  out[1] = number(c->output);
  out[2] = number(c->cache_write);
  out[3] = number(c->cache_read);
  out[4] = number(c->total);
  out[5] = number(c->known);
}

void ledger_columns_of(const struct ledger_row *r, struct ledger_value out[SQL_LEDGER_COLUMNS]) {
  const struct text texts[] = {r->key_name,   r->user,  r->wire,           r->operation,           r->provider,
                               r->credential, r->model, r->upstream_model, r->upstream_request_id, r->outcome,
                               r->error};
  out[0] = number(r->id);
  out[1] = number(r->reserved_us);
  out[2] = number(r->settled_us);
  out[3] = text(r->request_id);
  out[4] = number(r->attempt);
  out[5] = number(r->key_id);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    out[6 + i] = text(texts[i]);
  out[17] = number(r->status);
  out[18] = number(r->upstream_status);
  out[19] = number(r->streamed);
  out[20] = number(r->billable);
  usage_of(&r->usage, out + 21);
  cost_of(&r->cost, out + 29);
  out[35] = number(r->price_version);
  out[36] = number(r->reserved_nano);
  out[37] = number(r->first_token_us);
  out[38] = number(r->duration_us);
  out[39] = number(r->overhead_us);
  out[40] = text(r->workspace);
  out[41] = text(r->provider_metadata);
}

void ledger_columns_read(struct driver_link *l, struct arena *a, struct ledger_row *r) {
  int64_t n[SQL_LEDGER_COLUMNS] = {0};
  for (int i = 0; i < SQL_LEDGER_COLUMNS; i++)
    if (i != 3 && (i < 6 || i > 16) && i < 40)
      n[i] = l->driver->number(l, i);
  *r = (struct ledger_row){
      .id = n[0],
      .reserved_us = n[1],
      .settled_us = n[2],
      .request_id = driver_text(l, 3, a),
      .attempt = (uint32_t)n[4],
      .key_id = n[5],
      .status = (int)n[17],
      .upstream_status = (int)n[18],
      .streamed = n[19] != 0,
      .billable = n[20] != 0,
      .usage = {.input = (uint64_t)n[21],
                .output = (uint64_t)n[22],
                .cache_write_5m = (uint64_t)n[23],
                .cache_write_1h = (uint64_t)n[24],
                .cache_read = (uint64_t)n[25],
                .reasoning = (uint64_t)n[26],
                .known = n[27] != 0,
                .estimated = n[28] != 0},
      .cost = {.input = n[29],
               .output = n[30],
               .cache_write = n[31],
               .cache_read = n[32],
               .total = n[33],
               .known = n[34] != 0},
      .price_version = (uint32_t)n[35],
      .reserved_nano = n[36],
      .first_token_us = n[37],
      .duration_us = n[38],
      .overhead_us = n[39],
      .workspace = driver_text(l, 40, a),
      .provider_metadata = driver_text(l, 41, a),
  };
  struct text *texts[] = {&r->key_name,   &r->user,  &r->wire,           &r->operation,           &r->provider,
                          &r->credential, &r->model, &r->upstream_model, &r->upstream_request_id, &r->outcome,
                          &r->error};
  for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++)
    *texts[i] = driver_text(l, 6 + i, a);
}

enum err ledger_columns_list(struct driver_link *l, struct arena *a, struct ledger_row **out, size_t *out_count,
                             const char *doing, struct fault *f) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  bool row = false;
  enum err e;
  while (!(e = l->driver->step(l, &row, doing, f)) && row) {
    rows = driver_more(a, rows, count, sizeof *rows);
    ledger_columns_read(l, a, &rows[count++]);
  }
  *out = rows;
  *out_count = count;
  return e;
}
