/* Writing and reading what a browser shows beside a password: numbers with dots between them, and a MAC over them at
 * the end. Nothing in it is secret but the MAC. Called by identity/attempt.c and identity/session.c. */
#include "identity/badge.h"

#include <stdio.h>
#include <string.h>

#define MAC_BYTES 24
#define MAC_TEXT  32
#define BADGE_MAX 256

static void mac_of(const struct secret *s, const char *what, const uint8_t *scope, struct text badge,
                   char out[MAC_TEXT + 4]) {
  uint8_t mac[SECRET_HMAC_BYTES];
  char message[BADGE_MAX + 128], at[2 * SIGNIN_SCOPE_BYTES + 1] = "";
  if (scope)
    text_hex(scope, SIGNIN_SCOPE_BYTES, at);
  int n = snprintf(message, sizeof(message), "weir: badge: %s: %.*s %.*s", what, 2 * SIGNIN_SCOPE_BYTES, at,
                   TEXT_ARGS(text_head(badge, BADGE_MAX)));
  secret_hmac(s, (struct text){message, n > 0 ? (size_t)n : 0}, mac);
  text_base64url(mac, MAC_BYTES, out);
}

static struct text sign(const struct secret *s, const char *what, const uint8_t *scope, struct text badge,
                        struct arena *a) {
  char mac[MAC_TEXT + 4];
  mac_of(s, what, scope, badge, mac);
  return arena_format(a, "%.*s.%.*s", TEXT_ARGS(badge), MAC_TEXT, mac);
}

/* What was signed, without the MAC. */
static bool check(const struct secret *s, const char *what, const uint8_t *scope, struct text badge, struct text *out) {
  char mac[MAC_TEXT + 4];
  if (badge.len > BADGE_MAX || badge.len < MAC_TEXT + 2)
    return false;
  struct text head = text_head(badge, badge.len - MAC_TEXT - 1);
  mac_of(s, what, scope, head, mac);
  if (badge.at[head.len] != '.' || !secret_equal(text_skip(badge, head.len + 1), (struct text){mac, MAC_TEXT}))
    return false;
  *out = head;
  return true;
}

static bool read_number(struct text *rest, int64_t *out) {
  struct text number;
  if (!text_cut(*rest, '.', &number, rest)) {
    number = *rest;
    *rest = TEXT_NONE;
  }
  return text_to_i64(number, out);
}

struct text badge_write_device(const struct secret *server_secret, const struct badge_device *d, struct arena *a) {
  char id[BADGE_DEVICE_BYTES * 2 + 1];
  size_t n = text_base64url(d->id, sizeof(d->id), id);
  struct text badge = arena_format(a, "%lld.%lld.%.*s", (long long)d->user_id, (long long)d->issued_us, (int)n, id);
  return sign(server_secret, "device", NULL, badge, a);
}

bool badge_read_device(const struct secret *server_secret, struct text badge, int64_t now_us,
                       struct badge_device *out) {
  uint8_t id[BADGE_DEVICE_BYTES + 3];
  struct badge_device d;
  struct text rest;
  size_t n = 0;
  if (!check(server_secret, "device", NULL, badge, &rest) || !read_number(&rest, &d.user_id) ||
      !read_number(&rest, &d.issued_us) || rest.len > (BADGE_DEVICE_BYTES * 4 + 2) / 3 ||
      !text_base64url_decode(rest, id, &n) || n != BADGE_DEVICE_BYTES || now_us - d.issued_us > BADGE_DEVICE_LIFE_US)
    return false;
  memcpy(d.id, id, sizeof(d.id));
  *out = d;
  return true;
}

struct text badge_write_turn(const struct secret *server_secret, const uint8_t scope[SIGNIN_SCOPE_BYTES],
                             int64_t issued_us, int64_t from_us, struct arena *a) {
  return sign(server_secret, "turn", scope, arena_format(a, "%lld.%lld", (long long)issued_us, (long long)from_us), a);
}

bool badge_read_turn(const struct secret *server_secret, const uint8_t scope[SIGNIN_SCOPE_BYTES], struct text badge,
                     int64_t now_us, int64_t *out_issued_us) {
  struct text rest;
  int64_t issued, from;
  if (!check(server_secret, "turn", scope, badge, &rest) || !read_number(&rest, &issued) || !read_number(&rest, &from))
    return false;
  if (now_us < from || now_us - from > BADGE_TURN_LIFE_US)
    return false;
  *out_issued_us = issued;
  return true;
}
