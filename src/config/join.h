/* Reading the file's tree together with the entries of the store. For config.c and section.c. */
#ifndef CONFIG_JOIN_H
#define CONFIG_JOIN_H

#include "config/keys.h"
#include "config/stored.h"

struct join_list {
  const struct config_entry *at;
  size_t count;
};

/* Fills l->config from root and, where the file alone is good, from the entries too; then l->config->joined. Errors of
 * the file go to l->errors. What l->arena held before is gone: it is emptied between attempts. root's lists are longer
 * afterwards, by nodes in scratch, which must live as long as root. */
void join_read(struct loader *l, struct node *root, const struct join_list *entries, struct arena *scratch);
/* Says of a stored entry (node.entry) what is wrong with it. text: "`models[3].targets[0].model` must ...". */
void join_blame(struct loader *l, int entry, const char *text);

#endif
