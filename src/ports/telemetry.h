/* The port of telemetry: one record for every finished exchange; what becomes of it (a log line, metrics) is the
 * adapter's matter. */
#ifndef PORTS_TELEMETRY_H
#define PORTS_TELEMETRY_H

#include "base/text.h"
#include "llm/price.h"

/* Stages of the request path, in order; their names are in telemetry_stage_name. */
enum telemetry_stage {
  TELEMETRY_INTAKE,
  TELEMETRY_IDENTIFY,
  TELEMETRY_ADMIT,
  TELEMETRY_CHOOSE,
  TELEMETRY_SEND,
  TELEMETRY_RELAY,
  TELEMETRY_SETTLE,
  TELEMETRY_STAGES
};

struct telemetry_exchange {
  struct text request_id, upstream_request_id, method, path, peer, user_agent;
  struct text key_name, user, wire, operation, model, provider, upstream_model;
  struct text error;       /* err_name, "" when ok */
  struct text detail;      /* the fault's sentence, "" when ok */
  struct text left_out;    /* members of the request that the operator allows a target to lose, as places */
  struct text not_carried; /* members of the answer that the caller's dialect has no place for */
  const char *outcome;
  int status, upstream_status;
  uint32_t attempts;
  /* Why there were more than one: failures that another attempt took the place of, further rounds over the targets, a
   * second one raced (and was faster). */
  uint32_t failovers, rounds;
  bool hedged, hedge_won;
  bool streamed;
  uint64_t request_bytes, response_bytes;
  struct usage usage;
  struct cost cost;
  int64_t stage_us[TELEMETRY_STAGES];               /* -1: not reached */
  int64_t first_token_us, duration_us, overhead_us; /* -1: unknown */
};

struct telemetry {
  /* On the worker's own thread; must not wait. The record dies after the call. */
  void (*exchange_done)(struct telemetry *self, unsigned worker, const struct telemetry_exchange *e);
};

#endif
