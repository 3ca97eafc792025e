/* The commands of the program: one file each, one row each in main.c. Every command takes argc and argv from its own
 * name on, answers -h, prints errors to standard error and returns the exit status: 0 good, 1 failed, 2 called wrongly.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "app/source.h"
#include "ports/store_audit.h"

/* The rows of main.c's table; what each does stands in its usage text. */
int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_job(int argc, char **argv);
int cli_key(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_backup(int argc, char **argv);
int cli_ledger(int argc, char **argv);
int cli_migrate(int argc, char **argv);
int cli_openapi(int argc, char **argv);
int cli_person(int argc, char **argv);
int cli_reference(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_restore(int argc, char **argv);
int cli_route(int argc, char **argv);
int cli_breaker(int argc, char **argv);
int cli_store(int argc, char **argv);
int cli_service(int argc, char **argv);
int cli_setting(int argc, char **argv);
int cli_credential(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_upgrade(int argc, char **argv);
int cli_user(int argc, char **argv);
int cli_usage(int argc, char **argv);
int cli_vault(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Shared by the commands (options.c): options of the form --name VALUE or -c VALUE, in any order. */
struct cli_option {
  const char *name;   /* "--rpm" */
  bool is_flag;       /* takes no value */
  const char **value; /* the last one given; a flag sets it to "" */
  const char **list;  /* every one given, instead of value; NULL-terminated room for list_max */
  size_t list_max;
};
/* Sorts argv[1..] into options and words. False after printing what is wrong (unknown option, missing value, too many
 * words) and the usage; also false, with *out_help set, for -h. */
bool cli_parse(int argc, char **argv, const char *usage, const struct cli_option *options, size_t option_count,
               const char **words, size_t max_words, size_t *out_words, bool *out_help);

/* The configuration that `weir serve -c path` uses. False after printing what is wrong with it. */
bool cli_config_load(const char *path, struct config **out);
/* Where the store of c is; path holds the name of a file and must live as long as *out. ERR_CONFIG when no second
 * program can see it, or the name is too long. */
enum err cli_store_place(const struct config *c, char *path, size_t cap, struct store_place *out,
                         struct fault *f) MUST_CHECK;
/* The store that `weir serve -c path` uses, opened for a command. Prints what went wrong. */
struct cli_store {
  struct config *config;
  struct store *store;
  char data_dir[1024];
};
bool cli_store_open(const char *config_path, struct cli_store *out);
void cli_store_close(struct cli_store *s);
/* One of the things that a command does with that store: its name, which is the first of so many words. ask is the
 * command's own; what is in the arena is gone after it. */
struct cli_verb {
  const char *name;
  size_t words;
  enum err (*run)(const void *ask, const struct cli_store *s, struct arena *a, struct fault *f);
};
/* Does what the words say, and prints what goes wrong. The exit status; 2 after printing the usage: it is none of them.
 */
struct cli_verbs {
  const struct cli_verb *at;
  size_t count;
  const char *usage;
};
int cli_verb_run(const struct cli_verbs *verbs, const char *const *words, size_t word_count, const char *config_path,
                 const void *ask);
/* Where that store is, for a command that works on its files (backup.c). False after printing why there are none. */
struct cli_files {
  struct config *config;
  struct store_place place;
  char data_dir[1024], database[1100], server_key[1100], master_key[1100];
};
bool cli_files_find(const char *config_path, struct cli_files *out);
/* The passphrase in a file, without the line's end: heap, to be wiped and freed by cli_passphrase_done. path NULL:
 * none. False after printing why it cannot be had. */
bool cli_passphrase_read(const char *path, struct text *out);
void cli_passphrase_done(struct text *t);
/* The values of --since and --until, NULL for one that was not given, whose output is then 0. ERR_BAD_REQUEST. */
enum err cli_times(const char *since, const char *until, int64_t *out_since_us, int64_t *out_until_us,
                   struct fault *f) MUST_CHECK;
/* The id of the key with that name, declared or stored, or of the one with that id. ERR_NOT_FOUND. */
enum err cli_key_id(const struct cli_store *s, const char *word, int64_t *out_id, struct fault *f) MUST_CHECK;
/* One request to the running weir whose data is where `weir serve -c path` keeps it (local.c): its answer's status and
 * JSON text, appended to *body. Waits, at most wait_ms for the answer. False after printing why there was none. */
bool cli_local_call(const char *config_path, const char *method, const char *target, int64_t wait_ms, int *out_status,
                    struct buf *body);
/* The same, asked with a body (JSON; empty for none) and without a word printed. ERR_UNAVAILABLE: no weir runs there;
 * ERR_UNSUPPORTED: none could be asked, because its store is in memory. */
struct cli_local_ask {
  const char *method, *target;
  struct text body;
  int64_t wait_ms;
};
enum err cli_local_ask(const struct config *c, const struct cli_local_ask *ask, int *out_status, struct buf *body,
                       struct fault *f) MUST_CHECK;
/* Who runs this command, for the audit log: "local:" and the name of the user of the operating system (actor.c). Lives
 * as long as the process. */
const struct audit_actor *cli_actor(void);
/* Makes a job and waits until it has ended: done by the weir that runs on this data, or, when none does, by this
 * process (wait.c). An interrupt asks the job to stop. The job's result, as JSON text in the arena, and who ran it.
 * Prints its progress to a terminal. ERR_CANCELLED: it was stopped; else the job's own error, or that of the store. */
struct cli_waited {
  int64_t id;
  struct text result, worker;
};
enum err cli_run_job(const struct cli_store *s, const char *kind, struct text args, struct arena *a,
                     struct cli_waited *out, struct fault *f) MUST_CHECK;
/* From here on SIGINT and SIGTERM are only noted, the first of each: a second one ends the process as ever
 * (interrupt.c). */
void cli_catch_interrupts(void);
/* ERR_CANCELLED once one has come. */
enum err cli_check_interrupt(struct fault *f) MUST_CHECK;
/* Prints "weir: text" and returns 1. */
int cli_fail(const struct fault *f);

#endif
