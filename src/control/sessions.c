/* Sessions of everybody, for those who look after people: which there are, and ending one. Rows of routes.c; one's own
 * are me.c's. */
#include "control/people_view.h"

#include "ports/store_signin.h"

struct filter {
  uint64_t given;
  int64_t user;
};
static const struct shape_field filter_fields[] = {
    {"user", SHAPE_INTEGER, 0, SHAPE_AT(filter, user), .min = 1, .max = INT64_MAX, .help = "of this user alone"},
};
const struct shape session_filter_shape = {"SessionFilter", "Which sessions.", sizeof(struct filter),
                                           SHAPE_FIELDS(filter_fields)};

struct session_view {
  uint64_t given;
  int64_t id, user_id, organisation, created_us, used_us, expires_us;
  bool is_current;
  struct text way, address, agent;
};
#define TEXT_OF(member, text)                                                                                          \
  { #member, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(session_view, member), .max = SIGNIN_AGENT_MAX, .help = text }
#define ID_OF(name, member, text)                                                                                      \
  { name, SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(session_view, member), .min = 1, .max = INT64_MAX, .help = text }
static const struct shape_field fields[] = {
    ID_OF("id", id, "its number"),
    ID_OF("user", user_id, "who is signed in"),
    ID_OF("organisation", organisation, "theirs"),
    {"current", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(session_view, is_current), .help = "the one of this request"},
    TEXT_OF(way, "how they came in"),
    TEXT_OF(address, "from where"),
    TEXT_OF(agent, "the browser's word"),
    {"created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(session_view, created_us), .help = "when it began"},
    {"used", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(session_view, used_us), .help = "to some minutes"},
    {"expires", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(session_view, expires_us), .help = "when it is over in any case"},
};
const struct shape session_shape = {"UserSession", "A browser in which somebody is signed in.",
                                    sizeof(struct session_view), SHAPE_FIELDS(fields)};

static struct session_view view_of(const struct api_call *c, const struct signin_session *s) {
  return (struct session_view){.id = s->id,
                               .user_id = s->user_id,
                               .organisation = s->org_id,
                               .created_us = s->created_us,
                               .used_us = s->rotated_us,
                               .expires_us = s->expires_us,
                               .is_current = s->id == c->caller->session_id,
                               .way = s->way,
                               .address = s->address,
                               .agent = s->agent};
}

enum err sessions_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  const struct signin_session_filter ask = {.org_id = c->org_id,
                                            .user_id = ((const struct filter *)c->query)->user,
                                            .before_id = c->cursor.id,
                                            .now_us = c->now_us,
                                            .max = c->limit + 1};
  struct signin_session *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->signin->session_page(s, &ask, c->arena, &rows, &count, f);
  if (e != ERR_OK)
    return e;
  if (count > (size_t)c->limit) {
    count = (size_t)c->limit;
    c->next.id = rows[count - 1].id;
  }
  struct session_view *views = arena_zalloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(c, &rows[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

/* One of another organisation, and one that is over, is not there. */
enum err sessions_end(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct signin_session found;
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = s->ops->signin->session_get(s, id, c->arena, &found, f);
  if (e == ERR_OK && c->org_id != 0 && found.org_id != c->org_id)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no session %lld", (long long)id);
  if (e == ERR_OK)
    e = people_covers_other(c, found.user_id, f);
  return e == ERR_OK ? s->ops->signin->session_end(s, found.user_id, id, "revoked", c->now_us, &c->by, f) : e;
}
