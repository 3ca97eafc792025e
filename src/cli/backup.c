/* weir backup: the store's database copied into one file, whether weir runs or not. Before it copies it sees to it that
 * what was settled until then is in the database: it waits for the running weir, or carries over itself what one that
 * has ended left in its journal. Called by main.c. */
#include "store/backup.h"
#include "app/master_key.h"
#include "base/json.h"
#include "cli/cli.h"
#include "identity/apikey.h"
#include "ledger/hold.h"
#include "store/store.h"

#include <poll.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES (1024 * 1024)
#define ASK_MS           10000
#define POLL_MS          20
#define POLLS_MAX        500

static const char usage[] =
    "usage: weir backup FILE [--force] [--encrypt-to-passphrase-file PATH]  [-c FILE]\n"
    "  copies the database as it is at this moment into FILE, compressed and with a checksum; weir may run and is not\n"
    "  held up. FILE - is standard output. FILE appears when it is complete.\n"
    "  --force  replaces an existing backup, when the new one is complete\n"
    "  --encrypt-to-passphrase-file PATH  encrypts with the passphrase in PATH (8 bytes at least); only then is\n"
    "           server.key and master.key in the backup, without which the stored keys and what is sealed are of no "
    "use\n"
    "  `weir restore FILE` takes it back\n";

/* What the running weir has settled, and how much of it is in the store. */
static enum err ask_ledger(const struct config *c, uint64_t *out_settled, uint64_t *out_stored, struct fault *f) {
  const struct cli_local_ask ask = {"GET", "/status", TEXT_NONE, ASK_MS};
  struct json_limits limits = {0};
  struct json j;
  struct buf body;
  int status = 0;
  buf_init(&body, ANSWER_MAX_BYTES);
  enum err e = cli_local_ask(c, &ask, &status, &body, f);
  if (e == ERR_OK)
    e = json_read(buf_text(&body), &limits, &j, f);
  if (e == ERR_OK) {
    yyjson_val *ledger = json_get(j.root, "ledger");
    if (!json_get_u64(ledger, "settled", out_settled) || !json_get_u64(ledger, "stored", out_stored))
      e = fault_set(f, ERR_PROTOCOL, NULL, "the running weir does not say how far its ledger is");
    json_done(&j);
  }
  buf_done(&body);
  return e;
}

static enum err wait_for_running(const struct config *c, struct fault *f) {
  uint64_t want = 0, settled = 0, stored = 0;
  enum err e = ask_ledger(c, &want, &stored, f);
  for (int i = 0; e == ERR_OK && stored < want; i++) {
    if (i == POLLS_MAX)
      return fault_set(f, ERR_STORE, NULL, "%llu settled calls are not in the database yet",
                       (unsigned long long)(want - stored));
    poll(NULL, 0, POLL_MS);
    e = ask_ledger(c, &settled, &stored, f);
  }
  return e;
}

static enum err carry_over(const struct cli_files *files, struct hold *h, struct fault *f) {
  struct store *s = NULL;
  uint64_t settled = 0, recovered = 0;
  enum err e = store_open(&files->place, &s, f);
  if (e != ERR_OK)
    return e;
  e = hold_carry(h, s, &settled, &recovered, f);
  s->ops->close(s);
  return e;
}

/* A journal with segments is a running weir's, or of one that was killed. One that cannot be asked is no reason to go
 * without a backup. */
static enum err catch_up(const struct cli_files *files, struct fault *f) {
  struct hold *h = NULL;
  size_t segments = 0;
  enum err e = hold_segments(files->data_dir, &segments, f);
  if (e != ERR_OK || segments == 0 || access(files->database, F_OK) != 0)
    return e;
  e = hold_take(files->data_dir, &h, f);
  if (e == ERR_STORE_BUSY) {
    struct fault why = {0};
    if (wait_for_running(files->config, &why) != ERR_OK)
      fprintf(stderr, "weir: the backup may lack the last calls: %s\n", fault_text(&why));
    return ERR_OK;
  }
  if (e == ERR_OK)
    e = carry_over(files, h, f);
  hold_release(h);
  return e;
}

static enum err check_interrupt(void *data, struct fault *f) { return cli_check_interrupt(f); }

static enum err load_server_key(const struct cli_files *files, struct secret **out, struct fault *f) {
  return access(files->server_key, F_OK) == 0 ? apikey_load_secret(files->data_dir, out, f) : ERR_OK;
}

/* The two keys that stand in data_dir; NULL for one that does not. */
struct keys {
  struct secret *server, *master;
};

static void report(const char *path, const struct backup_made *made, bool encrypted, const struct keys *keys) {
  fprintf(stderr, "%s: a database of %llu bytes (schema %u) in %llu bytes%s\n",
          strcmp(path, "-") == 0 ? "backup" : path, (unsigned long long)made->database_bytes, made->schema_version,
          (unsigned long long)made->stored_bytes, encrypted ? ", encrypted" : "");
  if (keys->server && !encrypted)
    fprintf(stderr, "server.key is not in it; without it the stored keys are of no use: keep a copy of it\n");
  if (keys->master && !encrypted)
    fprintf(stderr, "master.key is not in it; without it Weir does not start on the backup: keep a copy of it apart\n");
}

static int run(const struct cli_files *files, const char *path, bool force, struct text passphrase) {
  bool to_stdout = strcmp(path, "-") == 0;
  char beside[1200];
  struct keys keys = {0};
  struct fault f = {0};
  struct backup_made made = {0};
  snprintf(beside, sizeof(beside), "%s.backup", files->database);
  enum err e = catch_up(files, &f);
  if (e == ERR_OK)
    e = load_server_key(files, &keys.server, &f);
  if (e == ERR_OK)
    e = master_key_in_file(files->config, files->data_dir, &keys.master, &f);
  struct backup_request request = {.database = files->database,
                                   .key = files->place.key,
                                   .path = to_stdout ? beside : path,
                                   .out = to_stdout ? STDOUT_FILENO : -1,
                                   .replace = force,
                                   .stop = {check_interrupt, NULL},
                                   .secrets = {keys.server ? secret_reveal(keys.server) : TEXT_NONE, passphrase,
                                               keys.master ? secret_reveal(keys.master) : TEXT_NONE}};
  cli_catch_interrupts();
  if (e == ERR_OK)
    e = backup_make(&request, &made, &f);
  if (e == ERR_OK)
    report(path, &made, passphrase.len > 0, &keys);
  if (e == ERR_OK)
    e = master_key_still(files->config, files->data_dir, keys.master, &f);
  secret_free(keys.server);
  secret_free(keys.master);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

int cli_backup(int argc, char **argv) {
  const char *config = NULL, *force = NULL, *passphrase_path = NULL, *path = NULL;
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0},
                                       {"--force", true, &force, NULL, 0},
                                       {"--encrypt-to-passphrase-file", false, &passphrase_path, NULL, 0}};
  size_t words;
  bool help;
  static struct cli_files files; /* large */
  struct text passphrase;
  if (!cli_parse(argc, argv, usage, options, 3, &path, 1, &words, &help))
    return help ? 0 : 2;
  if (words < 1 || (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))) {
    fprintf(stderr, words < 1 ? "%s" : "weir: a backup is not for a terminal\n%s", usage);
    return 2;
  }
  if (!cli_files_find(config, &files))
    return 1;
  int status = 1;
  if (cli_passphrase_read(passphrase_path, &passphrase)) {
    status = run(&files, path, force != NULL, passphrase);
    cli_passphrase_done(&passphrase);
  }
  config_unref(files.config);
  return status;
}
