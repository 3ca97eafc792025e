/* A mapping of the file read by the rows of a section. */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/keys.h"

/* Fills the struct at `at`: what n gives, defaults for the rest; unknown and missing keys, wrong types and ranges go to
 * l->errors. n may be NULL: all defaults. */
void section_read(struct loader *l, const struct key_section *s, const struct node *n, const struct key_path *path,
                  void *at);
/* Only what n gives, over what stands there already. */
void section_overlay(struct loader *l, const struct key_section *s, const struct node *n, const struct key_path *path,
                     void *at);
/* An error at n's place: "`providers[0].name` must ...". n may be NULL. name may be NULL for the section itself. */
void section_refuse(struct loader *l, const struct node *n, const struct key_path *path, const char *name,
                    const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
