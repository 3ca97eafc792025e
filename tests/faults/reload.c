/* What a whole program says after its configuration was read anew is what it said before: every page that needs no
 * name in its path, as a service account sees it and as nobody does, and calls. What was kept of the configuration that
 * is gone by then shows under the sanitizers, which end the program. usage: reload PATH_OF_WEIR PATH_OF_WEIR_SIM.
 * Prints TAP. */
#include "whole.h"

#define RELOADS 3

static struct replica r;

static bool command(char **out_said, const char *const words[]) {
  const char *argv[12] = {whole.weir};
  size_t n = 1;
  for (; *words && n < 9; words++)
    argv[n++] = *words;
  argv[n++] = "-c";
  argv[n] = r.config;
  return process_run(argv, out_said) == 0;
}
#define COMMAND(out, ...) command(out, (const char *const[]){__VA_ARGS__, NULL})

/* The word behind a label, up to a blank, a comma or a quotation mark; "" when it is not there. */
static void word_after(const char *text, const char *label, char *out, size_t cap) {
  const char *at = text ? strstr(text, label) : NULL;
  size_t n = 0;
  at = at ? at + strlen(label) : "";
  at += strspn(at, " =:\"");
  n = strcspn(at, " ,\"\r\n");
  snprintf(out, cap, "%.*s", (int)n, at);
}

static void robot_token(char *out_header, size_t cap) {
  char *said = NULL, id[64], secret[96], body[300], token[1200];
  struct reply reply;
  check(COMMAND(&said, "service", "create", "robot", "--role", "owner"), "a service account is made");
  free(said);
  check(COMMAND(&said, "service", "secret", "robot"), "it has a secret");
  word_after(said, "client_id", id, sizeof id);
  word_after(said, "client_secret", secret, sizeof secret);
  free(said);
  snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", id, secret);
  ask(r.process.port, "POST", "/oauth/token", "content-type: application/x-www-form-urlencoded\r\n", body,
      CALL_PATIENCE_MS, &reply);
  word_after(reply.body, "\"access_token\"", token, sizeof token);
  check(reply.status == 200 && token[0], "it gets a token: %d", reply.status);
  reply_done(&reply);
  snprintf(out_header, cap, "authorization: Bearer %s\r\n", token);
}

static const char *const pages[] = {
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/auth/door",
    "/setup",
    "/api/docs",
    "/api/openapi.json",
    "/health/live",
    "/api/v1/keys",
    "/api/v1/organisations",
    "/api/v1/workspaces",
    "/api/v1/teams",
    "/api/v1/users",
    "/api/v1/service-accounts",
    "/api/v1/permissions",
    "/api/v1/roles",
    "/api/v1/grants",
    "/api/v1/sessions",
    "/api/v1/providers",
    "/api/v1/providers/sim",
    "/api/v1/credentials",
    "/api/v1/models",
    "/api/v1/policies",
    "/api/v1/prices",
    "/api/v1/assignments",
    "/api/v1/me",
    /* These say something new each time. */
    "/metrics",
    "/health",
    "/health/ready",
    "/api/v1/health",
    "/api/v1/replicas",
    "/api/v1/requests",
    "/api/v1/usage",
    "/api/v1/jobs",
    "/api/v1/audit",
};
#define PAGES  (sizeof pages / sizeof *pages)
#define STEADY 25

static struct reply before[PAGES];

static void compare(size_t i, const char *header) {
  struct reply now;
  ask(r.process.port, "GET", pages[i], header, NULL, CALL_PATIENCE_MS, &now);
  bool is_same = now.status == before[i].status && now.body && before[i].body &&
                 (i >= STEADY || now.status != 200 || strcmp(now.body, before[i].body) == 0);
  if (!is_same)
    check(false, "%s: %d, before %d: %.200s", pages[i], now.status, before[i].status, now.body ? now.body : "nothing");
  reply_done(&now);
}

static void pages_stay(const char *header) {
  bool were_there = true;
  for (size_t i = 0; i < PAGES; i++) {
    ask(r.process.port, "GET", pages[i], header, NULL, CALL_PATIENCE_MS, &before[i]);
    were_there &= before[i].status == 200 || (header[0] == 0 && before[i].status == 401);
  }
  check(were_there, "every page answers");
  for (unsigned round = 0; round < RELOADS; round++) {
    struct reply reply;
    char *said = NULL;
    bool is_good = COMMAND(&said, "reload");
    check(is_good, "the configuration is read anew%s%s", is_good ? "" : ": ", is_good ? "" : said);
    free(said);
    for (unsigned i = 0; i < 8; i++) { /* every worker lets the old one go */
      call(r.process.port, CALL_PLAIN, round * 8 + i, NULL, &reply);
      if (!is_answered(&reply, CALL_PLAIN))
        check(false, "a call after it: %d", reply.status);
      reply_done(&reply);
    }
    for (size_t i = 0; i < PAGES; i++)
      compare(i, header);
  }
  for (size_t i = 0; i < PAGES; i++)
    reply_done(&before[i]);
}

int main(int argc, char **argv) {
  static char header[1300];
  whole_open(argc, argv);
  replica_init(&r, "one", "public_url: \"http://127.0.0.1:18999\"\n");
  if (!replica_start(&r, NULL)) {
    file_show(r.process.log, "weir");
    bail("weir");
  }
  robot_token(header, sizeof header);
  pages_stay(header);
  pages_stay("");
  int code = process_stop(&r.process);
  check(code == 0, "it ends well: %d", code);
  if (whole.failed)
    file_show(r.process.log, "weir");
  return whole_close();
}
