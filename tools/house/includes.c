/* Who may include whom: the table of docs/ARCHITECTURE.md as data, and the check of every #include against it. A room
 * may always include itself; tests and tools are not rooms and may include what they test. Called by house.c. */
#include "rules.h"

#include <stdio.h>
#include <string.h>

struct arrow {
  const char *room;
  const char *may_include; /* rooms, each with a space on either side; "*" is all */
};

static const struct arrow arrows[] = {
    {"base", " "},
    {"aws", " base "},
    {"fiber", " base "},
    {"net", " fiber base "},
    {"config", " base "},
    {"llm", " base "},
    {"wire", " aws llm base "},
    {"ports", " llm base "},
    {"traffic", " ports llm fiber base "},
    {"ledger", " ports llm fiber base "},
    {"gateway", " ports traffic ledger wire llm aws net fiber config base "},
    {"provider", " ports wire llm aws base "},
    {"store", " ports llm fiber base "},
    {"cache", " ports net fiber base "},
    {"cluster", " ports traffic net fiber base "},
    {"identity", " ports aws net fiber base "},
    {"chat", " ports gateway net fiber llm config base "},
    {"control", " ports gateway net fiber llm config base "},
    {"jobs", " ports gateway net fiber llm config base "},
    {"telemetry", " ports llm net fiber base "},
    {"sim", " aws net fiber base "},
    {"ui", " base "},
    {"cli", "*"},
    {"app", "*"},
};

struct library {
  const char *header;  /* a header, or a folder of headers when it ends in '/' */
  const char *allowed; /* path prefixes under src, separated by spaces */
};

static const struct library libraries[] = {
    {"yyjson.h", "base/json base/schema sim/"},
    {"sodium.h", "base/secret base/random identity/ store/archive store/audit_chain store/backup store/copy "
                 "store/person_file sim/"},
    {"sodium/", "base/secret base/random identity/"},
    {"openssl/", "net/tls net/resp_script net/websocket aws/sigv4 identity/ sim/"},
    {"llhttp.h", "net/http1"},
    {"nghttp2/", "net/http2"},
    {"zlib.h", "net/inflate net/deflate aws/eventstream sim/"},
    {"yaml.h", "config/"},
    {"sqlite3.h", "store/"},
    {"libpq-fe.h", "store/"},
    {"zstd.h", "cache/ store/archive store/person_file store/backup"},
    {"curl/", "telemetry/otlp aws/fetch net/smtp"},
    {"sanitizer/", "fiber/ base/arena"},
    {"valgrind/", "fiber/"},
};

/* The C library and the kernel's interface. */
static const char system_headers[] =
    " assert.h ctype.h dirent.h endian.h errno.h fcntl.h float.h fnmatch.h getopt.h glob.h grp.h ifaddrs.h inttypes.h "
    "libgen.h limits.h locale.h math.h netdb.h poll.h pthread.h pwd.h sched.h semaphore.h setjmp.h signal.h spawn.h "
    "stdalign.h "
    "stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h syslog.h "
    "termios.h threads.h time.h ucontext.h unistd.h wchar.h byteswap.h malloc.h execinfo.h cpuid.h immintrin.h ";
static const char *const system_folders[] = {"sys/", "linux/", "netinet/", "arpa/", "net/", "asm/", "bits/"};

/* Rooms that return errors and leave the logging to their callers. */
static const char silent_rooms[] = " base aws net wire llm provider store ";

static bool has_entry(const char *list, const char *word, size_t length) {
  char padded[160];
  int n = snprintf(padded, sizeof(padded), " %.*s ", (int)length, word);
  return n > 0 && (size_t)n < sizeof(padded) && strstr(list, padded) != NULL;
}

static bool starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static const struct arrow *arrow_of(const char *room, size_t length) {
  for (size_t i = 0; i < sizeof(arrows) / sizeof(arrows[0]); i++)
    if (strlen(arrows[i].room) == length && strncmp(arrows[i].room, room, length) == 0)
      return &arrows[i];
  return NULL;
}

