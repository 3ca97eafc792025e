/* JSON on yyjson: a strict reader with limits, places of values in the source text so that a member can be replaced
 * without touching another byte, and a writer into a buf.
 * Refused (RFC 8259 and I-JSON, RFC 7493): bad UTF-8, unpaired surrogate escapes, numbers beyond a double, duplicate
 * member names at any depth, nesting above max_depth, anything after the value, NUL bytes. Each refusal names the byte
 * offset, the duplicate or the depth. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

#include <yyjson.h>

struct json_limits {
  bool lenient;     /* for what we only read along: duplicate names, large numbers and any depth pass */
  bool raw_numbers; /* numbers keep their digits: yyjson raw values, read with json_number; of any size */
  size_t max_depth; /* 0 means 128 */
};

/* A parsed document. The tree lives until json_done; src is the caller's text and must outlive it. */
struct json {
  yyjson_doc *doc;
  yyjson_val *root;
  struct text src;
  char *copy; /* what yyjson parsed in place */
};

/* Parses src. On failure *out is untouched and f says why (ERR_BAD_JSON). Heap memory; free with json_done. Does not
 * wait. */
enum err json_read(struct text src, const struct json_limits *limits, struct json *out, struct fault *f) MUST_CHECK;
void json_done(struct json *j);

/* Members by name; NULL / false when absent or of another type. */
yyjson_val *json_get(yyjson_val *object, const char *name);
bool json_get_text(yyjson_val *object, const char *name, struct text *out);
bool json_get_u64(yyjson_val *object, const char *name, uint64_t *out);
bool json_get_bool(yyjson_val *object, const char *name, bool *out);
struct text json_text(yyjson_val *string); /* empty unless a string */
/* Of a document read with raw_numbers: the digits as they stood in the source; empty unless a number. */
struct text json_number(yyjson_val *number);
/* A whole number from 0 up, written without point and exponent. False otherwise. */
bool json_number_u64(yyjson_val *number, uint64_t *out);
/* The value as JSON text without white space, in the arena; numbers of raw_numbers with their own digits. */
struct text json_value_text(yyjson_val *value, struct arena *a);

/* Where the value of member `name` of the object `object` (root or nested) stands in j->src: the bytes of the value
 * itself, quotes included. False when there is no such member. Works on strings with escapes too. */
bool json_place(const struct json *j, yyjson_val *object, const char *name, struct text *out_value);
/* Where the whole member stands, from the quote of its name to the end of its value. with_comma: and the comma before
 * it, or, where it is the first, the one behind it, so that what is left stays an object when this range is removed.
 * Two members that stand side by side may share a comma: remove one of them, or replace the other. */
bool json_place_member(const struct json *j, yyjson_val *object, const char *name, bool with_comma,
                       struct text *out_member);
/* Just behind the '{' of the object, where a member may be inserted. object must be the root. */
size_t json_insert_at(const struct json *j);

/* Edits: replacements of byte ranges of one source text, applied without copying the rest. */
struct json_edit {
  size_t at, remove; /* remove bytes at offset at ... */
  struct text put;   /* ... and put these there */
};
#define JSON_EDITS_MAX 8
struct json_edits {
  struct json_edit edit[JSON_EDITS_MAX];
  size_t count;
};
/* Adds an edit, kept sorted by offset. ERR_LIMIT past JSON_EDITS_MAX, ERR_BAD_REQUEST on overlap. put must outlive the
 * edits. */
enum err json_edits_add(struct json_edits *e, size_t at, size_t remove, struct text put) MUST_CHECK;
/* Length of src after the edits. */
size_t json_edits_length(const struct json_edits *e, struct text src);
/* The pieces of the edited text in order: at most 2 * JSON_EDITS_MAX + 1, slices of src and of the puts; returns their
 * count. */
size_t json_edits_pieces(const struct json_edits *e, struct text src, struct text *out_pieces);

/* Writing. The writer sets commas itself; names and strings are escaped (control characters, quotes, backslash;
 * bad UTF-8 becomes U+FFFD). Failure is the buf's. */
struct json_writer {
  struct buf *out;
  uint32_t depth;
  uint64_t has_item; /* one bit a level, 63 levels at most */
};
void json_writer_init(struct json_writer *w, struct buf *out);
void json_object(struct json_writer *w); /* opens; inside an object call json_name first */
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_name_text(struct json_writer *w, struct text name);
/* Inline so that the length of a literal is known when compiling. */
static inline void json_name(struct json_writer *w, const char *name) {
  json_name_text(w, (struct text){name, strlen(name)});
}
void json_put_text(struct json_writer *w, struct text t);
void json_put_str(struct json_writer *w, const char *zero_terminated); /* NULL writes null */
void json_put_u64(struct json_writer *w, uint64_t n);
void json_put_i64(struct json_writer *w, int64_t n);
void json_put_bool(struct json_writer *w, bool b);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct text json); /* must be one valid value */
/* name and value in one call, the common case inside objects */
static inline void json_field_text(struct json_writer *w, const char *name, struct text t) {
  json_name(w, name);
  json_put_text(w, t);
}
static inline void json_field_str(struct json_writer *w, const char *name, const char *s) {
  json_name(w, name);
  json_put_str(w, s);
}
static inline void json_field_u64(struct json_writer *w, const char *name, uint64_t n) {
  json_name(w, name);
  json_put_u64(w, n);
}
static inline void json_field_i64(struct json_writer *w, const char *name, int64_t n) {
  json_name(w, name);
  json_put_i64(w, n);
}
static inline void json_field_bool(struct json_writer *w, const char *name, bool b) {
  json_name(w, name);
  json_put_bool(w, b);
}
/* Only the escaped inside of a string, without quotes. */
void json_escape(struct buf *out, struct text t);

#endif
