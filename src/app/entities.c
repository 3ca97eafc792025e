/* From rows of the store to entries of the loader. Which of them can be used is the loader's to say (config/join.h).
 * Called by app.c at the start and with each reload. */
#include "app/entities.h"

#include "base/log.h"
#include "ports/store_entities.h"

enum err entities_read(struct store *s, struct arena *a, struct config_entry **out, size_t *out_count,
                       struct fault *f) {
  struct store_entity *rows = NULL;
  size_t count = 0, used = 0;
  enum err e = s->ops->entities->list(s, a, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  struct config_entry *entries = arena_zalloc(a, (count + 1) * sizeof(*entries));
  for (size_t i = 0; i < count; i++) {
    struct config_entry *to = &entries[used];
    if (!config_kind_find(rows[i].kind, &to->kind))
      continue;
    to->id = rows[i].id;
    to->version = rows[i].version;
    to->position = rows[i].position;
    to->body = rows[i].body;
    used++;
  }
  *out = entries;
  *out_count = used;
  return ERR_OK;
}

struct config_entry *entities_again(const struct config *c, struct arena *a, size_t *out_count) {
  const struct config_joined *j = &c->joined;
  struct config_entry *entries = arena_zalloc(a, (j->count + 1) * sizeof(*entries));
  for (size_t i = 0; i < j->count; i++) {
    entries[i] = (struct config_entry){.kind = j->entries[i].kind,
                                       .id = j->entries[i].id,
                                       .version = j->entries[i].version,
                                       .position = j->entries[i].position,
                                       .body = arena_copy(a, j->entries[i].body)};
  }
  *out_count = j->count;
  return entries;
}

static bool was_told(const struct config *old, const struct config_entry *e) {
  for (size_t i = 0; old && i < old->joined.count; i++) {
    const struct config_entry *was = &old->joined.entries[i];
    if (was->id == e->id)
      return was->version == e->version && was->is_shadowed == e->is_shadowed && text_equal(was->problem, e->problem);
  }
  return false;
}

void entities_log(const struct config *old, const struct config *fresh) {
  for (size_t i = 0; i < fresh->joined.count; i++) {
    const struct config_entry *e = &fresh->joined.entries[i];
    bool is_good = !e->is_shadowed && text_is_empty(e->problem);
    if (is_good || was_told(old, e))
      continue;
    LOG_WARN("stored_entry_left_out", log_str("kind", config_kind_name(e->kind)), log_i64("id", e->id),
             log_text("name", e->name),
             log_text("detail", text_is_empty(e->problem) ? TEXT("the file declares one of this name") : e->problem));
  }
}
