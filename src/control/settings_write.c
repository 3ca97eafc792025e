/* Changing single values of the configuration. As with entries, the whole configuration is made with the change, as a
 * reload would make it, before anything is stored: what it would break is refused here. The file's values, and those
 * that are for the file alone, are not changed. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api_settings.c */
#include "control/settings_view.h"

#define TRIES 3 /* with somebody else who changes the same */

struct sent {
  uint64_t given;
  struct text value;
};
static const struct shape_field put_fields[] = {
    {"value", SHAPE_VALUE, SHAPE_REQUIRED, SHAPE_AT(sent, value),
     .help = "of the setting's type: whole numbers as numbers, durations as texts"}};
const struct shape setting_put_shape = {"SettingPut", "What a setting is to be.", sizeof(struct sent),
                                        SHAPE_FIELDS(put_fields)};

/* A change on its way: the rows of the store before and, in `row`, with it. */
struct change {
  struct store_entity *rows, *row;
  size_t count; /* of rows; a new one is behind them */
  struct config *before, *after;
};

static enum err refuse_unchangeable(const struct config_setting *s, struct fault *f) {
  if (s->needs_restart)
    return fault_set(f, ERR_STORE_CONFLICT, NULL,
                     "%.*s takes effect only after a restart: it is given by the "
                     "configuration file",
                     TEXT_ARGS(s->key));
  if (s->is_file_only)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%.*s is given by the configuration file alone", TEXT_ARGS(s->key));
  if (s->source == CONFIG_SETTING_FILE)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "the configuration file gives %.*s: it is changed there",
                     TEXT_ARGS(s->key));
  return ERR_OK;
}

static enum err check_version(const struct api_call *c, const struct store_entity *row, struct fault *f) {
  if (!c->if_match || (row && c->if_match == row->version))
    return ERR_OK;
  if (!row)
    return fault_set(f, ERR_STORE_STALE, NULL, "the store has no value for it any more, or never had");
  return fault_set(f, ERR_STORE_STALE, NULL, "it was changed meanwhile: it is at version %lld",
                   (long long)row->version);
}

static struct text body_of(const struct api_call *c, struct text value) {
  struct json_writer w;
  struct buf out;
  buf_init(&out, 2 * API_BODY_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  json_field_text(&w, "key", c->values[0]);
  json_name(&w, "value");
  json_put_raw(&w, value);
  json_object_end(&w);
  struct text made = arena_copy(c->arena, buf_text(&out));
  buf_done(&out);
  return made;
}

static enum err refuse_value(struct api_call *c, struct text problem) {
  struct text line;
  while (text_cut(problem, '\n', &line, &problem))
    shape_refuse(c->errors, "/value", "%.*s", TEXT_ARGS(line));
  shape_refuse(c->errors, "/value", "%.*s", TEXT_ARGS(problem));
  return ERR_BAD_REQUEST;
}

static const struct config_entry *entry_of_row(const struct config *config, int64_t id) {
  for (size_t i = 0; i < config->joined.count; i++)
    if (config->joined.entries[i].id == id)
      return &config->joined.entries[i];
  return NULL;
}

/* Two settings that do not go together: the one that is changed is refused, whichever the check has named. */
static enum err check_settings(struct api_call *c, const struct change *w) {
  for (size_t i = 0; i < w->after->joined.count; i++) {
    const struct config_entry *is = &w->after->joined.entries[i], *was = entry_of_row(w->before, is->id);
    if (is->kind != CONFIG_KIND_SETTING || text_is_empty(is->problem) || is->id == w->row->id)
      continue;
    if (was && text_is_empty(was->problem) && !was->is_shadowed)
      return refuse_value(c, arena_format(c->arena, "does not go with `%.*s`, which then %.*s", TEXT_ARGS(is->name),
                                          TEXT_ARGS(text_head(is->problem, 160))));
  }
  return ERR_OK;
}

/* Whether all is as good with the change as without. */
static enum err judge(struct api_call *c, const struct change *w, struct fault *f) {
  const struct config_entry *e = &w->after->joined.entries[w->row - w->rows];
  if (e->is_shadowed)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "the configuration file gives %.*s: it is changed there",
                     TEXT_ARGS(e->name));
  if (!text_is_empty(e->problem))
    return refuse_value(c, e->problem);
  enum err err = check_settings(c, w);
  return err == ERR_OK ? entries_check_others(w->before, w->after, w->row->id, f) : err;
}

