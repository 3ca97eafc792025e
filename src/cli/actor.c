/* Who runs a command, for the audit log: the user of the operating system who started it. It says nothing about what
 * that user may do. Called by the commands that change something. */
#include "cli/cli.h"

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
