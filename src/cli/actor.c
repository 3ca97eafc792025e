/* Who runs a command, for the audit log, and moments given by hand. It opens nothing and prints only what cannot be
 * read. Called by the commands that change or list. */
#include "cli/cli.h"
#include "config/values.h"
#include "fiber/loop.h"

#include <pwd.h>
#include <unistd.h>

const struct audit_actor *cli_actor(void) {
  static char name[AUDIT_NAME_MAX];
  static struct audit_actor actor = {.origin = TEXT("cli")};
  char room[2048];
  struct passwd user, *found = NULL;
  if (getpwuid_r(getuid(), &user, room, sizeof(room), &found) == 0 && found)
    snprintf(name, sizeof(name), "local:%s", found->pw_name);
  else
    snprintf(name, sizeof(name), "local:%lld", (long long)getuid());
  actor.actor = text_of(name);
  return &actor;
}

bool cli_moment(const char *text, const char *option, int64_t *out_us) {
  struct text t = text_of(text);
  char whole[64];
  int64_t ms;
  if (!text)
    return true;
  if (text_to_duration_ms(t, &ms)) {
    *out_us = loop_wall_us() - ms * 1000;
    return true;
  }
  snprintf(whole, sizeof(whole), "%.*s%s", TEXT_ARGS(text_head(t, 40)), t.len == 10 ? "T00:00:00Z" : "");
  if (value_time(text_of(whole), out_us))
    return true;
  fprintf(stderr, "weir: %s must be like 7d (ago), 2027-01-31 or 2027-01-31T10:00:00Z\n", option);
  return false;
}
