/* The arithmetic of waiting: after some failures that are free, each doubles the pause, up to a longest one; failures
 * are forgotten when nothing happened for a while. Pure. Called by identity/attempt.c. */
#include "identity/lockout.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)

struct rule {
  int64_t free, longest_us, forget_us;
};

static const struct rule rules[LOCKOUT_SCOPES] = {
    [LOCKOUT_BOTH] = {5, 900 * SECOND_US, DAY_US},
    [LOCKOUT_ACCOUNT] = {50, 10 * SECOND_US, DAY_US},
    [LOCKOUT_ADDRESS] = {50, 30 * SECOND_US, DAY_US / 24},
};
static const struct rule turns = {0, 2 * SECOND_US, DAY_US};

/* The first 64 bits of an IPv6 address, in hexadecimal; any other text whole. */
static struct text network_of(struct text address, char room[64]) {
  struct in6_addr in;
  snprintf(room, 64, "%.*s", TEXT_ARGS(text_head(address, 63)));
  if (inet_pton(AF_INET6, room, &in) != 1 || IN6_IS_ADDR_V4MAPPED(&in))
    return text_of(room);
  return (struct text){room, text_hex(&in, 8, room)};
}

static void scope(const struct secret *s, const char *what, struct text a, struct text b,
                  uint8_t out[SIGNIN_SCOPE_BYTES]) {
  uint8_t mac[SECRET_HMAC_BYTES];
  char message[1024];
  int n = snprintf(message, sizeof(message), "weir: attempts: %s: %.*s %.*s", what, TEXT_ARGS(text_head(a, 400)),
                   TEXT_ARGS(text_head(b, 400)));
  secret_hmac(s, (struct text){message, n > 0 ? (size_t)n : 0}, mac);
  memcpy(out, mac, SIGNIN_SCOPE_BYTES);
}

void lockout_scopes(const struct secret *server_secret, enum lockout_lane lane, struct text email, struct text place,
                    uint8_t out[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES]) {
  char room[64];
  memset(out, 0, LOCKOUT_SCOPES * SIGNIN_SCOPE_BYTES);
  if (lane == LOCKOUT_KNOWN) {
    scope(server_secret, "browser", place, email, out[LOCKOUT_BOTH]);
    return;
  }
  struct text network = network_of(place, room);
  scope(server_secret, "both", network, email, out[LOCKOUT_BOTH]);
  scope(server_secret, lane == LOCKOUT_TURN ? "turns" : "account", TEXT("-"), email, out[LOCKOUT_ACCOUNT]);
  scope(server_secret, "address", network, TEXT("-"), out[LOCKOUT_ADDRESS]);
}

size_t lockout_width(enum lockout_lane lane) { return lane == LOCKOUT_KNOWN ? LOCKOUT_BOTH + 1 : LOCKOUT_SCOPES; }

static const struct rule *rule_of(enum lockout_lane lane, size_t scope) {
  return lane == LOCKOUT_TURN && scope == LOCKOUT_ACCOUNT ? &turns : &rules[scope];
}

static int64_t pause_us(const struct rule *r, int64_t failures) {
  int64_t over = failures - r->free;
  if (over < 0)
    return 0;
  int64_t pause = over < 20 ? SECOND_US << over : r->longest_us;
  return pause < r->longest_us ? pause : r->longest_us;
}

static int64_t failures_of(const struct rule *r, const struct signin_attempts *a, int64_t now_us) {
  return now_us - a->last_us < r->forget_us ? a->failures : 0;
}

int64_t lockout_wait_us(enum lockout_lane lane, const struct signin_attempts seen[], int64_t now_us) {
  int64_t longest = 0;
  for (size_t i = 0; i < lockout_width(lane); i++) {
    const struct rule *r = rule_of(lane, i);
    bool is_known = seen[LOCKOUT_BOTH].known_us > 0;
    if (is_known && i != LOCKOUT_BOTH)
      continue; /* the owner has come from here: what others do elsewhere is not held against them */
    int64_t wait = seen[i].last_us + pause_us(r, failures_of(r, &seen[i], now_us)) - now_us;
    longest = wait > longest ? wait : longest;
  }
  return longest;
}

void lockout_count(enum lockout_lane lane, const struct signin_attempts seen[], int64_t now_us,
                   struct signin_attempts out[]) {
  for (size_t i = 0; i < lockout_width(lane); i++)
    out[i] = (struct signin_attempts){failures_of(rule_of(lane, i), &seen[i], now_us) + 1, now_us, seen[i].known_us};
}

void lockout_clear(enum lockout_lane lane, const struct signin_attempts seen[], int64_t now_us, bool was_whole,
                   struct signin_attempts out[]) {
  for (size_t i = 0; i < lockout_width(lane); i++)
    out[i] =
        (struct signin_attempts){seen[i].failures > 0 ? seen[i].failures - 1 : 0, seen[i].last_us, seen[i].known_us};
  if (was_whole)
    out[LOCKOUT_BOTH] = (struct signin_attempts){0, now_us, now_us};
}
