/* Bodies of entries: addresses that lead to a cloud's metadata in every spelling, names, and what a body may not be. */
#include "config/stored_body.h"

#include "expect.h"

static void link_local_addresses_are_known_in_every_spelling(void **state) {
  static const char *const bad[] = {"169.254.169.254",
                                    "169.254.0.1",
                                    "169.254.170.2",
                                    "2852039166",
                                    "0xa9fea9fe",
                                    "0251.0376.1.1",
                                    "169.16689662",
                                    "169.254.43518",
                                    "fd00:ec2::254",
                                    "FD00:EC2::254",
                                    "fd00:0ec2:0:0:0:0:0:254",
                                    "fe80::1",
                                    "fe80::1%eth0",
                                    "febf::1",
                                    "::ffff:169.254.169.254",
                                    "::ffff:a9fe:a9fe",
                                    "64:ff9b::a9fe:1",
                                    "::169.254.169.254",
                                    "169.254.169.254.",
                                    "metadata.google.internal",
                                    "Metadata.Google.Internal.",
                                    "fd00:ec2::253",
                                    "100.100.100.200",
                                    "metadata"};
  static const char *const good[] = {
      "",        "127.0.0.1", "localhost", "10.0.0.1",       "192.168.1.1",         "169.253.1.1",
      "fd00::1", "::1",       "fec0::1",   "api.openai.com", "169.254.example.org", "2001:db8::a9fe:a9fe"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (!stored_host_is_link_local(text_of(bad[i])))
      fail_msg("%s is let through", bad[i]);
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    if (stored_host_is_link_local(text_of(good[i])))
      fail_msg("%s is refused", good[i]);
}

static enum err try(enum config_kind k, const char *json, struct arena *a) {
  struct node *n = NULL;
  struct fault f = {0};
  enum err e = stored_body_read(text_of(json), 1, a, &n, &f);
  return e == ERR_OK ? stored_body_check(k, n, &f) : e;
}

static void an_address_is_looked_at_wherever_its_host_stands(void **state) {
  static const char *const urls[] = {"http://169.254.169.254",      "https://169.254.169.254/v1",
                                     "http://169.254.169.254:80/x", "http://[fd00:ec2::254]/latest",
                                     "http://[fd00:ec2::254]:80",   "http://[fe80::1]"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
    char json[200];
    snprintf(json, sizeof json, "{\"name\":\"x\",\"kind\":\"openai\",\"base_url\":\"%s\"}", urls[i]);
    if (try(CONFIG_KIND_PROVIDER, json, &a) != ERR_CONFIG)
      fail_msg("%s is let through", urls[i]);
  }
  assert_int_equal(try(CONFIG_KIND_PROVIDER, "{\"base_url\":\"http://10.0.0.1:8000/v1\"}", &a), ERR_OK);
  assert_int_equal(try(CONFIG_KIND_PROVIDER, "{\"base_url\":[1],\"credentials\":[]}", &a), ERR_CONFIG);
  assert_int_equal(try(CONFIG_KIND_MODEL, "{\"name\":\"m\"}", &a), ERR_OK);
  arena_done(&a);
}

static void a_body_is_one_object_of_strict_json(void **state) {
  static char deep[200];
  struct arena a;
  arena_init(&a);
  memset(deep, '[', 100);
  assert_int_equal(try(CONFIG_KIND_MODEL, "[]", &a), ERR_CONFIG);
  assert_int_equal(try(CONFIG_KIND_MODEL, "1", &a), ERR_CONFIG);
  assert_int_equal(try(CONFIG_KIND_MODEL, "", &a), ERR_BAD_JSON);
  assert_int_equal(try(CONFIG_KIND_MODEL, "{\"a\":1,\"a\":2}", &a), ERR_BAD_JSON);
  assert_int_equal(try(CONFIG_KIND_MODEL, deep, &a), ERR_BAD_JSON);
  assert_int_equal(try(CONFIG_KIND_MODEL, "{\"a\":{\"b\":[true,null,1.50,\"x\"]}}", &a), ERR_OK);
  arena_done(&a);
}

static struct text written(enum config_kind k, const char *json, struct arena *a) {
  struct node *n = NULL;
  struct fault f = {0};
  assert_int_equal(stored_body_read(text_of(json), 1, a, &n, &f), ERR_OK);
  return stored_body_write(k, n, a);
}

static void a_body_is_written_as_it_was_read_but_for_secrets(void **state) {
  static const char model[] =
      "{\"name\":\"m\",\"context_tokens\":5,\"hedge\":{\"enabled\":true,\"delay\":\"5s\"},\"targets\":"
      "[{\"provider\":\"a\",\"model\":\"x\",\"weight\":2,\"billable\":false,\"leave_out\":[\"top_k\"]}]}";
  struct arena a;
  arena_init(&a);
  EXPECT_TEXT(written(CONFIG_KIND_MODEL, model, &a), text_of(model));
  EXPECT_TEXT(written(CONFIG_KIND_PROVIDER,
                      "{\"name\":\"p\",\"region\":null,\"metadata\":{\"team\":\"x\"},\"credentials\":[{\"name\":\"c\","
                      "\"api_key\":\"s\",\"bearer\":\"t\",\"unknown\":1}]}",
                      &a),
              TEXT("{\"name\":\"p\",\"metadata\":{\"team\":\"x\"},\"credentials\":[{\"name\":\"c\"}]}"));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(link_local_addresses_are_known_in_every_spelling),
      cmocka_unit_test(an_address_is_looked_at_wherever_its_host_stands),
      cmocka_unit_test(a_body_is_one_object_of_strict_json),
      cmocka_unit_test(a_body_is_written_as_it_was_read_but_for_secrets),
  };
  return RUN_TESTS(tests);
}
