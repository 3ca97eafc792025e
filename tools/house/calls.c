/* Calls that may not be made: some nowhere, some only not in certain rooms, and everything with a side effect not in
 * the pure ones. (base/banned.h stops the calls that are wrong everywhere already in the compiler.) Also the typedef of
 * a struct. Called by house.c. */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "scan.h"

struct ban {
  const char *call;
  const char *folders; /* where it is banned, separated by spaces */
  const char *but_in;  /* exceptions to that, as path prefixes */
  const char *instead;
};

static const struct ban bans[] = {
    {"system", "src tests tools", "", "it starts a shell: use fork and exec"},
    {"popen", "src tests tools", "", "it starts a shell: use fork and exec"},
    {"signal", "src tests tools", "", "use sigaction, which says what it does"},
    {"sleep", "src tests tools", "", "wait for what is waited for, with a deadline"},
    {"usleep", "src tests tools", "", "wait for what is waited for, with a deadline"},
    {"nanosleep", "src tests tools", "", "wait for what is waited for, with a deadline"},
    {"clock_nanosleep", "src tests tools", "", "wait for what is waited for, with a deadline"},
    {"setjmp", "src", "", "return an error"},
    {"longjmp", "src", "", "return an error"},
    {"exit", "src", "src/main.c src/app src/cli/ src/sim/weir_sim.c",
     "return an error; only a command ends the program"},
    {"gethostbyname", "src", "", "use net/dns.h"},
    {"inet_ntoa", "src tests tools", "", "use inet_ntop"},
    {"inet_addr", "src tests tools", "", "use inet_pton"},
    {"printf", "src", "src/main.c src/app src/cli/ src/sim/weir_sim.c", "standard output belongs to the commands"},
    {"puts", "src", "src/main.c src/app src/cli/ src/sim/weir_sim.c", "standard output belongs to the commands"},
    {"perror", "src", "src/main.c src/app src/cli/ src/sim/weir_sim.c",
     "standard error belongs to the log and the commands"},
};

/* Rooms whose answers depend on their arguments alone. */
static const char pure_rooms[] = "src/llm src/wire src/provider";
static const char *const impure_calls[] = {"socket",       "connect", "send",         "recv",       "read",
                                           "write",        "open",    "fopen",        "time",       "clock_gettime",
                                           "gettimeofday", "getenv",  "random_bytes", "random_u64", "random_fast"};

static bool is_in(const struct source *s, const char *prefixes) {
  while (*prefixes != '\0') {
    size_t length = strcspn(prefixes, " ");
    if (strncmp(s->path, prefixes, length) == 0)
      return true;
    prefixes += length + strspn(prefixes + length, " ");
  }
  return false;
}

/* The next place at or after `from` where the function of that name is called; a member of that name is not it. */
static const char *find_call(const struct source *s, const char *from, const char *name) {
  for (const char *at = from; (at = scan_word(at, name)) != NULL; at++) {
    const char *after = at + strlen(name);
    after += strspn(after, " ");
    bool member = (at > s->code && at[-1] == '.') || (at > s->code + 1 && at[-2] == '-' && at[-1] == '>');
    if (*after == '(' && !member)
      return at;
  }
  return NULL;
}

/* A file's own static function or function pointer may have any name. */
static bool defines(const struct source *s, const char *name) {
  char pointer[64];
  (void)snprintf(pointer, sizeof(pointer), "(*%s)", name);
  if (strstr(s->code, pointer) != NULL)
    return true;
  for (size_t i = 0; i < s->function_count; i++)
    if (s->functions[i].is_static && strcmp(s->functions[i].name, name) == 0)
      return true;
  return false;
}

static void check_call(struct house *h, struct source *s, const char *name, enum rule rule, const char *why) {
  if (defines(s, name))
    return;
  for (const char *at = s->code; (at = find_call(s, at, name)) != NULL; at++)
    house_report(h, s, source_line_of(s, (size_t)(at - s->code)), rule, "%s: %s", name, why);
}

static void check_typedefs(struct house *h, struct source *s) {
  for (const char *at = s->code; (at = scan_word(at, "typedef")) != NULL; at++) {
    const char *after = at + strlen("typedef");
    after += strspn(after, " \n");
    if (strncmp(after, "struct ", 7) == 0 || strncmp(after, "union ", 6) == 0)
      house_report(h, s, source_line_of(s, (size_t)(at - s->code)), RULE_TYPEDEF_STRUCT,
                   "write struct where a struct is meant");
  }
}

void rule_calls(struct house *h, struct source *s) {
  for (size_t i = 0; i < sizeof(bans) / sizeof(bans[0]); i++)
    if (is_in(s, bans[i].folders) && !is_in(s, bans[i].but_in))
      check_call(h, s, bans[i].call, RULE_BANNED_CALL, bans[i].instead);
  for (size_t i = 0; i < sizeof(impure_calls) / sizeof(impure_calls[0]); i++)
    if (is_in(s, pure_rooms))
      check_call(h, s, impure_calls[i], RULE_PURE, "this room is pure; take it as an argument");
  check_typedefs(h, s);
}
