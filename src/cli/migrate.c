/* weir migrate: the database's schema, up, down and as it stands. serve brings it up by itself; down is for going
 * back to an older program. Called by main.c. */
#include "store/migrate.h"
#include "cli/cli.h"
#include "ledger/hold.h"

#include <unistd.h>

static const char usage[] =
    "usage: weir migrate up | down N | status  [-c FILE]\n"
    "  up      applies the migrations that are missing\n"
    "  down N  takes the newest N back, and the data they hold with them; stop weir first,\n"
    "          every replica of it\n"
    "  status  lists every migration: its checksum, when it was applied, which older programs work with it\n";

static void print_row(const struct migration_status *m, size_t known) {
  char at[32] = "";
  struct tm utc;
  time_t seconds = (time_t)(m->applied_us / 1000000);
  gmtime_r(&seconds, &utc);
  if (m->applied)
    strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S UTC", &utc);
  printf("%04u %-24.*s %-7s  %.*s  %s", m->version, TEXT_ARGS(m->name), m->applied ? "applied" : "missing",
         TEXT_ARGS(m->checksum), at);
  if (!m->known)
    printf("  by a newer weir; this one may %suse it", m->compatible >= 1 && m->compatible <= known ? "" : "not ");
  else if (m->compatible < m->version)
    printf("%sfor programs from schema %u on", m->applied ? "  " : "", m->compatible);
  printf("\n");
}

static int print_status(const struct store_place *place) {
  struct fault f = {0};
  struct arena a;
  struct migration_status *rows;
  size_t count, known = 0;
  arena_init(&a);
  enum err e = migrate_status(place, &a, &rows, &count, &f);
  for (size_t i = 0; e == ERR_OK && i < count; i++)
    known += rows[i].known;
  for (size_t i = 0; e == ERR_OK && i < count; i++)
    print_row(&rows[i], known);
  arena_done(&a);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

/* No weir serves on this data_dir meanwhile, nor begins to: what it wrote would be lost. */
static enum err take_back(const struct store_place *place, struct text data_dir, unsigned steps, unsigned *out,
                          struct fault *f) {
  char dir[1024];
  struct hold *hold = NULL;
  snprintf(dir, sizeof(dir), "%.*s", TEXT_ARGS(data_dir));
  enum err e = access(dir, F_OK) == 0 ? hold_take(dir, &hold, f) : ERR_OK;
  if (e == ERR_OK)
    e = migrate_down(place, steps, out, f);
  hold_release(hold);
  return e;
}

static int change(const struct store_place *place, struct text data_dir, const char *verb, uint64_t steps) {
  struct fault f = {0};
  unsigned count = 0;
  bool up = strcmp(verb, "up") == 0;
  enum err e = up ? migrate_up(place, &count, &f) : take_back(place, data_dir, (unsigned)steps, &count, &f);
  if (e != ERR_OK)
    return cli_fail(&f);
  printf("%u migrations %s\n", count, up ? "applied" : "taken back");
  return 0;
}

static int misuse(void) {
  fputs(usage, stderr);
  return 2;
}

int cli_migrate(int argc, char **argv) {
  const char *config = NULL, *word[2] = {NULL, NULL};
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 1, word, 2, &words, &help))
    return help ? 0 : 2;
  uint64_t steps = 0;
  bool is_down = words > 0 && strcmp(word[0], "down") == 0,
       known = words > 0 && (is_down || strcmp(word[0], "up") == 0 || strcmp(word[0], "status") == 0);
  if (!known || (is_down && (words < 2 || !text_to_u64(text_of(word[1]), &steps) || steps > 9999)) ||
      (!is_down && words > 1))
    return misuse();
  struct config *c = NULL;
  struct store_place place;
  struct fault f = {0};
  char path[1100];
  if (!cli_config_load(config, &c))
    return 1;
  int status = 1;
  if (cli_store_place(c, path, sizeof(path), &place, &f) != ERR_OK)
    cli_fail(&f);
  else
    status = strcmp(word[0], "status") == 0 ? print_status(&place) : change(&place, c->data_dir, word[0], steps);
  config_unref(c);
  return status;
}
