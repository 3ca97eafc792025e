/* weir person: what one person may ask for, all that the store holds about them, or that it forgets them. Both are
 * jobs, which the running weir does, or this process when none runs (wait.c); here they are asked for, and the file of
 * an export is brought to where it was wanted. */
#include "base/json.h"
#include "cli/cli.h"
#include "ports/store_persons.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir person export USER --to FILE  [-c FILE]\n"
    "       weir person erase USER --yes  [-c FILE]\n"
    "  USER is what keys name as their user.\n"
    "  export  writes the person's keys, rows of the ledger and of its archive, sums of usage, entries of the audit "
    "log\n"
    "          and jobs into a new file: JSON lines, packed with zstd, the last line a manifest\n"
    "  erase   deletes the person's keys and puts a pseudonym in place of the name and of the keys' names, for ever;\n"
    "          amounts stay. --yes says that this is meant. Backups and what was exported keep the name: see\n"
    "          docs/PRIVACY.md\n"
    "  Both are jobs (`weir job list`): the running weir does them, or this command when none runs. An interrupt "
    "stops\n"
    "  them; an erasure that was stopped goes on when it is asked for again.\n";

#define MOVE_BYTES 1048576

static struct text args_of(const char *user, struct arena *a) {
  const struct audit_actor *by = cli_actor();
  struct buf b;
  struct json_writer w;
  buf_init(&b, STORE_JOB_JSON_MAX);
  json_writer_init(&w, &b);
  json_object(&w);
  json_field_str(&w, "user", user);
  json_field_text(&w, "actor", by->actor);
  json_field_text(&w, "origin", by->origin);
  json_object_end(&w);
  struct text args = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return args;
}

static unsigned long long count(const struct json *result, const char *name) {
  uint64_t n = 0;
  return json_get_u64(result->root, name, &n) ? n : 0;
}

static void warn_of_elsewhere(const struct json *result, const char *what) {
  unsigned long long files = count(result, "archives_elsewhere");
  if (files > 0)
    fprintf(stderr,
            "weir: %llu files of the archive are not in this data_dir and %s: see docs/PRIVACY.md and "
            "`weir ledger archives verify`\n",
            files, what);
}

static enum err cannot(const char *doing, const char *path, struct fault *f) {
  return fault_set(f, ERR_STORE, NULL, "cannot %s %s: %s", doing, path, strerror(errno));
}

static enum err copy(int from, int to, const char *path, struct fault *f) {
  ssize_t n;
  while ((n = sendfile(to, from, NULL, MOVE_BYTES)) > 0)
    continue;
  return n < 0 || fsync(to) != 0 ? cannot("write", path, f) : ERR_OK;
}

/* The job's file, which was made for whoever asked, becomes theirs: a copy with its bytes counted, and then it goes. */
static enum err fetch(const char *from, const char *to, uint64_t bytes, struct fault *f) {
  struct stat st;
  enum err e = ERR_OK;
  int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
  if (in < 0)
    return cannot("read", from, f);
  out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out < 0)
    e = cannot("make", to, f);
  if (!e)
    e = copy(in, out, to, f);
  if (!e && (fstat(out, &st) != 0 || (uint64_t)st.st_size != bytes))
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "%s is not as long as the export was", from);
  if (e && out >= 0)
    unlink(to);
  if (out >= 0)
    close(out);
  close(in);
  if (!e && unlink(from) != 0)
    e = cannot("remove", from, f);
  return e;
}

static enum err take_export(const struct cli_waited *done, const struct json *result, const char *to, struct arena *a,
                            struct fault *f) {
  struct text path = TEXT_NONE;
  if (!json_get_text(result->root, "path", &path))
    return fault_set(f, ERR_INTERNAL, NULL, "job %lld says nothing of a file", (long long)done->id);
  const char *from = arena_format(a, "%.*s", TEXT_ARGS(path)).at;
  if (access(from, F_OK) != 0)
    return fault_set(f, ERR_NOT_FOUND, NULL, "the export was made by another process, %.*s: take it from there, %s",
                     TEXT_ARGS(done->worker), from);
  enum err e = fetch(from, to, count(result, "bytes"), f);
  if (e)
    return e;
  printf("%s: %llu keys, %llu rows of the ledger, %llu of its archive, %llu sums of usage, %llu audit entries, "
         "%llu jobs\n",
         to, count(result, "keys"), count(result, "ledger_rows"), count(result, "archived_rows"),
         count(result, "usage_rows"), count(result, "audit_entries"), count(result, "jobs"));
  warn_of_elsewhere(result, "were not looked into");
  return ERR_OK;
}

static void tell_erased(const struct json *result) {
  struct text pseudonym = TEXT_NONE;
  if (!json_get_text(result->root, "pseudonym", &pseudonym)) {
    printf("erased already\n");
    return;
  }
  printf("erased: %llu keys deleted; %llu rows of the ledger, %llu of its archive, %llu sums of usage and %llu audit "
         "entries now say %.*s\n",
         count(result, "keys"), count(result, "ledger_rows"), count(result, "archived_rows"),
         count(result, "usage_rows"), count(result, "audit_entries"), TEXT_ARGS(pseudonym));
  warn_of_elsewhere(result, "keep the name, if they have it, until the processes that have them write them anew");
}

static enum err run(const struct cli_store *s, const char *user, const char *to, struct fault *f) {
  struct cli_waited done;
  struct json result;
  struct arena a;
  if (to && access(to, F_OK) == 0)
    return fault_set(f, ERR_STORE_CONFLICT, "--to", "%s is there already", to);
  if (text_starts(text_of(user), TEXT(PERSON_PSEUDONYM_PREFIX)))
    return fault_set(f, ERR_BAD_REQUEST, "user", "that is a pseudonym: the person is erased already");
  arena_init(&a);
  enum err e = cli_run_job(s, to ? "export_person" : "erase_person", args_of(user, &a), &a, &done, f);
  if (!e)
    e = json_read(done.result, &(struct json_limits){0}, &result, f);
  if (!e) {
    if (to)
      e = take_export(&done, &result, to, &a, f);
    else
      tell_erased(&result);
    json_done(&result);
  }
  arena_done(&a);
  return e;
}

int cli_person(int argc, char **argv) {
  const char *config = NULL, *to = NULL, *yes = NULL, *word[2] = {NULL, NULL};
  const struct cli_option options[] = {
      {"-c", false, &config, NULL, 0}, {"--to", false, &to, NULL, 0}, {"--yes", true, &yes, NULL, 0}};
  struct cli_store s;
  struct fault f = {0};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 3, word, 2, &words, &help))
    return help ? 0 : 2;
  bool is_export = words == 2 && strcmp(word[0], "export") == 0 && to;
  bool is_erase = words == 2 && strcmp(word[0], "erase") == 0 && yes && !to;
  if (!is_export && !is_erase) {
    fputs(usage, stderr);
    return 2;
  }
  if (!cli_store_open(config, &s))
    return 1;
  cli_catch_interrupts();
  enum err e = run(&s, word[1], to, &f);
  cli_store_close(&s);
  return e == ERR_OK ? 0 : cli_fail(&f);
}
