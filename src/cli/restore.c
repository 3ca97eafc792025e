/* weir restore: a backup in place of the database, after every check, while no weir works on the data. What was there
 * is kept. The journal belongs to the replaced database: what it holds is carried into that one first, and a journal
 * that cannot be is set aside, so that nothing of it is ever played into the restored one. Called by main.c. */
#include "store/restore.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "identity/key_file.h"
#include "ledger/hold.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir restore FILE [--passphrase-file PATH]  [-c FILE]\n"
    "  puts the backup in FILE (- is standard input) in place of the database; stop weir first. The backup is "
    "verified\n"
    "  before anything is touched. The replaced database is kept as weir.db.before-restore-DATE, with what the "
    "journal\n"
    "  held carried into it; if it is damaged, the journal is kept beside it as journal.before-restore-DATE.\n"
    "  --passphrase-file PATH  the passphrase of an encrypted backup; server.key and master.key come back\n"
    "                          with it\n";

/* A key's file in data_dir; the name it is kept under when the backup's takes its place. */
struct key_place {
  const char *name, *path;
  char kept[1200], fresh[1200];
};

struct restoring {
  struct cli_files files;
  struct restore_database database;
  struct text passphrase;
  char database_kept[1200], journal[1100], journal_kept[1200];
  struct key_place server, master;
  struct hold *hold;
  struct restore_found found;
  bool kept, journal_aside;
};

static void kept_name(const char *what, const char *stamp, char *out, size_t cap) {
  snprintf(out, cap, "%s.before-restore-%s", what, stamp);
}

static void keep_under(struct restoring *r, const char *stamp) {
  kept_name(r->files.database, stamp, r->database_kept, sizeof(r->database_kept));
  kept_name(r->journal, stamp, r->journal_kept, sizeof(r->journal_kept));
  kept_name(r->server.path, stamp, r->server.kept, sizeof(r->server.kept));
  kept_name(r->master.path, stamp, r->master.kept, sizeof(r->master.kept));
}

static bool names_taken(const struct restoring *r) {
  return access(r->database_kept, F_OK) == 0 || access(r->journal_kept, F_OK) == 0 ||
         access(r->server.kept, F_OK) == 0 || access(r->master.kept, F_OK) == 0;
}

static void place_init(struct key_place *p, const char *name, const char *path) {
  p->name = name;
  p->path = path;
  snprintf(p->fresh, sizeof(p->fresh), "%s.restoring", path);
}

/* A restore in the same second as another gets a number behind the date. */
static void choose_names(struct restoring *r) {
  char second[32], stamp[48];
  struct tm utc;
  time_t now = time(NULL);
  gmtime_r(&now, &utc);
  strftime(second, sizeof(second), "%Y%m%dT%H%M%SZ", &utc);
  snprintf(r->journal, sizeof(r->journal), "%s/journal", r->files.data_dir);
  place_init(&r->server, "server.key", r->files.server_key);
  place_init(&r->master, "master.key", r->files.master_key);
  keep_under(r, second);
  for (unsigned n = 2; names_taken(r) && n < 1000; n++) {
    snprintf(stamp, sizeof(stamp), "%s-%u", second, n);
    keep_under(r, stamp);
  }
}

static enum err prepare(struct restoring *r, const char *path, struct fault *f) {
  bool from_stdin = strcmp(path, "-") == 0;
  int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fault_set(f, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, NULL, "cannot open %s: %s", path,
                     strerror(errno));
  enum err e = restore_prepare(fd, &r->database, r->passphrase, &r->found, f);
  if (!from_stdin)
    close(fd);
  return e;
}

static enum err set_journal_aside(struct restoring *r, const char *why, struct fault *f) {
  enum err e = hold_set_aside(r->hold, r->journal_kept, f);
  if (e != ERR_OK)
    return e;
  r->journal_aside = true;
  fprintf(stderr, "weir: the journal could not be carried into the old database (%s); it is kept as %s\n", why,
          r->journal_kept);
  return ERR_OK;
}

/* After this there is no segment in the journal's folder. */
static enum err empty_journal(struct restoring *r, struct fault *f) {
  struct fault why = {0};
  struct store *old = NULL;
  size_t segments = 0;
  uint64_t settled = 0, recovered = 0;
  enum err e = hold_segments(r->files.data_dir, &segments, f);
  if (e != ERR_OK || segments == 0)
    return e;
  if (access(r->files.database, F_OK) != 0)
    return set_journal_aside(r, "there is none", f);
  e = store_open(&r->files.place, &old, &why);
  if (e == ERR_OK)
    e = hold_carry(r->hold, old, &settled, &recovered, &why);
  if (old)
    old->ops->close(old);
  if (e == ERR_STORE_BUSY || e == ERR_STORE_FULL) {
    *f = why;
    return e;
  }
  if (e != ERR_OK)
    return set_journal_aside(r, fault_text(&why), f);
  printf("%llu settled and %llu open calls of the journal were carried into the old database\n",
         (unsigned long long)settled, (unsigned long long)recovered);
  return ERR_OK;
}

static bool key_read(const struct key_place *p, uint8_t out[KEY_FILE_BYTES]) {
  return key_file_read(p->path, "a key", "it is of no use", out, NULL) == ERR_OK;
}

/* Whether the keys in data_dir are those that the backup needs; false too when there is none. */
static bool server_fits(struct restoring *r) {
  uint8_t raw[KEY_FILE_BYTES], mark[BACKUP_KEY_MARK_BYTES] = {0};
  if (key_read(&r->server, raw))
    backup_key_mark((struct text){(const char *)raw, sizeof(raw)}, mark);
  secret_wipe(raw, sizeof(raw));
  return memcmp(mark, r->found.content.head.key_mark, sizeof(mark)) == 0;
}

