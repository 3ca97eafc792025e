/* What rows cannot say about declared users: an address that is one, and each once. Called by section.c after the rows.
 */
#include "config/check.h"

#include "config/config.h"
#include "config/section.h"

void check_user(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_user *u = at, *all = l->config->users;
  struct text name, host, more;
  if (!text_is_visible_ascii(u->email) || !text_cut(u->email, '@', &name, &host) || name.len == 0 || host.len == 0 ||
      text_cut(host, '@', &name, &more))
    section_refuse(l, check_child(n, "email"), path, "email", "must be an address of mail");
  for (const struct config_user *other = all; other < u; other++) {
    if (text_equal_nocase(other->email, u->email))
      section_refuse(l, check_child(n, "email"), path, "email", "stands in `users[%td]` already", other - all);
  }
}
