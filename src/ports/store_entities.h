/* The part of the store's port about entries of the configuration that are made through the control API. What a body
 * means is not known here (config/stored.h). A change names who makes it, adds an entry to the audit log and an event
 * `config` in its transaction, so that every replica reads its configuration anew. Blocks; errors as in
 * ports/store.h. */
#ifndef PORTS_STORE_ENTITIES_H
#define PORTS_STORE_ENTITIES_H

#include "ports/store.h"

#define STORE_ENTITIES_MAX 8192 /* of all kinds; ERR_LIMIT */

struct store_entity {
  int64_t id, version; /* version: 1, and one more with every change */
  struct text kind;    /* "provider" */
  struct text name;    /* unique in its kind */
  struct text user;    /* whom it is about, by which an erasure finds it; "" */
  struct text body;    /* JSON */
  int64_t position;    /* of a new one 0: behind all others of its kind */
  int64_t created_us, changed_us;
  bool is_shadowed; /* said with a change: the file declares this name, so whoever names it means the file's */
  bool is_unproven; /* said with a provider: where it leads is decided by somebody who may not give credentials */
};

struct store_entities_ops {
  /* All of them, by kind, position and id. */
  enum err (*list)(struct store *s, struct arena *a, struct store_entity **out, size_t *out_count, struct fault *f);
  /* ERR_STORE_CONFLICT: the name is taken. ERR_FORBIDDEN, also in update: it is unproven, and there are credentials of
   * a provider of this name, which would be sent to it; also when one is added at this moment. */
  enum err (*create)(struct store *s, const struct store_entity *e, const struct audit_actor *by, int64_t *out_id,
                     struct fault *f);
  /* A policy that stored keys name keeps its name and stays, unless it is shadowed: ERR_STORE_CONFLICT, also when the
   * key is made at this moment (store_key.policy_is_stored). */
  /* name, user, body and position. version: of the entry as it was read, else ERR_STORE_STALE; 0: whatever it is.
   * ERR_NOT_FOUND, ERR_STORE_CONFLICT */
  enum err (*update)(struct store *s, const struct store_entity *e, int64_t version, const struct audit_actor *by,
                     struct fault *f);
  enum err (*remove)(struct store *s, struct text kind, int64_t id, int64_t version, const struct audit_actor *by,
                     struct fault *f); /* as update */
  /* remove of one that is shadowed. */
  enum err (*discard)(struct store *s, struct text kind, int64_t id, int64_t version, const struct audit_actor *by,
                      struct fault *f);
};

#endif
