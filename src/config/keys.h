/* The table of configuration keys: what may stand in the file, of which type, with which default and range, and where
 * its value goes. Reading, refusing, "did you mean", the reload's list of restarts and docs/generated/configuration.md
 * all follow it. To add a key: a member in config.h, a row in keys.c. */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/node.h"

enum key_type {
  KEY_TEXT,      /* struct text; min..max bytes; one of choices, if there are any */
  KEY_NAME,      /* struct text; 1..64 letters, digits, '.', '_', '-' */
  KEY_SECRET,    /* struct secret *; min..max visible ASCII characters; never printed */
  KEY_TEXTS,     /* struct text * and a count: one text or a list of them; each one of choices, if there are any */
  KEY_ADDRESSES, /* struct secret ** and a count: one address or a list of them, at most max, each one of choices */
  KEY_PAIRS,     /* struct config_pair * and a count: a mapping of names to texts, at most max of them */
  KEY_SIZE,      /* size_t, min..max */
  KEY_COUNT,     /* int64_t, min..max */
  KEY_DURATION,  /* int64_t milliseconds, min..max */
  KEY_MONEY,     /* int64_t nano-USD, 0..max whole dollars */
  KEY_BOOL,
  KEY_CHOICE,   /* an enum: the place in choices */
  KEY_ADDRESS,  /* the same; a choice that ends in '*' is an address, kept whole as a secret at count_offset */
  KEY_TIME,     /* int64_t microseconds since 1970, written as RFC 3339; 0 when not given */
  KEY_WORKERS,  /* unsigned: auto (0) or min..max */
  KEY_SECTION,  /* a mapping */
  KEY_SECTIONS, /* a list of mappings: an array and a count */
  KEY_OVERLAY,  /* a mapping put over values from elsewhere by the section's check */
  KEY_ABSENT    /* not available in this version: refused unless empty, false or null */
};

struct join;

/* What reading a section needs. */
struct loader {
  struct config *config;
  struct arena *arena; /* of the snapshot */
  struct config_errors *errors;
  const char *(*lookup)(const char *name); /* the environment */
  struct join *join;                       /* where errors of the store's entries go; NULL: there are none */
};

/* Where a value stands, for messages: providers[0].credentials[1].api_key */
struct key_path {
  const struct key_path *up; /* NULL: the root, which has no name */
  const char *name;
  int index; /* -1: none */
};

struct key_section;

struct key {
  const char *name;
  enum key_type type;
  bool reload;         /* a reload is enough; else the program must be started again */
  size_t offset;       /* of the member in the section's struct */
  size_t count_offset; /* of its count, for arrays */
  const char *initial; /* the default, as it would be written; NULL: must be given */
  int64_t min, max;
  const char
      *choices; /* "a|b|!c": c is known but not available in this version; a leading "|" stands for "not given" */
  const struct key_section *section;
  const char *help;
  bool file_only; /* a reload is enough, but the control API may not change it (docs/decisions/0031) */
};

struct key_section {
  const char *title; /* as in the reference: "providers[]" */
  const char *help;
  size_t size; /* of the struct */
  const struct key *keys;
  size_t count;
  /* What the rows cannot say; runs after all rows. May be NULL. */
  void (*check)(struct loader *l, const struct node *n, const struct key_path *path, void *at);
};

extern const struct key_section keys_root, keys_timeouts, keys_overlay;

/* NULL when there is no such key. */
const struct key *keys_find(const struct key_section *s, struct text name);
/* The key whose name is most like it, or NULL when none is. */
const struct key *keys_nearest(const struct key_section *s, struct text name);
/* The next of the choices; moves *list on; false at the end. *out_available is false for those marked with '!'. */
bool keys_next_choice(struct text *list, struct text *out_choice, bool *out_available);

#endif
