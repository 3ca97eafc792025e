/* weir person: what one person may ask for, all that the store holds about them, or that it forgets them. Works on the
 * store, also while weir runs; a running one refuses the keys that were deleted within a second. */
#include "cli/cli.h"
#include "ports/store_persons.h"
#include "store/person_file.h"

#include <unistd.h>

static const char usage[] =
    "usage: weir person export USER --to FILE  [-c FILE]\n"
    "       weir person erase USER --yes  [-c FILE]\n"
    "  USER is what keys name as their user.\n"
    "  export  writes the person's keys, rows of the ledger and entries of the audit log into a new file: JSON lines,\n"
    "          packed with zstd, the last line a manifest\n"
    "  erase   deletes the person's keys and puts a pseudonym in place of the name and of the keys' names, for ever;\n"
    "          amounts stay. --yes says that this is meant. Backups and what was exported keep the name: see\n"
    "          docs/PRIVACY.md\n";

static enum err tell(void *ctx, unsigned permille, const char *at, struct fault *f) {
  if (isatty(STDERR_FILENO))
    fprintf(stderr, "\r%3u%% %-24s", permille / 10, at);
  return cli_check_interrupt(f);
}

static void tell_end(void) {
  if (isatty(STDERR_FILENO))
    fprintf(stderr, "\r%30s\r", "");
}

static enum err export(struct cli_store *s, const char *user, const char *path, struct fault *f) {
  struct person_exported done; enum err e = person_file_write(s->store, text_of(user), cli_actor(), path,
                                                              &(struct person_listener){tell, NULL}, &done, f);
  tell_end();
  if (e == ERR_OK)
      printf("%s: %llu keys, %llu rows of the ledger, %llu audit entries\n", path, (unsigned long long)done.keys,
             (unsigned long long)done.ledger_rows, (unsigned long long)done.audit_entries);
  return e;
}

static enum err erase(struct cli_store *s, const char *user, struct fault *f) {
  struct person_erased done;
  enum err e = s->store->ops->persons->erase(s->store, text_of(user), cli_actor(),
                                             &(struct person_listener){tell, NULL}, &done, f);
  tell_end();
  if (e == ERR_OK)
    printf("erased: %llu keys deleted; %llu rows of the ledger, %llu sums of usage and %llu audit entries now say %s\n",
           (unsigned long long)done.keys, (unsigned long long)done.ledger_rows, (unsigned long long)done.usage_rows,
           (unsigned long long)done.audit_entries, done.pseudonym);
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
  bool is_erase = words == 2 && strcmp(word[0], "erase") == 0 && yes;
  if (!is_export && !is_erase) {
    fputs(usage, stderr);
    return 2;
  }
  if (!cli_store_open(config, &s))
    return 1;
  cli_catch_interrupts();
  enum err e = is_export ? export(&s, word[1], to, &f) : erase(&s, word[1], &f);
  cli_store_close(&s);
  return e == ERR_OK ? 0 : cli_fail(&f);
}
