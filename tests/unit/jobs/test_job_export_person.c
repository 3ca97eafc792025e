/* The job that writes what is known of a person: one file of its own, whole or not there, whose digest it tells. */
#include "jobs/kinds.h"

#include "base/json.h"
#include "person_test.h"
#include "store/archive_file.h"

#define ANN TEXT("{\"user\":\"ann\",\"actor\":\"local:root\",\"origin\":\"cli\"}")

static size_t files_there(void) {
  DIR *d = opendir(in_data_dir("exports"));
  size_t count = 0;
  for (struct dirent *entry; d && (entry = readdir(d));)
    count += entry->d_name[0] != '.';
  if (d)
    closedir(d);
  return count;
}

static void the_file_is_where_the_result_says_and_as_it_says(void **state) {
  struct job j = person_job_of("export_person", ANN);
  struct json result;
  struct text path = TEXT_NONE, digest = TEXT_NONE, name;
  struct stat st;
  uint64_t bytes = 0;
  EXPECT_OK(job_export_person(&j, &test_fault));
  EXPECT_OK(json_read(j.result, &(struct json_limits){0}, &result, &test_fault));
  assert_true(json_get_text(result.root, "path", &path) && json_get_text(result.root, "digest", &digest) &&
              json_get_u64(result.root, "bytes", &bytes));
  path = arena_copy(&arena, path);
  name = text_skip(path, strlen(in_data_dir("exports/")));
  assert_int_equal(stat(path.at, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal((uint64_t)st.st_size, bytes);
  /* a key, a row, one in the archive and the sum of that, the key's creation and the export's beginning in the audit
   * log, the job; and the manifest */
  EXPECT_OK(archive_file_check(in_data_dir("exports"), name, digest, 8, &test_fault));
  assert_true(text_find(path, TEXT("ann")) < 0);
  assert_true(text_find(j.result, TEXT("\"archived_rows\":1,\"archives_elsewhere\":0,\"jobs\":1}")) > 0);
  json_done(&result);
  EXPECT_TEXT(newest_entry().action, TEXT("person.export"));
  EXPECT_TEXT(newest_entry().actor, TEXT("local:root"));
}

static void a_second_attempt_takes_the_first_ones_file_away(void **state) {
  struct job j = person_job_of("export_person", ANN);
  EXPECT_OK(job_export_person(&j, &test_fault));
  const char *part = arena_format(&arena, "exports/" PERSON_EXPORT_NAME ".part", (long long)j.id, 2LL).at;
  close(open(in_data_dir(part), O_WRONLY | O_CREAT, 0600)); /* and the second one died writing */
  j.attempt = 3;
  EXPECT_OK(job_export_person(&j, &test_fault));
  assert_int_equal(files_there(), 1);
}

static enum err stop(struct job *j, unsigned permille, struct text note, struct fault *f) {
  return permille >= 800 ? fault_set(f, ERR_CANCELLED, NULL, "stopped") : ERR_OK;
}

static void one_that_is_stopped_leaves_nothing(void **state) {
  struct job j = person_job_of("export_person", ANN);
  j.report = stop;
  EXPECT_ERR(job_export_person(&j, &test_fault), ERR_CANCELLED);
  assert_int_equal(files_there(), 0);
}

static void without_a_folder_it_says_why(void **state) {
  struct job j = person_job_of("export_person", ANN);
  world.data_dir = NULL;
  EXPECT_ERR(job_export_person(&j, &test_fault), ERR_UNSUPPORTED);
  world.data_dir = "/proc";
  EXPECT_ERR(job_export_person(&j, &test_fault), ERR_STORE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_PERSON(the_file_is_where_the_result_says_and_as_it_says),
      TEST_PERSON(a_second_attempt_takes_the_first_ones_file_away),
      TEST_PERSON(one_that_is_stopped_leaves_nothing),
      TEST_PERSON(without_a_folder_it_says_why),
  };
  return RUN_TESTS(tests);
}
