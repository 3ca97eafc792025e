/* Stored keys in SQLite: create, find by hash, list, block, touch. Called by `weir key`, and by identify for a key the
 * process does not know yet. Declared keys of the configuration never come here. */
#include "store/sqlite.h"

static enum err next_id(struct sqlite_link *l, int64_t *out, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_KEY_NEXT_ID, &s, f);
  if (e)
    return e;
  if (sqlite3_step(s) != SQLITE_ROW)
    e = sqlite_fail(l->db, "numbering a key", f);
  else
    *out = sqlite3_column_int64(s, 0);
  sqlite3_reset(s);
  return e;
}

static enum err key_insert(struct sqlite_link *l, const struct store_key *k, int64_t id, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, SQL_KEY_INSERT, &s, f);
  if (e)
    return e;
  sqlite3_bind_int64(s, 1, id);
  sqlite_bind_text(s, 2, k->name);
  sqlite_bind_text(s, 3, k->prefix);
  sqlite_bind_text(s, 4, k->user);
  sqlite3_bind_blob(s, 5, k->hash, STORE_HASH_BYTES, SQLITE_STATIC);
  sqlite_bind_text(s, 6, k->models);
  sqlite3_bind_int64(s, 7, k->rpm);
  sqlite3_bind_int64(s, 8, k->tpm);
  sqlite3_bind_int64(s, 9, k->concurrency);
  sqlite3_bind_int64(s, 10, k->budget_nano);
  sqlite_bind_text(s, 11, k->budget_period);
  sqlite3_bind_int64(s, 12, k->created_us);
  sqlite3_bind_int64(s, 13, k->expires_us);
  sqlite3_bind_int64(s, 14, k->last_used_us);
  sqlite3_bind_int64(s, 15, k->blocked);
  sqlite_bind_text(s, 16, k->workspace);
  sqlite_bind_text(s, 17, k->policy);
  e = sqlite_finish(l, s, "storing a key", f);
  if (e == ERR_STORE_CONFLICT)
    return fault_set(f, e, "name", "a key named \"%.*s\" exists already", TEXT_ARGS(text_head(k->name, 64)));
  return e;
}

enum err sqlite_key_create(struct store *store, const struct store_key *k, int64_t *out_id, struct fault *f) {
  struct sqlite_link *l = &((struct sqlite_store *)store)->write;
  int64_t id = 0;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_begin(l, f);
  if (!e) {
    e = next_id(l, &id, f);
    if (!e)
      e = key_insert(l, k, id, f);
    e = sqlite_end(l, e, f);
  }
  pthread_mutex_unlock(&l->lock);
  if (!e)
    *out_id = id;
  return e;
}

static void key_read(sqlite3_stmt *s, struct arena *a, struct store_key *out) {
  *out = (struct store_key){
      .id = sqlite3_column_int64(s, 0),
      .name = sqlite_text(s, 1, a),
      .prefix = sqlite_text(s, 2, a),
      .user = sqlite_text(s, 3, a),
      .models = sqlite_text(s, 5, a),
      .rpm = sqlite3_column_int64(s, 6),
      .tpm = sqlite3_column_int64(s, 7),
      .concurrency = sqlite3_column_int64(s, 8),
      .budget_nano = sqlite3_column_int64(s, 9),
      .budget_period = sqlite_text(s, 10, a),
      .created_us = sqlite3_column_int64(s, 11),
      .expires_us = sqlite3_column_int64(s, 12),
      .last_used_us = sqlite3_column_int64(s, 13),
      .blocked = sqlite3_column_int64(s, 14) != 0,
      .workspace = sqlite_text(s, 15, a),
      .policy = sqlite_text(s, 16, a),
  };
  const void *hash = sqlite3_column_blob(s, 4);
  if (hash && sqlite3_column_bytes(s, 4) == STORE_HASH_BYTES)
    memcpy(out->hash, hash, STORE_HASH_BYTES);
}

