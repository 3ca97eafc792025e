/* A person is exported and erased by whole replicas that have their files of the archive each for itself: the command
 * leaves the work to the weir that runs there and brings the file; what the one that erases does not have loses the
 * name where it is, within moments, also when that replica was not there when it happened. And by the command alone,
 * when no weir runs. usage: forget PATH_OF_WEIR PATH_OF_WEIR_SIM. Prints TAP. */
#include "whole.h"

#include "../unit/store/contract.h"

#include "ports/store_persons.h"
#include "ports/store_usage.h"
#include "store/archive_lines.h"

#define NAME   "zebulon.quist"
#define OLD_US INT64_C(1600000000000000)

static struct postgres_server postgres;
static char database[256];
static struct store *store;

static bool command(const struct replica *r, char **out_said, const char *const words[]) {
  const char *argv[12] = {whole.weir};
  size_t n = 1;
  for (; *words && n < 9; words++)
    argv[n++] = *words;
  argv[n++] = "-c";
  argv[n] = r->config;
  return process_run(argv, out_said) == 0;
}
static bool says(const struct replica *r, const char *word, const char *const words[]) {
  char *said = NULL;
  bool good = command(r, &said, words) && strstr(said, word);
  if (!good)
    printf("# %s\n", said);
  free(said);
  return good;
}
static bool is_refused(const struct replica *r, const char *const words[]) {
  char *said = NULL;
  bool refused = !command(r, &said, words);
  free(said);
  return refused;
}
#define REFUSED(r, ...)    is_refused(r, (const char *const[]){__VA_ARGS__, NULL})
#define SAYS(r, word, ...) says(r, word, (const char *const[]){__VA_ARGS__, NULL})

static void add_row(int64_t id, const char *user) {
  struct ledger_row row = make_row(id, 1, 5, OLD_US + id);
  row.user = text_of(user);
  append(store, &row, 1, (uint64_t)id);
}

struct search {
  char folder[300];
  size_t files, named;
};

static enum err hear(void *ctx, struct text line, struct fault *f) {
  struct search *s = ctx;
  s->named += text_find(line, TEXT(NAME)) >= 0;
  return ERR_OK;
}

/* In the files that the replica has: how many there are, how many rows name the person. */
static struct search look(const struct replica *r) {
  struct search s = {.files = 0};
  struct usage_archive *list = NULL;
  struct arena a;
  size_t count = 0;
  snprintf(s.folder, sizeof s.folder, "%s/archive", r->data);
  arena_init(&a);
  EXPECT_OK(store->ops->usage->archives(store, &a, &list, &count, &test_fault));
  for (size_t i = 0; i < count; i++) {
    enum err e =
        archive_lines_read(s.folder, list[i].name, list[i].digest, &(struct archive_ear){hear, &s}, &test_fault);
    if (e && e != ERR_NOT_FOUND)
      check(false, "a file of the archive is sound: %s", fault_text(&test_fault));
    s.files += e == ERR_OK;
  }
  arena_done(&a);
  return s;
}

static bool is_forgotten(void *replica) { return look(replica).named == 0; }

static void replica_with(struct replica *r, const char *name) {
  char more[400];
  snprintf(more, sizeof more, "store: \"%s\"\nworkers: 1\n", database);
  replica_init(r, name, more);
}

static void give_key(const struct replica *from, const struct replica *to) {
  char source[128], target[128];
  snprintf(source, sizeof source, "%s/server.key", from->data);
  snprintf(target, sizeof target, "%s/server.key", to->data);
  if (link(source, target) != 0)
    bail(target);
}

static void archive_on(const struct replica *r, int64_t id) {
  add_row(id, NAME);
  add_row(id + 1, "bob");
  check(SAYS(r, "2 rows archived", "ledger", "archive", "--before", "8d"), "rows leave for the files of one");
}

static void check_export(const struct replica *r, const char *what, const char *counts) {
  char path[300];
  snprintf(path, sizeof path, "%s/out.zst", r->data);
  check(SAYS(r, counts, "person", "export", NAME, "--to", path), "%s exports", what);
  check(access(path, R_OK) == 0, "and the file is where it was wanted");
  check(REFUSED(r, "person", "export", NAME, "--to", path), "and is not replaced");
  unlink(path);
}

/* b has no thread for jobs that could take them first. */
static void on_two_replicas(void) {
  static struct replica a, b, c;
  replica_with(&a, "a");
  replica_with(&b, "b");
  replica_with(&c, "c");
  check(replica_start(&a, NULL), "one replica starts");
  give_key(&a, &b);
  give_key(&a, &c);
  const char *const gateway_only[] = {whole.weir, "serve", "--roles", "gateway", "-c", b.config, NULL};
  check(process_start(&b.process, gateway_only, NULL), "another that runs no jobs starts beside it");
  archive_on(&a, 11);
  archive_on(&b, 21);
  archive_on(&c, 31); /* which does not run now */
  add_row(41, NAME);
  check(look(&a).named == 1 && look(&b).named == 1 && look(&c).named == 1, "each has a file that names the person");
  check_export(&a, "the running weir", "1 rows of the ledger, 1 of its archive");
  check(SAYS(&a, "1 rows of the ledger, 1 of its archive", "person", "erase", NAME, "--yes"), "it erases the person");
  check(look(&a).named == 0, "whose name is not in its files any more");
  check(eventually(is_forgotten, &b, PROCESSES_PATIENCE_MS), "and soon not in those of the other replica");
  check(look(&c).named == 1, "and still in those of one that does not run");
  check(replica_start(&c, NULL), "which starts");
  check(eventually(is_forgotten, &c, PROCESSES_PATIENCE_MS), "and loses it");
  check(look(&a).files + look(&b).files + look(&c).files == 3, "no file is lost");
  check(SAYS(&a, "every balance is the sum of its rows", "ledger", "verify"), "and every balance holds");
  check(process_stop(&a.process) == 0 && process_stop(&b.process) == 0 && process_stop(&c.process) == 0, "all end");
}

static void on_none(void) {
  static struct replica d;
  replica_with(&d, "d");
  archive_on(&d, 51);
  add_row(61, NAME);
  check_export(&d, "a command alone", "1 rows of the ledger, 1 of its archive");
  check(SAYS(&d, "1 rows of the ledger, 1 of its archive", "person", "erase", NAME, "--yes"), "and erases");
  check(look(&d).named == 0, "the name is not in its files any more");
  check(SAYS(&d, "done", "job", "list", "--kind", "erase_person"), "and the job is on record");
  check(REFUSED(&d, "person", "erase", "erased-1", "--yes"), "a pseudonym is not erased");
}

static void with_database(void (*test)(void)) {
  if (!postgres_server_database(&postgres, false, database, sizeof database))
    bail(postgres.why);
  EXPECT_OK(store_open(contract_place(database), &store, &test_fault));
  test();
  store->ops->close(store);
}

int main(int argc, char **argv) {
  whole_open(argc, argv);
  if (postgres_server_missing()) {
    printf("# %s\n", postgres_server_missing());
    return whole_close();
  }
  if (!postgres_server_start(&postgres))
    bail(postgres.why);
  with_database(on_two_replicas);
  with_database(on_none);
  postgres_server_stop(&postgres);
  return whole_close();
}
