/* Single values of the configuration, each under its dotted key ("breaker.failures"), as a snapshot has them: what
 * the rows of the key table say of them, what is in force, and who gave it. Those below sections are here, not those
 * of lists of mappings; secrets, and addresses that may hold one, are not. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/config.h"

enum config_setting_source { CONFIG_SETTING_DEFAULT, CONFIG_SETTING_FILE, CONFIG_SETTING_STORE };

struct config_setting {
  struct text key;
  const char *type;    /* "text", "texts", "integer", "duration", "boolean", "choice" */
  const char *help;    /* one sentence, Markdown */
  struct text allowed; /* Markdown, as the reference has it */
  /* JSON; durations are texts in the largest unit that is exact. minimum and maximum: "" for none. */
  struct text value, initial, minimum, maximum;
  enum config_setting_source source;
  bool needs_restart, is_file_only; /* either: the control API may not give it */
  const struct config_entry *entry; /* of the store, also one that is left out; NULL: it has none */
};

/* All of them, in the order of the reference, in the arena; they refer to c. */
size_t config_settings(const struct config *c, struct arena *a, struct config_setting **out);

#endif
