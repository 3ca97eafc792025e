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
/* As the configuration in force has it. */
struct entry_view entries_view_of(const struct api_call *c, const struct store_entity *row);

#endif
