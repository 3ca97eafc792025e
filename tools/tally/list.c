/* Where tally's programs come from: the tests a Meson build folder declares, and commands given by hand.
 * Meson tells its tests as JSON; the members used are name, cmd, env, workdir, timeout and is_parallel.
 * Called by tally.c before anything runs. */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>

#define LIMIT_DEFAULT_MS 60000

static char *copy(const char *text) {
  char *out = strdup(text);
  if (out == NULL)
    abort();
  return out;
}

static char **new_words(size_t count) {
  char **words = calloc(count + 1, sizeof(words[0]));
  if (words == NULL)
    abort();
  return words;
}

static char **words_of_array(yyjson_val *array) {
  char **words = new_words(yyjson_arr_size(array));
  size_t at, max;
  yyjson_val *item;
  yyjson_arr_foreach (array, at, max, item)
    words[at] = copy(yyjson_is_str(item) ? yyjson_get_str(item) : "");
  return words;
}

static char **words_of_object(yyjson_val *object) {
  char **words = new_words(yyjson_obj_size(object));
  size_t at, max;
  yyjson_val *key, *value;
  yyjson_obj_foreach (object, at, max, key, value) {
    if (asprintf(&words[at], "%s=%s", yyjson_get_str(key), yyjson_is_str(value) ? yyjson_get_str(value) : "") < 0)
      abort();
  }
  return words;
}

/* Without a folder of its own a test starts in the build folder, as under `meson test`. */
static void add_test(struct program_list *list, yyjson_val *test, const char *build_dir, int64_t times) {
  const char *name = yyjson_get_str(yyjson_obj_get(test, "name"));
  const char *folder = yyjson_get_str(yyjson_obj_get(test, "workdir"));
  int64_t timeout_s = yyjson_get_sint(yyjson_obj_get(test, "timeout"));
  struct program *p = program_list_add(list);
  p->name = copy(name != NULL ? name : "unnamed");
  p->argv = words_of_array(yyjson_obj_get(test, "cmd"));
  p->env = words_of_object(yyjson_obj_get(test, "env"));
  p->folder = copy(folder != NULL ? folder : build_dir);
  p->limit_ms = (timeout_s > 0 ? timeout_s * 1000 : LIMIT_DEFAULT_MS) * times;
  p->runs_alone = yyjson_is_false(yyjson_obj_get(test, "is_parallel"));
}

/* Standard output of `meson introspect --tests DIR`; NULL when it failed. The caller frees it. */
static char *introspect(const char *build_dir, size_t *length) {
  FILE *out = tmpfile();
  if (out == NULL)
    return NULL;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(fileno(out), 1);
    execlp("meson", "meson", "introspect", "--tests", build_dir, (char *)NULL);
    _exit(127);
  }
  int status = -1;
  char *text = NULL;
  if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
    text = program_output(fileno(out), length);
  (void)fclose(out);
  return text;
}

bool program_list_add_meson(struct program_list *list, const char *build_dir, int64_t times) {
  size_t length;
  char *text = introspect(build_dir, &length);
  yyjson_doc *doc = text != NULL ? yyjson_read(text, length, 0) : NULL;
  yyjson_val *tests = yyjson_doc_get_root(doc);
  bool ok = yyjson_is_arr(tests);
  if (!ok)
    (void)fprintf(stderr, "tally: `meson introspect --tests %s` does not tell the tests\n", build_dir);
  size_t at, max;
  yyjson_val *test;
  yyjson_arr_foreach (tests, at, max, test)
    add_test(list, test, build_dir, times);
  yyjson_doc_free(doc);
  free(text);
  return ok;
}

bool program_list_add_command(struct program_list *list, const char *text) {
  const char *seconds = strchr(text, ':');
  if (seconds == NULL || seconds == text)
    return false;
  char *command;
  long limit_s = strtol(seconds + 1, &command, 10);
  if (limit_s <= 0 || *command != ':' || command[1] == '\0')
    return false;
  struct program *p = program_list_add(list);
  p->name = strndup(text, (size_t)(seconds - text));
  p->argv = new_words(3);
  p->argv[0] = copy("/bin/sh");
  p->argv[1] = copy("-c");
  p->argv[2] = copy(command + 1);
  p->limit_ms = (int64_t)limit_s * 1000;
  return true;
}