/* The rows with room for one more, and the one of the key; a new one is put behind the others. */
static enum err load(struct api_call *c, struct change *w, struct fault *f) {
  struct store_entity *rows = NULL;
  enum err e = entries_load(c, &rows, &w->count, f);
  if (e != ERR_OK)
    return e;
  w->rows = arena_zalloc(c->arena, (w->count + 1) * sizeof(*w->rows));
  if (w->count > 0)
    memcpy(w->rows, rows, w->count * sizeof(*rows));
  w->row = setting_row_of(w->rows, w->count, c->values[0]);
  return check_version(c, w->row, f);
}

static enum err make(struct api_call *c, struct change *w, struct fault *f) {
  const struct sent *in = c->body;
  bool is_new = !w->row;
  enum err e = entries_join(c, w->rows, w->count, &w->before, f);
  if (is_new) {
    w->row = &w->rows[w->count];
    *w->row = (struct store_entity){.version = 1,
                                    .kind = text_of(config_kind_name(CONFIG_KIND_SETTING)),
                                    .name = c->values[0],
                                    .created_us = c->now_us};
  }
  w->row->body = body_of(c, in->value);
  w->row->changed_us = c->now_us;
  if (e == ERR_OK)
    e = entries_join(c, w->rows, w->count + is_new, &w->after, f);
  return e == ERR_OK && w->before && w->after ? judge(c, w, f) : e;
}

static enum err try_put(struct api_call *c, struct change *w, struct fault *f) {
  const struct store_entities_ops *ops = c->api->store->ops->entities;
  enum err e = load(c, w, f);
  bool is_new = !w->row;
  if (e == ERR_OK)
    e = make(c, w, f);
  if (e != ERR_OK)
    return e;
  if (is_new)
    return ops->create(c->api->store, w->row, &c->by, &w->row->id, f);
  e = ops->update(c->api->store, w->row, w->row->version, &c->by, f);
  if (e == ERR_OK)
    w->row->version++;
  return e;
}

/* Lost to somebody else who changed or made it at the same time: without If-Match nobody asked for a version. */
static bool may_be_tried_again(const struct api_call *c, enum err e, const struct change *w) {
  return !c->if_match && w->after && (e == ERR_STORE_STALE || e == ERR_STORE_CONFLICT || e == ERR_NOT_FOUND);
}

enum err settings_put(struct api_call *c, struct fault *f) {
  const struct config_setting *s = setting_find(c, c->config, c->values[0]);
  if (!s)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no setting of this key");
  enum err e = refuse_unchangeable(s, f);
  if (e != ERR_OK)
    return e;
  struct change w = {0};
  e = try_put(c, &w, f);
  for (int i = 1; i < TRIES && may_be_tried_again(c, e, &w); i++) {
    *f = (struct fault){0};
    w = (struct change){0};
    e = try_put(c, &w, f);
  }
  if (e != ERR_OK)
    return e;
  const struct config_setting *is = setting_find(c, w.after, c->values[0]);
  struct setting_view *v = ARENA_NEW(c->arena, struct setting_view);
  *v = setting_view_of(c, is ? is : s, w.row);
  c->answer = v;
  c->version = w.row->version;
  return ERR_OK;
}

static enum err refuse_absent(struct api_call *c, struct fault *f) {
  const struct config_setting *s = setting_find(c, c->config, c->values[0]);
  if (!s)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no setting of this key");
  enum err e = refuse_unchangeable(s, f);
  return e == ERR_OK ? fault_set(f, ERR_NOT_FOUND, NULL, "the store has no value for it: the default is in force") : e;
}

/* What the store has is removed whether it is used or not. */
enum err settings_reset(struct api_call *c, struct fault *f) {
  const struct store_entities_ops *ops = c->api->store->ops->entities;
  struct change w = {0};
  enum err e = load(c, &w, f);
  if (e != ERR_OK)
    return e;
  if (!w.row)
    return refuse_absent(c, f);
  struct store_entity gone = *w.row;
  e = entries_join(c, w.rows, w.count, &w.before, f);
  memmove(w.row, w.row + 1, (w.count - (size_t)(w.row - w.rows)) * sizeof(*w.row));
  if (e == ERR_OK)
    e = entries_join(c, w.rows, w.count - 1, &w.after, f);
  if (e == ERR_OK && w.before && w.after)
    e = entries_check_others(w.before, w.after, gone.id, f);
  if (e != ERR_OK)
    return e;
  e = ops->remove(c->api->store, gone.kind, gone.id, gone.version, &c->by, f);
  if (e == ERR_STORE_STALE && !c->if_match)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "this is being changed by somebody else: try again");
  return e;
}
