/* A YAML 1.1 document (https://yaml.org/spec/1.1/) as a tree of nodes that know their place, values expanded from the
 * environment. Refused: anchors, aliases, tags, a second document, duplicate keys, keys that are not scalars, more than
 * 32 levels, more than 256 keys in one mapping. The whole tree lives in the arena given. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "config/errors.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
  enum node_kind kind;
  int line, column;         /* of the value, 1-based */
  int key_line, key_column; /* of its key, inside a mapping */
  struct text key;          /* inside a mapping */
  struct text text;         /* of a scalar */
  bool expanded;            /* the scalar holds something from the environment: do not print it */
  bool null;                /* nothing, ~ or null was written */
  int entry;                /* 1, 2, ...: it is of this entry of the store (join.h); 0: of the file */
  struct node *first, *next;
  size_t count; /* children */
};

/* NULL when anything was wrong (then *errors has at least one entry). An empty document is an empty mapping. */
struct node *node_read(struct text yaml, const char *(*lookup)(const char *name), struct arena *a,
                       struct config_errors *errors);
/* The member of a mapping that was given a value, or NULL. */
const struct node *node_child(const struct node *map, const char *key);
/* Overwrites the scalars, which may hold secrets, before their arena ends. NULL is fine. */
void node_wipe(struct node *n);

#endif
