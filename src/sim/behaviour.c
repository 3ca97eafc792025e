/* The table of behaviours and the parser of their names. What a behaviour does is not here: the content is made in
 * answer.c and the dialects, timing and breakage in play.c. Called by sim.c for every request. */
#include "sim/behaviour.h"

struct behaviour_row {
  const char *name; /* a flag, or with a trailing '-' a name that a number follows */
  size_t at;        /* of the bool or the uint32_t in struct behaviour */
  uint32_t min, max;
  enum behaviour_break break_by;
};

#define SAYS_NOTHING SIZE_MAX /* the default, or something every answer does anyway */
#define FLAG(name, member)                                                                                             \
  { (name), offsetof(struct behaviour, member), 0, 0, BEHAVIOUR_BREAK_NONE }
#define NUMBER(name, member, min, max)                                                                                 \
  { (name), offsetof(struct behaviour, member), (min), (max), BEHAVIOUR_BREAK_NONE }
#define BREAK(name, by)                                                                                                \
  { (name), offsetof(struct behaviour, break_after), 0, 1000000, (by) }

static const struct behaviour_row rows[] = {
    {"text", SAYS_NOTHING, 0, 0, BEHAVIOUR_BREAK_NONE},
    {"image", SAYS_NOTHING, 0, 0, BEHAVIOUR_BREAK_NONE},
    FLAG("tools", tools),
    FLAG("tools2", tools),
    FLAG("thinking", thinking),
    FLAG("redacted", redacted),
    FLAG("json", json),
    FLAG("refuse", refuse),
    FLAG("filter", filter),
    FLAG("cache", cache),
    FLAG("usage-limit", usage_limit),
    FLAG("merge", merge),
    FLAG("hang", hang),
    FLAG("garbage", garbage),
    FLAG("gzip", gzip),
    FLAG("nousage", no_usage),
    FLAG("empty", empty),
    NUMBER("long-", long_words, 1, 1000000),
    NUMBER("slow-", slow_ms, 0, 600000),
    NUMBER("drip-", drip_ms, 0, 600000),
    NUMBER("fail-", fail_status, 400, 599),
    NUMBER("frame-", frame_bytes, 1, 65536),
    BREAK("reset-after-", BEHAVIOUR_BREAK_RESET),
    BREAK("cut-after-", BEHAVIOUR_BREAK_CUT),
    BREAK("half-after-", BEHAVIOUR_BREAK_HALF),
    BREAK("badcrc-after-", BEHAVIOUR_BREAK_DAMAGE),
    BREAK("garbage-after-", BEHAVIOUR_BREAK_GARBAGE),
    BREAK("error-after-", BEHAVIOUR_BREAK_ERROR),
    BREAK("throttle-after-", BEHAVIOUR_BREAK_THROTTLE),
    BREAK("internal-after-", BEHAVIOUR_BREAK_INTERNAL),
    BREAK("invalid-after-", BEHAVIOUR_BREAK_INVALID),
    BREAK("unavailable-after-", BEHAVIOUR_BREAK_UNAVAILABLE),
    BREAK("failed-after-", BEHAVIOUR_BREAK_FAILED),
};

static bool row_applies(const struct behaviour_row *row, struct text name, struct behaviour *out) {
  struct text wanted = text_of(row->name);
  if (row->max == 0) {
    if (!text_equal(wanted, name))
      return false;
    if (row->at != SAYS_NOTHING)
      *(bool *)((char *)out + row->at) = true;
    return true;
  }
  uint64_t number = 0;
  if (!text_starts(name, wanted) || !text_to_u64(text_skip(name, wanted.len), &number))
    return false;
  if (number < row->min || number > row->max)
    return false;
  *(uint32_t *)((char *)out + row->at) = (uint32_t)number;
  if (row->break_by != BEHAVIOUR_BREAK_NONE)
    out->break_by = row->break_by;
  return true;
}

static bool apply_name(struct text name, struct behaviour *out) {
  if (text_starts(name, TEXT("sim-")))
    name = text_skip(name, 4);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (row_applies(&rows[i], name, out))
      return true;
  }
  return false;
}

/* Applies every name; the first one unknown is left in *bad. */
static bool apply_all(struct text names, struct behaviour *out, struct text *bad) {
  while (!text_is_empty(names)) {
    size_t end = 0;
    while (end < names.len && names.at[end] != '+' && names.at[end] != ',')
      end++;
    struct text name = text_trim(text_head(names, end));
    names = text_skip(names, end + 1);
    if (text_is_empty(name) || apply_name(name, out))
      continue;
    *bad = name;
    return false;
  }
  return true;
}

/* At most a region and a vendor stand before the name, joined by dots. */
static struct text without_vendor(struct text name) {
  struct text before, rest = name;
  for (int i = 0; i < 2 && !text_starts(rest, TEXT("sim-")); i++) {
    if (!text_cut(rest, '.', &before, &rest))
      return name;
  }
  return rest;
}

struct text behaviour_name(struct text model) {
  struct text before, name = model, version;
  while (text_cut(name, '/', &before, &version))
    name = version;
  name = without_vendor(name);
  if (text_cut(name, ':', &before, &version))
    name = before;
  ptrdiff_t at = text_find(name, TEXT("-v"));
  uint64_t number;
  if (at > 0 && text_to_u64(text_skip(name, (size_t)at + 2), &number))
    name = text_head(name, (size_t)at);
  return name;
}

struct behaviour behaviour_of_model(struct text model) {
  struct behaviour b = {0};
  model = behaviour_name(model);
  struct text bad = TEXT_NONE;
  if (!text_starts(model, TEXT("sim-")))
    return b;
  if (!apply_all(model, &b, &bad))
    return (struct behaviour){0};
  return b;
}

enum err behaviour_of_header(struct text value, struct behaviour *out, struct fault *f) {
  struct behaviour b = {0};
  struct text bad = TEXT_NONE;
  if (!apply_all(value, &b, &bad)) {
    return fault_set(f, ERR_BAD_REQUEST, "x-sim-behaviour", "x-sim-behaviour: unknown behaviour '%.*s'",
                     TEXT_ARGS(text_head(bad, 64)));
  }
  *out = b;
  return ERR_OK;
}
