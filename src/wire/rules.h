/* Objects of a request read by a table of their members, so that nothing is passed over: a member without a row is
 * refused by its name, a value of the wrong type is an error that names its place. A member that is null counts as
 * absent. For the readers of all dialects. Pure. */
#ifndef WIRE_RULES_H
#define WIRE_RULES_H

#include "base/json.h"
#include "llm/request.h"

/* What every row is given. */
struct rules {
  struct llm_request *rq;
  struct fault *f;
  void *dialect; /* the reader's own state */
};

/* One member of an object: at is the object's place. */
struct rule_member {
  const struct llm_place *at;
  const char *name;
  yyjson_val *value; /* never null */
};

/* to: the row's offset inside what rules_read fills. */
struct rule {
  const char *name;
  enum err (*read)(struct rules *r, const struct rule_member *m, void *to);
  size_t offset;
};

/* Every member of object, which must be one: else ERR_BAD_REQUEST names at. ERR_UNSUPPORTED for members without a
 * row. */
enum err rules_read(struct rules *r, yyjson_val *object, const struct llm_place *at, const struct rule *rows,
                    size_t count, void *into) MUST_CHECK;
/* The same for the object that is a member's value; its place is the member. */
enum err rules_read_member(struct rules *r, const struct rule_member *m, const struct rule *rows, size_t count,
                           void *into) MUST_CHECK;

/* Rows for common members. */
enum err rule_text(struct rules *r, const struct rule_member *m, void *to);       /* struct text: a string */
enum err rule_word(struct rules *r, const struct rule_member *m, void *to);       /* struct text: not empty */
enum err rule_flag(struct rules *r, const struct rule_member *m, void *to);       /* enum llm_flag: a boolean */
enum err rule_bool(struct rules *r, const struct rule_member *m, void *to);       /* bool */
enum err rule_number(struct rules *r, const struct rule_member *m, void *to);     /* struct text: its digits */
enum err rule_count(struct rules *r, const struct rule_member *m, void *to);      /* uint64_t: whole and above 0 */
enum err rule_raw_object(struct rules *r, const struct rule_member *m, void *to); /* struct text: an object's JSON */
enum err rule_value(struct rules *r, const struct rule_member *m, void *to);      /* yyjson_val *: whatever it is */
enum err rule_refused(struct rules *r, const struct rule_member *m, void *to);    /* has no counterpart anywhere */

/* Refusal and error at a member. */
enum err rule_refuse(struct rules *r, const struct rule_member *m, const char *why) MUST_CHECK;
enum err rule_bad(struct rules *r, const struct rule_member *m, const char *why) MUST_CHECK;

#define RULES(rows) (rows), sizeof(rows) / sizeof((rows)[0])

#endif
