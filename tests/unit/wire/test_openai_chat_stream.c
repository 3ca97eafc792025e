/* Streams of chat completions chunks read as events, as servers of many makes send them. */
#include "chat_test.h"

/* A stream and what became of it: every event a short word. */
struct seen {
  struct openai_chat_reader reader;
  struct llm_notes notes;
  struct llm_collect *collect;
  struct buf trace;
  struct arena arena;
  enum err err;
  struct fault f;
};

static const char *const kinds[] = {[LLM_TEXT] = "text",
                                    [LLM_TOOL_USE] = "call",
                                    [LLM_THINKING] = "thought",
                                    [LLM_REDACTED_THINKING] = "redacted",
                                    [LLM_REFUSAL] = "refusal"};

static void trace_end(struct buf *b, const struct llm_event *e) {
  static const char *const stops[] = {"end", "length", "sequence", "tools", "refusal", "filter", "full", "pause"};
  buf_add_format(b, " STOP:%s", stops[e->stop]);
  if (e->usage.known)
    buf_add_format(b, ":%d+%d", (int)e->usage.input, (int)e->usage.output);
}

static void trace(struct buf *b, const struct llm_event *e) {
  switch (e->kind) {
  case LLM_EVENT_START: buf_add_format(b, "START:%.*s", TEXT_ARGS(e->id)); break;
  case LLM_EVENT_BLOCK_START:
    buf_add_format(b, " [%s", kinds[e->block->kind]);
    if (e->block->name.len > 0)
      buf_add_format(b, ":%.*s:%.*s", TEXT_ARGS(e->block->id), TEXT_ARGS(e->block->name));
    break;
  case LLM_EVENT_TEXT:
  case LLM_EVENT_INPUT: buf_add_format(b, " %.*s", TEXT_ARGS(e->text)); break;
  case LLM_EVENT_SIGNATURE: buf_add_format(b, " sig:%.*s:%.*s", TEXT_ARGS(e->text), TEXT_ARGS(e->block->format)); break;
  case LLM_EVENT_CITATION:
    buf_add_format(b, " cite:%.*s:%d-%d", TEXT_ARGS(e->citation->url), (int)e->citation->start, (int)e->citation->end);
    break;
  case LLM_EVENT_BLOCK_END: buf_add(b, TEXT("]")); break;
  case LLM_EVENT_STOP: trace_end(b, e); break;
  case LLM_EVENT_END: buf_add(b, TEXT(" END")); break;
  case LLM_EVENT_PING: break;
  case LLM_EVENT_ERROR: buf_add_format(b, " ERROR:%s", err_name(e->fault->err)); break;
  }
}

static enum err take(void *ctx, const struct llm_event *e, struct fault *f) {
  struct seen *s = ctx;
  trace(&s->trace, e);
  enum err err = llm_collect_take(s->collect, e, f);
  return e->kind == LLM_EVENT_ERROR ? ERR_OK : err;
}

static void seen_open(struct seen *s) {
  *s = (struct seen){0};
  arena_init(&s->arena);
  buf_init(&s->trace, 1 << 16);
  s->collect = llm_collect_new(&s->arena, 1 << 20);
}

static void seen_close(struct seen *s) {
  buf_done(&s->trace);
  arena_done(&s->arena);
}

HELPER void feed(struct seen *s, const char *event, struct text data) {
  struct llm_sink sink = {.take = take, .ctx = s};
  if (s->err == ERR_OK)
    s->err = dialect_openai_chat.read_event(&s->reader, text_of(event), data, &sink, &s->notes, &s->f);
}

/* A chunk with this choice. */
HELPER void feed_choice(struct seen *s, const char *choice) {
  feed(s, "", json_of(&s->arena, arena_format(&s->arena, "{'id':'i','model':'m','choices':[%s]}", choice).at));
}

HELPER void feed_deltas(struct seen *s, const char *const *deltas) {
  for (; *deltas; deltas++)
    feed_choice(s, arena_format(&s->arena, "{'index':0,'delta':%s}", *deltas).at);
}

