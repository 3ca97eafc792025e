/* The audit log as the control API shows it. Rows of routes.c; that its chain holds is checked by `weir audit verify`.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

#include "ports/store_audit.h"

struct filter {
  uint64_t given;
  int64_t since_us, until_us;
  struct text actor, action, subject;
};
static const struct shape_field filter_fields[] = {
    {"since", SHAPE_TIME, 0, SHAPE_AT(filter, since_us), .help = "made at or after it"},
    {"until", SHAPE_TIME, 0, SHAPE_AT(filter, until_us), .help = "made before it"},
    {"actor", SHAPE_TEXT, 0, SHAPE_AT(filter, actor), .min = 1, .max = AUDIT_NAME_MAX, .help = "exactly this"},
    {"action", SHAPE_TEXT, 0, SHAPE_AT(filter, action), .min = 1, .max = AUDIT_NAME_MAX,
     .help = "exactly this, such as `key.block`"},
    {"subject", SHAPE_TEXT, 0, SHAPE_AT(filter, subject), .min = 1, .max = AUDIT_NAME_MAX,
     .help = "exactly this, such as `key:12`"},
};
const struct shape audit_filter_shape = {"AuditFilter", "Which entries.", sizeof(struct filter),
                                         SHAPE_FIELDS(filter_fields)};

struct entry_view {
  uint64_t given;
  int64_t id, at_us, organisation;
  struct text actor, origin, action, subject, before, after, hash;
  bool erased;
};
#define NAME_OF(member, text)                                                                                          \
  { #member, SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(entry_view, member), .max = AUDIT_NAME_MAX, .help = text }
static const struct shape_field fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(entry_view, id), .min = 1, .max = INT64_MAX,
     .help = "1, 2, 3, ... without a gap in the whole log"},
    {"at", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(entry_view, at_us), .help = "when it was made"},
    NAME_OF(actor, "who did it"),
    NAME_OF(origin, "by which way"),
    NAME_OF(action, "what was done"),
    NAME_OF(subject, "to what"),
    {"organisation", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(entry_view, organisation), .max = INT64_MAX,
     .help = "whose it is; null: the first one's, or the installation's"},
    {"before", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(entry_view, before), .max = AUDIT_JSON_MAX,
     .help = "how it was, as JSON"},
    {"after", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(entry_view, after), .max = AUDIT_JSON_MAX,
     .help = "how it is then, as JSON"},
    {"erased", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(entry_view, erased), .help = "something personal was taken out"},
    {"hash", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(entry_view, hash), .min = 64, .max = 64,
     .help = "of this entry and, through it, of all before it"},
};
const struct shape audit_shape = {"AuditEntry", "A change, and who made it.", sizeof(struct entry_view),
                                  SHAPE_FIELDS(fields)};

static struct entry_view view_of(const struct audit_row *r, struct arena *a) {
  char *hash = arena_alloc(a, 2 * AUDIT_HASH_BYTES);
  return (struct entry_view){.id = r->id,
                             .at_us = r->at_us,
                             .actor = r->actor,
                             .origin = r->origin,
                             .action = r->action,
                             .subject = r->subject,
                             .organisation = r->org_id,
                             .before = text_equal(r->before, TEXT("null")) ? TEXT_NONE : r->before,
                             .after = text_equal(r->after, TEXT("null")) ? TEXT_NONE : r->after,
                             .erased = r->is_erased,
                             .hash = {hash, text_hex(r->hash, AUDIT_HASH_BYTES, hash)}};
}

enum err audit_list(struct api_call *c, struct fault *f) {
  const struct filter *q = c->query;
  struct store *s = c->api->store;
  const struct audit_filter ask = {.since_us = q->since_us,
                                   .until_us = q->until_us,
                                   .actor = q->actor,
                                   .action = q->action,
                                   .subject = q->subject,
                                   .org_id = c->org_id,
                                   .before_id = c->cursor.id,
                                   .max = (size_t)c->limit + 1};
  struct audit_row *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->audit->list(s, &ask, c->arena, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  if (count > (size_t)c->limit) {
    count = (size_t)c->limit;
    c->next.id = rows[count - 1].id;
  }
  struct entry_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&rows[i], c->arena);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}
