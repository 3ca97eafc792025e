/* Reads the segments of dead processes. Two walks: the first gathers reservations and notes, the second hands
 * settlements to the store and strikes them off; what remains is recovered. Replaying twice is harmless: the store
 * ignores ids it has. Called by ledger_open and ledger_adopt. */
#include "ledger/replay.h"

#include "base/random.h"
#include "ledger/lives.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLAY_FILES_MAX 65536

struct replay_file {
  char name[64];
  uint64_t boot, number;
  unsigned stream;
  char *base; /* NULL when empty */
  size_t bytes;
  uint64_t first; /* sequence of its first record, 0 without one */
  uint64_t damaged;
};

struct replay {
  const struct journal_place *place;
  struct store *store;
  uint32_t home; /* the store's */
  struct replay_file *files;
  size_t count, cap;
  struct lives lives;
  struct opens opens;
  struct ledger_row *rows; /* REPLAY_BATCH_ROWS of them */
  size_t row_count;
  struct replay_result result;
};

/* By sequence, not by number: spare segments may be taken into use in another order than they were made. Positions in
 * the store only grow, so a stream must be handed over in its order. */
static int file_order(const void *left, const void *right) {
  const struct replay_file *a = left, *b = right;
  if (a->boot != b->boot)
    return a->boot < b->boot ? -1 : 1;
  if (a->stream != b->stream)
    return a->stream < b->stream ? -1 : 1;
  return a->first < b->first ? -1 : a->first > b->first;
}

static void file_path(const struct replay *r, const char *name, const char *ending, char *out, size_t out_bytes) {
  snprintf(out, out_bytes, "%s/%s%s", r->place->dir, name, ending);
}

static struct record_scan scan_start(const struct replay_file *file) {
  return (struct record_scan){.base = file->base, .bytes = file->bytes, .at = SEGMENT_HEAD_BYTES, .boot = file->boot};
}

static enum err file_cannot(const char *doing, const char *path, int problem, struct fault *f) {
  return fault_set(f, ERR_STORE, NULL, "cannot %s the journal segment %s: %s", doing, path, strerror(problem));
}

/* Written beside another store: its rows would fall on the keys that have their ids here. */
static enum err refuse_foreign(const struct segment_head *h, const char *path, const struct replay *r,
                               struct fault *f) {
  char kind[sizeof h->kind + 1] = "";
  for (size_t i = 0; i < sizeof h->kind && h->kind[i] >= 'a' && h->kind[i] <= 'z'; i++)
    kind[i] = h->kind[i];
  return fault_set(
      f, ERR_STORE, NULL,
      "the journal segment %s was written for another store (%s%s%08x) than this one (%s %08x): start weir "
      "with `store` as it was, which carries the journal over, or move the folder away to do without its "
      "calls",
      path, kind, kind[0] ? " " : "", h->home, r->store->ops->name, r->home);
}

/* A file that is gone leaves base NULL: its process had come to a good end since the directory was read. */
static enum err file_map(struct replay *r, struct replay_file *file, struct fault *f) {
  char path[sizeof r->place->dir + 80];
  struct stat st;
  file_path(r, file->name, "", path, sizeof path);
  int fd = r->place->sys->open(path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0)
    return errno == ENOENT ? ERR_OK : file_cannot("read", path, errno, f);
  if (fstat(fd, &st)) {
    enum err e = file_cannot("read", path, errno, f);
    close(fd);
    return e;
  }
  file->bytes = (size_t)st.st_size & ~(size_t)7;
  void *base = file->bytes ? r->place->sys->map(file->bytes, fd) : NULL;
  int problem = errno;
  close(fd);
  if (base == MAP_FAILED)
    return file_cannot("map", path, problem, f);
  file->base = base;
  struct segment_head head;
  if (file->bytes && !segment_head_read(file->base, file->bytes, &head)) {
    /* Zeros: killed before the head was written, so before any record. Otherwise the name says what the head did. */
    for (size_t i = 0; i < SEGMENT_HEAD_BYTES && i < file->bytes && !file->damaged; i++)
      file->damaged += file->base[i] != 0;
  } else if (file->bytes && head.format > SEGMENT_FORMAT) {
    return fault_set(f, ERR_STORE, NULL,
                     "the journal segment %s was written by a newer Weir (format %u); start that one", path,
                     head.format);
  } else if (file->bytes && head.home && r->home && head.home != r->home) {
    return refuse_foreign(&head, path, r, f);
  }
  struct record_scan scan = scan_start(file);
  struct record_head *first = record_scan_next(&scan);
  file->first = first ? first->sequence : 0;
  return ERR_OK;
}