HELPER void expect_trace(const struct seen *s, const char *want) {
  if (!text_equal(buf_text(&s->trace), text_of(want)))
    fail_msg("got  %.*s\nexpected  %s\n%s", TEXT_ARGS(buf_text(&s->trace)), want, s->f.text);
}

struct stream {
  const char *deltas[8];
  const char *want; /* after "START:i" and before the stop */
};

HELPER void expect_stream(const struct stream *stream) {
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed_deltas(s, stream->deltas);
  feed(s, "", TEXT("[DONE]"));
  assert_int_equal(s->err, ERR_OK);
  assert_true(llm_collect_is_whole(s->collect));
  struct text got = buf_text(&s->trace);
  struct text want = arena_format(&s->arena, "START:i%s", stream->want);
  if (!text_starts(got, want) || got.len < want.len + 5 || memcmp(got.at + want.len, " STOP", 5) != 0)
    fail_msg("got  %.*s\nexpected  %.*s", TEXT_ARGS(got), TEXT_ARGS(want));
  seen_close(s);
  free(s);
}

static void texts_and_calls_are_blocks(void **state) {
  static const struct stream streams[] = {
      {{"{'role':'assistant','content':''}", "{'content':'a'}", "{'content':'b'}"}, " [text a b]"},
      {{"{'role':'assistant','content':'a'}", "{'role':'assistant','content':'b'}"}, " [text a b]"},
      {{"{'content':null}", "{'refusal':'no'}", "{'refusal':'!'}"}, " [refusal no !]"},
      {{"{'content':'a'}", "{'refusal':'no'}"}, " [text a] [refusal no]"},
      {{"{'tool_calls':[{'index':0,'id':'c','type':'function','function':{'name':'f','arguments':''}}]}",
        "{'tool_calls':[{'index':0,'function':{'arguments':'{'}}]}",
        "{'tool_calls':[{'index':0,'function':{'arguments':'}'}}]}"},
       " [call:c:f { }]"},
      {{"{'content':'a','tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'{}'}}]}",
        "{'tool_calls':[{'index':1,'id':'d','function':{'name':'g','arguments':'{}'}}]}"},
       " [text a] [call:c:f {}] [call:d:g {}]"},
      {{"{'tool_calls':[{'index':0,'id':'c','type':'custom','custom':{'name':'p','input':'x'}}]}",
        "{'tool_calls':[{'index':0,'custom':{'input':'y'}}]}"},
       " [call:c:p x y]"}};
  for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
    expect_stream(&streams[i]);
}

static void calls_come_in_many_shapes(void **state) {
  static const struct stream streams[] = {
      /* whole, without index */
      {{"{'tool_calls':[{'id':'c','function':{'name':'f','arguments':'{}'}}]}",
        "{'tool_calls':[{'id':'d','function':{'name':'f','arguments':'{}'}}]}"},
       " [call:c:f {}] [call:d:f {}]"},
      /* in pieces, without index */
      {{"{'tool_calls':[{'id':'c','function':{'name':'f'}}]}", "{'tool_calls':[{'function':{'arguments':'{}'}}]}"},
       " [call:c:f {}]"},
      /* all with the same index */
      {{"{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'{}'}}]}",
        "{'tool_calls':[{'index':0,'id':'d','function':{'name':'g','arguments':'{}'}}]}"},
       " [call:c:f {}] [call:d:g {}]"},
      /* id and name in every piece */
      {{"{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'{'}}]}",
        "{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'}'}}]}"},
       " [call:c:f { }]"},
      /* an empty name and id behind the first piece */
      {{"{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'{'}}]}",
        "{'tool_calls':[{'index':0,'id':'','function':{'name':'','arguments':'}'}}]}"},
       " [call:c:f { }]"},
      /* all in one chunk */
      {{"{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'{}'}},"
        "{'index':1,'id':'d','function':{'name':'g','arguments':'{}'}}]}"},
       " [call:c:f {}] [call:d:g {}]"}};
  for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
    expect_stream(&streams[i]);
}

