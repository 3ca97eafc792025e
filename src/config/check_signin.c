/* What rows cannot say about who signs in: declared users have an address that is one, each once; and a mail server is
 * one, with a sender. Called by section.c after the rows. */
#include "config/check.h"

#include "config/config.h"
#include "config/section.h"

static bool is_address(struct text t) {
  struct text name, host, more;
  return text_is_visible_ascii(t) && text_cut(t, '@', &name, &host) && name.len > 0 && host.len > 0 &&
         !text_cut(host, '@', &name, &more);
}

/* smtp://HOST[:PORT] or smtps://; what exactly is a host is for the library to say. */
static bool is_mail_server(struct text url) {
  struct text scheme = text_starts(url, TEXT("smtps://")) ? TEXT("smtps://") : TEXT("smtp://");
  struct text rest = text_skip(url, scheme.len);
  return text_starts(url, scheme) && rest.len > 0 && rest.at[0] != ':' && text_is_visible_ascii(url) &&
         text_find_char(rest, '/') < 0 && text_find_char(rest, '@') < 0 && text_find_char(rest, '?') < 0;
}

void check_smtp(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_smtp *s = at;
  if (s->url.len == 0)
    return;
  if (!is_mail_server(s->url))
    section_refuse(l, check_child(n, "url"), path, "url", "must be smtp://host or smtps://host, with optional port");
  if (!is_address(s->from))
    section_refuse(l, check_child(n, "from"), path, "from", "must be an address of mail");
  if ((s->user.len > 0) != (s->password && secret_reveal(s->password).len > 0))
    section_refuse(l, n, path, NULL, "needs both `user` and `password`, or neither");
}

void check_user(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_user *u = at, *all = l->config->users;
  if (!is_address(u->email))
    section_refuse(l, check_child(n, "email"), path, "email", "must be an address of mail");
  for (const struct config_user *other = all; other < u; other++) {
    if (text_equal_nocase(other->email, u->email))
      section_refuse(l, check_child(n, "email"), path, "email", "stands in `users[%td]` already", other - all);
  }
}
