/* Names and sets of permissions, and the built-in roles: columns of ports/permission.def. Pure. Called wherever rights
 * are read or shown. */
#include "ports/permission.h"

#include <string.h>

struct row {
  const char *name, *help, *roles;
};
static const struct row rows[PERMISSION_COUNT] = {
#define PERMISSION(name, text, roles, help) [PERMISSION_##name] = {text, help, roles},
#include "ports/permission.def"
#undef PERMISSION
};

/* The letter that stands for a role in the table. */
static const struct {
  const char *name;
  char letter;
} roles[ROLE_BUILTIN_COUNT] = {
    [ROLE_OWNER] = {"owner", 'O'},   [ROLE_ADMIN] = {"admin", 'A'},   [ROLE_AUDITOR] = {"auditor", 'U'},
    [ROLE_MEMBER] = {"member", 'M'}, [ROLE_VIEWER] = {"viewer", 'V'},
};

const char *permission_name(enum permission p) { return rows[p].name; }

const char *permission_help(enum permission p) { return rows[p].help; }

bool permission_find(struct text name, enum permission *out) {
  for (enum permission p = 0; p < PERMISSION_COUNT; p++) {
    if (!text_equal(name, text_of(rows[p].name)))
      continue;
    *out = p;
    return true;
  }
  return false;
}

const char *builtin_role_name(enum builtin_role r) { return roles[r].name; }

bool builtin_role_find(struct text name, enum builtin_role *out) {
  for (enum builtin_role r = 0; r < ROLE_BUILTIN_COUNT; r++) {
    if (!text_equal(name, text_of(roles[r].name)))
      continue;
    *out = r;
    return true;
  }
  return false;
}

uint64_t builtin_role_permissions(enum builtin_role r) {
  uint64_t set = 0;
  for (enum permission p = 0; p < PERMISSION_COUNT; p++)
    if (strchr(rows[p].roles, roles[r].letter))
      set |= PERMISSION_BIT(p);
  return set;
}

uint64_t permission_set_read(struct text names) {
  uint64_t set = 0;
  enum permission p;
  struct text one;
  while (names.len > 0) {
    if (!text_cut(names, ' ', &one, &names)) {
      one = names;
      names = TEXT_NONE;
    }
    if (permission_find(one, &p))
      set |= PERMISSION_BIT(p);
  }
  return set;
}
