/* Breakers as records and messages in Redis. The scripts are the only ones who write the records; they compare versions
 * where the record is, so nobody overwrites what is newer. Called by redis_breakers.c. */
#include "cluster/breaker_record.h"

#include "base/json.h"

#include <pthread.h>

#define VERSION_DIGITS 32
#define REPLICA_DIGITS 16
/* Longer than any: names and reasons are bounded by who calls. */
#define MESSAGE_MAX_BYTES ((size_t)1024 * 1024)

static const char *const force_names[] = {
    [BREAKER_AUTOMATIC] = "automatic", [BREAKER_FORCED_OPEN] = "open", [BREAKER_FORCED_CLOSED] = "closed"};

/* The state: version, "1" when open, open for how long, reason. The operator's word: version, force, reason. Then how
 * long the record is kept, channel, message. */
static const char tell_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000000 + t[2]\n"
    "local r = redis.call('HMGET', KEYS[1], 'state', 'open', 'opened', 'reason', 'word', 'force', 'force_reason')\n"
    "local state, word, news = r[1] or string.rep('0', 32), r[5] or string.rep('0', 32), false\n"
    "if ARGV[1] > state then\n"
    "  redis.call('HSET', KEYS[1], 'state', ARGV[1], 'open', ARGV[2],\n"
    "    'opened', string.format('%.0f', now - ARGV[3]), 'reason', ARGV[4])\n"
    "  news = true\n"
    "end\n"
    "if ARGV[5] > word then\n"
    "  redis.call('HSET', KEYS[1], 'word', ARGV[5], 'force', ARGV[6], 'force_reason', ARGV[7])\n"
    "  news = true\n"
    "end\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[8])\n"
    "if news then redis.call('PUBLISH', ARGV[9], ARGV[10]) end\n"
    "if ARGV[1] >= state and ARGV[5] >= word then return false end\n"
    "return {state, r[2] or '', string.format('%.0f', now - (r[3] or now)), r[4] or '',\n"
    "  word, r[6] or 'automatic', r[7] or ''}\n";

/* Version, replica, when it was asked, for how long in microseconds; how long the record is kept. */
static const char claim_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000000 + t[2]\n"
    "local r = redis.call('HMGET', KEYS[1], 'state', 'claim', 'claimant', 'until')\n"
    "if (r[1] and r[1] > ARGV[1]) or (r[2] and r[2] > ARGV[1]) then return 0 end\n"
    "if r[2] == ARGV[1] and r[3] ~= ARGV[2] and tonumber(r[4]) > now then return 0 end\n"
    "redis.call('HSET', KEYS[1], 'claim', ARGV[1], 'claimant', ARGV[2], 'asked', ARGV[3],\n"
    "  'until', string.format('%.0f', now + ARGV[4]))\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[5])\n"
    "return 1\n";

/* Version, replica, when it was asked. */
static const char release_script[] = "local r = redis.call('HMGET', KEYS[1], 'claim', 'claimant', 'asked')\n"
                                     "if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] or r[3] ~= ARGV[3] then return 0 end\n"
                                     "redis.call('HSET', KEYS[1], 'until', '0')\n"
                                     "return 1\n";

static pthread_once_t scripts_once = PTHREAD_ONCE_INIT;
static struct resp_script tell_named, claim_named, release_named;

static void name_scripts(void) {
  tell_named = resp_script_of(tell_script);
  claim_named = resp_script_of(claim_script);
  release_named = resp_script_of(release_script);
}

static struct text of_version(struct arena *a, struct breaker_version v) {
  return arena_format(a, "%016llx%016llx", (unsigned long long)v.count, (unsigned long long)v.replica);
}
static struct text of_replica(struct arena *a, uint64_t replica) {
  return arena_format(a, "%016llx", (unsigned long long)replica);
}
static struct text of_number(struct arena *a, int64_t n) { return arena_format(a, "%lld", (long long)n); }
static struct text of_keep_ms(struct arena *a) { return of_number(a, 2 * BREAKER_RECORD_HOLD_MAX_US / 1000); }

static struct text of_buf(struct arena *a, struct buf *b) {
  struct text t = arena_copy(a, buf_text(b));
  buf_done(b);
  return t;
}

static struct text key_of(struct arena *a, const struct breaker_name *n) {
  struct json_writer w;
  struct buf key;
  buf_init(&key, MESSAGE_MAX_BYTES);
  buf_add(&key, TEXT("weir:breaker:"));
  json_writer_init(&w, &key);
  json_array(&w);
  json_put_text(&w, n->provider);
  json_put_text(&w, n->endpoint);
  json_put_text(&w, n->credential);
  json_array_end(&w);
  return of_buf(a, &key);
}

static void start_call(struct arena *a, const struct resp_script *script, const struct breaker_name *n,
                       struct breaker_record_call *out) {
  (void)pthread_once(&scripts_once, name_scripts);
  *out = (struct breaker_record_call){.key = key_of(a, n), .script = script};
}

static void add_argument(struct breaker_record_call *c, struct text argument) { c->arguments[c->count++] = argument; }

static void write_message(struct buf *out, const struct breaker_news *news, struct text state, struct text word,
                          int64_t ago_us, struct text from) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "from", from);
  json_field_text(&w, "provider", news->name.provider);
  json_field_text(&w, "endpoint", news->name.endpoint);
  json_field_text(&w, "credential", news->name.credential);
  json_field_text(&w, "state", state);
  json_field_bool(&w, "open", news->is_open);
  json_field_i64(&w, "opened_ago_us", ago_us);
  json_field_text(&w, "reason", news->reason);
  json_field_text(&w, "word", word);
  json_field_str(&w, "force", force_names[news->force]);
  json_field_text(&w, "force_reason", news->force_reason);
  json_object_end(&w);
}

