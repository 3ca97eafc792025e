/* The packing of an archive's file. Knows neither rows nor lines nor names. Called by archive_file.c, which writes rows
 * that leave the ledger, and by archive_lines.c, which writes a file anew.
 * house: tested-by tests/unit/store/test_archive_file.c */
#include "store/archive_writer.h"

#include "store/backup_files.h"
#include "store/backup_seal.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#define OUT_BYTES 131072

struct archive_writer {
  ZSTD_CCtx *zstd;
  const char *path;
  int fd;
  uint64_t bytes;
  crypto_generichash_state sum;
  uint8_t out[OUT_BYTES];
};

static enum err put(struct archive_writer *w, struct text t, bool end, struct fault *f) {
  ZSTD_inBuffer in = {t.at, t.len, 0};
  for (size_t left = 1; left > 0 || in.pos < in.size;) {
    ZSTD_outBuffer out = {w->out, sizeof w->out, 0};
    left = ZSTD_compressStream2(w->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
      return fault_set(f, ERR_INTERNAL, NULL, "zstd: %s", ZSTD_getErrorName(left));
    crypto_generichash_update(&w->sum, w->out, out.pos);
    w->bytes += out.pos;
    enum err e = out.pos ? backup_write_all(w->fd, w->out, out.pos, f) : ERR_OK;
    if (e)
      return e;
    if (!end && in.pos == in.size)
      left = 0;
  }
  return ERR_OK;
}

enum err archive_writer_open(const char *path, struct archive_writer **out, struct fault *f) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return backup_refused("make", path, f);
  struct archive_writer *w = calloc(1, sizeof *w);
  if (!w || !(w->zstd = ZSTD_createCCtx()))
    abort();
  ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, BACKUP_ZSTD_LEVEL);
  ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
  crypto_generichash_init(&w->sum, NULL, 0, 32);
  w->path = path;
  w->fd = fd;
  *out = w;
  return ERR_OK;
}

enum err archive_writer_put(struct archive_writer *w, struct text lines, struct fault *f) {
  return put(w, lines, false, f);
}

enum err archive_writer_close(struct archive_writer *w, enum err e, struct archive_made *out, struct fault *f) {
  uint8_t digest[32];
  if (!e)
    e = put(w, TEXT_NONE, true, f);
  if (!e && fsync(w->fd) != 0)
    e = backup_refused("sync", w->path, f);
  close(w->fd);
  if (!e) {
    crypto_generichash_final(&w->sum, digest, sizeof digest);
    sodium_bin2hex(out->digest, sizeof out->digest, digest, sizeof digest);
    out->bytes = w->bytes;
  }
  ZSTD_freeCCtx(w->zstd);
  free(w);
  return e;
}
