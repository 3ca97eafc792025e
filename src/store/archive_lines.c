/* Reading an archive's file line by line, and writing one anew. What a line says, and which file takes whose place in
 * the store, is not decided here. Called by person_archives.c and store_person_export.c. */
#include "store/archive_lines.h"

#include "store/archive_writer.h"
#include "store/backup_files.h"
#include "store/ledger_json.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#define PATH_MAX_BYTES 1400
#define CHUNK_BYTES    131072
#define ENDING         ".jsonl.zst"
#define UNFINISHED     ".part"

struct reader {
  ZSTD_DCtx *zstd;
  const struct archive_ear *ear;
  struct buf line; /* the beginning of one whose end has not been read */
  bool whole;      /* the frame ended where the bytes do */
  crypto_generichash_state sum;
  uint8_t in[CHUNK_BYTES], out[CHUNK_BYTES];
};

static enum err path_of(const char *folder, struct text name, const char *ending, char out[PATH_MAX_BYTES],
                        struct fault *f) {
  int n = snprintf(out, PATH_MAX_BYTES, "%s/%.*s%s", folder, TEXT_ARGS(name), ending);
  return n < PATH_MAX_BYTES ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "the path of the archive is too long");
}

static enum err damaged(const char *path, struct fault *f) {
  return fault_set(f, ERR_STORE_CORRUPT, NULL, "%.1000s is damaged: its sum is not the one that was entered", path);
}

static enum err give_line(struct reader *r, struct text line, struct fault *f) {
  if (r->line.len == 0)
    return r->ear->line(r->ear->ctx, line, f);
  buf_add(&r->line, line);
  enum err e = buf_check(&r->line) ? fault_set(f, ERR_STORE_CORRUPT, NULL, "a line of the archive is too long")
                                   : r->ear->line(r->ear->ctx, buf_text(&r->line), f);
  buf_reset(&r->line);
  return e;
}

static enum err give_lines(struct reader *r, struct text plain, struct fault *f) {
  struct text line, rest = plain;
  enum err e = ERR_OK;
  while (!e && text_cut(rest, '\n', &line, &rest))
    e = give_line(r, line, f);
  if (!e)
    buf_add(&r->line, rest);
  return e;
}

static enum err take(struct reader *r, size_t n, const char *path, struct fault *f) {
  ZSTD_inBuffer in = {r->in, n, 0};
  enum err e = ERR_OK;
  crypto_generichash_update(&r->sum, r->in, n);
  for (bool full = false; !e && (in.pos < in.size || full);) {
    ZSTD_outBuffer out = {r->out, sizeof r->out, 0};
    size_t left = ZSTD_decompressStream(r->zstd, &out, &in);
    if (ZSTD_isError(left))
      return damaged(path, f);
    e = give_lines(r, (struct text){(const char *)r->out, out.pos}, f);
    r->whole = left == 0;
    full = out.pos == sizeof r->out && left != 0;
  }
  return e;
}

static enum err read_all(struct reader *r, int fd, const char *path, struct text digest, struct fault *f) {
  uint8_t sum[32];
  char hex[ARCHIVE_DIGEST_MAX];
  ssize_t n = 0;
  enum err e = ERR_OK;
  while (!e && (n = read(fd, r->in, sizeof r->in)) > 0)
    e = take(r, (size_t)n, path, f);
  if (e)
    return e;
  if (n < 0)
    return backup_refused("read", path, f);
  crypto_generichash_final(&r->sum, sum, sizeof sum);
  sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
  return r->whole && r->line.len == 0 && text_equal(text_of(hex), digest) ? ERR_OK : damaged(path, f);
}

