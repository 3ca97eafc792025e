#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void assert_text(struct text got, const char *expected) {
  char copy[300];
  assert_true(got.len < sizeof(copy));
  memcpy(copy, got.len > 0 ? got.at : "", got.len);
  copy[got.len] = '\0';
  assert_string_equal(copy, expected);
}

static void urls_come_apart_into_their_parts(void **state) {
  static const struct {
    const char *in, *host, *path;
    uint16_t port;
    bool tls;
  } cases[] = {
      {"https://api.anthropic.com", "api.anthropic.com", "", 443, true},
      {"http://localhost:11434/v1", "localhost", "/v1", 11434, false},
      {"HTTPS://Host/", "Host", "", 443, true},
      {"http://h//", "h", "", 80, false},
      {"http://[::1]:80/a/b/", "::1", "/a/b", 80, false},
      {"https://[2001:db8::1]", "2001:db8::1", "", 443, true},
      {"http://10.0.0.1:1/x%20y", "10.0.0.1", "/x%20y", 1, false},
      {"http://my_service.internal.:8080/a:b@c", "my_service.internal.", "/a:b@c", 8080, false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct url u = {0};
    struct fault f = {0};
    enum err e = url_parse(text_of(cases[i].in), &u, &f);
    assert_string_equal(f.text, "");
    assert_int_equal(e, ERR_OK);
    assert_text(u.host, cases[i].host);
    assert_text(u.path, cases[i].path);
    assert_int_equal(u.port, cases[i].port);
    assert_int_equal(u.tls, cases[i].tls);
  }
}

static void what_two_parsers_could_read_differently_is_refused(void **state) {
  static const char *const cases[][2] = {
      {"", "http://"},
      {"example.com", "http://"},
      {"ftp://h", "http://"},
      {"//h", "http://"},
      {"http:/h", "http://"},
      {"http://", "host name"},
      {"http://:80", "host name"},
      {"http:///path", "host name"},
      {"http://user@h", "user name"},
      {"http://user:pass@h/", "user name"},
      {"http://h/?a=b", "query"},
      {"http://h/#x", "fragment"},
      {"http://h?x", "query"},
      {"http://h:", "not a port"},
      {"http://h:0", "not a port"},
      {"http://h:65536", "not a port"},
      {"http://h:+80", "not a port"},
      {"http://h:80:90", "not a port"},
      {"http://h:8080evil.com/", "not a port"},
      {"http://h\\@evil.com/", "user name"},
      {"http://h\\.evil.com/", "host name"},
      {"http://a b/", "host name"},
      {"http://a..b/", "host name"},
      {"http://-a/", "host name"},
      {"http://h%00/", "host name"},
      {"http://[::1/", "']'"},
      {"http://[::1]x/", "only :PORT"},
      {"http://[1.2.3.4]/", "host name"},
      {"http://[host]/", "host name"},
      {"http://[fe80::1%25eth0]/", "host name"},
      {"http://::1/", "host name"},
      {"http://h/a b", "percent-encoded"},
      {"http://h/\\x", "percent-encoded"},
      {"http://h/%zz", "percent-encoded"},
      {"http://h/%2", "percent-encoded"},
      {"http://h/\r\nX: y", "percent-encoded"},
      {"http://h/\xc3\xa4", "percent-encoded"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct url u = {.port = 7};
    struct fault f = {0};
    enum err e = url_parse(text_of(cases[i][0]), &u, &f);
    if (e != ERR_BAD_REQUEST || strstr(f.text, cases[i][1]) == NULL)
      fail_msg("\"%s\" gives %s \"%s\", expected \"%s\"", cases[i][0], err_name(e), f.text, cases[i][1]);
    assert_int_equal(u.port, 7);
  }
}

static void a_password_is_never_quoted(void **state) {
  struct url u;
  struct fault f = {0};
  assert_int_equal(url_parse(TEXT("http://user:sesame@h/"), &u, &f), ERR_BAD_REQUEST);
  assert_null(strstr(f.text, "sesame"));
}

static void names_are_bounded(void **state) {
  char url[7 + 254];
  struct url u;
  memcpy(url, "http://", 7);
  memset(url + 7, 'h', 254);
  assert_int_equal(url_parse((struct text){url, 7 + 253}, &u, NULL), ERR_OK);
  assert_int_equal(url_parse((struct text){url, 7 + 254}, &u, NULL), ERR_BAD_REQUEST);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_come_apart_into_their_parts),
      cmocka_unit_test(what_two_parsers_could_read_differently_is_refused),
      cmocka_unit_test(a_password_is_never_quoted),
      cmocka_unit_test(names_are_bounded),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
