/* Replies of Redis out of bytes, commands into bytes. A reply is scanned as its bytes come, no byte twice but the head
 * of a value that is not complete yet; everything that can be wrong with it is found there. Once it is whole it is
 * built: values in an arena, texts as slices of the buffer. Called by resp_client.c. */
#include "net/resp.h"

#include "net/stream.h"

/* What a value's first line says. */
struct head {
  char type;
  struct text line; /* behind the type */
  int64_t number;   /* of types whose line is one */
  size_t end;       /* of the line, its CR LF included */
};

static bool is_aggregate(char type) { return type == '*' || type == '~' || type == '%' || type == '>'; }
static bool is_bulk(char type) { return type == '$' || type == '!' || type == '='; }

void resp_reader_init(struct resp_reader *r, const struct resp_limits *limits) {
  *r = (struct resp_reader){.limits = *limits};
  buf_init(&r->in, limits->bytes + STREAM_SCRATCH_BYTES);
  arena_init(&r->arena);
}

void resp_reader_done(struct resp_reader *r) {
  buf_done(&r->in);
  arena_done(&r->arena);
}

void resp_reader_feed(struct resp_reader *r, struct text bytes) {
  buf_consume(&r->in, r->start);
  r->at -= r->start;
  r->searched = r->searched > r->start ? r->searched - r->start : 0;
  r->start = 0;
  buf_add(&r->in, bytes);
}

static enum err broken(struct resp_reader *r, struct fault *f, const char *what) {
  r->failed = ERR_PROTOCOL;
  return fault_set(f, r->failed, NULL, "this is not an answer of Redis: %s", what);
}

static enum err too_much(struct resp_reader *r, struct fault *f, const char *what) {
  r->failed = ERR_LIMIT;
  return fault_set(f, r->failed, NULL, "an answer of Redis %s", what);
}

static bool to_number(struct text t, int64_t *out) {
  return text_to_i64(text_starts(t, TEXT("+")) ? text_skip(t, 1) : t, out);
}

/* False: the type is unknown or its line is wrong. The line is there. */
static bool read_line(char type, struct text line, int64_t *out_number) {
  switch (type) {
  case '+':
  case '-': return true;
  case ':': return to_number(line, out_number);
  case '(':
  case ',': return line.len > 0;
  case '_': return line.len == 0;
  case '#': return text_equal(line, TEXT("t")) || text_equal(line, TEXT("f"));
  case '$':
  case '*': return text_to_i64(line, out_number) && *out_number >= -1;
  case '!':
  case '=':
  case '~':
  case '%':
  case '>': return text_to_i64(line, out_number) && *out_number >= 0;
  default: return false;
  }
}

/* ERR_AGAIN, or ERR_PROTOCOL with out->end behind what is wrong. from: no end of a line before it. */
static enum err read_head(struct text in, size_t at, size_t from, struct head *out) {
  *out = (struct head){.end = at + 1};
  if (in.len <= at)
    return ERR_AGAIN;
  if (in.at[at] == '\0' || strchr("+-:$*_#,(!=~%>", in.at[at]) == NULL)
    return ERR_PROTOCOL;
  from = from > at ? from : at + 1;
  ptrdiff_t cr = text_find(text_skip(in, from), TEXT("\r\n"));
  if (cr < 0)
    return ERR_AGAIN;
  size_t end = from + (size_t)cr;
  *out = (struct head){.type = in.at[at], .end = end + 2};
  out->line = text_head(text_skip(in, at + 1), end - at - 1);
  return read_line(out->type, out->line, &out->number) ? ERR_OK : ERR_PROTOCOL;
}

static enum err check_bulk(struct resp_reader *r, const struct head *h, struct fault *f) {
  size_t n = (size_t)h->number;
  if (n > r->limits.bytes || h->end + n + 2 - r->start > r->limits.bytes)
    return too_much(r, f, "is too long");
  if (r->in.len < h->end + n + 2)
    return ERR_AGAIN;
  if (memcmp(r->in.at + h->end + n, "\r\n", 2) != 0 || (h->type == '=' && (n < 4 || r->in.at[h->end + 3] != ':')))
    return broken(r, f, "a text has another length than it says");
  r->at = h->end + n + 2;
  return ERR_OK;
}

/* Opens a level for what the value holds. */
static enum err check_aggregate(struct resp_reader *r, const struct head *h, struct fault *f) {
  if (h->type == '>' && r->depth > 0)
    return broken(r, f, "a push within a value");
  if ((uint64_t)h->number > r->limits.values)
    return too_much(r, f, "holds too many values");
  size_t n = (size_t)h->number * (h->type == '%' ? 2 : 1);
  if (r->values + n > r->limits.values)
    return too_much(r, f, "holds too many values");
  r->at = h->end;
  if (n == 0)
    return ERR_OK;
  if (r->depth == RESP_DEPTH_MAX)
    return too_much(r, f, "nests too deeply");
  r->values += n;
  r->left[++r->depth] = n;
  return ERR_OK;
}

