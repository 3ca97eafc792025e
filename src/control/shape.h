/* The shapes of what the control API takes and gives: tables of members, each of a type, with its limits and a place in
 * a struct. From one table a request is checked and read, an answer is written, and the OpenAPI document says what both
 * are, so that none of the three can differ from the others. Pure. */
#ifndef CONTROL_SHAPE_H
#define CONTROL_SHAPE_H

#include "base/json.h"

enum shape_type {
  SHAPE_TEXT,    /* struct text; min..max characters; one of choices, if there are any */
  SHAPE_INTEGER, /* int64_t; min..max */
  SHAPE_BOOL,    /* bool */
  SHAPE_TIME,    /* int64_t, microseconds since 1970; in JSON RFC 3339 in UTC; 0 is null */
  SHAPE_USD,     /* int64_t nano-USD, min..max of them; in JSON a decimal text such as "1.25", because a number of JSON
                    would be rounded on its way */
  SHAPE_TEXTS,   /* struct text * and a count; at most max of them, each 1..256 characters, one of choices if there are
                    any */
  SHAPE_OBJECT,  /* the struct of another shape, in place */
  SHAPE_JSON,    /* struct text, an object of JSON as it is; "" is null */
  SHAPE_LIST,    /* an array of the structs of another shape, and a count: for answers only */
  SHAPE_VALUE    /* struct text, JSON as it is: a text, a number, true or false, or a list; "" is null */
};

enum shape_flag {
  SHAPE_REQUIRED = 1, /* of a request: must be there; of an answer: always is */
  SHAPE_NULLABLE = 2  /* null stands for "", 0 or none */
};

struct shape;
struct shape_field {
  const char *name;
  enum shape_type type;
  unsigned flags;
  size_t offset, count_offset;
  int64_t min, max;
  const char *choices; /* "day|week|month" */
  const struct shape *of;
  const char *help;
  const char *schema; /* of SHAPE_JSON: what it is in the document, such as "ProviderConfig"; NULL: any object */
};

/* The struct of a shape that is read begins with a uint64_t whose bit N says that field N was given. */
struct api_call;
struct shape {
  const char *name; /* as in the document: "Key" */
  const char *help;
  size_t size;
  const struct shape_field *fields;
  size_t count; /* at most 64 */
  /* Of a body: tells what no field can say of itself, of what was given and not refused. api.c calls it when something
   * was refused already, so that all of it is told at once; else the handler does. Runs on the offload pool. NULL. */
  void (*check)(struct api_call *c);
};

#define SHAPE_FIELDS(rows)           .fields = (rows), .count = sizeof(rows) / sizeof((rows)[0])
#define SHAPE_AT(type, member)       .offset = offsetof(struct type, member)
#define SHAPE_ARRAY(type, m, number) .offset = offsetof(struct type, m), .count_offset = offsetof(struct type, number)

/* Everything that is wrong with a request, each with its place. */
#define SHAPE_ERRORS_MAX 32
struct shape_error {
  char place[128]; /* a JSON pointer (RFC 6901) into the body, or the name of a parameter */
  char text[192];
};
struct shape_errors {
  struct shape_error at[SHAPE_ERRORS_MAX];
  size_t count; /* of those kept, */
  size_t more;  /* and of those that are not */
};
void shape_refuse(struct shape_errors *e, const char *place, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Whether something is said of that place already. */
bool shape_is_refused(const struct shape_errors *e, const char *place);

/* Reads an object into *out, which is zeroed first; texts go to the arena. Every member that is unknown, missing, of
 * another type or out of its limits is in *e: it is good when that is empty. */
void shape_read(const struct shape *s, yyjson_val *object, struct arena *a, void *out, struct shape_errors *e);
/* The same from a query string (application/x-www-form-urlencoded): a list is given by repeating its name. Shapes of
 * queries hold no objects. */
void shape_read_query(const struct shape *s, struct text query, struct arena *a, void *out, struct shape_errors *e);
/* Whether field number n was given. */
bool shape_has(const void *read, size_t n);
/* An object with every field. */
void shape_write(const struct shape *s, const void *from, struct json_writer *w);

/* RFC 3339 in UTC, to the microsecond: "2026-11-30T12:00:00.000001Z". */
#define SHAPE_TIME_BYTES 40
size_t shape_format_time(int64_t us, char out[SHAPE_TIME_BYTES]);
/* "12.5": as many digits behind the point as it needs. */
#define SHAPE_USD_BYTES 32
size_t shape_format_usd(int64_t nano, char out[SHAPE_USD_BYTES]);

#endif