static enum err file_add(struct replay *r, const char *name, struct fault *f) {
  struct replay_file file = {0};
  if (!segment_name_parse(name, &file.boot, &file.stream, &file.number))
    return ERR_OK;
  if (r->count == REPLAY_FILES_MAX)
    return fault_set(f, ERR_STORE, NULL, "%s holds more than %d journal segments", r->place->dir, REPLAY_FILES_MAX);
  segment_name(file.name, sizeof file.name, file.boot, file.stream, file.number);
  if (r->count == r->cap) {
    r->cap = r->cap ? r->cap * 2 : 16;
    r->files = reallocarray(r->files, r->cap, sizeof *r->files);
    if (!r->files)
      abort();
  }
  r->files[r->count++] = file;
  return ERR_OK;
}

static enum err directory_list(struct replay *r, struct fault *f) {
  DIR *dir = opendir(r->place->dir);
  if (!dir)
    return fault_set(f, ERR_STORE, NULL, "cannot read the journal directory %s: %s", r->place->dir, strerror(errno));
  enum err e = ERR_OK;
  for (struct dirent *entry; !e && (entry = readdir(dir));)
    e = file_add(r, entry->d_name, f);
  closedir(dir);
  return e;
}

/* First the segments, then who lives: in this order every segment of a living process has its lock. */
static enum err directory_read(struct replay *r, struct fault *f) {
  enum err e = directory_list(r, f);
  if (!e)
    e = lives_look(r->place, &r->lives, f);
  size_t listed = r->count;
  r->count = 0;
  for (size_t i = 0; i < listed && !e; i++) {
    struct replay_file file = r->files[i];
    if (lives_has(&r->lives, file.boot))
      continue;
    e = file_map(r, &file, f);
    if (file.base || !e)
      r->files[r->count++] = file;
  }
  if (r->count)
    qsort(r->files, r->count, sizeof *r->files, file_order);
  return e;
}

/* The note that knows more wins; in one stream that is the later one. */
static bool knows_more(struct record_head *note, struct record_head *than) {
  struct ledger_row a, b;
  if (!than || record_read(than, &b))
    return true;
  return !record_read(note, &a) && a.cost.total >= b.cost.total && usage_total(&a.usage) >= usage_total(&b.usage);
}

static void gather(struct replay *r, struct replay_file *file) {
  struct record_scan scan = scan_start(file);
  struct ledger_row row;
  for (struct record_head *h; (h = record_scan_next(&scan));) {
    if (record_read(h, &row) || h->id <= 0) {
      scan.damaged++;
      continue;
    }
    if (h->id > r->result.max_id)
      r->result.max_id = h->id;
    if (record_type(h) == RECORD_RESERVE && !atomic_load_explicit(&h->closed, memory_order_relaxed))
      opens_add(&r->opens, h->id)->reserve = h;
    else if (record_type(h) == RECORD_NOTE && knows_more(h, opens_add(&r->opens, h->id)->note))
      opens_add(&r->opens, h->id)->note = h;
  }
  file->damaged += scan.damaged;
}

static enum err hand_over(struct replay *r, struct text stream, uint64_t position, struct fault *f) {
  if (r->row_count == 0)
    return ERR_OK;
  enum err e = r->store->ops->ledger_append(r->store, r->rows, r->row_count, stream, position, f);
  if (!e)
    r->row_count = 0;
  return e;
}

/* Settlements of one file. */
static enum err settle(struct replay *r, const struct replay_file *file, struct fault *f) {
  char name[64];
  uint64_t stored = 0, last = 0;
  struct text stream = {
      name, (size_t)snprintf(name, sizeof name, "journal/%u/%016llx", file->stream, (unsigned long long)file->boot)};
  enum err e = r->store->ops->ledger_position(r->store, stream, &stored, f);
  struct record_scan scan = scan_start(file);
  struct open_entry closed;
  for (struct record_head *h; !e && (h = record_scan_next(&scan));) {
    if (record_type(h) != RECORD_SETTLE || h->id <= 0 || record_read(h, &r->rows[r->row_count]))
      continue;
    opens_remove(&r->opens, h->id, &closed);
    if (h->sequence <= stored)
      continue;
    last = h->sequence;
    r->result.settled++;
    if (++r->row_count == REPLAY_BATCH_ROWS)
      e = hand_over(r, stream, last, f);
  }
  return e ? e : hand_over(r, stream, last, f);
}