enum err archive_lines_read(const char *folder, struct text name, struct text digest, const struct archive_ear *ear,
                            struct fault *f) {
  char path[PATH_MAX_BYTES];
  enum err e = path_of(folder, name, "", path, f);
  if (e)
    return e;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return fault_set(f, ERR_NOT_FOUND, NULL, "%.1000s is not there", path);
  if (fd < 0)
    return backup_refused("open", path, f);
  struct reader *r = calloc(1, sizeof *r);
  if (!r || !(r->zstd = ZSTD_createDCtx()))
    abort();
  r->ear = ear;
  buf_init(&r->line, LEDGER_JSON_MAX);
  crypto_generichash_init(&r->sum, NULL, 0, 32);
  e = read_all(r, fd, path, digest, f);
  close(fd);
  buf_done(&r->line);
  ZSTD_freeDCtx(r->zstd);
  free(r);
  return e;
}

/* "ledger-1-2-3-4.r7.jsonl.zst" after ".r6", ".r1" after none. */
static enum err next_name(struct text name, char out[ARCHIVE_NAME_MAX], struct fault *f) {
  struct text stem = text_head(name, name.len - (text_ends(name, TEXT(ENDING)) ? strlen(ENDING) : 0));
  struct text base = stem;
  uint64_t turn = 0;
  ptrdiff_t at = text_find(stem, TEXT(".r"));
  if (at > 0) {
    base = text_head(stem, (size_t)at);
    if (!text_to_u64(text_skip(stem, (size_t)at + 2), &turn))
      return fault_set(f, ERR_INTERNAL, NULL, "%.*s is not the name of an archive", TEXT_ARGS(name));
  }
  int n = snprintf(out, ARCHIVE_NAME_MAX, "%.*s.r%llu" ENDING, TEXT_ARGS(base), (unsigned long long)turn + 1);
  return n < ARCHIVE_NAME_MAX ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "the name of the archive is too long");
}

struct rewrite {
  const struct archive_edit *edit;
  struct archive_writer *to;
  struct buf line;
  uint64_t changed;
};

static enum err rewrite_line(void *ctx, struct text line, struct fault *f) {
  struct rewrite *w = ctx;
  buf_reset(&w->line);
  if (w->edit->line(w->edit->ctx, line, &w->line))
    w->changed++;
  else
    buf_add(&w->line, line);
  buf_add_char(&w->line, '\n');
  return buf_check(&w->line) ? fault_set(f, ERR_INTERNAL, NULL, "a ledger row is larger than %d bytes", LEDGER_JSON_MAX)
                             : archive_writer_put(w->to, buf_text(&w->line), f);
}

enum err archive_lines_rewrite(const char *folder, struct text name, struct text digest,
                               const struct archive_edit *edit, struct archive_made *out, uint64_t *out_changed,
                               struct fault *f) {
  struct archive_made made = {.bytes = 0};
  struct rewrite w = {.edit = edit};
  char path[PATH_MAX_BYTES], part[PATH_MAX_BYTES];
  enum err e = next_name(name, made.name, f);
  if (!e)
    e = path_of(folder, text_of(made.name), "", path, f);
  if (!e)
    e = path_of(folder, text_of(made.name), UNFINISHED, part, f);
  if (!e)
    e = archive_writer_open(part, &w.to, f);
  if (e)
    return e;
  buf_init(&w.line, LEDGER_JSON_MAX);
  e = archive_lines_read(folder, name, digest, &(struct archive_ear){rewrite_line, &w}, f);
  buf_done(&w.line);
  e = archive_writer_close(w.to, e, &made, f);
  if (!e)
    e = backup_publish(part, path, true, f);
  if (e) {
    unlink(part);
    return e;
  }
  *out = made;
  *out_changed = w.changed;
  return ERR_OK;
}

enum err archive_lines_remove(const char *folder, struct text name, struct fault *f) {
  char path[PATH_MAX_BYTES];
  enum err e = path_of(folder, name, "", path, f);
  if (e)
    return e;
  return unlink(path) == 0 || errno == ENOENT ? backup_sync_folder(path, f) : backup_refused("remove", path, f);
}
