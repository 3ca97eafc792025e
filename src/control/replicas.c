/* The processes that share the database, as the control API shows them. Row of routes.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

#include "fiber/loop.h"
#include "ports/store_replicas.h"

struct replica_view {
  uint64_t given;
  struct text boot, name, version;
  int64_t seat, started_us, seen_us;
};
static const struct shape_field fields[] = {
    {"boot", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(replica_view, boot), .min = 16, .max = 16,
     .help = "a random number that the process gave itself, in hexadecimal digits"},
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(replica_view, name), .max = 256, .help = "where it runs"},
    {"version", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(replica_view, version), .max = 64, .help = "of the program"},
    {"seat", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(replica_view, seat), .max = STORE_SEATS_MAX - 1,
     .help = "its number in the ids of the ledger"},
    {"started", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(replica_view, started_us), .help = "when it took its seat"},
    {"seen", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(replica_view, seen_us), .help = "when it last said that it lives"},
};
const struct shape replica_shape = {"Replica", "A process that works on the shared database.",
                                    sizeof(struct replica_view), SHAPE_FIELDS(fields)};

enum err replicas_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_replica *all = NULL;
  size_t count = 0, n = 0;
  enum err e = s->ops->replicas->list(s, c->arena, &all, &count, f);
  if (e != ERR_OK)
    return e;
  struct replica_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++) {
    if (c->cursor.id > 0 && (int64_t)all[i].seat < c->cursor.id)
      continue;
    if (n == (size_t)c->limit) {
      c->next.id = all[i].seat;
      break;
    }
    views[n++] = (struct replica_view){.boot = arena_format(c->arena, "%016llx", (unsigned long long)all[i].boot),
                                       .name = all[i].name,
                                       .version = all[i].version,
                                       .seat = all[i].seat,
                                       .started_us = all[i].started_us,
                                       .seen_us = loop_wall_us() - all[i].age_us};
  }
  c->answer = views;
  c->answer_count = n;
  return ERR_OK;
}
