/* How this process and what it depends on are, as the control API shows it. Row of routes.c; what is checked, and how,
 * is operations.c's. */
#include "control/operations.h"
#include "control/views.h"

struct check_view {
  uint64_t given;
  struct text name, status, state, detail;
};
static const struct shape_field check_fields[] = {
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(check_view, name), .max = 64, .help = "of what it depends on"},
    {"status", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(check_view, status), .choices = "ok|degraded|failing",
     .help = "failing: no call can be served without it"},
    {"state", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(check_view, state), .max = 256, .help = "how it stands, in short"},
    {"detail", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(check_view, detail), .max = 256, .help = "what is wrong"},
};
static const struct shape check_shape = {"HealthCheck", "One thing that the service depends on.",
                                         sizeof(struct check_view), SHAPE_FIELDS(check_fields)};

struct health_view {
  uint64_t given;
  struct text status, version, store;
  int64_t uptime_s;
  struct check_view *checks;
  size_t check_count;
};
static const struct shape_field fields[] = {
    {"status", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(health_view, status), .choices = "ok|degraded|failing|draining",
     .help = "of the whole"},
    {"version", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(health_view, version), .max = 64, .help = "of the program"},
    {"store", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(health_view, store), .max = 32, .help = "the kind of database"},
    {"uptime_s", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(health_view, uptime_s), .max = INT64_MAX,
     .help = "seconds since it started"},
    {"checks", SHAPE_LIST, SHAPE_REQUIRED, SHAPE_ARRAY(health_view, checks, check_count), .of = &check_shape,
     .help = "what it depends on, asked anew"},
};
const struct shape health_shape = {"Health", "How the process that answers is.", sizeof(struct health_view),
                                   SHAPE_FIELDS(fields)};

enum err health_get(struct api_call *c, struct fault *f) {
  struct operations_look *look = ARENA_NEW(c->arena, struct operations_look);
  struct health_view *v = ARENA_NEW(c->arena, struct health_view);
  if (!c->api->operations)
    return fault_set(f, ERR_NOT_FOUND, NULL, "nothing is checked here");
  operations_look(c->api->operations, look);
  *v = (struct health_view){.status = text_of(look->status),
                            .version = TEXT(WEIR_VERSION),
                            .store = text_of(c->api->operations->store_name),
                            .uptime_s = (c->now_us - c->api->operations->started_wall_us) / 1000000,
                            .checks = arena_zalloc(c->arena, (look->count + 1) * sizeof(*v->checks)),
                            .check_count = look->count};
  for (size_t i = 0; i < look->count; i++)
    v->checks[i] = (struct check_view){.name = text_of(look->at[i].name),
                                       .status = text_of(look->at[i].status),
                                       .state = text_of(look->at[i].state),
                                       .detail = text_of(look->at[i].detail)};
  c->answer = v;
  return ERR_OK;
}