/* One value, or the head of one that holds others. *out_opened: it does. */
static enum err scan_one(struct resp_reader *r, bool *out_opened, struct fault *f) {
  struct head h;
  unsigned depth = r->depth;
  enum err e = read_head(buf_text(&r->in), r->at, r->searched, &h);
  if (e == ERR_AGAIN) {
    r->searched = r->in.len > r->at ? r->in.len - 1 : r->at; /* the last byte may be the CR */
    return r->in.len - r->start > r->limits.bytes ? too_much(r, f, "is too long") : ERR_AGAIN;
  }
  if (h.end - r->start > r->limits.bytes)
    return too_much(r, f, "is too long");
  if (e != ERR_OK)
    return broken(r, f, "a value that cannot be read");
  if (is_bulk(h.type) && h.number >= 0)
    e = check_bulk(r, &h, f);
  else if (is_aggregate(h.type) && h.number >= 0)
    e = check_aggregate(r, &h, f);
  else
    r->at = h.end;
  *out_opened = r->depth > depth;
  return e;
}

/* ERR_OK: a whole reply stands in [start, at). */
static enum err scan(struct resp_reader *r, struct fault *f) {
  for (;;) {
    bool opened = false;
    enum err e = scan_one(r, &opened, f);
    if (e != ERR_OK)
      return e;
    if (opened)
      continue;
    while (r->depth > 0 && --r->left[r->depth] == 0)
      r->depth--;
    if (r->depth == 0)
      return ERR_OK;
  }
}

static void build_plain(const struct head *h, struct resp_value *out) {
  switch (h->type) {
  case '-': *out = (struct resp_value){.kind = RESP_ERROR, .text = h->line}; break;
  case ':': *out = (struct resp_value){.kind = RESP_INTEGER, .integer = h->number}; break;
  case '#': *out = (struct resp_value){.kind = RESP_INTEGER, .integer = text_equal(h->line, TEXT("t"))}; break;
  case '+':
  case ',':
  case '(': *out = (struct resp_value){.kind = RESP_TEXT, .text = h->line}; break;
  default: *out = (struct resp_value){.kind = RESP_NULL}; /* '_', and a length of -1 */
  }
}

/* Of bytes that scan has found right. Returns where the value ends. */
static size_t build(struct text in, size_t at, struct arena *a, struct resp_value *out) {
  struct head h = {0};
  enum err read = read_head(in, at, 0, &h);
  if (read != ERR_OK)
    abort();
  if (is_bulk(h.type) && h.number >= 0) {
    struct text t = text_head(text_skip(in, h.end), (size_t)h.number);
    *out = (struct resp_value){.kind = h.type == '!' ? RESP_ERROR : RESP_TEXT,
                               .text = text_skip(t, h.type == '=' ? 4 : 0)};
    return h.end + t.len + 2;
  }
  if (!is_aggregate(h.type) || h.number < 0) {
    build_plain(&h, out);
    return h.end;
  }
  size_t count = (size_t)h.number * (h.type == '%' ? 2 : 1), end = h.end;
  struct resp_value *items = arena_alloc(a, count * sizeof(*items));
  for (size_t i = 0; i < count; i++)
    end = build(in, end, a, &items[i]);
  *out = (struct resp_value){.kind = h.type == '>' ? RESP_PUSH : RESP_LIST, .items = items, .count = count};
  return end;
}

enum err resp_reader_next(struct resp_reader *r, const struct resp_value **out, struct fault *f) {
  if (r->failed != ERR_OK)
    return fault_set(f, r->failed, NULL, "the answers of Redis could not be read");
  if (r->in.failed)
    return too_much(r, f, "is too long");
  enum err e = scan(r, f);
  if (e != ERR_OK)
    return e;
  arena_done(&r->arena);
  arena_init(&r->arena);
  struct resp_value *v = arena_alloc(&r->arena, sizeof(*v));
  (void)build(buf_text(&r->in), r->start, &r->arena, v);
  r->start = r->at;
  r->values = 0;
  *out = v;
  return ERR_OK;
}

void resp_write(struct buf *out, const struct text *arguments, size_t count) {
  buf_add_format(out, "*%zu\r\n", count);
  for (size_t i = 0; i < count; i++) {
    buf_add_format(out, "$%zu\r\n", arguments[i].len);
    buf_add(out, arguments[i]);
    buf_add(out, TEXT("\r\n"));
  }
}

static void copy_into(const struct resp_value *v, struct arena *a, struct resp_value *out) {
  *out = (struct resp_value){.kind = v->kind, .integer = v->integer, .count = v->count};
  out->text = v->text.len > 0 ? arena_copy(a, v->text) : TEXT_NONE;
  if (v->count == 0)
    return;
  struct resp_value *items = arena_alloc(a, v->count * sizeof(*items));
  for (size_t i = 0; i < v->count; i++)
    copy_into(&v->items[i], a, &items[i]);
  out->items = items;
}

const struct resp_value *resp_copy(const struct resp_value *v, struct arena *a) {
  struct resp_value *copy = arena_alloc(a, sizeof(*copy));
  copy_into(v, a, copy);
  return copy;
}

bool resp_is_text(const struct resp_value *v, struct text expected) {
  return v && v->kind == RESP_TEXT && text_equal(v->text, expected);
}

bool resp_is_list(const struct resp_value *v, size_t count) { return v && v->kind == RESP_LIST && v->count == count; }