static void reasoning_is_read_once(void **state) {
  static const struct stream streams[] = {
      {{"{'reasoning_content':'a','content':null}", "{'reasoning_content':'b'}",
        "{'reasoning_content':null,'content':'c'}"},
       " [thought a b] [text c]"},
      {{"{'reasoning':'a','reasoning_content':'a'}", "{'reasoning':'b'}"}, " [thought a b]"},
      {{"{'reasoning':'a','reasoning_details':[{'type':'reasoning.text','text':'a','index':0}]}",
        "{'reasoning':'b','reasoning_details':[{'type':'reasoning.text','text':'b','index':0}]}",
        "{'reasoning':null,'reasoning_details':[{'type':'reasoning.text','signature':'s','index':0}]}",
        "{'content':'c'}"},
       " [thought a b sig:s:anthropic-claude-v1] [text c]"},
      {{"{'reasoning':'a','reasoning_details':[{'type':'reasoning.summary','summary':'a','format':'openai-responses-v1'"
        ","
        "'index':0}]}",
        "{'reasoning_details':[{'type':'reasoning.encrypted','data':'e','id':'rs_1','format':'openai-responses-v1',"
        "'index':0}]}"},
       " [thought a sig:e:openai-responses-v1]"},
      {{"{'reasoning_details':[{'type':'reasoning.encrypted','data':'e','format':'anthropic-claude-v1','index':0}]}",
        "{'content':'c'}"},
       " [redacted] [text c]"},
      {{"{'reasoning_details':[{'type':'reasoning.text','text':'a','signature':'s','format':'x','index':0},"
        "{'type':'reasoning.text','text':'b','signature':'t','format':'x','index':1}]}"},
       " [thought a sig:s:x] [thought b sig:t:x]"},
      {{"{'reasoning':'a','reasoning_details':[]}",
        "{'reasoning_details':[{'type':'reasoning.text','text':'','signature':''}]}", "{'reasoning':'b'}"},
       " [thought a b]"},
      {{"{'reasoning':'a','reasoning_details':[{'type':'reasoning.encrypted','data':'e','format':'google-gemini-v1'}]"
        "}"},
       " [redacted] [thought a]"}};
  for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
    expect_stream(&streams[i]);
}

static void citations_count_from_their_own_text(void **state) {
  static const struct stream streams[] = {
      {{"{'content':'abcdef'}",
        "{'annotations':[{'type':'url_citation','url_citation':{'url':'u','start_index':2,'end_index':4}}]}"},
       " [text abcdef cite:u:2-4]"},
      {{"{'content':'abc'}", "{'refusal':'no'}",
        "{'content':'def','annotations':[{'type':'url_citation','url_citation':{'url':'u','start_index':4,'end_index':"
        "6}}]}"},
       " [text abc] [refusal no] [text def cite:u:1-3]"},
      {{"{'annotations':[{'type':'url_citation','url_citation':{'url':'u'}}]}", "{'content':'x'}"},
       " [text cite:u:0-0 x]"}};
  for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
    expect_stream(&streams[i]);
}

static const char hello[] = "{'index':0,'delta':{'role':'assistant','content':'a'}}";

#define FINISH(reason) "{'index':0,'delta':{},'finish_reason':'" reason "'}"
#define USAGE          "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"

static void the_stop_waits_for_usage(void **state) {
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed_choice(s, hello);
  feed_choice(s, FINISH("stop"));
  expect_trace(s, "START:i [text a");
  feed(s, "", TEXT(USAGE));
  feed(s, "", TEXT("[DONE]"));
  expect_trace(s, "START:i [text a] STOP:end:3+4 END");
  feed(s, "", TEXT("[DONE]"));
  feed(s, "", TEXT_NONE);
  expect_trace(s, "START:i [text a] STOP:end:3+4 END");
  seen_close(s);
  free(s);
}

static void a_stream_that_ends_after_its_finish_reason_is_whole(void **state) {
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed_choice(s, hello);
  feed_choice(s, FINISH("length"));
  feed(s, "", TEXT(USAGE));
  feed(s, "", TEXT_NONE);
  expect_trace(s, "START:i [text a] STOP:length:3+4 END");
  seen_close(s);
  free(s);
}

