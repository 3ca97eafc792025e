/* weir store copy: everything that the configuration's store holds into another, empty one, while no weir runs. The
 * journal is carried over first, so that it is all there, and what was copied is read back before it counts. It
 * changes neither the source nor the configuration; what to change there is printed. Called by main.c. */
#include "store/store.h"
#include "cli/cli.h"
#include "ledger/hold.h"
#include "store/store_copy.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TELL_MS 1000

static const char usage[] =
    "usage: weir store copy --to postgres://USER@HOST/DATABASE | --to FILE [--encrypt | --decrypt]  [-c FILE]\n"
    "  copies the store of the configuration (keys, ledger, all of it) into an empty PostgreSQL database, or into an\n"
    "  SQLite database that does not exist yet; stop weir first, every replica of it. What was copied is read back,\n"
    "  compared, and every balance recounted, before it counts; a copy that fails leaves nothing behind but empty\n"
    "  tables in PostgreSQL. The source stays as it is.\n"
    "  --to   without a password in it, PGPASSWORD or ~/.pgpass may hold one: others see what stands in a command\n"
    "  --encrypt, --decrypt  from a file that is not encrypted into one that is, with the configuration's store_key,\n"
    "         and back; without them a file is read and written with store_key, when there is one\n";

struct progress {
  const char *table, *doing; /* as told last */
  uint64_t rows;
  int64_t told_ms;
  bool on_terminal;
};

static int64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void print_progress(const struct progress *p, bool is_last) {
  fprintf(stderr, "%s%s %s: %llu rows%s", p->on_terminal ? "\r" : "", p->doing, p->table, (unsigned long long)p->rows,
          is_last || !p->on_terminal ? "\n" : "");
}

/* On a terminal one line that moves, elsewhere a line a second; each table has its last line. */
static enum err tell(void *data, const char *doing, const char *table, uint64_t rows, struct fault *f) {
  struct progress *p = data;
  bool is_new = p->table != table || p->doing != doing;
  if (is_new && p->table && p->rows > 0)
    print_progress(p, true);
  p->table = table;
  p->doing = doing;
  p->rows = rows;
  if (!is_new && clock_ms() - p->told_ms >= TELL_MS) {
    print_progress(p, false);
    p->told_ms = clock_ms();
  }
  return cli_check_interrupt(f);
}

struct copy {
  struct config *config;
  char data_dir[1024], path[1100];
  struct store_place from, to;
  struct hold *hold;
  struct store *source;
  struct copy_report report;
};

static enum err choose_keys(struct copy *c, bool encrypt, bool decrypt, struct fault *f) {
  if (!encrypt && !decrypt)
    return ERR_OK;
  if (encrypt == decrypt || c->to.kind != STORE_SQLITE)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "--encrypt and --decrypt are for a copy into a file, and one at a time");
  if (c->from.key.len == 0)
    return fault_set(f, ERR_CONFIG, "store_key", "--encrypt and --decrypt need store_key in the configuration");
  *(encrypt ? &c->from.key : &c->to.key) = TEXT_NONE;
  return ERR_OK;
}

static enum err choose_target(struct copy *c, const char *to, struct fault *f) {
  struct text address = text_of(to);
  bool is_address = text_find(address, TEXT("://")) >= 0;
  c->to = (struct store_place){.kind = is_address ? STORE_POSTGRES : STORE_SQLITE, .path = to, .key = c->from.key};
  c->to.postgres = c->from.postgres;
  c->to.postgres.url = address;
  c->to.postgres.replica_count = 0;
  struct fault why = {0};
  if (!is_address || store_check_address(address, &why) == ERR_OK)
    return ERR_OK;
  return fault_set(f, ERR_CONFIG, "--to", "--to %s", fault_text(&why));
}

static enum err carry_over(struct copy *c, struct fault *f) {
  uint64_t settled = 0, recovered = 0;
  enum err e = hold_carry(c->hold, c->source, &settled, &recovered, f);
  if (e == ERR_OK && settled + recovered > 0)
    printf("%llu settled and %llu open calls of the journal were carried into the source first\n",
           (unsigned long long)settled, (unsigned long long)recovered);
  return e;
}

