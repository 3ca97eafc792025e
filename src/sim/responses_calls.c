/* The endpoints of responses: made, looked up, deleted, counted. Keys have been checked by then, and the object itself
 * is written elsewhere. Reached through the table of calls.c. */
#include "sim/calls.h"
#include "sim/responses_request.h"
#include "sim/responses_store.h"

#define COUNT_MAX_BYTES 1024

static void answer_unknown(struct sim_call *c) {
  struct fault f = {0};
  (void)fault_set(&f, ERR_NOT_FOUND, NULL, "Response with id '%.*s' not found.", TEXT_ARGS(text_head(c->rest, 80)));
  play_fault(&c->play, &f);
}

static void answer_get(struct sim_call *c) {
  const struct responses_kept *kept = responses_store_find(c->responses, c->rest);
  if (!kept)
    answer_unknown(c);
  else
    play_json(&c->play, 200, arena_copy(c->play.rq->arena, kept->json));
}

static void answer_delete(struct sim_call *c) {
  if (!responses_store_drop(c->responses, c->rest)) {
    answer_unknown(c);
    return;
  }
  struct buf out;
  struct json_writer w;
  buf_init(&out, COUNT_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  json_field_text(&w, "id", c->rest);
  json_field_str(&w, "object", "response");
  json_field_bool(&w, "deleted", true);
  json_object_end(&w);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_count(struct sim_call *c) {
  struct json doc;
  struct sim_ask ask;
  struct fault f = {0};
  struct buf out;
  if (!sim_call_json(c, &doc))
    return;
  const struct sim_input in = {.doc = &doc, .arena = c->play.rq->arena, .responses = c->responses};
  enum err e = sim_responses_read_count(&in, &ask, &f);
  json_done(&doc);
  if (e) {
    play_fault(&c->play, &f);
    return;
  }
  buf_init(&out, COUNT_MAX_BYTES);
  buf_add_format(&out, "{\"object\":\"response.input_tokens\",\"input_tokens\":%llu}",
                 (unsigned long long)digest_tokens(ask.digest.bytes));
  sim_call_finish(c, &ask.behaviour, &out);
}

static const struct sim_route routes[] = {
    {"POST", "/v1/responses", &sim_responses, sim_call_answer, false},
    {"POST", "/v1/responses/input_tokens", &sim_responses, answer_count, false},
    {"GET", "/v1/responses/*", &sim_responses, answer_get, false},
    {"DELETE", "/v1/responses/*", &sim_responses, answer_delete, false},
};
const struct sim_route_table sim_responses_routes = {routes, sizeof(routes) / sizeof(routes[0])};