static void a_stream_that_ends_before_is_not(void **state) {
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed_choice(s, hello);
  feed(s, "", TEXT_NONE);
  assert_int_equal(s->err, ERR_OK);
  expect_trace(s, "START:i [text a");
  assert_false(llm_collect_is_whole(s->collect));
  seen_close(s);
  free(s);
}

static void an_end_without_a_reason_counts_when_it_is_said(void **state) {
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed_choice(s, hello);
  feed(s, "", TEXT("[DONE]"));
  expect_trace(s, "START:i [text a] STOP:end END");
  seen_close(s);
  free(s);
}

static void stops_are_told_by_reason_and_content(void **state) {
  const struct {
    const char *choices[3];
    const char *want;
  } cases[] = {
      {{FINISH("stop")}, " STOP:end END"},
      {{FINISH("content_filter")}, " STOP:filter END"},
      {{FINISH("because")}, " STOP:end END"},
      {{"{'delta':{'refusal':'no'}}", FINISH("stop")}, " [refusal no] STOP:refusal END"},
      {{"{'delta':{'tool_calls':[{'id':'c','function':{'name':'f'}}]}}", FINISH("stop")}, " [call:c:f] STOP:tools END"},
      {{"{'delta':{},'finish_reason':'stop','stop_reason':'END'}"}, " STOP:sequence END"},
      {{"{'delta':{},'finish_reason':'stop','stop_reason':null}"}, " STOP:end END"},
      {{"{'delta':{'content':'a'},'finish_reason':'length'}"}, " [text a] STOP:length END"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct seen *s = malloc(sizeof(*s));
    seen_open(s);
    for (size_t k = 0; k < 3 && cases[i].choices[k]; k++)
      feed_choice(s, cases[i].choices[k]);
    feed(s, "", TEXT("[DONE]"));
    expect_trace(s, arena_format(&s->arena, "START:i%s", cases[i].want).at);
    seen_close(s);
    free(s);
  }
}

static void errors_end_the_stream(void **state) {
  const struct {
    const char *event, *data, *want;
  } cases[] = {
      {"", "{'error':{'message':'no','type':'server_error'}}", "START:i [text a ERROR:UPSTREAM_SERVER"},
      {"", "{'error':{'message':'slow','code':429}}", "START:i [text a ERROR:UPSTREAM_RATE"},
      {"error", "{'message':'no'}", "START:i [text a ERROR:UPSTREAM_SERVER"},
      {"", "{'id':'i','choices':[{'delta':{},'finish_reason':'error'}],'error':{'code':502,'message':'x'}}",
       "START:i [text a ERROR:UPSTREAM_SERVER"},
      {"", "{'choices':[{'delta':{'content':''},'finish_reason':'error'}]}", "START:i [text a ERROR:UPSTREAM_SERVER"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct seen *s = malloc(sizeof(*s));
    seen_open(s);
    feed_choice(s, hello);
    feed(s, cases[i].event, json_of(&s->arena, cases[i].data));
    feed(s, "", TEXT("[DONE]"));
    expect_trace(s, cases[i].want);
    seen_close(s);
    free(s);
  }
}

static void what_cannot_be_understood_is_an_error(void **state) {
  static const char *const bad[] = {
      "nonsense",
      "[]",
      "{}",
      "{'choices':null}",
      "{'choices':[{'delta':{'content':'a'}},{'delta':{'content':'b'}}]}",
      "{'choices':[{'index':1,'delta':{'content':'b'}}]}",
      "{'choices':[{'delta':{'content':5}}]}",
      "{'choices':[{'delta':{'audio':{'data':'x'}}}]}",
      "{'choices':[{'delta':{'images':[{}]}}]}",
      "{'choices':[{'delta':{'function_call':{'name':'f'}}}]}",
      "{'choices':[{'delta':{'tool_calls':[{'index':0,'function':{'arguments':'x'}}]}}]}",
      "{'choices':[{'delta':{'tool_calls':[{'function':{'arguments':'x'}}]}}]}",
      "{'choices':[{'delta':{'tool_calls':[{'index':500,'id':'c','function':{'name':'f'}}]}}]}",
      "{'choices':[{'delta':{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':{}}}]}}]}",
      "{'choices':[{'delta':{'reasoning_details':[{'type':'new'}]}}]}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct seen *s = malloc(sizeof(*s));
    seen_open(s);
    feed_choice(s, hello);
    feed(s, "", json_of(&s->arena, bad[i]));
    if (s->err != ERR_UPSTREAM_PROTOCOL || s->f.text[0] == 0)
      fail_msg("%s gave %s", bad[i], err_name(s->err));
    seen_close(s);
    free(s);
  }
}

static void pieces_of_a_call_that_is_over_are_an_error(void **state) {
  static const char *const deltas[] = {"{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'{'}}]}",
                                       "{'tool_calls':[{'index':1,'id':'d','function':{'name':'g'}}]}",
                                       "{'tool_calls':[{'index':0,'function':{'arguments':'}'}}]}", NULL};
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed_deltas(s, deltas);
  assert_int_equal(s->err, ERR_UPSTREAM_PROTOCOL);
  expect_trace(s, "START:i [call:c:f {] [call:d:g");
  seen_close(s);
  free(s);
}

static void what_must_be_remembered_is_bounded(void **state) {
  struct seen *s = malloc(sizeof(*s));
  char *word = malloc(400);
  memset(word, 'x', 399);
  word[399] = 0;
  assert_true(sizeof(struct openai_chat_reader) <= 1024 && sizeof(struct openai_chat_writer) <= 1024);
  seen_open(s);
  feed_choice(s, arena_format(&s->arena, "{'delta':{},'finish_reason':'stop','stop_reason':'%s'}", word).at);
  feed(s, "", TEXT("[DONE]"));
  expect_trace(s, "START:i STOP:sequence END");
  assert_string_equal(s->notes.at[0], "choices[].stop_reason");
  seen_close(s);
  static const char *const members[] = {"format", "id", "index"};
  for (size_t i = 0; i < 3; i++) {
    seen_open(s);
    struct text value = i == 2 ? TEXT("123456789012345678901234567890") : arena_format(&s->arena, "'%s'", word);
    feed_choice(s, arena_format(&s->arena,
                                "{'delta':{'reasoning_details':[{'type':'reasoning.text','text':'a','%s':%.*s}]}}",
                                members[i], TEXT_ARGS(value))
                       .at);
    assert_int_equal(s->err, ERR_UPSTREAM_PROTOCOL);
    seen_close(s);
  }
  free(word);
  free(s);
}

static void a_stream_that_says_nothing_is_no_answer(void **state) {
  struct seen *s = malloc(sizeof(*s));
  seen_open(s);
  feed(s, "", TEXT("[DONE]"));
  assert_int_equal(s->err, ERR_UPSTREAM_PROTOCOL);
  seen_close(s);
  free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_and_calls_are_blocks),
      cmocka_unit_test(calls_come_in_many_shapes),
      cmocka_unit_test(reasoning_is_read_once),
      cmocka_unit_test(citations_count_from_their_own_text),
      cmocka_unit_test(the_stop_waits_for_usage),
      cmocka_unit_test(a_stream_that_ends_after_its_finish_reason_is_whole),
      cmocka_unit_test(a_stream_that_ends_before_is_not),
      cmocka_unit_test(an_end_without_a_reason_counts_when_it_is_said),
      cmocka_unit_test(stops_are_told_by_reason_and_content),
      cmocka_unit_test(errors_end_the_stream),
      cmocka_unit_test(what_cannot_be_understood_is_an_error),
      cmocka_unit_test(pieces_of_a_call_that_is_over_are_an_error),
      cmocka_unit_test(what_must_be_remembered_is_bounded),
      cmocka_unit_test(a_stream_that_says_nothing_is_no_answer),
  };
  return RUN_TESTS(tests);
}
