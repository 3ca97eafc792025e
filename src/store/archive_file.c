/* Writing, checking and sweeping the archive's files. Knows nothing of the database that the rows leave
 * (store_archive.c does that) nor when they do. */
#include "store/archive_file.h"

#include "store/archive_writer.h"
#include "store/backup_files.h"
#include "store/ledger_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define PATH_MAX_BYTES 1400
#define OUT_BYTES      131072
#define PREFIX         "ledger-"
#define ENDING         ".jsonl.zst"
#define UNFINISHED     ".part"

static enum err refused(const char *doing, const char *path, struct fault *f) {
  int why = errno;
  return fault_set(f, why == ENOSPC || why == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL, "cannot %s %.1000s: %s", doing,
                   path, strerror(why));
}

static enum err path_of(const char *folder, const char *name, const char *ending, char out[PATH_MAX_BYTES],
                        struct fault *f) {
  int n = snprintf(out, PATH_MAX_BYTES, "%s/%s%s", folder, name, ending);
  return n < PATH_MAX_BYTES ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "the path of the archive is too long");
}

static enum err put_rows(struct archive_writer *w, const struct ledger_row *rows, size_t count, struct fault *f) {
  struct buf line;
  enum err e = ERR_OK;
  buf_init(&line, LEDGER_JSON_MAX);
  for (size_t i = 0; i < count && !e; i++) {
    buf_reset(&line);
    ledger_json_write(&rows[i], &line);
    e = buf_check(&line) ? fault_set(f, ERR_INTERNAL, NULL, "a ledger row is larger than %d bytes", LEDGER_JSON_MAX)
                         : archive_writer_put(w, buf_text(&line), f);
  }
  buf_done(&line);
  return e;
}

static enum err write_to(const char *path, const struct ledger_row *rows, size_t count, struct archive_made *out,
                         struct fault *f) {
  struct archive_writer *w = NULL;
  enum err e = archive_writer_open(path, &w, f);
  return e ? e : archive_writer_close(w, put_rows(w, rows, count, f), out, f);
}

enum err archive_file_write(const char *folder, const struct ledger_row *rows, size_t count, struct archive_made *out,
                            struct fault *f) {
  struct archive_made made = {.bytes = 0};
  char path[PATH_MAX_BYTES], part[PATH_MAX_BYTES];
  snprintf(made.name, sizeof made.name, PREFIX "%lld-%lld-%lld-%lld" ENDING, (long long)rows[0].settled_us,
           (long long)rows[0].id, (long long)rows[count - 1].settled_us, (long long)rows[count - 1].id);
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return refused("make", folder, f);
  enum err e = path_of(folder, made.name, "", path, f);
  if (!e)
    e = path_of(folder, made.name, UNFINISHED, part, f);
  if (!e)
    e = write_to(part, rows, count, &made, f);
  if (!e)
    e = backup_publish(part, path, true, f);
  if (!e)
    *out = made;
  return e;
}

struct archive_reader {
  ZSTD_DCtx *zstd;
  uint64_t lines;
  bool whole; /* the frame ended where the bytes do */
  crypto_generichash_state sum;
  uint8_t in[OUT_BYTES], out[OUT_BYTES];
};

static bool take(struct archive_reader *r, size_t n) {
  ZSTD_inBuffer in = {r->in, n, 0};
  crypto_generichash_update(&r->sum, r->in, n);
  for (bool full = false; in.pos < in.size || full;) {
    ZSTD_outBuffer out = {r->out, sizeof r->out, 0};
    size_t left = ZSTD_decompressStream(r->zstd, &out, &in);
    if (ZSTD_isError(left))
      return false;
    for (size_t i = 0; i < out.pos; i++)
      r->lines += r->out[i] == '\n';
    r->whole = left == 0;
    full = out.pos == sizeof r->out && left != 0;
  }
  return true;
}

static enum err read_all(struct archive_reader *r, int fd, const char *path, struct text digest, uint64_t lines,
                         struct fault *f) {
  uint8_t sum[32];
  char hex[ARCHIVE_DIGEST_MAX];
  ssize_t n;
  bool good = true;
  while ((n = read(fd, r->in, sizeof r->in)) > 0 && good)
    good = take(r, (size_t)n);
  if (n < 0)
    return refused("read", path, f);
  crypto_generichash_final(&r->sum, sum, sizeof sum);
  sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
  if (!good || !r->whole || !text_equal(text_of(hex), digest))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "%.1000s is damaged: its sum is not the one that was entered", path);
  if (r->lines != lines)
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "%.1000s holds %llu rows and not %llu", path,
                     (unsigned long long)r->lines, (unsigned long long)lines);
  return ERR_OK;
}

enum err archive_file_check(const char *folder, struct text name, struct text digest, uint64_t lines, struct fault *f) {
  char path[PATH_MAX_BYTES], file[ARCHIVE_NAME_MAX];
  snprintf(file, sizeof file, "%.*s", TEXT_ARGS(name));
  enum err e = path_of(folder, file, "", path, f);
  if (e)
    return e;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return fault_set(f, ERR_NOT_FOUND, NULL, "%.1000s is not there", path);
  if (fd < 0)
    return refused("open", path, f);
  struct archive_reader *r = calloc(1, sizeof *r);
  if (!r || !(r->zstd = ZSTD_createDCtx()))
    abort();
  crypto_generichash_init(&r->sum, NULL, 0, 32);
  e = read_all(r, fd, path, digest, lines, f);
  close(fd);
  ZSTD_freeDCtx(r->zstd);
  free(r);
  return e;
}

static bool is_ours(struct text name) {
  return text_starts(name, TEXT(PREFIX)) && (text_ends(name, TEXT(ENDING)) || text_ends(name, TEXT(ENDING UNFINISHED)));
}

enum err archive_file_sweep(const char *folder, bool (*is_known)(void *data, struct text name), void *data,
                            struct fault *f) {
  DIR *d = opendir(folder);
  enum err e = ERR_OK;
  if (!d)
    return errno == ENOENT ? ERR_OK : refused("read", folder, f);
  for (struct dirent *entry; !e && (entry = readdir(d));) {
    struct text name = text_of(entry->d_name);
    if (is_ours(name) && !is_known(data, name) && unlinkat(dirfd(d), entry->d_name, 0) != 0 && errno != ENOENT)
      e = refused("remove", entry->d_name, f);
  }
  closedir(d);
  return e;
}