static enum err open_source(struct copy *c, struct fault *f) {
  snprintf(c->data_dir, sizeof(c->data_dir), "%.*s", TEXT_ARGS(c->config->data_dir));
  if (c->from.kind == STORE_SQLITE && access(c->path, F_OK) != 0)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no database %s to copy", c->path);
  if (mkdir(c->data_dir, 0700) != 0 && errno != EEXIST)
    return fault_set(f, ERR_CONFIG, "data_dir", "cannot create %s: %s", c->data_dir, strerror(errno));
  enum err e = hold_take(c->data_dir, &c->hold, f);
  if (e == ERR_OK)
    e = store_open(&c->from, &c->source, f);
  return e == ERR_OK ? carry_over(c, f) : e;
}

static void report(const struct copy *c) {
  const struct copy_report *r = &c->report;
  printf("copied %llu tables, %llu rows: %llu calls of %llu keys, $%lld.%09lld; all of it was read back, and every "
         "balance is the sum of its rows\n",
         (unsigned long long)r->tables, (unsigned long long)r->rows, (unsigned long long)r->ledger_rows,
         (unsigned long long)r->keys, (long long)(r->cost_nano / 1000000000), (long long)(r->cost_nano % 1000000000));
  if (c->to.kind == STORE_POSTGRES)
    printf("Now give the configuration this address as `store`, best as store: \"${DATABASE_URL}\".\n");
  else
    printf("Now put `store: sqlite` into the configuration; the database must be weir.db in its data_dir.\n");
  printf("server.key stays in %s: without it the stored keys are of no use.\n", c->data_dir);
  if (c->from.kind == STORE_SQLITE)
    printf("Move %s away: a weir that is started with the old configuration would go on with it.\n", c->path);
}

static enum err run(struct copy *c, const char *to, bool encrypt, bool decrypt, struct fault *f) {
  struct progress progress = {.told_ms = clock_ms(), .on_terminal = isatty(STDERR_FILENO)};
  const struct copy_watch watch = {tell, &progress};
  enum err e = cli_store_place(c->config, c->path, sizeof(c->path), &c->from, f);
  if (e == ERR_OK)
    e = choose_target(c, to, f);
  if (e == ERR_OK)
    e = choose_keys(c, encrypt, decrypt, f);
  if (e == ERR_OK)
    e = open_source(c, f);
  if (e != ERR_OK)
    return e;
  cli_catch_interrupts();
  e = store_copy(c->source, &c->to, &watch, &c->report, f);
  if (progress.rows > 0)
    print_progress(&progress, true);
  if (e == ERR_OK)
    report(c);
  else if (e != ERR_STORE_CONFLICT)
    fprintf(stderr, "weir: nothing was copied; %s\n",
            c->to.kind == STORE_POSTGRES ? "the target holds nothing new (tables that were made there stay, empty)"
                                         : "there is no new file");
  return e;
}

int cli_store(int argc, char **argv) {
  static struct copy c; /* large */
  const char *config = NULL, *to = NULL, *encrypt = NULL, *decrypt = NULL, *word[1] = {NULL};
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0},
                                       {"--to", false, &to, NULL, 0},
                                       {"--encrypt", true, &encrypt, NULL, 0},
                                       {"--decrypt", true, &decrypt, NULL, 0}};
  size_t words;
  bool help;
  struct fault f = {0};
  if (!cli_parse(argc, argv, usage, options, 4, word, 1, &words, &help))
    return help ? 0 : 2;
  if (words < 1 || strcmp(word[0], "copy") != 0 || !to || !to[0]) {
    fputs(usage, stderr);
    return 2;
  }
  if (!cli_config_load(config, &c.config))
    return 1;
  int status = run(&c, to, encrypt != NULL, decrypt != NULL, &f) == ERR_OK ? 0 : cli_fail(&f);
  if (c.source)
    c.source->ops->close(c.source);
  hold_release(c.hold);
  config_unref(c.config);
  return status;
}