static enum err find_one(struct store *store, enum sqlite_statement which, const uint8_t *bytes, int n, struct arena *a,
                         struct store_key *out, struct fault *f) {
  struct sqlite_link *l = ((struct sqlite_store *)store)->read;
  sqlite3_stmt *s = NULL;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, which, &s, f);
  if (!e) {
    sqlite3_bind_blob(s, 1, bytes, n, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
      key_read(s, a, out);
    else
      e = rc == SQLITE_DONE ? fault_set(f, ERR_NOT_FOUND, NULL, "there is no such key")
                            : sqlite_fail(l->db, "looking up a key", f);
    sqlite3_reset(s);
  }
  pthread_mutex_unlock(&l->lock);
  return e;
}

enum err sqlite_key_find(struct store *store, const uint8_t hash[STORE_HASH_BYTES], struct arena *a,
                         struct store_key *out, struct fault *f) {
  return find_one(store, SQL_KEY_FIND, hash, STORE_HASH_BYTES, a, out, f);
}

enum err sqlite_key_find_by_access_id(struct store *store, const uint8_t id[STORE_ACCESS_BYTES], struct arena *a,
                                      struct store_key *out, struct fault *f) {
  return find_one(store, SQL_KEY_FIND_BY_ACCESS_ID, id, STORE_ACCESS_BYTES, a, out, f);
}

/* Grows in the arena: lists are bounded by max, which may be far above what there is. */
static enum err list_read(struct sqlite_link *l, sqlite3_stmt *s, struct arena *a, struct store_key **out,
                          size_t *out_count, struct fault *f) {
  size_t count = 0, cap = 0;
  struct store_key *keys = arena_alloc(a, 1);
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    if (count == cap) {
      cap = cap ? cap * 2 : 16;
      struct store_key *more = arena_alloc(a, cap * sizeof *more);
      if (count)
        memcpy(more, keys, count * sizeof *more);
      keys = more;
    }
    key_read(s, a, &keys[count++]);
  }
  if (rc != SQLITE_DONE)
    return sqlite_fail(l->db, "listing keys", f);
  *out = keys;
  *out_count = count;
  return ERR_OK;
}

enum err sqlite_key_list(struct store *store, int64_t after_id, size_t max, struct arena *a, struct store_key **out,
                         size_t *out_count, struct fault *f) {
  struct sqlite_link *l = ((struct sqlite_store *)store)->read;
  sqlite3_stmt *s = NULL;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, SQL_KEY_LIST, &s, f);
  if (!e) {
    sqlite3_bind_int64(s, 1, after_id);
    sqlite3_bind_int64(s, 2, max > INT64_MAX ? INT64_MAX : (int64_t)max);
    e = list_read(l, s, a, out, out_count, f);
    sqlite3_reset(s);
  }
  pthread_mutex_unlock(&l->lock);
  return e;
}

enum err sqlite_key_set_blocked(struct store *store, int64_t id, bool blocked, struct fault *f) {
  struct sqlite_link *l = &((struct sqlite_store *)store)->write;
  sqlite3_stmt *s = NULL;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_prepare(l, SQL_KEY_BLOCK, &s, f);
  if (!e) {
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, blocked);
    e = sqlite_finish(l, s, "blocking a key", f);
  }
  if (!e && sqlite3_changes(l->db) == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no key %lld", (long long)id);
  pthread_mutex_unlock(&l->lock);
  return e;
}

enum err sqlite_key_touch(struct store *store, const int64_t *ids, const int64_t *last_used_us, size_t count,
                          struct fault *f) {
  struct sqlite_link *l = &((struct sqlite_store *)store)->write;
  if (count == 0)
    return ERR_OK;
  pthread_mutex_lock(&l->lock);
  enum err e = sqlite_begin(l, f);
  if (!e) {
    for (size_t i = 0; i < count && !e; i++) {
      sqlite3_stmt *s = NULL;
      e = sqlite_prepare(l, SQL_KEY_TOUCH, &s, f);
      if (!e) {
        sqlite3_bind_int64(s, 1, ids[i]);
        sqlite3_bind_int64(s, 2, last_used_us[i]);
        e = sqlite_finish(l, s, "noting the use of a key", f);
      }
    }
    e = sqlite_end(l, e, f);
  }
  pthread_mutex_unlock(&l->lock);
  return e;
}