static void check_arrow(struct house *h, struct source *s, const struct include *in) {
  const char *inside = s->path + strlen("src/");
  size_t room_length = strcspn(inside, "/"), target_length = strcspn(in->path, "/");
  if (inside[room_length] == '\0') /* main.c, app.c: the composition root */
    return;
  const struct arrow *arrow = arrow_of(inside, room_length);
  if (arrow == NULL) {
    house_report(h, s, in->line, RULE_INCLUDE_ARROW,
                 "the room %.*s is not in the include table (tools/house/includes.c)", (int)room_length, inside);
    return;
  }
  if (in->path[target_length] == '\0')
    house_report(h, s, in->line, RULE_INCLUDE_ARROW, "\"%s\" must be written with its room", in->path);
  else if (arrow->may_include[0] != '*' && strncmp(in->path, inside, room_length + 1) != 0 &&
           !has_entry(arrow->may_include, in->path, target_length))
    house_report(h, s, in->line, RULE_INCLUDE_ARROW, "%s may not include %.*s", arrow->room, (int)target_length,
                 in->path);
  if (strcmp(in->path, "base/log.h") == 0 && has_entry(silent_rooms, inside, room_length) &&
      !starts_with(inside, "base/log"))
    house_report(h, s, in->line, RULE_NO_LOG, "%s does not log, it returns errors", arrow->room);
}

static bool is_allowed_prefix(const char *allowed, const char *inside) {
  while (*allowed != '\0') {
    size_t length = strcspn(allowed, " ");
    if (strncmp(inside, allowed, length) == 0)
      return true;
    allowed += length + strspn(allowed + length, " ");
  }
  return false;
}

static void check_library(struct house *h, struct source *s, const struct include *in) {
  const char *inside = s->path + strlen("src/");
  if (has_entry(system_headers, in->path, strlen(in->path)))
    return;
  for (size_t i = 0; i < sizeof(system_folders) / sizeof(system_folders[0]); i++)
    if (starts_with(in->path, system_folders[i]))
      return;
  for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
    const struct library *l = &libraries[i];
    bool folder = l->header[strlen(l->header) - 1] == '/';
    if (folder ? !starts_with(in->path, l->header) : strcmp(in->path, l->header) != 0)
      continue;
    if (!is_allowed_prefix(l->allowed, inside))
      house_report(h, s, in->line, RULE_OUTSIDE_LIBRARY, "<%s> is for %s only", in->path, l->allowed);
    return;
  }
  house_report(h, s, in->line, RULE_OUTSIDE_LIBRARY, "<%s> is not in the table of libraries (tools/house/includes.c)",
               in->path);
}

/* A .c file with a header of the same name starts with it, which proves the header complete in itself. */
static void check_own_header(struct house *h, struct source *s) {
  char header[512];
  int n = snprintf(header, sizeof(header), "%s", s->path);
  if (n <= 2 || (size_t)n >= sizeof(header) || source_is_header(s))
    return;
  header[n - 1] = 'h';
  if (!house_has_file(h, header))
    return;
  const char *wanted = source_is_under(s, "src") ? header + strlen("src/") : strrchr(header, '/') + 1;
  if (s->include_count == 0 || strcmp(s->includes[0].path, wanted) != 0)
    house_report(h, s, s->include_count > 0 ? s->includes[0].line : 1, RULE_OWN_HEADER_FIRST,
                 "the first include must be \"%s\"", wanted);
}

void rule_includes(struct house *h, struct source *s) {
  check_own_header(h, s);
  if (!source_is_under(s, "src"))
    return;
  for (size_t i = 0; i < s->include_count; i++) {
    if (s->includes[i].is_outside)
      check_library(h, s, &s->includes[i]);
    else
      check_arrow(h, s, &s->includes[i]);
  }
}
