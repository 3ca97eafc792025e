/* Anthropic's envelope exchanged for Bedrock's and back: every byte that is not the envelope's stays. */
#include "wire/reframe.h"

#include "edit_test.h"

#include "aws/eventstream.h"

struct reframed {
  struct arena a;
  struct text body, beta, version;
  struct fault fault;
  enum err err;
};

static struct reframed *reframe(struct reframed *r, const char *body, bool to_invoke, bool stream, const char *beta,
                                const char *version) {
  struct json doc;
  struct json_edits edits = {0};
  *r = (struct reframed){0};
  arena_init(&r->a);
  struct text src = text_of(body);
  assert_int_equal(json_read(src, NULL, &doc, NULL), ERR_OK);
  r->err = reframe_request(&doc, src, to_invoke, TEXT("claude-x"), stream, text_of(beta), text_of(version), &r->a,
                           &edits, &r->beta, &r->version, &r->fault);
  if (r->err == ERR_OK)
    r->body = edited(&r->a, &edits, src);
  json_done(&doc);
  return r;
}

static void expect_invoke(const char *body, const char *beta, const char *version, const char *want) {
  struct reframed r;
  reframe(&r, body, true, false, beta, version);
  if (r.err)
    fail_msg("%s: %s", body, r.fault.text);
  EXPECT_TEXT(r.body, text_of(want));
  assert_int_equal(r.beta.len, 0);
  assert_int_equal(r.version.len, 0);
  arena_done(&r.a);
}

static void model_and_stream_make_room_for_the_version(void **state) {
#define VERSION "\"anthropic_version\":\"bedrock-2023-05-31\""
  expect_invoke("{\"model\":\"m\",\"a\":1}", "", "", "{" VERSION ",\"a\":1}");
  expect_invoke("{ \"a\" : 1.50 ,\n\"model\" : \"m\", \"stream\" : true , \"b\":\"\\u00e9\"}", "", "2023-06-01",
                "{ \"a\" : 1.50 ,\n" VERSION " , \"b\":\"\\u00e9\"}");
  expect_invoke("{\"model\":\"m\",\"stream\":true}", "", "", "{" VERSION "}");
  expect_invoke("{\"stream\":false,\"model\":\"m\"}", "", "", "{" VERSION "}");
  expect_invoke("{\"stream\":false,\"a\":1,\"model\":\"m\"}", "", "", "{\"a\":1," VERSION "}");
  expect_invoke("{\"a\":1,\"model\":\"m\",\"stream\":true}", "", "", "{\"a\":1," VERSION "}");
  expect_invoke("{\"a\":{\"model\":1,\"stream\":2},\"model\":\"m\"}", "", "",
                "{\"a\":{\"model\":1,\"stream\":2}," VERSION "}");
  expect_invoke("{\"a\":1}", "", "", "{" VERSION ",\"a\":1}");
  expect_invoke("{}", "", "", "{" VERSION "}");
}

static void another_version_goes_on_as_it_is(void **state) {
  expect_invoke("{\"model\":\"m\"}", "", "2026-10-21", "{\"anthropic_version\":\"2026-10-21\"}");
  expect_invoke("{\"anthropic_version\":\"own\",\"a\":1,\"model\":\"m\"}", "", "2026-10-21",
                "{\"anthropic_version\":\"own\",\"a\":1}");
}

static void betas_of_the_header_stand_in_the_body(void **state) {
  expect_invoke("{\"model\":\"m\"}", "a-1, b-2,,", "", "{" VERSION ",\"anthropic_beta\":[\"a-1\",\"b-2\"]}");
  expect_invoke("{\"model\":\"m\",\"anthropic_beta\":[\"own\"]}", "a-1", "",
                "{" VERSION ",\"anthropic_beta\":[\"own\"]}");
}

static void expect_anthropic(const char *body, bool stream, const char *beta, const char *want, const char *want_beta,
                             const char *want_version) {
  struct reframed r;
  reframe(&r, body, false, stream, beta, "ignored");
  if (r.err)
    fail_msg("%s: %s", body, r.fault.text);
  EXPECT_TEXT(r.body, text_of(want));
  EXPECT_TEXT(r.beta, text_of(want_beta));
  EXPECT_TEXT(r.version, text_of(want_version));
  arena_done(&r.a);
}

static void the_version_makes_room_for_model_and_stream(void **state) {
  expect_anthropic("{" VERSION ",\"a\":1}", false, "", "{\"model\":\"claude-x\",\"a\":1}", "", "2023-06-01");
  expect_anthropic("{\"a\":1 , " VERSION "}", true, "", "{\"a\":1 , \"model\":\"claude-x\",\"stream\":true}", "",
                   "2023-06-01");
  expect_anthropic("{\"anthropic_version\":\"2026-10-21\"}", false, "", "{\"model\":\"claude-x\"}", "", "2026-10-21");
  expect_anthropic("{\"a\":1}", true, "", "{\"model\":\"claude-x\",\"stream\":true,\"a\":1}", "", "2023-06-01");
  expect_anthropic("{}", false, "", "{\"model\":\"claude-x\"}", "", "2023-06-01");
}

static void betas_of_the_body_go_into_the_header(void **state) {
  expect_anthropic("{" VERSION ",\"anthropic_beta\":[\"a-1\",\"b-2\"],\"c\":1}", false, "b-2, d-3",
                   "{\"model\":\"claude-x\",\"c\":1}", "a-1,b-2,d-3", "2023-06-01");
  expect_anthropic("{\"anthropic_beta\":[\"a-1\"]}", false, "", "{\"model\":\"claude-x\"}", "a-1", "2023-06-01");
  expect_anthropic("{\"anthropic_beta\":[],\"c\":1," VERSION "}", false, "", "{\"c\":1,\"model\":\"claude-x\"}", "",
                   "2023-06-01");
  expect_anthropic("{\"anthropic_beta\":null,\"c\":1," VERSION "}", false, "d-3", "{\"c\":1,\"model\":\"claude-x\"}",
                   "d-3", "2023-06-01");
}

