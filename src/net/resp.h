/* RESP, the language of Redis, in both of its versions (Redis documentation, "Redis serialization protocol
 * specification"): replies out of bytes as they arrive, and commands into bytes. Pure. Ours and not hiredis' because
 * that of Debian 12 knows no version 3 and none has limits on what a reply may hold. */
#ifndef NET_RESP_H
#define NET_RESP_H

#include "base/arena.h"
#include "base/buf.h"

#define RESP_DEPTH_MAX 8

enum resp_kind {
  RESP_NULL,
  RESP_TEXT,    /* simple and bulk strings; verbatim ones without their format, doubles and big numbers as written */
  RESP_ERROR,   /* text: "WRONGTYPE Operation against ..." */
  RESP_INTEGER, /* also true (1) and false (0) */
  RESP_LIST,    /* arrays and sets; of a map, names and values in turn */
  RESP_PUSH     /* a list that answers no command; never inside another value */
};
struct resp_value {
  enum resp_kind kind;
  struct text text;
  int64_t integer;
  const struct resp_value *items;
  size_t count;
};

/* Of one reply: its bytes, and its values, those inside others included. Both above 0. */
struct resp_limits {
  size_t bytes, values;
};

struct resp_reader {
  struct resp_limits limits;
  struct buf in;
  size_t start;    /* the reply under way begins here */
  size_t at;       /* its next value begins here */
  size_t searched; /* there is no end of a line before this */
  size_t left[RESP_DEPTH_MAX + 1];
  unsigned depth;
  size_t values;
  struct arena arena; /* of the reply handed out last */
  enum err failed;
};

void resp_reader_init(struct resp_reader *r, const struct resp_limits *limits);
void resp_reader_done(struct resp_reader *r);
/* Adds what has arrived, at most 64 KiB at a time, after resp_reader_next has said ERR_AGAIN. Ends the life of the
 * value it gave before. */
void resp_reader_feed(struct resp_reader *r, struct text bytes);
/* The next whole reply; it lives until the next call of a function here. ERR_AGAIN: more bytes are needed. ERR_LIMIT: a
 * reply is too large or nests deeper than RESP_DEPTH_MAX. ERR_PROTOCOL: this is not RESP. f says which; after either,
 * there is nothing more to read. Attributes and streamed values, which Redis has never sent, are not spoken. */
enum err resp_reader_next(struct resp_reader *r, const struct resp_value **out, struct fault *f) MUST_CHECK;

/* Adds one command; arguments may hold any bytes. */
void resp_write(struct buf *out, const struct text *arguments, size_t count);

/* A copy that lives as long as the arena. */
const struct resp_value *resp_copy(const struct resp_value *v, struct arena *a);

/* Is v a text or a list with so many members? NULL is neither. */
bool resp_is_text(const struct resp_value *v, struct text expected);
bool resp_is_list(const struct resp_value *v, size_t count);

#endif
