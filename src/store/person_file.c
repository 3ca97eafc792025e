/* Packing a person's export into a file. What is exported is not decided here. Called through ports/store_persons.h by
 * the job `export_person`. */
#include "store/person_file.h"

#include "base/buf.h"
#include "base/json.h"
#include "store/backup_files.h"
#include "store/person_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define PACKED_BYTES 65536
#define PART         ".part"

struct person_file {
  int fd;
  ZSTD_CCtx *zstd;
  uint64_t lines, bytes;
  crypto_generichash_state sum;
  char packed[PACKED_BYTES];
};

static enum err refuse(const char *what, struct fault *f) {
  enum err e = errno == ENOSPC || errno == EDQUOT ? ERR_STORE_FULL : ERR_STORE;
  return fault_set(f, e, NULL, "%s: %s", what, strerror(errno));
}

static enum err write_all(int fd, const char *at, size_t n, struct fault *f) {
  while (n > 0) {
    ssize_t put = write(fd, at, n);
    if (put < 0 && errno != EINTR)
      return refuse("the export cannot be written", f);
    if (put > 0) {
      at += put;
      n -= (size_t)put;
    }
  }
  return ERR_OK;
}

static enum err pack(struct person_file *p, struct text t, bool last, struct fault *f) {
  ZSTD_inBuffer in = {t.at, t.len, 0};
  for (bool more = true; more;) {
    ZSTD_outBuffer out = {p->packed, sizeof p->packed, 0};
    size_t left = ZSTD_compressStream2(p->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
      return fault_set(f, ERR_INTERNAL, NULL, "zstd: %s", ZSTD_getErrorName(left));
    crypto_generichash_update(&p->sum, (const uint8_t *)p->packed, out.pos);
    p->bytes += out.pos;
    enum err e = write_all(p->fd, p->packed, out.pos, f);
    if (e)
      return e;
    more = last ? left > 0 : in.pos < in.size;
  }
  return ERR_OK;
}

static enum err take_line(void *ctx, struct text json, struct fault *f) {
  struct person_file *p = ctx;
  enum err e = pack(p, json, false, f);
  p->lines++;
  return e ? e : pack(p, TEXT("\n"), false, f);
}

static enum err write_manifest(struct person_file *p, struct text user, const struct person_exported *done,
                               struct fault *f) {
  struct buf line;
  struct json_writer w;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  buf_init(&line, 4096);
  json_writer_init(&w, &line);
  json_object(&w);
  json_name(&w, "manifest");
  json_object(&w);
  json_field_text(&w, "user", user);
  json_field_i64(&w, "exported_us", (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
  json_field_u64(&w, "lines", p->lines);
  json_name(&w, "tables");
  person_exported_write(done, &line);
  json_field_u64(&w, "archives_elsewhere", done->archives_elsewhere);
  json_object_end(&w);
  json_object_end(&w);
  buf_add_char(&line, '\n');
  enum err e = pack(p, buf_text(&line), true, f);
  buf_done(&line);
  return e;
}

static enum err write_to(struct person_file *p, const char *part, const char *path, struct fault *f) {
  if (fsync(p->fd) != 0)
    return refuse("the export cannot be written", f);
  if (link(part, path) == 0)
    return backup_sync_folder(path, f);
  return errno == EEXIST ? fault_set(f, ERR_STORE_CONFLICT, NULL, "%s is there already", path)
                         : refuse("the export cannot be named", f);
}

static struct person_file *open_file(const char *part) {
  struct person_file *p = calloc(1, sizeof *p);
  if (!p || !(p->zstd = ZSTD_createCCtx()))
    abort();
  p->fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  crypto_generichash_init(&p->sum, NULL, 0, 32);
  return p;
}

static void close_file(struct person_file *p, const char *part) {
  if (p->fd >= 0) {
    close(p->fd);
    unlink(part);
  }
  ZSTD_freeCCtx(p->zstd);
  free(p);
}

enum err person_file_write(struct store *s, const struct person_ask *ask, const char *path,
                           struct person_export_file *out, struct fault *f) {
  char part[1200];
  uint8_t digest[32];
  struct person_export_file done = {.bytes = 0};
  if (snprintf(part, sizeof part, "%s" PART, path) >= (int)sizeof part)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the name of the file is too long");
  if (access(path, F_OK) == 0)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s is there already", path);
  struct person_file *p = open_file(part);
  enum err e = p->fd < 0 ? refuse("the export cannot be written", f) : ERR_OK;
  if (!e && ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1)))
    e = fault_set(f, ERR_INTERNAL, NULL, "zstd takes no checksum");
  if (!e)
    e = s->ops->persons->export(s, ask, &(struct person_sink){take_line, p}, &done.counts, f);
  if (!e)
    e = write_manifest(p, ask->user, &done.counts, f);
  if (!e)
    e = write_to(p, part, path, f);
  crypto_generichash_final(&p->sum, digest, sizeof digest);
  sodium_bin2hex(done.digest, sizeof done.digest, digest, sizeof digest);
  done.bytes = p->bytes;
  close_file(p, part);
  if (!e)
    *out = done;
  return e;
}