static void what_cannot_stand_in_a_header_is_refused(void **state) {
  static const struct {
    const char *body, *field;
  } cases[] = {{"{\"anthropic_beta\":\"a\"}", "anthropic_beta"},
               {"{\"anthropic_beta\":[7]}", "anthropic_beta"},
               {"{\"anthropic_beta\":[\"\"]}", "anthropic_beta"},
               {"{\"anthropic_beta\":[\"a,b\"]}", "anthropic_beta"},
               {"{\"anthropic_beta\":[\"a\\r\\nx: y\"]}", "anthropic_beta"},
               {"{\"anthropic_version\":7}", "anthropic_version"},
               {"{\"model\":\"m\"}", "model"},
               {"{\"stream\":false}", "stream"},
               {"{\"anthropic_version\":null}", "anthropic_version"},
               {"{\"anthropic_version\":\"a\\nb\"}", "anthropic_version"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct reframed r;
    reframe(&r, cases[i].body, false, false, "", "");
    if (r.err != ERR_BAD_REQUEST || strcmp(r.fault.field, cases[i].field) != 0)
      fail_msg("%s: got %s at \"%s\"", cases[i].body, err_name(r.err), r.fault.field);
    arena_done(&r.a);
  }
}

/* There and back again: the first body with its members in another order and place, nothing else. */
static void a_body_survives_both_ways(void **state) {
  struct reframed r, back;
  struct arena a;
  arena_init(&a);
  struct text body = arena_copy(&a, fixture(&a, "anthropic/request/claude_code.json"));
  reframe(&r, body.at, true, false, "beta-1", "2023-06-01");
  assert_int_equal(r.err, ERR_OK);
  reframe(&back, arena_copy(&r.a, r.body).at, false, true, "", "");
  assert_int_equal(back.err, ERR_OK);
  EXPECT_TEXT(back.beta, TEXT("beta-1"));
  struct json doc;
  assert_int_equal(json_read(back.body, NULL, &doc, NULL), ERR_OK);
  struct text model;
  assert_true(json_get_text(doc.root, "model", &model));
  EXPECT_TEXT(model, TEXT("claude-x"));
  assert_null(json_get(doc.root, "anthropic_version"));
  json_done(&doc);
  arena_done(&back.a);
  arena_done(&r.a);
  arena_done(&a);
}

static void expect_sse(const char *event, const char *payload, const char *want) {
  struct buf out;
  struct fault f = {0};
  buf_init(&out, 4096);
  enum err e = reframe_event_to_sse(text_of(event), text_of(payload), &out, &f);
  if (want) {
    assert_int_equal(e, ERR_OK);
    EXPECT_TEXT(buf_text(&out), text_of(want));
  } else {
    assert_int_equal(e, ERR_UPSTREAM_PROTOCOL);
  }
  buf_done(&out);
}

static void chunks_become_events_named_by_their_type(void **state) {
  /* {"type":"ping"} */
  expect_sse("chunk", "{\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\",\"p\":\"abc\"}",
             "event: ping\ndata: {\"type\":\"ping\"}\n\n");
  /* { "a":1,\n"type":"x" } */
  expect_sse("chunk", "{\"bytes\":\"eyAiYSI6MSwKInR5cGUiOiJ4IiB9\"}",
             "event: x\ndata: { \"a\":1,\ndata: \"type\":\"x\" }\n\n");
  /* {"type":"a\nb"}: no name of an event */
  expect_sse("chunk", "{\"bytes\":\"eyJ0eXBlIjoiYVxuYiJ9\"}", "event: message\ndata: {\"type\":\"a\\nb\"}\n\n");
  expect_sse("other", "{}", "");
  expect_sse("chunk", "{}", NULL);
  expect_sse(
      "throttlingException", "{\"message\":\"slow\"}",
      "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n");
}

static void expect_frame(const char *event, const char *data, const char *type, const char *payload) {
  struct eventstream_message m;
  struct fault f = {0};
  struct buf out;
  enum err e = ERR_OK;
  buf_init(&out, 4096);
  assert_int_equal(reframe_event_to_frame(text_of(event), text_of(data), &out, &f), ERR_OK);
  struct text left = buf_text(&out);
  assert_true(eventstream_next(&left, 4096, &m, &e, &f));
  EXPECT_TEXT(text_is_empty(m.event_type) ? m.exception_type : m.event_type, text_of(type));
  EXPECT_TEXT(m.payload, text_of(payload));
  buf_done(&out);
}

static void events_become_chunks_and_errors_exceptions(void **state) {
  expect_frame("ping", "{\"type\":\"ping\"}", "chunk", "{\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\"}");
  expect_frame("error", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"full\"}}",
               "serviceUnavailableException", "{\"message\":\"full\"}");
  expect_frame("", "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}",
               "throttlingException", "{\"message\":\"m\"}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(model_and_stream_make_room_for_the_version),
      cmocka_unit_test(another_version_goes_on_as_it_is),
      cmocka_unit_test(betas_of_the_header_stand_in_the_body),
      cmocka_unit_test(the_version_makes_room_for_model_and_stream),
      cmocka_unit_test(betas_of_the_body_go_into_the_header),
      cmocka_unit_test(what_cannot_stand_in_a_header_is_refused),
      cmocka_unit_test(a_body_survives_both_ways),
      cmocka_unit_test(chunks_become_events_named_by_their_type),
      cmocka_unit_test(events_become_chunks_and_errors_exceptions),
  };
  return RUN_TESTS(tests);
}
