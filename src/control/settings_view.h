/* What reading and changing settings share. For this room. */
#ifndef CONTROL_SETTINGS_VIEW_H
#define CONTROL_SETTINGS_VIEW_H

#include "config/settings.h"
#include "control/entries_view.h"

struct setting_view {
  uint64_t given;
  struct text key, type, allowed, help, source, why, problem;
  struct text value, initial, stored, minimum, maximum; /* JSON; "": null */
  bool is_changeable, is_in_force;
  int64_t version, changed_us;
};

/* The setting of this key as c has it; NULL: there is none. In the call's arena. */
const struct config_setting *setting_find(struct api_call *c, const struct config *config, struct text key);
/* The row of the store under this key; NULL: there is none. */
struct store_entity *setting_row_of(struct store_entity *rows, size_t count, struct text key);
/* As `config` has it; row may be NULL. Whether it is in force is told by the call's own configuration. */
struct setting_view setting_view_of(struct api_call *c, const struct config_setting *s, const struct store_entity *row);
/* Why it cannot be changed here: "file", "restart", "file_only"; "": it can. */
struct text setting_why(const struct config_setting *s);

#endif