static bool master_fits(struct restoring *r) {
  uint8_t raw[KEY_FILE_BYTES], mark[BACKUP_MASTER_MARK_BYTES] = {0};
  if (key_read(&r->master, raw))
    backup_master_mark((struct text){(const char *)raw, sizeof(raw)}, mark);
  secret_wipe(raw, sizeof(raw));
  return memcmp(mark, r->found.content.head.master_mark, sizeof(mark)) == 0;
}

static enum err write_key(const struct key_place *p, const uint8_t key[KEY_FILE_BYTES], struct fault *f) {
  unlink(p->fresh);
  int fd = open(p->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool written = fd >= 0 && write(fd, key, KEY_FILE_BYTES) == KEY_FILE_BYTES && fsync(fd) == 0;
  if (fd >= 0)
    close(fd);
  bool kept = written && link(p->path, p->kept) == 0;
  bool placed = written && (kept || errno == ENOENT) && rename(p->fresh, p->path) == 0;
  int why = errno;
  if (placed && kept)
    printf("the replaced %s is kept as %s\n", p->name, p->kept);
  if (placed)
    return ERR_OK;
  unlink(p->fresh);
  return fault_set(f, why == ENOSPC ? ERR_STORE_FULL : ERR_STORE, NULL,
                   "the database is restored, but %s could not be written (%s): restore again", p->name, strerror(why));
}

/* Last: a server key without its database would lock everybody out of the old state. */
static enum err restore_server_key(struct restoring *r, struct fault *f) {
  static const uint8_t none[BACKUP_KEY_MARK_BYTES];
  const struct backup_head *h = &r->found.content.head;
  if (memcmp(h->key_mark, none, sizeof(none)) == 0 || server_fits(r))
    return ERR_OK;
  if (h->flags & BACKUP_HAS_SERVER_KEY)
    return write_key(&r->server, r->found.content.server_key, f);
  fprintf(
      stderr,
      "weir: %s is not the one this backup was made with: put that one there before weir starts, or the stored keys "
      "are refused\n",
      r->server.path);
  return ERR_OK;
}

static enum err restore_master_key(struct restoring *r, struct fault *f) {
  static const uint8_t none[BACKUP_MASTER_MARK_BYTES];
  const struct backup_head *h = &r->found.content.head;
  if (memcmp(h->master_mark, none, sizeof(none)) == 0 || master_fits(r))
    return ERR_OK;
  if (h->flags & BACKUP_HAS_MASTER_KEY)
    return write_key(&r->master, r->found.content.master_key, f);
  fprintf(stderr,
          "weir: %s is not the one this backup was made with: put that one there before weir starts, which it does not "
          "do without\n",
          r->master.path);
  return ERR_OK;
}

static void report(const struct restoring *r) {
  char at[40] = "";
  struct tm utc;
  time_t seconds = (time_t)(r->found.content.head.made_us / 1000000);
  gmtime_r(&seconds, &utc);
  strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S UTC", &utc);
  printf("restored %s as of %s: %llu rows, %llu keys with calls, $%lld.%09lld; every balance is the sum of its rows\n",
         r->files.database, at, (unsigned long long)r->found.rows, (unsigned long long)r->found.keys,
         (long long)(r->found.cost_nano / 1000000000), (long long)(r->found.cost_nano % 1000000000));
  if (r->kept)
    printf("the replaced database is kept as %s\n", r->database_kept);
}

static enum err run(struct restoring *r, const char *path, struct fault *f) {
  choose_names(r);
  r->database = (struct restore_database){r->files.database, r->files.place.key};
  if (mkdir(r->files.data_dir, 0700) != 0 && errno != EEXIST)
    return fault_set(f, ERR_CONFIG, "data_dir", "cannot create %s: %s", r->files.data_dir, strerror(errno));
  enum err e = hold_take(r->files.data_dir, &r->hold, f);
  if (e == ERR_OK)
    e = prepare(r, path, f);
  if (e != ERR_OK)
    return e;
  e = empty_journal(r, f);
  if (e == ERR_OK)
    e = restore_put(&r->database, r->database_kept, &r->kept, f);
  if (e != ERR_OK) {
    restore_discard(r->files.database);
    if (r->journal_aside && rename(r->journal_kept, r->journal) == 0)
      fprintf(stderr, "weir: the journal is back in its place\n");
    return e;
  }
  report(r);
  e = restore_server_key(r, f);
  return e ? e : restore_master_key(r, f);
}

int cli_restore(int argc, char **argv) {
  static struct restoring r;
  const char *config = NULL, *passphrase_path = NULL, *path = NULL;
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0},
                                       {"--passphrase-file", false, &passphrase_path, NULL, 0}};
  size_t words;
  bool help;
  struct fault f = {0};
  if (!cli_parse(argc, argv, usage, options, 2, &path, 1, &words, &help))
    return help ? 0 : 2;
  if (words < 1) {
    fputs(usage, stderr);
    return 2;
  }
  if (!cli_files_find(config, &r.files))
    return 1;
  int status = 1;
  if (cli_passphrase_read(passphrase_path, &r.passphrase)) {
    status = run(&r, path, &f) == ERR_OK ? 0 : cli_fail(&f);
    cli_passphrase_done(&r.passphrase);
  }
  hold_release(r.hold);
  secret_wipe(r.found.content.server_key, sizeof(r.found.content.server_key));
  secret_wipe(r.found.content.master_key, sizeof(r.found.content.master_key));
  config_unref(r.files.config);
  return status;
}