static enum err recover(struct replay *r, struct fault *f) {
  int64_t now_us = r->place->sys->now_us();
  enum err e = ERR_OK;
  for (size_t i = 0; i < r->opens.cap && !e; i++) {
    const struct open_entry *o = &r->opens.at[i];
    struct ledger_row *row = &r->rows[r->row_count];
    /* A note alone belongs to a reservation whose row is stored and whose segment is gone. */
    if (!o->id || !o->reserve || record_read(o->note ? o->note : o->reserve, row))
      continue;
    row->outcome = TEXT("recovered");
    row->settled_us = now_us;
    r->result.recovered++;
    if (++r->row_count == REPLAY_BATCH_ROWS)
      e = hand_over(r, TEXT_NONE, 0, f);
  }
  return e ? e : hand_over(r, TEXT_NONE, 0, f);
}

/* Damaged segments stay, under another name, for whoever looks into the disk. */
static void put_away(struct replay *r) {
  char path[sizeof r->place->dir + 80], kept[sizeof r->place->dir + 80];
  for (size_t i = 0; i < r->count; i++) {
    file_path(r, r->files[i].name, "", path, sizeof path);
    file_path(r, r->files[i].name, ".damaged", kept, sizeof kept);
    if (r->files[i].damaged == 0 || rename(path, kept))
      unlink(path);
  }
}

/* All they have ever done is in the store: who ended has no use for its seat any more. */
static enum err release_seats(const struct replay *r, struct fault *f) {
  struct store *s = r->store;
  enum err e = ERR_OK;
  if (!s->ops->is_shared)
    return ERR_OK;
  for (size_t i = 0; i < r->lives.count && !e; i++)
    if (r->lives.at[i].ended)
      e = s->ops->replicas->release(s, r->lives.at[i].boot, f);
  for (size_t i = 0; i < r->count && !e; i++)
    if (i == 0 || r->files[i].boot != r->files[i - 1].boot)
      e = s->ops->replicas->release(s, r->files[i].boot, f);
  return e;
}

static enum err replay_all(struct replay *r, struct fault *f) {
  enum err e = directory_read(r, f);
  if (e)
    return e;
  for (size_t i = 0; i < r->count; i++) {
    gather(r, &r->files[i]);
    r->result.damaged += r->files[i].damaged;
  }
  for (size_t i = 0; i < r->count && !e; i++)
    e = settle(r, &r->files[i], f);
  if (!e)
    e = recover(r, f);
  if (!e)
    e = release_seats(r, f);
  if (!e)
    put_away(r);
  r->result.segments = r->count;
  return e;
}

enum err replay_home(struct store *store, uint32_t *out, struct fault *f) {
  const struct store_replicas_ops *ops = store->ops->replicas;
  char fresh[16], found[16];
  struct text value;
  struct arena a;
  arena_init(&a);
  enum err e = ops->agreed(store, TEXT(REPLAY_HOME), &a, &value, f);
  if (!e && value.len == 0) {
    snprintf(fresh, sizeof fresh, "%08x", (uint32_t)(random_u64() >> 32) | 1);
    e = ops->agree(store, TEXT(REPLAY_HOME), text_of(fresh), &a, &value, f);
  }
  if (e == ERR_STORE_FULL) { /* calls may still be taken, as before there were such numbers */
    value = TEXT("0");
    e = ERR_OK;
  }
  if (!e) {
    snprintf(found, sizeof found, "%.*s", TEXT_ARGS(text_head(value, sizeof found - 1)));
    *out = (uint32_t)strtoul(found, NULL, 16);
  }
  arena_done(&a);
  return e;
}

enum err replay_run(const struct journal_place *p, struct store *store, struct replay_result *out, struct fault *f) {
  struct replay r = {.place = p, .store = store};
  opens_init(&r.opens);
  r.rows = calloc(REPLAY_BATCH_ROWS, sizeof *r.rows);
  if (!r.rows)
    abort();
  /* Who runs knows it from the start: looking for what others left, every so often, asks the store for nothing. */
  r.home = p->home;
  enum err e = r.home == 0 ? replay_home(store, &r.home, f) : ERR_OK;
  if (!e)
    e = replay_all(&r, f);
  for (size_t i = 0; i < r.count; i++)
    if (r.files[i].base)
      munmap(r.files[i].base, r.files[i].bytes);
  free(r.files);
  free(r.rows);
  opens_done(&r.opens);
  lives_done(p, &r.lives, !e);
  if (!e)
    *out = r.result;
  return e;
}
