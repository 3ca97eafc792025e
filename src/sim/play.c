/* Timing, framing and breakage of simulated answers. It asks the dialect for bytes and gives them to the HTTP server;
 * it decides nothing about content. A client that goes away is noticed at every wait and counted. Called by sim.c. */
#include "sim/play.h"

#define MERGE_BYTES     (32 * 1024)
#define EVENT_MAX_BYTES (256 * 1024)
#define HANG_US         (3600LL * 1000 * 1000)

/* The client is gone, or the simulator is being closed: whoever still listens must not take what came for an answer. */
static void note_gone(struct play *p) {
  if (p->wrote)
    p->stats->cancelled_mid_stream++;
  else
    p->stats->cancelled++;
  stats_outcome(p->stats, p->record, 0, p->wrote ? "cancelled_mid_stream" : "cancelled");
  http_respond_abort(p->rq);
}

static void note_result(struct play *p, enum err e, int status, const char *outcome) {
  if (e)
    note_gone(p);
  else
    stats_outcome(p->stats, p->record, status, outcome);
}

static bool wait_us(struct play *p, int64_t duration_us) {
  if (fiber_sleep(duration_us) == ERR_OK)
    return true;
  note_gone(p);
  return false;
}

static void add_headers(struct play *p, struct sim_headers *h, int status, const struct fault *f) {
  p->dialect->add_headers(h, &(struct sim_outcome){.status = status,
                                                   .request_id = p->request_id,
                                                   .fault = f,
                                                   .answer = f ? NULL : p->answer,
                                                   .arena = p->rq->arena});
}

static void respond(struct play *p, int status, struct text content_type, struct text body, const struct fault *f) {
  struct sim_headers h = {0};
  sim_headers_add(&h, TEXT("content-type"), content_type);
  add_headers(p, &h, status, f);
  enum err e = http_respond(p->rq, status, h.at, h.count, body);
  note_result(p, e, status, "answered");
}

void play_json(struct play *p, int status, struct text body) {
  respond(p, status, TEXT("application/json"), body, NULL);
}

static void respond_fault(struct play *p, const struct fault *f, bool is_usage_limit) {
  struct buf out;
  buf_init(&out, 8192);
  p->dialect->write_error(&out, f, p->request_id, is_usage_limit);
  respond(p, fault_status(f), TEXT("application/json"), buf_text(&out), f);
  buf_done(&out);
}

void play_fault(struct play *p, const struct fault *f) { respond_fault(p, f, false); }

static const char *failure_text(int status) {
  switch (status) {
  case 401: return "invalid x-api-key (simulated)";
  case 403: return "Your account does not have permission to use this resource (simulated).";
  case 404: return "model: not found (simulated)";
  case 413: return "Request exceeds the maximum size (simulated).";
  case 429: return "This request would exceed your organization's rate limit (simulated).";
  case 529: return "Overloaded (simulated)";
  default: return status >= 500 ? "Internal server error (simulated)" : "The request is not valid (simulated).";
  }
}

static void fail(struct play *p, int status, bool is_usage_limit) {
  struct fault f = {.err = ERR_UPSTREAM_STATUS, .status = status};
  snprintf(f.text, sizeof(f.text), "%s", failure_text(status));
  respond_fault(p, &f, is_usage_limit);
}

static void reset_connection(struct play *p) {
  p->stats->streams_broken++;
  stats_outcome(p->stats, p->record, 0, "reset");
  http_respond_abort(p->rq);
}

static bool is_error(enum behaviour_break by) { return by >= BEHAVIOUR_BREAK_ERROR; }

static int error_status(enum behaviour_break by) {
  switch (by) {
  case BEHAVIOUR_BREAK_THROTTLE: return 429;
  case BEHAVIOUR_BREAK_INVALID: return 400;
  case BEHAVIOUR_BREAK_UNAVAILABLE: return 503;
  default: return 500;
  }
}

bool play_before(struct play *p) {
  const struct behaviour *b = &p->behaviour;
  http_request_cancel_on_disconnect(p->rq, true);
  if (b->hang) {
    if (wait_us(p, HANG_US))
      reset_connection(p);
    return false;
  }
  if (b->slow_ms > 0 && !wait_us(p, (int64_t)b->slow_ms * 1000))
    return false;
  if (b->usage_limit)
    fail(p, p->dialect->usage_limit_status > 0 ? p->dialect->usage_limit_status : 429, true);
  else if (b->fail_status > 0)
    fail(p, (int)b->fail_status, false);
  else if (b->garbage)
    respond(p, 200, TEXT("text/html"), TEXT("<html><body>weir-sim: this is not JSON</body></html>\n"), NULL);
  else if (b->break_by == BEHAVIOUR_BREAK_RESET && b->break_after == 0)
    reset_connection(p);
  else
    return true;
  return false;
}

