/* The table of simulated endpoints and what each does: read, decide, hand to play.c. Credentials and versions have been
 * checked by sim.c, which also keeps the statistics. */
#include "sim/calls.h"

#include "sim/anthropic.h"
#include "sim/anthropic_request.h"
#include "sim/openai.h"

#define ANSWER_MAX_BYTES (64 * 1024 * 1024)

bool sim_call_json(struct sim_call *c, struct json *doc) {
  struct fault f = {0};
  if (json_read(c->body, NULL, doc, &f) == ERR_OK)
    return true;
  play_fault(&c->play, &f);
  return false;
}

static int hex_digit(char c) {
  const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | (c >= 'A' ? 0x20 : 0)) : NULL;
  return at ? (int)(at - digits) : -1;
}

struct text sim_call_name(struct sim_call *c) {
  char *name = arena_alloc(c->play.rq->arena, c->rest.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < c->rest.len; i++) {
    int high = i + 2 < c->rest.len ? hex_digit(c->rest.at[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(c->rest.at[i + 2]) : -1;
    bool is_coded = c->rest.at[i] == '%' && low >= 0;
    name[len++] = is_coded ? (char)(high * 16 + low) : c->rest.at[i];
    i += is_coded ? 2 : 0;
  }
  return (struct text){name, len};
}

/* Decides the answer; everything of it lives in the arena, so that body and document can go before it is played. */
static bool plan(struct sim_call *c, struct sim_answer *out, bool *out_stream) {
  struct json doc;
  struct sim_ask ask;
  struct fault f = {0};
  if (!sim_call_json(c, &doc))
    return false;
  const struct sim_input in = {
      .doc = &doc,
      .arena = c->play.rq->arena,
      .model = sim_call_name(c),
      .stream = c->route->stream,
      .headers = &c->play.rq->head.headers,
      .responses = c->responses,
  };
  enum err e = c->play.dialect->read(&in, &ask, &f);
  if (!e) {
    if (c->behaviour_forced)
      ask.behaviour = c->play.behaviour;
    ask.thinks = ask.thinks || (c->behaviour_forced && ask.behaviour.thinking);
    c->play.behaviour = ask.behaviour;
    answer_plan(&ask, c->counter, c->prompt_cache, c->play.rq->arena, out);
    *out_stream = ask.stream;
  }
  json_done(&doc);
  http_request_drop_body(c->play.rq);
  if (e)
    play_fault(&c->play, &f);
  return !e;
}

void sim_call_answer(struct sim_call *c) {
  struct sim_answer *answer = ARENA_NEW(c->play.rq->arena, struct sim_answer);
  bool stream = false;
  if (!plan(c, answer, &stream))
    return;
  c->play.answer = answer;
  if (c->play.dialect->keep && c->responses)
    c->play.dialect->keep(c->responses, answer, c->play.rq->arena);
  if (!play_before(&c->play))
    return;
  if (stream) {
    play_stream(&c->play);
    return;
  }
  struct buf out;
  buf_init(&out, ANSWER_MAX_BYTES);
  c->play.dialect->write_plain(&out, answer, c->play.rq->arena);
  play_plain(&c->play, buf_text(&out));
  buf_done(&out);
}

void sim_call_finish(struct sim_call *c, const struct behaviour *b, struct buf *out) {
  if (!c->behaviour_forced)
    c->play.behaviour = *b;
  if (play_before(&c->play))
    play_plain(&c->play, buf_text(out));
  buf_done(out);
}

static void answer_count(struct sim_call *c) {
  struct json doc;
  struct sim_ask ask;
  struct fault f = {0};
  struct buf out;
  if (!sim_call_json(c, &doc))
    return;
  buf_init(&out, 1024);
  enum err e = sim_anthropic_read_count(&doc, c->play.rq->arena, &ask, &f);
  if (!e)
    sim_anthropic_write_count(&out, &ask);
  json_done(&doc);
  if (e)
    play_fault(&c->play, &f);
  else
    sim_call_finish(c, &ask.behaviour, &out);
}

void sim_call_embeddings(struct sim_call *c) {
  struct json doc;
  struct sim_embed_ask ask;
  struct fault f = {0};
  struct buf out;
  if (!sim_call_json(c, &doc))
    return;
  buf_init(&out, ANSWER_MAX_BYTES);
  enum err e = sim_openai_read_embed(&doc, sim_call_name(c), &ask, &f);
  if (!e) {
    ask.has_cost = c->play.dialect == &sim_openrouter;
    sim_openai_write_embed(&out, &ask);
  }
  if (!e && buf_check(&out) != ERR_OK)
    e = fault_set(&f, ERR_BAD_REQUEST, "input", "weir-sim makes at most 64 MiB of vectors at once");
  json_done(&doc);
  if (e) {
    play_fault(&c->play, &f);
    buf_done(&out);
  } else {
    sim_call_finish(c, &ask.behaviour, &out);
  }
}

static void answer_models(struct sim_call *c) {
  struct buf out;
  struct fault f = {0};
  enum err e = ERR_OK;
  buf_init(&out, ANSWER_MAX_BYTES);
  if (c->play.dialect == &sim_anthropic)
    e = sim_anthropic_write_models(&out, c->play.rq->query, &f);
  else
    sim_openai_write_models(&out);
  if (e)
    play_fault(&c->play, &f);
  else
    play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_model(struct sim_call *c) {
  struct buf out;
  buf_init(&out, 64 * 1024);
  if (c->play.dialect == &sim_anthropic)
    sim_anthropic_write_model(&out, c->rest);
  else
    sim_openai_write_model(&out, c->rest);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static struct text new_id(struct sim_call *c, const char *prefix) {
  struct digest d = {0};
  digest_text(&d, c->body);
  digest_u64(&d, c->counter);
  return digest_id(c->play.rq->arena, prefix, 22, d.hash);
}

static void answer_batch_create(struct sim_call *c) {
  struct json doc;
  struct fault f = {0};
  size_t requests = 0;
  if (!sim_call_json(c, &doc))
    return;
  if (sim_anthropic_read_batch(&doc, &requests, &f) != ERR_OK) {
    play_fault(&c->play, &f);
  } else {
    struct buf out;
    buf_init(&out, 4096);
    sim_anthropic_write_batch(&out, new_id(c, "msgbatch_01"), requests, false);
    play_json(&c->play, 200, buf_text(&out));
    buf_done(&out);
  }
  json_done(&doc);
}

static void answer_batch(struct sim_call *c) {
  struct buf out;
  buf_init(&out, 64 * 1024);
  sim_anthropic_write_batch(&out, c->rest, 0, true);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_empty_list(struct sim_call *c) {
  play_json(&c->play, 200, TEXT("{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}"));
}

static void answer_file_create(struct sim_call *c) {
  struct buf out;
  buf_init(&out, 4096);
  sim_anthropic_write_file(&out, new_id(c, "file_01"), c->body.len);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_file(struct sim_call *c) {
  struct buf out;
  buf_init(&out, 64 * 1024);
  sim_anthropic_write_file(&out, c->rest, 0);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static void answer_file_delete(struct sim_call *c) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, 64 * 1024);
  json_writer_init(&w, &out);
  json_object(&w);
  json_field_text(&w, "id", c->rest);
  json_field_str(&w, "type", "file_deleted");
  json_object_end(&w);
  play_json(&c->play, 200, buf_text(&out));
  buf_done(&out);
}

static const struct sim_route routes[] = {
    {"POST", "/v1/messages", &sim_anthropic, sim_call_answer},
    {"POST", "/v1/messages/count_tokens", &sim_anthropic, answer_count},
    {"POST", "/v1/chat/completions", &sim_openai, sim_call_answer},
    {"POST", "/v1/embeddings", &sim_openai, sim_call_embeddings},
    {"GET", "/v1/models", NULL, answer_models},
    {"GET", "/v1/models/*", NULL, answer_model},
    {"POST", "/v1/messages/batches", &sim_anthropic, answer_batch_create},
    {"GET", "/v1/messages/batches", &sim_anthropic, answer_empty_list},
    {"GET", "/v1/messages/batches/*", &sim_anthropic, answer_batch},
    {"POST", "/v1/files", &sim_anthropic, answer_file_create},
    {"GET", "/v1/files", &sim_anthropic, answer_empty_list},
    {"GET", "/v1/files/*", &sim_anthropic, answer_file},
    {"DELETE", "/v1/files/*", &sim_anthropic, answer_file_delete},
};

static bool path_fits(struct text pattern, struct text path, struct text *out_rest) {
  struct text before, after, rest;
  if (!text_cut(pattern, '*', &before, &after))
    return text_equal(pattern, path);
  if (!text_starts(path, before))
    return false;
  rest = text_skip(path, before.len);
  if (after.len > 0) {
    ptrdiff_t end = text_find_char(rest, '/');
    if (end < 0 || !text_equal(text_skip(rest, (size_t)end), after))
      return false;
    rest = text_head(rest, (size_t)end);
  }
  if (rest.len == 0)
    return false;
  *out_rest = rest;
  return true;
}

static const struct sim_route *find_in(const struct sim_route_table *table, struct text method, struct text path,
                                       struct text *out_rest, bool *out_path_known) {
  for (size_t i = 0; i < table->count; i++) {
    struct text rest = TEXT_NONE;
    const struct sim_route *route = &table->routes[i];
    if (!path_fits(text_of(route->path), path, &rest))
      continue;
    *out_path_known = true;
    if (!text_equal(text_of(route->method), method))
      continue;
    *out_rest = rest;
    return route;
  }
  return NULL;
}

const struct sim_route *sim_route_find(struct text method, struct text path, struct text *out_rest,
                                       bool *out_path_known) {
  static const struct sim_route_table own = {routes, sizeof(routes) / sizeof(routes[0])};
  const struct sim_route_table *const tables[] = {&own, &sim_responses_routes, &sim_openrouter_routes,
                                                  &sim_azure_routes, &sim_bedrock_routes};
  *out_path_known = false;
  for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
    const struct sim_route *route = find_in(tables[i], method, path, out_rest, out_path_known);
    if (route)
      return route;
  }
  return NULL;
}