void breaker_record_tell(struct arena *a, const struct breaker_news *news, uint64_t replica,
                         struct breaker_record_call *out) {
  struct buf message;
  int64_t ago_us = news->opened_ago_us > 0 ? news->opened_ago_us : 0;
  struct text state = of_version(a, news->state_version), word = of_version(a, news->force_version);
  buf_init(&message, MESSAGE_MAX_BYTES);
  write_message(&message, news, state, word, ago_us, of_replica(a, replica));
  start_call(a, &tell_named, &news->name, out);
  add_argument(out, state);
  add_argument(out, news->is_open ? TEXT("1") : TEXT(""));
  add_argument(out, of_number(a, ago_us));
  add_argument(out, news->reason);
  add_argument(out, word);
  add_argument(out, text_of(force_names[news->force]));
  add_argument(out, news->force_reason);
  add_argument(out, of_keep_ms(a));
  add_argument(out, TEXT(BREAKER_RECORD_CHANNEL));
  add_argument(out, of_buf(a, &message));
}

static void start_claim(struct arena *a, const struct resp_script *script, const struct breaker_claim *claim,
                        struct breaker_record_call *out) {
  start_call(a, script, &claim->name, out);
  add_argument(out, of_version(a, claim->version));
  add_argument(out, of_replica(a, claim->replica));
  add_argument(out, of_number(a, claim->asked_us));
}

void breaker_record_claim(struct arena *a, const struct breaker_claim *claim, struct breaker_record_call *out) {
  int64_t hold_us = claim->hold_us < BREAKER_RECORD_HOLD_MAX_US ? claim->hold_us : BREAKER_RECORD_HOLD_MAX_US;
  start_claim(a, &claim_named, claim, out);
  add_argument(out, of_number(a, hold_us));
  add_argument(out, of_keep_ms(a));
}

void breaker_record_release(struct arena *a, const struct breaker_claim *claim, struct breaker_record_call *out) {
  start_claim(a, &release_named, claim, out);
}

static bool read_hex(struct text t, size_t digits, uint64_t *out) {
  uint64_t n = 0;
  if (t.len != digits)
    return false;
  for (size_t i = 0; i < digits; i++) {
    char c = t.at[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0)
      return false;
    n = n << 4 | (uint64_t)digit;
  }
  *out = n;
  return true;
}

static bool read_version(struct text t, struct breaker_version *out) {
  return t.len == VERSION_DIGITS && read_hex(text_head(t, REPLICA_DIGITS), REPLICA_DIGITS, &out->count) &&
         read_hex(text_skip(t, REPLICA_DIGITS), REPLICA_DIGITS, &out->replica);
}

static bool read_force(struct text t, enum breaker_force *out) {
  for (size_t i = 0; i < sizeof(force_names) / sizeof(force_names[0]); i++) {
    if (text_equal(t, text_of(force_names[i]))) {
      *out = (enum breaker_force)i;
      return true;
    }
  }
  return false;
}

bool breaker_record_answer(const struct resp_value *v, const struct breaker_name *name, struct breaker_news *out) {
  struct breaker_news n = {.name = *name};
  if (!resp_is_list(v, 7))
    return false;
  const struct resp_value *at = v->items;
  if (!read_version(at[0].text, &n.state_version) || !text_to_i64(at[2].text, &n.opened_ago_us) ||
      !read_version(at[4].text, &n.force_version) || !read_force(at[5].text, &n.force))
    return false;
  n.is_open = at[1].text.len > 0;
  n.reason = at[3].text;
  n.force_reason = at[6].text;
  *out = n;
  return true;
}

static bool copy_member(yyjson_val *object, const char *name, struct arena *a, struct text *out) {
  struct text t;
  if (!json_get_text(object, name, &t))
    return false;
  *out = arena_copy(a, t);
  return true;
}

static bool read_message(yyjson_val *m, struct arena *a, struct breaker_news *out) {
  struct breaker_news n = {0};
  struct text state, word, force;
  uint64_t ago_us;
  if (!json_get_text(m, "state", &state) || !read_version(state, &n.state_version) ||
      !json_get_text(m, "word", &word) || !read_version(word, &n.force_version) || !json_get_text(m, "force", &force) ||
      !read_force(force, &n.force) || !json_get_bool(m, "open", &n.is_open) ||
      !json_get_u64(m, "opened_ago_us", &ago_us) || ago_us > INT64_MAX ||
      !copy_member(m, "provider", a, &n.name.provider) || !copy_member(m, "endpoint", a, &n.name.endpoint) ||
      !copy_member(m, "credential", a, &n.name.credential) || !copy_member(m, "reason", a, &n.reason) ||
      !copy_member(m, "force_reason", a, &n.force_reason))
    return false;
  n.opened_ago_us = (int64_t)ago_us;
  *out = n;
  return true;
}

bool breaker_record_message(struct text message, uint64_t replica, struct arena *a, struct breaker_news *out) {
  static const struct json_limits limits = {.max_depth = 4};
  struct json j;
  struct text from;
  uint64_t by = 0;
  if (json_read(message, &limits, &j, NULL) != ERR_OK)
    return false;
  bool is_news = json_get_text(j.root, "from", &from) && read_hex(from, REPLICA_DIGITS, &by) && by != replica &&
                 read_message(j.root, a, out);
  json_done(&j);
  return is_news;
}