/* Sends bytes in packets of the size asked for. */
static enum err send_packets(struct play *p, struct text t) {
  size_t step = p->behaviour.frame_bytes > 0 ? p->behaviour.frame_bytes : t.len;
  while (t.len > 0) {
    struct text packet = text_head(t, step);
    enum err e = http_respond_write(p->rq, &packet, 1);
    if (e)
      return e;
    p->wrote = true;
    t = text_skip(t, packet.len);
    if (t.len > 0)
      e = fiber_yield();
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err send_bytes(struct play *p, struct text t, bool last) {
  if (!p->gzip)
    return send_packets(p, t);
  struct buf packed;
  buf_init(&packed, t.len * 2 + 65536);
  gzip_feed(p->gzip, t, last, &packed);
  enum err e = buf_check(&packed);
  if (!e)
    e = send_packets(p, buf_text(&packed));
  buf_done(&packed);
  return e;
}

static enum err start(struct play *p, struct text content_type) {
  struct sim_headers h = {0};
  sim_headers_add(&h, TEXT("content-type"), content_type);
  if (text_starts(content_type, TEXT("text/event-stream")))
    sim_headers_add(&h, TEXT("cache-control"), TEXT("no-cache"));
  if (p->behaviour.gzip)
    sim_headers_add(&h, TEXT("content-encoding"), TEXT("gzip"));
  add_headers(p, &h, 200, NULL);
  if (p->behaviour.gzip)
    p->gzip = gzip_new();
  return http_respond_start(p->rq, 200, h.at, h.count);
}

static void finish(struct play *p, enum err e, const char *outcome) {
  if (!e && p->gzip)
    e = send_bytes(p, TEXT_NONE, true);
  if (!e)
    e = http_respond_end(p->rq);
  gzip_free(p->gzip);
  p->gzip = NULL;
  note_result(p, e, 200, outcome);
}

/* Half of a plain answer, then the end that was asked for. */
static void play_broken_plain(struct play *p, struct text body) {
  if (is_error(p->behaviour.break_by)) {
    fail(p, error_status(p->behaviour.break_by), false);
    return;
  }
  enum err e = start(p, TEXT("application/json"));
  if (!e)
    e = send_bytes(p, text_head(body, body.len / 2), false);
  if (!e && p->behaviour.break_by == BEHAVIOUR_BREAK_RESET) {
    gzip_free(p->gzip);
    p->gzip = NULL;
    reset_connection(p);
    return;
  }
  p->stats->streams_broken++;
  finish(p, e, "cut");
}

void play_plain(struct play *p, struct text body) {
  const struct behaviour *b = &p->behaviour;
  if (b->break_by != BEHAVIOUR_BREAK_NONE) {
    play_broken_plain(p, body);
  } else if (b->frame_bytes == 0 && !b->gzip) {
    respond(p, 200, TEXT("application/json"), body, NULL);
  } else {
    enum err e = start(p, TEXT("application/json"));
    if (!e)
      e = send_bytes(p, body, false);
    finish(p, e, "answered");
  }
}

/* What is wrong with the stream from here on, behind the events in out. */
static void put_break(struct play *p, struct buf *out, struct sim_cursor *cursor) {
  enum behaviour_break by = p->behaviour.break_by;
  size_t before = out->len;
  if (is_error(by)) {
    p->dialect->write_stream_error(out, p->answer, cursor, by);
    return;
  }
  if (by == BEHAVIOUR_BREAK_GARBAGE)
    buf_add(out, TEXT("weir-sim: this is no event\n\ndata: {\"nor is\": this\n\n"));
  if (by != BEHAVIOUR_BREAK_HALF && by != BEHAVIOUR_BREAK_DAMAGE)
    return;
  if (!p->dialect->write_event(out, p->answer, cursor) || out->len == before)
    return;
  if (by == BEHAVIOUR_BREAK_HALF)
    out->len = before + (out->len - before) / 2;
  else if (text_starts(text_of(p->dialect->stream_type), TEXT("text/")))
    out->at[before + (out->len - before) / 2] = '\n';
  else
    out->at[out->len - 1] = (char)(out->at[out->len - 1] ^ 1);
}

static const char *break_outcome(enum behaviour_break by) {
  if (is_error(by))
    return "error_event";
  return by == BEHAVIOUR_BREAK_DAMAGE || by == BEHAVIOUR_BREAK_GARBAGE ? "damaged" : "cut";
}

/* The end of a stream that breaks on purpose; whatever is in out goes first. */
static void break_stream(struct play *p, struct buf *out, struct sim_cursor *cursor) {
  put_break(p, out, cursor);
  enum err e = out->len > 0 ? send_bytes(p, buf_text(out), false) : ERR_OK;
  if (!e && p->behaviour.break_by == BEHAVIOUR_BREAK_RESET) {
    gzip_free(p->gzip);
    p->gzip = NULL;
    reset_connection(p);
    return;
  }
  p->stats->streams_broken++;
  finish(p, e, break_outcome(p->behaviour.break_by));
}

/* Sends the events; true when the stream came to its own end. *out holds what is not sent yet. */
static bool play_events(struct play *p, struct buf *out, struct sim_cursor *cursor, enum err *out_err) {
  const struct behaviour *b = &p->behaviour;
  for (uint32_t sent = 0;; sent++) {
    if (b->break_by != BEHAVIOUR_BREAK_NONE && sent == b->break_after)
      return false;
    if (!p->dialect->write_event(out, p->answer, cursor))
      return true;
    if (b->merge && out->len < MERGE_BYTES)
      continue;
    if (b->drip_ms > 0 && sent > 0)
      *out_err = fiber_sleep((int64_t)b->drip_ms * 1000);
    if (!*out_err)
      *out_err = send_bytes(p, buf_text(out), false);
    if (*out_err)
      return true;
    buf_reset(out);
  }
}

void play_stream(struct play *p) {
  struct buf out;
  struct sim_cursor cursor = {0};
  buf_init(&out, EVENT_MAX_BYTES);
  p->stats->streams_started++;
  enum err e = start(p, text_of(p->dialect->stream_type));
  if (!e && !play_events(p, &out, &cursor, &e)) {
    break_stream(p, &out, &cursor);
  } else {
    if (!e && out.len > 0)
      e = send_bytes(p, buf_text(&out), false);
    if (!e)
      p->stats->streams_finished++;
    finish(p, e, "finished");
  }
  buf_done(&out);
}
