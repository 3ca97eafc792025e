/* The JSON writer into a buf: commas are its business, escaping too, so that what comes out is valid whatever text goes
 * in. It does not indent and does not check that names are unique. Called by wire, control, telemetry and the log. */
#include "base/json.h"

#define NAMED       (UINT64_C(1) << 63) /* a name was written and its value has not come yet */
#define LEVELS_MOST 63u

void json_writer_init(struct json_writer *w, struct buf *out) { *w = (struct json_writer){.out = out}; }

static void comma(struct json_writer *w) {
  uint64_t level = UINT64_C(1) << w->depth;
  if (w->has_item & level)
    buf_add_char(w->out, ',');
  w->has_item |= level;
}

static void before_value(struct json_writer *w) {
  if (w->has_item & NAMED)
    w->has_item &= ~NAMED;
  else
    comma(w);
}

static void open_level(struct json_writer *w, char c) {
  before_value(w);
  if (w->depth + 1 >= LEVELS_MOST) {
    w->out->failed = true;
    return;
  }
  buf_add_char(w->out, c);
  w->depth++;
  w->has_item &= ~(UINT64_C(1) << w->depth);
}

static void close_level(struct json_writer *w, char c) {
  buf_add_char(w->out, c);
  if (w->depth > 0)
    w->depth--;
}

void json_object(struct json_writer *w) { open_level(w, '{'); }

void json_object_end(struct json_writer *w) { close_level(w, '}'); }

void json_array(struct json_writer *w) { open_level(w, '['); }

void json_array_end(struct json_writer *w) { close_level(w, ']'); }

static bool is_plain(char c) {
  unsigned char u = (unsigned char)c;
  return u >= 0x20 && u < 0x80 && c != '"' && c != '\\';
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* High bits of the bytes of v that are zero; exact for the lowest of them, which is all that is asked. */
static uint64_t zero_bytes(uint64_t v) { return (v - EACH_BYTE) & ~v & (EACH_BYTE << 7); }

/* Nearly all text needs no escape, so eight bytes are looked at together. */
static size_t plain_run(struct text t) {
  size_t n = 0;
  for (; n + 8 <= t.len; n += 8) {
    uint64_t v;
    memcpy(&v, t.at + n, 8);
    uint64_t below_space = (v - EACH_BYTE * 0x20) & ~v & (EACH_BYTE << 7);
    if (below_space | (v & (EACH_BYTE << 7)) | zero_bytes(v ^ (EACH_BYTE * '"')) | zero_bytes(v ^ (EACH_BYTE * '\\')))
      break;
  }
  while (n < t.len && is_plain(t.at[n]))
    n++;
  return n;
}

static void quoted(struct buf *out, struct text t) {
  char *room = plain_run(t) == t.len ? buf_reserve(out, t.len + 2) : NULL;
  if (room != NULL) {
    room[0] = '"';
    if (t.len > 0)
      memcpy(room + 1, t.at, t.len);
    room[t.len + 1] = '"';
    buf_commit(out, t.len + 2);
    return;
  }
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

void json_name_text(struct json_writer *w, struct text name) {
  comma(w);
  quoted(w->out, name);
  buf_add_char(w->out, ':');
  w->has_item |= NAMED;
}

void json_put_text(struct json_writer *w, struct text t) {
  before_value(w);
  quoted(w->out, t);
}

void json_put_str(struct json_writer *w, const char *zero_terminated) {
  if (zero_terminated == NULL)
    json_put_null(w);
  else
    json_put_text(w, text_of(zero_terminated));
}

void json_put_u64(struct json_writer *w, uint64_t n) {
  before_value(w);
  buf_add_u64(w->out, n);
}

void json_put_i64(struct json_writer *w, int64_t n) {
  before_value(w);
  buf_add_i64(w->out, n);
}

void json_put_bool(struct json_writer *w, bool b) { json_put_raw(w, b ? TEXT("true") : TEXT("false")); }

void json_put_null(struct json_writer *w) { json_put_raw(w, TEXT("null")); }

void json_put_raw(struct json_writer *w, struct text json) {
  before_value(w);
  buf_add(w->out, json);
}

static void escape_control(struct buf *out, char c) {
  static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
  const char *found = memchr(from, c, sizeof from - 1);
  if (found == NULL) {
    char hex[2];
    (void)text_hex(&c, 1, hex);
    buf_add(out, TEXT("\\u00"));
    buf_add(out, (struct text){hex, 2});
    return;
  }
  buf_add_char(out, '\\');
  buf_add_char(out, to[found - from]);
}

void json_escape(struct buf *out, struct text t) {
  while (t.len > 0) {
    size_t plain = plain_run(t);
    buf_add(out, text_head(t, plain));
    t = text_skip(t, plain);
    if (t.len == 0)
      return;
    size_t step = 1;
    if ((unsigned char)t.at[0] < 0x80) {
      escape_control(out, t.at[0]);
    } else if ((step = text_utf8_step(t)) > 0) {
      buf_add(out, text_head(t, step));
    } else {
      step = 1;
      buf_add(out, TEXT("\xEF\xBF\xBD"));
    }
    t = text_skip(t, step);
  }
}
