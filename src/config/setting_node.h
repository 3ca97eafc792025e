/* Settings of the store as nodes of the file's tree. For join.c; settings.h is what others see of them. */
#ifndef CONFIG_SETTING_NODE_H
#define CONFIG_SETTING_NODE_H

#include "config/keys.h"

/* The row of a dotted key ("signin.access") that is one plain value, or a list of texts, below sections alone; NULL:
 * there is none. Secrets, addresses that may hold one, and what is not available are none. */
const struct key *setting_row(struct text key);
bool setting_is_one(const struct key *row);
/* Whether the control API may give it. */
bool setting_is_changeable(const struct key *row);
/* An entry's body, {"key": ..., "value": ...}: its key, also when it is no good but has one, and its value as a node of
 * this entry (1, 2, ...), both in the arena. ERR_BAD_JSON, ERR_CONFIG with a sentence that continues "its value " in f:
 * the key may not be given here, or the value is of another type of JSON. Its range is the reader's to check. */
enum err setting_read(struct text body, int entry, struct arena *a, struct text *out_key, struct node **out,
                      struct fault *f) MUST_CHECK;
/* Whether the file itself gives the key. */
bool setting_is_given(const struct node *root, struct text key);
/* The keys of all settings that the file gives, in the arena. */
struct text *setting_all_given(const struct node *root, struct arena *a, size_t *out_count);
/* Puts the value under its key, where the file does not have it; a section that is missing is made, in the arena. */
void setting_add(struct node *root, struct text key, struct node *value, struct arena *a);
/* Takes all of them out again. */
void setting_take_away(struct node *root);

#endif
