/* Messages of mail: what stands on the wire, and that nothing in a text can become a header or a second recipient. */
#include "net/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define NOW INT64_C(1801353600000000)

static struct mail_message usual(void) {
  return (struct mail_message){.from_name = TEXT("Weir"),
                               .from = TEXT("weir@example.org"),
                               .to = TEXT("anna@example.org"),
                               .subject = TEXT("Hello"),
                               .body = TEXT("One.\nTwo.\n"),
                               .id = TEXT("00ff"),
                               .now_us = NOW};
}

static struct text written(const struct mail_message *m, struct buf *b) {
  struct fault f = {0};
  buf_init(b, 1 << 20);
  enum err e = mail_write(m, b, &f);
  if (e != ERR_OK)
    fail_msg("%s %s", err_name(e), f.text);
  return buf_text(b);
}

static void assert_holds(struct text all, const char *part) {
  if (text_find(all, text_of(part)) < 0)
    fail_msg("\"%s\" is not in\n%.*s", part, TEXT_ARGS(all));
}

static void a_plain_message_reads_as_it_was_written(void **state) {
  struct mail_message m = usual();
  struct buf b;
  struct text got = written(&m, &b);
  static const char want[] = "From: \"Weir\" <weir@example.org>\r\nTo: <anna@example.org>\r\nSubject: Hello\r\n"
                             "Date: Sun, 31 Jan 2027 00:00:00 +0000\r\nMessage-ID: <00ff@example.org>\r\n"
                             "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Transfer-Encoding: quoted-printable\r\n\r\nOne.\r\nTwo.\r\n";
  if (!text_equal(got, text_of(want)))
    fail_msg("got\n%.*s\nwant\n%s", TEXT_ARGS(got), want);
  buf_done(&b);
}

static void what_is_not_ascii_is_encoded(void **state) {
  struct mail_message m = usual();
  struct buf b;
  m.subject = TEXT("Gr\xc3\xbc\xc3\x9f");
  m.from_name = TEXT("W\xc3\xa9ir");
  m.body = TEXT("50 % = \xc3\xbc \nend ");
  struct text got = written(&m, &b);
  assert_holds(got, "Subject: =?utf-8?B?R3LDvMOf?=\r\n");
  assert_holds(got, "From: =?utf-8?B?V8OpaXI=?=\r\n <weir@example.org>\r\n");
  assert_holds(got, "\r\n\r\n50 % =3D =C3=BC=20\r\nend=20\r\n");
  for (size_t i = 0; i < got.len; i++)
    assert_true((unsigned char)got.at[i] < 0x80);
  buf_done(&b);
}

static void no_text_becomes_a_header(void **state) {
  static const char *const bad[] = {"Hi\r\nBcc: eve@example.org", "Hi\nBcc: eve@example.org", "Hi\rBcc: x",
                                    "=?utf-8?Q?=0ABcc:?=", "\"quoted\" \\"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct mail_message m = usual();
    struct buf b;
    m.subject = m.from_name = text_of(bad[i]);
    struct text got = written(&m, &b);
    assert_holds(got, "Subject: =?utf-8?B?");
    if (text_find(got, TEXT("Bcc")) >= 0)
      fail_msg("%s came through:\n%.*s", bad[i], TEXT_ARGS(got));
    buf_done(&b);
  }
}

static void long_lines_are_broken(void **state) {
  static char subject[MAIL_SUBJECT_MAX], body[5000];
  struct mail_message m = usual();
  struct buf b;
  for (size_t i = 0; i + 2 <= sizeof(subject); i += 2)
    memcpy(subject + i, "\xc3\xbc", 2);
  memset(body, 'x', sizeof(body));
  m.subject = (struct text){subject, sizeof(subject)};
  m.body = (struct text){body, sizeof(body)};
  struct text rest = written(&m, &b), line;
  while (rest.len > 0) {
    ptrdiff_t end = text_find(rest, TEXT("\r\n"));
    assert_true(end >= 0);
    line = text_head(rest, (size_t)end);
    rest = text_skip(rest, (size_t)end + 2);
    if (line.len > 78 || text_find_char(line, '\n') >= 0)
      fail_msg("%zu bytes: %.*s", line.len, TEXT_ARGS(line));
  }
  buf_done(&b);
}

static void what_is_no_address_is_refused(void **state) {
  static const char *const bad[] = {
      "",          "x",         "@x.org",       "a@",        "a@b@c",         "a@x.org\r\nRCPT TO:<e@x.org>",
      "a b@x.org", "<a@x.org>", "a@x.org>,<e@", "a,b@x.org", "a:b@x.org",     "\"a\"@x.org",
      "a@[1.2]",   "a;b@x.org", "(a)@x.org",    "a\\@x.org", "\xc3\xbc@x.org"};
  assert_true(mail_is_address(TEXT("first.last+tag@sub.example.org")));
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct mail_message to = usual(), from = usual();
    struct fault f = {0};
    struct buf b;
    buf_init(&b, 1 << 16);
    to.to = from.from = text_of(bad[i]);
    if (mail_is_address(text_of(bad[i])))
      fail_msg("%s was taken", bad[i]);
    assert_int_equal(mail_write(&to, &b, &f), ERR_BAD_REQUEST);
    assert_string_equal(f.field, "to");
    assert_int_equal(mail_write(&from, &b, &f), ERR_BAD_REQUEST);
    assert_string_equal(f.field, "from");
    buf_done(&b);
  }
}

static void texts_have_a_limit_and_are_utf_8(void **state) {
  static char big[MAIL_BODY_MAX + 1];
  struct mail_message m = usual();
  struct fault f = {0};
  struct buf b;
  memset(big, 'x', sizeof(big));
  buf_init(&b, 1 << 20);
  m.body = (struct text){big, sizeof(big)};
  assert_int_equal(mail_write(&m, &b, &f), ERR_BAD_REQUEST);
  m = usual();
  m.subject = (struct text){big, MAIL_SUBJECT_MAX + 1};
  assert_int_equal(mail_write(&m, &b, &f), ERR_BAD_REQUEST);
  m.subject = TEXT("\xff");
  assert_int_equal(mail_write(&m, &b, &f), ERR_BAD_REQUEST);
  buf_done(&b);
  buf_init(&b, 100);
  m = usual();
  assert_int_equal(mail_write(&m, &b, &f), ERR_LIMIT);
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_message_reads_as_it_was_written),
      cmocka_unit_test(what_is_not_ascii_is_encoded),
      cmocka_unit_test(no_text_becomes_a_header),
      cmocka_unit_test(long_lines_are_broken),
      cmocka_unit_test(what_is_no_address_is_refused),
      cmocka_unit_test(texts_have_a_limit_and_are_utf_8),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
