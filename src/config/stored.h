/* Entries of the configuration that stand in the store, where the control API has put them, and the joining of them
 * with the file. An entry's body is an object of JSON with the members that it would have in the file; it is read by
 * the same rows and the same checks. What the file declares comes first and wins by name. Nothing in a body is expanded
 * from the environment, and nothing secret is taken in one. */
#ifndef CONFIG_STORED_H
#define CONFIG_STORED_H

#include "base/json.h"

/* In the order in which they are read: later ones may name earlier ones. */
enum config_kind {
  CONFIG_KIND_PROVIDER,
  CONFIG_KIND_POLICY,
  CONFIG_KIND_MODEL,
  CONFIG_KIND_PRICE,
  CONFIG_KIND_ASSIGNMENT,
  CONFIG_KIND_LIMIT,
  CONFIG_KIND_LISTS,                       /* so many are lists of the file */
  CONFIG_KIND_SETTING = CONFIG_KIND_LISTS, /* one value under its dotted key: {"key": ..., "value": ...} (settings.h) */
  CONFIG_KIND_COUNT
};

struct config_entry {
  enum config_kind kind;
  int64_t id, version, position; /* of the file's: id 0, and the place in their list from 1 on */
  struct text body;              /* JSON; of the file's without their secrets */
  /* What reading it has found. */
  struct text name;    /* unique in its kind: a name, and where that alone is not, words behind it with '\n' between */
  bool is_shadowed;    /* the file declares this name: the entry is left out */
  struct text problem; /* why it is left out, a line for each thing that is wrong, beginning with the member in
                          backticks where it is about one; "" when nothing is */
};

/* Of a snapshot: where its lists come from. */
struct config_joined {
  struct config_entry *entries; /* of the store, in the order given */
  size_t count;
  struct config_entry *declared; /* of the file, by kind, in its order; without settings */
  size_t declared_count;
  struct text *keys; /* of the settings that the file gives */
  size_t key_count;
};

struct config;
struct config_errors;

const char *config_kind_name(enum config_kind k); /* "provider" */
/* "providers": the key of the file, but for settings. */
const char *config_kind_list(enum config_kind k);
const char *config_kind_path(enum config_kind k); /* in the API: the same, but "limits" for "rate_limits" */
bool config_kind_find(struct text name, enum config_kind *out);

/* As config_load_text, which see, with these entries behind what the file declares; each kind in the order given. The
 * file alone must be good; an entry that is not, or has a problem already, is left out and told of in the snapshot's
 * `joined`. entries need not live on. */
enum err config_load_joined(struct text yaml, const char *source, const char *(*lookup)(const char *name),
                            const struct config_entry *entries, size_t count, struct config **out,
                            struct config_errors *errors) MUST_CHECK;

/* The JSON Schema (2020-12) of a body. whole: with the members that must be there. */
void config_write_schema(enum config_kind k, bool whole, struct json_writer *w);

#endif
