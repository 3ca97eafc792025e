/* WebSocket frames: the examples of RFC 6455, every way to break them, and each byte on its own. */
#include "net_fixture.h"

#include "net/websocket.h"

static void the_handshake_is_answered_as_the_standard_does(void **state) {
  char out[WEBSOCKET_ACCEPT_BYTES];
  assert_true(websocket_accept(TEXT("dGhlIHNhbXBsZSBub25jZQ=="), out));
  CHECK_TEXT(((struct text){out, sizeof(out)}), TEXT("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  assert_false(websocket_accept(TEXT(""), out));
  assert_false(websocket_accept(TEXT("dGhlIHNhbXBsZSBub25j"), out));
  assert_false(websocket_accept(TEXT("dGhlIHNhbXBsZSBub25jZQ=!"), out));
  assert_false(websocket_accept(TEXT("dGhlIHNhbXBsZSBub25jZWFi"), out)); /* eighteen bytes */
}

/* A client's frame, with a mask. */
static void put(struct buf *b, unsigned first, struct text data) {
  static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d};
  buf_add_char(b, (char)first);
  if (data.len < 126) {
    buf_add_char(b, (char)(0x80 | data.len));
  } else {
    buf_add_char(b, (char)(0x80 | 126));
    buf_add_char(b, (char)(data.len >> 8));
    buf_add_char(b, (char)data.len);
  }
  buf_add(b, (struct text){mask, 4});
  for (size_t i = 0; i < data.len; i++)
    buf_add_char(b, (char)(data.at[i] ^ mask[i & 3]));
}

/* What is read, as text: "opcode:code:data;" each, and at the end what it has to be closed with. */
static void read_all(struct text bytes, size_t step, struct buf *out) {
  static struct websocket_reader r;
  websocket_reader_init(&r);
  for (size_t at = 0; at < bytes.len && r.failed == 0;) {
    struct text some = text_head(text_skip(bytes, at), step);
    at += some.len;
    while (some.len > 0 && r.failed == 0) {
      struct websocket_message m;
      size_t used = 0;
      bool done = false;
      if (websocket_feed(&r, some, &used, &done, &m) != ERR_OK)
        break;
      some = text_skip(some, used);
      if (done)
        buf_add_format(out, "%d:%u:%.*s;", (int)m.opcode, m.code, TEXT_ARGS(m.data));
    }
  }
  if (r.failed)
    buf_add_format(out, "!%u", r.failed);
}

static void expect_at(struct text bytes, const char *expected, int line) {
  for (size_t step = 1; step <= 7; step += 3) {
    struct buf out;
    buf_init(&out, 100000);
    read_all(bytes, step == 7 ? bytes.len : step, &out);
    check_text_at(buf_text(&out), text_of(expected), line);
    buf_done(&out);
  }
}
#define EXPECT(bytes, expected) expect_at(bytes, expected, __LINE__)
#define RAW(bytes)              ((struct text){(bytes), sizeof(bytes) - 1})

static void messages_come_whole_however_they_are_cut(void **state) {
  struct buf b;
  static char large[WEBSOCKET_MESSAGE_MAX];
  EXPECT(RAW("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "1:0:Hello;");
  buf_init(&b, 100000);
  put(&b, 0x01, TEXT("Hel"));
  put(&b, 0x89, TEXT("are you there"));
  put(&b, 0x00, TEXT("l"));
  put(&b, 0x8a, TEXT(""));
  put(&b, 0x80, TEXT("o"));
  put(&b, 0x82, TEXT(""));
  put(&b, 0x88,
      TEXT("\x03\xe8"
           "bye"));
  put(&b, 0x88, TEXT(""));
  EXPECT(buf_text(&b), "9:0:are you there;10:0:;1:0:Hello;2:0:;8:1000:bye;8:1005:;");
  buf_reset(&b);
  memset(large, 'x', sizeof(large));
  put(&b, 0x02, (struct text){large, sizeof(large) - 1});
  put(&b, 0x80, TEXT("y"));
  struct buf out;
  buf_init(&out, 100000);
  read_all(buf_text(&b), 13, &out);
  assert_int_equal(out.len, sizeof(large) + strlen("2:0:;"));
  buf_done(&out);
  buf_done(&b);
}

static void what_is_not_of_the_protocol_is_closed_with_its_code(void **state) {
  EXPECT(RAW("\x81\x05Hello"), "!1002");    /* not masked */
  EXPECT(RAW("\xc1\x80\0\0\0\0"), "!1002"); /* a reserved bit */
  EXPECT(RAW("\x83\x80\0\0\0\0"), "!1002"); /* an opcode that nobody knows */
  EXPECT(RAW("\x8b\x80\0\0\0\0"), "!1002");
  EXPECT(RAW("\x80\x80\0\0\0\0"), "!1002");         /* goes on with nothing */
  EXPECT(RAW("\x01\x80\0\0\0\0\x81\x80"), "!1002"); /* begins within another */
  EXPECT(RAW("\x09\x80\0\0\0\0"), "!1002");         /* a ping in pieces */
  EXPECT(RAW("\x89\xfe\0\x80\0\0\0\0"), "!1002");   /* a long one */
  EXPECT(RAW("\x82\xfe\0\x7d\0\0\0\0"), "!1002");   /* a length with more bytes than it needs */
  EXPECT(RAW("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0"), "!1002");
  EXPECT(RAW("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0"), "!1002");
  EXPECT(RAW("\x82\xfe\x10\x01\0\0\0\0"), "!1009"); /* 4097 bytes */
  EXPECT(RAW("\x82\xff\0\0\0\1\0\0\0\0\0\0\0\0"), "!1009");
  EXPECT(RAW("\x02\xfe\x10\0\0\0\0\0"), ""); /* 4096 may be */
  EXPECT(RAW("\x81\x82\0\0\0\0\xc0\x80"), "!1007");
  EXPECT(RAW("\x88\x81\0\0\0\0\3"), "!1002");       /* half a code */
  EXPECT(RAW("\x88\x82\0\0\0\0\x03\xed"), "!1002"); /* 1005 is not for the wire */
  EXPECT(RAW("\x88\x82\0\0\0\0\x03\xe7"), "!1002"); /* 999 */
  EXPECT(RAW("\x88\x82\0\0\0\0\x13\x88"), "!1002"); /* 5000 */
  EXPECT(RAW("\x88\x83\0\0\0\0\x03\xe8\xff"), "!1007");
  EXPECT(RAW("\x88\x82\0\0\0\0\x0f\xa0"), "8:4000:;");
}

static void a_server_s_frames_have_their_length_in_the_shortest_form(void **state) {
  static const struct {
    size_t len;
    const char *head;
    size_t head_len;
  } rows[] = {{0, "\x81\0", 2},
              {125, "\x81\x7d", 2},
              {126, "\x81\x7e\0\x7e", 4},
              {65535, "\x81\x7e\xff\xff", 4},
              {65536, "\x81\x7f\0\0\0\0\0\1\0\0", 10}};
  static char data[65536];
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct buf b;
    buf_init(&b, 100000);
    websocket_put(&b, WEBSOCKET_TEXT, (struct text){data, rows[i].len});
    CHECK_TEXT(text_head(buf_text(&b), rows[i].head_len), ((struct text){rows[i].head, rows[i].head_len}));
    CHECK_INT(b.len, rows[i].head_len + rows[i].len);
    buf_done(&b);
  }
}

static void a_close_has_its_code_and_as_much_of_the_reason_as_fits(void **state) {
  struct buf b;
  buf_init(&b, 1000);
  websocket_put_close(&b, 1001, TEXT("drain"));
  CHECK_TEXT(buf_text(&b), TEXT("\x88\x07\x03\xe9"
                                "drain"));
  buf_reset(&b);
  char reason[200];
  memset(reason, 'x', sizeof(reason));
  memcpy(reason + 122, "\xc3\xa9", 2); /* over the edge: left out whole */
  websocket_put_close(&b, 1008, (struct text){reason, sizeof(reason)});
  CHECK_INT(b.len, 2 + 2 + 122);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_handshake_is_answered_as_the_standard_does),
      cmocka_unit_test(messages_come_whole_however_they_are_cut),
      cmocka_unit_test(what_is_not_of_the_protocol_is_closed_with_its_code),
      cmocka_unit_test(a_server_s_frames_have_their_length_in_the_shortest_form),
      cmocka_unit_test(a_close_has_its_code_and_as_much_of_the_reason_as_fits),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
