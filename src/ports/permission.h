/* Permissions by name: THE TABLE is permission.def. A set of them is a word of bits; the built-in roles are columns of
 * the table, custom ones are lists of names in the store. Pure; the functions are in identity/permission.c. */
#ifndef PORTS_PERMISSION_H
#define PORTS_PERMISSION_H

#include "base/text.h"

enum permission {
#define PERMISSION(name, text, roles, help) PERMISSION_##name,
#include "ports/permission.def"
#undef PERMISSION
  PERMISSION_COUNT
};
_Static_assert(PERMISSION_COUNT < 64, "a set of permissions is one word");

enum builtin_role { ROLE_OWNER, ROLE_ADMIN, ROLE_AUDITOR, ROLE_MEMBER, ROLE_VIEWER, ROLE_BUILTIN_COUNT };

/* A set of permissions is a uint64_t in which bit N says enum permission N. */
#define PERMISSION_BIT(p) (UINT64_C(1) << (p))
#define PERMISSION_ALL    (PERMISSION_BIT(PERMISSION_COUNT) - 1)

const char *permission_name(enum permission p); /* "keys.read" */
const char *permission_help(enum permission p);
bool permission_find(struct text name, enum permission *out);

const char *builtin_role_name(enum builtin_role r); /* "owner" */
bool builtin_role_find(struct text name, enum builtin_role *out);
uint64_t builtin_role_permissions(enum builtin_role r);

/* The set of names separated by spaces. Names that this program does not know (of a newer one) permit nothing. */
uint64_t permission_set_read(struct text names);

#endif
