/* Azure OpenAI: the same chat completions under paths that name a deployment, with api-version, a header api-key, and
 * the results of content filters. Its v1 paths are plain OpenAI. Reached through the table of calls.c. */
#include "sim/calls.h"
#include "sim/chat.h"
#include "sim/openai.h"
#include "sim/openai_request.h"

static enum err read_input(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  return sim_chat_read(in, CHAT_AZURE, out, f);
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  chat_write_plain(out, answer, CHAT_AZURE);
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  return chat_write_event(out, answer, c, CHAT_AZURE);
}

/* What Azure's own front door says is shorter than what the service behind it says. */
static void write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit) {
  int status = fault_status(f);
  if (status != 401 && status != 404) {
    sim_openai_write_error(out, f, request_id, is_usage_limit);
    return;
  }
  buf_add_format(out, "{\"error\":{\"code\":\"%d\",\"message\":\"%s\"}}", status,
                 status == 404 ? "Resource not found"
                               : "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
                                 "provide a valid key for an active subscription and use a correct regional API "
                                 "endpoint for your resource.");
}

const struct sim_dialect sim_azure = {
    .name = "azure",
    .stream_type = "text/event-stream; charset=utf-8",
    .read = read_input,
    .add_headers = sim_openai_add_headers,
    .write_error = write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = sim_openai_write_stream_error,
};

/* Without a version of the API there is no such resource. */
static bool has_version(struct sim_call *c) {
  struct text query = c->play.rq->query, pair, name, value;
  struct fault f = {0};
  while (query.len > 0) {
    pair = query;
    if (!text_cut(query, '&', &pair, &query))
      query = TEXT_NONE;
    if (text_cut(pair, '=', &name, &value) && text_equal(name, TEXT("api-version")) && value.len > 0)
      return true;
  }
  (void)fault_set(&f, ERR_NOT_FOUND, NULL, "Resource not found");
  play_fault(&c->play, &f);
  return false;
}

static void answer_chat(struct sim_call *c) {
  if (has_version(c))
    sim_call_answer(c);
}

static void answer_embeddings(struct sim_call *c) {
  if (has_version(c))
    sim_call_embeddings(c);
}

static const struct sim_route routes[] = {
    {"POST", "/openai/deployments/*/chat/completions", &sim_azure, answer_chat, false, false},
    {"POST", "/openai/deployments/*/embeddings", &sim_azure, answer_embeddings, false, false},
    {"POST", "/openai/v1/chat/completions", &sim_openai, sim_call_answer, false, false},
    {"POST", "/openai/v1/responses", &sim_responses, sim_call_answer, false, false},
    {"POST", "/openai/v1/embeddings", &sim_openai, sim_call_embeddings, false, false},
};
const struct sim_route_table sim_azure_routes = {routes, sizeof(routes) / sizeof(routes[0])};
