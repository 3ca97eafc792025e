/* The shared files, as AWS's tools and people write them. */
#include "aws/profile.h"

#include "sigv4_example.h"

static void test_a_profile_is_put_together_from_both_files(void **state) {
  struct profile p;
  profile_read(
      TEXT("[other]\naws_access_key_id=OTHER\n[work]\naws_access_key_id = ID\r\naws_secret_access_key=S=/+\n"),
      TEXT("[default]\nregion = us-east-1\n[profile work]\nregion = eu-west-1\naws_access_key_id = FROM_CONFIG\n"
           "aws_session_token = T"),
      TEXT("work"), &p);
  assert_true(p.found);
  assert_text(p.access_key_id, TEXT("ID"));
  assert_text(p.secret_access_key, TEXT("S=/+"));
  assert_text(p.session_token, TEXT("T"));
  assert_text(p.region, TEXT("eu-west-1"));
}

static void test_names_of_sections(void **state) {
  static const struct {
    const char *credentials, *config, *name;
    bool found;
  } cases[] = {
      {"[default]", "", "default", true},
      {"", "[default]", "default", true},
      {"", "[profile default]", "default", true},
      {"", "[ profile\t work ] # mine", "work", true},
      {"", "[profile \"my work\"]", "my work", true},
      {"", "[profile 'my work']", "my work", true},
      {" [ work ]", "", "work", true},
      {"", "[work]", "work", false},
      {"[profile work]", "", "work", false},
      {"", "[profilework]", "work", false},
      {"", "[sso-session work]", "work", false},
      {"", "[services work]", "work", false},
      {"[Work]", "", "work", false},
      {"[work", "[profile work", "work", false},
      {"", "", "default", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct profile p;
    profile_read(text_of(cases[i].credentials), text_of(cases[i].config), text_of(cases[i].name), &p);
    if (p.found != cases[i].found)
      fail_msg("\"%s\" \"%s\": %s is %s", cases[i].credentials, cases[i].config, cases[i].name,
               p.found ? "found" : "not found");
  }
}

static void test_other_lines_are_passed_over(void **state) {
  struct profile p;
  profile_read(
      TEXT("aws_access_key_id = before any section\n[p]\n# aws_access_key_id = no\n; aws_access_key_id = no\n"
           "nonsense\n\n  AWS_Access_Key_Id =  ID  \naws_secret_access_key = first\naws_secret_access_key = S\n"
           "unknown = x\n[q]\naws_access_key_id = of another"),
      TEXT(""), TEXT("p"), &p);
  assert_text(p.access_key_id, TEXT("ID"));
  assert_text(p.secret_access_key, TEXT("S"));
}

static void test_nested_settings_are_not_the_profiles(void **state) {
  struct profile p;
  profile_read(TEXT(""), TEXT("[default]\ns3 =\n  region = nested\n  role_arn = nested\nregion = us-west-2\n"),
               TEXT("default"), &p);
  assert_text(p.region, TEXT("us-west-2"));
  assert_text(p.role_arn, TEXT_NONE);
}

static void test_the_other_ways_are_seen(void **state) {
  struct profile p;
  profile_read(
      TEXT(""),
      TEXT("[profile p]\nrole_arn=r\nsource_profile=a\ncredential_source=b\ncredential_process=c\nsso_session=d\n"
           "sso_start_url=e\nweb_identity_token_file=f\nrole_session_name=g"),
      TEXT("p"), &p);
  assert_text(p.role_arn, TEXT("r"));
  assert_text(p.source_profile, TEXT("a"));
  assert_text(p.credential_source, TEXT("b"));
  assert_text(p.credential_process, TEXT("c"));
  assert_text(p.sso_session, TEXT("d"));
  assert_text(p.sso_start_url, TEXT("e"));
  assert_text(p.web_identity_token_file, TEXT("f"));
  assert_text(p.role_session_name, TEXT("g"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_profile_is_put_together_from_both_files),
      cmocka_unit_test(test_names_of_sections),
      cmocka_unit_test(test_other_lines_are_passed_over),
      cmocka_unit_test(test_nested_settings_are_not_the_profiles),
      cmocka_unit_test(test_the_other_ways_are_seen),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
