/* What reading and changing entries of the configuration share: their view, and what the store has of them. For this
 * room. */
#ifndef CONTROL_ENTRIES_VIEW_H
#define CONTROL_ENTRIES_VIEW_H

#include "control/views.h"
#include "ports/store_entities.h"

struct entry_view {
  uint64_t given;
  int64_t id, version, position; /* of the file's id and version 0 */
  struct text source, name, problem, config;
  bool is_shadowed, is_in_force;
  int64_t created_us, changed_us, price_version;
};

/* The kind that the call's route is about. */
enum config_kind entries_kind(const struct api_call *c);
/* All that the store has, of every kind. */
enum err entries_load(struct api_call *c, struct store_entity **out, size_t *out_count, struct fault *f) MUST_CHECK;
/* The entry of this id and the call's kind; ERR_NOT_FOUND. */
enum err entries_find(const struct api_call *c, struct store_entity *rows, size_t count, int64_t id,
                      struct store_entity **out, struct fault *f) MUST_CHECK;
/* The configuration with these rows of the store, as a reload would make it; it lives as long as the call.
 * ERR_STORE_CONFLICT: the file is not valid. */
enum err entries_join(struct api_call *c, const struct store_entity *rows, size_t count, struct config **out,
                      struct fault *f) MUST_CHECK;
/* ERR_STORE_CONFLICT, which names it: an entry that works before and does not after, other than that of this id.
 * Whatever was done to another one, it is in use. */
enum err entries_check_others(const struct config *before, const struct config *after, int64_t id,
                              struct fault *f) MUST_CHECK;
/* As the configuration in force has it. */
struct entry_view entries_view_of(const struct api_call *c, const struct store_entity *row);

#endif
