/* The document that describes the control API: paths from the table, schemas (JSON Schema 2020-12) from the shapes that
 * routes name, each once. Nothing in it is written by hand but the sentences that are about all of it. Called by
 * api.c and `weir openapi`. */
#include "control/openapi.h"

#include "control/api.h"
#include "control/auth.h"
#include "control/reading.h"

#define SHAPES_MAX 128

struct shapes {
  const struct shape *at[SHAPES_MAX];
  size_t count;
};

/* With what it is made of. */
static void collect(struct shapes *all, const struct shape *s) {
  if (!s)
    return;
  for (size_t i = 0; i < all->count; i++) {
    if (all->at[i] == s)
      return;
  }
  if (all->count < SHAPES_MAX)
    all->at[all->count++] = s;
  for (size_t i = 0; i < s->count; i++)
    collect(all, s->fields[i].of);
}

static void put_named_ref(struct json_writer *w, const char *name) {
  char ref[128];
  snprintf(ref, sizeof(ref), "#/components/schemas/%s", name);
  json_field_str(w, "$ref", ref);
}

/* NULL: problem details. */
static void put_ref(struct json_writer *w, const struct shape *s) { put_named_ref(w, s ? s->name : "Problem"); }

static void put_type(struct json_writer *w, const char *type, bool nullable) {
  json_name(w, "type");
  if (!nullable) {
    json_put_str(w, type);
    return;
  }
  json_array(w);
  json_put_str(w, type);
  json_put_str(w, "null");
  json_array_end(w);
}

static void put_choices(struct json_writer *w, const char *choices, bool nullable) {
  struct text list = text_of(choices), one;
  json_name(w, "enum");
  json_array(w);
  while (list.len > 0) {
    if (!text_cut(list, '|', &one, &list)) {
      one = list;
      list = TEXT_NONE;
    }
    json_put_text(w, one);
  }
  if (nullable)
    json_put_null(w);
  json_array_end(w);
}

static void put_text(struct json_writer *w, const struct shape_field *f, bool nullable) {
  put_type(w, "string", nullable);
  if (f->choices) {
    put_choices(w, f->choices, nullable);
    return;
  }
  if (f->min > 0)
    json_field_i64(w, "minLength", f->min);
  json_field_i64(w, "maxLength", f->max);
}

static void put_integer(struct json_writer *w, const struct shape_field *f, bool nullable) {
  put_type(w, "integer", nullable);
  json_field_str(w, "format", "int64");
  if (f->min != INT64_MIN && !(nullable && f->min > 0))
    json_field_i64(w, "minimum", f->min);
  if (f->max != INT64_MAX)
    json_field_i64(w, "maximum", f->max);
}

static void put_schema(struct json_writer *w, const struct shape_field *f);

static void put_any_value(struct json_writer *w, bool nullable) {
  json_name(w, "type");
  json_put_raw(w, nullable ? TEXT("[\"string\",\"number\",\"boolean\",\"array\",\"null\"]")
                           : TEXT("[\"string\",\"number\",\"boolean\",\"array\"]"));
  json_name(w, "items");
  json_put_raw(w, TEXT("{\"type\":\"string\"}"));
}

static void put_members(struct json_writer *w, const struct shape_field *f) {
  bool nullable = (f->flags & SHAPE_NULLABLE) != 0;
  switch (f->type) {
  case SHAPE_TEXT: put_text(w, f, nullable); return;
  case SHAPE_INTEGER: put_integer(w, f, nullable); return;
  case SHAPE_BOOL: put_type(w, "boolean", false); return;
  case SHAPE_TIME:
    put_type(w, "string", nullable);
    json_field_str(w, "format", "date-time");
    return;
  case SHAPE_USD:
    put_type(w, "string", nullable);
    json_field_str(w, "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?$");
    return;
  case SHAPE_TEXTS:
    put_type(w, "array", nullable);
    json_field_i64(w, "maxItems", f->max);
    json_name(w, "items");
    put_schema(w, &(struct shape_field){.type = SHAPE_TEXT, .min = 1, .max = 256, .choices = f->choices});
    return;
  case SHAPE_OBJECT: put_ref(w, f->of); return;
  case SHAPE_JSON:
    if (f->schema) {
      put_named_ref(w, f->schema);
      return;
    }
    put_type(w, "object", true);
    json_field_bool(w, "additionalProperties", true);
    return;
  case SHAPE_VALUE: put_any_value(w, nullable); return;
  case SHAPE_LIST:
    put_type(w, "array", false);
    json_name(w, "items");
    json_object(w);
    put_ref(w, f->of);
    json_object_end(w);
  }
}

static void put_schema(struct json_writer *w, const struct shape_field *f) {
  json_object(w);
  put_members(w, f);
  if (f->help)
    json_field_str(w, "description", f->help);
  json_object_end(w);
}

static void put_shape(struct json_writer *w, const struct shape *s, bool is_answer) {
  json_object(w);
  json_field_str(w, "type", "object");
  json_field_str(w, "description", s->help);
  json_name(w, "properties");
  json_object(w);
  for (size_t i = 0; i < s->count; i++) {
    json_name(w, s->fields[i].name);
    put_schema(w, &s->fields[i]);
  }
  json_object_end(w);
  json_name(w, "required");
  json_array(w);
  for (size_t i = 0; i < s->count; i++) {
    if (is_answer || (s->fields[i].flags & SHAPE_REQUIRED))
      json_put_str(w, s->fields[i].name);
  }
  json_array_end(w);
  json_field_bool(w, "additionalProperties", false);
  json_object_end(w);
}

static void put_parameters(struct json_writer *w, const struct shape *s) {
  for (size_t i = 0; s && i < s->count; i++) {
    const struct shape_field *f = &s->fields[i];
    json_object(w);
    json_field_str(w, "name", f->name);
    json_field_str(w, "in", "query");
    json_field_bool(w, "required", (f->flags & SHAPE_REQUIRED) != 0);
    json_field_str(w, "description", f->help);
    json_name(w, "schema");
    put_schema(w, &(struct shape_field){.type = f->type, .min = f->min, .max = f->max, .choices = f->choices});
    json_object_end(w);
  }
}

static void put_path_parameters(struct json_writer *w, const char *path) {
  struct text rest = text_of(path), name;
  while (text_cut(rest, '{', &name, &rest) && text_cut(rest, '}', &name, &rest)) {
    json_object(w);
    json_field_text(w, "name", name);
    json_field_str(w, "in", "path");
    json_field_bool(w, "required", true);
    json_name(w, "schema");
    json_object(w);
    json_field_str(w, "type", "string");
    json_object_end(w);
    json_object_end(w);
  }
}

static void put_content(struct json_writer *w, const char *media, const struct api_route *r,
                        const struct shape *schema) {
  json_name(w, "content");
  json_object(w);
  json_name(w, media);
  json_object(w);
  json_name(w, "schema");
  json_object(w);
  if (r && (r->kind == API_LIST || r->kind == API_WHOLE)) {
    json_field_str(w, "type", "object");
    json_name(w, "properties");
    json_object(w);
    json_name(w, "data");
    put_schema(w, &(struct shape_field){.type = SHAPE_LIST, .of = r->answer});
    if (r->kind == API_LIST) {
      json_name(w, "next");
      put_schema(w, &(struct shape_field){.type = SHAPE_TEXT,
                                          .flags = SHAPE_NULLABLE,
                                          .max = READING_CURSOR_BYTES,
                                          .help = "`cursor` of the next page; null: this was the last"});
    }
    json_object_end(w);
    json_name(w, "required");
    json_put_raw(w, r->kind == API_LIST ? TEXT("[\"data\",\"next\"]") : TEXT("[\"data\"]"));
  } else {
    put_ref(w, schema);
  }
  json_object_end(w);
  json_object_end(w);
  json_object_end(w);
}

static bool is_change(const struct api_route *r) { return strcmp(r->method, "GET") != 0; }
static bool is_post(const struct api_route *r) { return strcmp(r->method, "POST") == 0; }

static void put_header(struct json_writer *w, const char *name, const char *help) {
  json_name(w, name);
  json_object(w);
  json_field_str(w, "description", help);
  json_name(w, "schema");
  json_put_raw(w, TEXT("{\"type\":\"string\"}"));
  json_object_end(w);
}

/* Whether the answer has a version: also of what was made below the path. */
static bool gives_version(const struct api_route *r) {
  char below[128];
  snprintf(below, sizeof(below), "%s/{id}", r->path);
  return r->kind == API_ONE && (api_has_versions(r->path) || api_has_versions(below));
}

static void put_good_headers(struct json_writer *w, const struct api_route *r) {
  bool is_one = gives_version(r);
  if (!is_one && !is_post(r))
    return;
  json_name(w, "headers");
  json_object(w);
  if (is_one)
    put_header(w, "ETag",
               strcmp(r->path, "/api/v1/settings/{key}") == 0
                   ? "its version, for If-Match and If-None-Match, where the store has a value of it"
                   : "its version, for If-Match and If-None-Match; a weak one, for If-None-Match alone, of what is not "
                     "changed here");
  if (r->status == 201)
    put_header(w, "Location", "where it is");
  if (is_post(r))
    put_header(w, "Idempotent-Replayed", "`true`: the answer to an earlier request with this Idempotency-Key");
  json_object_end(w);
}

static void put_problem_response(struct json_writer *w, const char *status, const char *what) {
  json_name(w, status);
  json_object(w);
  json_field_str(w, "description", what);
  put_content(w, "application/problem+json", NULL, NULL);
  json_object_end(w);
}

static void put_problems(struct json_writer *w, const struct api_route *r) {
  put_problem_response(w, "400", "not a request that can be read");
  put_problem_response(w, "401", "nobody that is known calls");
  put_problem_response(w, "403", "the caller lacks the permission that is named");
  put_problem_response(w, "404", "it is not there, or not the caller's to see");
  if (is_change(r))
    put_problem_response(w, "409", "it cannot be as things are, such as a name that is taken");
  if (is_change(r) && api_has_versions(r->path))
    put_problem_response(w, "412", "it was changed meanwhile: its version is not that of If-Match");
  put_problem_response(w, "422", "parts of the request are not valid: `errors` names every one");
  put_problem_response(w, "429", "too many requests: Retry-After says when the next may come");
  put_problem_response(w, "default", "what is wrong, as problem details (RFC 9457)");
}

#define STREAM_HELP                                                                                                    \
  "events `request` (its data is this, its id a place to go on from), `dropped` (data {\"count\":N}: so many went "    \
  "unsent before the next, because the reader was slow), `gap` (what came between the id that was given and the "      \
  "next is more than could be sent) and, last, `end` (data {\"reason\":...}); a comment every 15 seconds"

/* What comes in place of, or beside, a stream of events. */
static void put_stream_responses(struct json_writer *w) {
  json_name(w, "101");
  json_put_raw(w, TEXT("{\"description\":\"a WebSocket: each message is an object with `event`, `id` and `data`\"}"));
  put_problem_response(w, "426", "a WebSocket of another version than 13");
  put_problem_response(w, "503", "as many listen already as can: Retry-After says when to try again");
}

static void put_responses(struct json_writer *w, const struct api_route *r) {
  char status[8];
  snprintf(status, sizeof(status), "%d", r->status);
  json_name(w, "responses");
  json_object(w);
  json_name(w, status);
  json_object(w);
  json_field_str(w, "description", r->kind == API_STREAM ? STREAM_HELP : "good");
  put_good_headers(w, r);
  if (r->kind == API_STREAM)
    put_content(w, "text/event-stream", r, r->answer);
  else if (r->kind != API_NOTHING)
    put_content(w, "application/json", r, r->answer);
  json_object_end(w);
  if (r->kind == API_STREAM)
    put_stream_responses(w);
  if (r->instead) {
    json_name(w, "200");
    json_object(w);
    json_field_str(w, "description", "good, and something is left to do");
    put_content(w, "application/json", NULL, r->instead);
    json_object_end(w);
  }
  if (!is_change(r) && gives_version(r)) {
    json_name(w, "304");
    json_put_raw(w, TEXT("{\"description\":\"it is as If-None-Match says\"}"));
  }
  put_problems(w, r);
  json_object_end(w);
}

static void put_header_parameter(struct json_writer *w, const char *name, const char *help) {
  json_object(w);
  json_field_str(w, "name", name);
  json_field_str(w, "in", "header");
  json_field_bool(w, "required", false);
  json_field_str(w, "description", help);
  json_name(w, "schema");
  json_put_raw(w, TEXT("{\"type\":\"string\",\"maxLength\":255}"));
  json_object_end(w);
}

/* The pages of signing in, which nobody has to be known for. */
static bool is_open(const struct api_route *r) { return auth_owns(text_of(r->path)); }

static void put_header_parameters(struct json_writer *w, const struct api_route *r) {
  if (is_open(r))
    return;
  if (is_change(r) && api_has_versions(r->path))
    put_header_parameter(w, "If-Match", "the version that is to be changed, as its ETag says, a list of them, or `*`");
  if (!is_change(r) && gives_version(r))
    put_header_parameter(w, "If-None-Match", "a version that is known: 304 when it is still that");
  if (r->kind == API_STREAM)
    put_header_parameter(w, "Last-Event-ID", "the id of the last event that came: goes on behind it, like `after`");
  if (is_post(r))
    put_header_parameter(w, "Idempotency-Key",
                         "a word of the caller's own: the same request sent again with it within a day gets the same "
                         "answer, and nothing is done twice");
}

/* Whether it may be left out: nothing in it must be given. */
static bool is_optional(const struct shape *s) {
  for (size_t i = 0; i < s->count; i++) {
    if (s->fields[i].flags & SHAPE_REQUIRED)
      return false;
  }
  return true;
}

static void put_operation(struct json_writer *w, const struct api_route *r) {
  struct buf name;
  buf_init(&name, 64);
  for (const char *at = r->method; *at; at++)
    buf_add_char(&name, (char)(*at | 0x20));
  json_name_text(w, buf_text(&name));
  buf_done(&name);
  json_object(w);
  json_field_str(w, "operationId", r->id);
  json_field_str(w, "summary", r->summary);
  json_name(w, "tags");
  json_array(w);
  json_put_str(w, r->tag);
  json_array_end(w);
  if (is_open(r)) {
    json_name(w, "security");
    json_put_raw(w, TEXT("[]"));
  }
  if (r->permission != API_ANYBODY)
    json_field_str(w, "x-weir-permission", permission_name(r->permission));
  if (r->own != r->permission)
    json_field_str(w, "x-weir-permission-for-own", permission_name(r->own));
  if (r->permission != API_ANYBODY && !is_open(r))
    json_field_str(w, "x-weir-permission-held-in", r->is_within ? "workspace" : "organisation");
  json_name(w, "parameters");
  json_array(w);
  put_path_parameters(w, r->path);
  put_parameters(w, r->query);
  if (r->kind == API_LIST)
    put_parameters(w, &reading_page);
  put_header_parameters(w, r);
  json_array_end(w);
  if (r->body) {
    json_name(w, "requestBody");
    json_object(w);
    json_field_bool(w, "required", !is_optional(r->body));
    put_content(w, "application/json", NULL, r->body);
    json_object_end(w);
  }
  put_responses(w, r);
  json_object_end(w);
}

/* Rows of one path stand one after the other in a table. */
static void put_table(struct json_writer *w, const struct api_route *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool is_first = i == 0 || strcmp(rows[i - 1].path, rows[i].path) != 0;
    if (is_first) {
      json_name(w, rows[i].path);
      json_object(w);
    }
    put_operation(w, &rows[i]);
    if (i + 1 == count || strcmp(rows[i + 1].path, rows[i].path) != 0)
      json_object_end(w);
  }
}

static void put_paths(struct json_writer *w) {
  json_name(w, "paths");
  json_object(w);
  put_table(w, api_routes, api_route_count);
  put_table(w, auth_routes, auth_route_count);
  json_object_end(w);
}

static void put_problem(struct json_writer *w) {
  json_name(w, "Problem");
  json_put_raw(w,
               TEXT("{\"type\":\"object\",\"description\":\"Problem details (RFC 9457).\",\"properties\":{"
                    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
                    "\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\",\"description\":\"the "
                    "request's id\"},\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
                    "\"pointer\":{\"type\":\"string\",\"description\":\"a JSON pointer into the body\"},\"parameter\":{"
                    "\"type\":\"string\",\"description\":\"of the query\"},\"detail\":{\"type\":\"string\"}},"
                    "\"required\":[\"detail\"]}}},\"required\":[\"type\",\"title\",\"status\",\"detail\","
                    "\"instance\"]}"));
}

static void put_security_schemes(struct json_writer *w) {
  json_name(w, "securitySchemes");
  json_put_raw(
      w, TEXT("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"a token of a service account or "
              "of a configured issuer\"},\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":"
              "\"__Host-weir_access\",\"description\":\"of somebody who has signed in; changes need the header "
              "X-Weir-CSRF besides\"}}"));
}

/* "ProviderConfig", and "ProviderConfigChange" in which nothing must be there: from the configuration's own table. */
static void put_configs(struct json_writer *w) {
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++) {
    for (int whole = 1; whole >= 0; whole--) {
      const char *kind = config_kind_name(k);
      char name[64];
      snprintf(name, sizeof(name), "%c%sConfig%s", kind[0] - 'a' + 'A', kind + 1, whole ? "" : "Change");
      json_name(w, name);
      config_write_schema(k, whole, w);
    }
  }
}

static void put_schemas(struct json_writer *w) {
  struct shapes answers = {0}, bodies = {0};
  for (size_t i = 0; i < api_route_count; i++) {
    collect(&answers, api_routes[i].answer);
    collect(&bodies, api_routes[i].body);
  }
  for (size_t i = 0; i < auth_route_count; i++) {
    collect(&answers, auth_routes[i].answer);
    collect(&answers, auth_routes[i].instead);
    collect(&bodies, auth_routes[i].body);
  }
  json_name(w, "components");
  json_object(w);
  json_name(w, "schemas");
  json_object(w);
  put_problem(w);
  for (size_t i = 0; i < answers.count; i++) {
    json_name(w, answers.at[i]->name);
    put_shape(w, answers.at[i], true);
  }
  for (size_t i = 0; i < bodies.count; i++) {
    json_name(w, bodies.at[i]->name);
    put_shape(w, bodies.at[i], false);
  }
  put_configs(w);
  json_object_end(w);
  put_security_schemes(w);
  json_object_end(w);
}

void openapi_write(struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "openapi", "3.1.0");
  json_name(&w, "info");
  json_object(&w);
  json_field_str(&w, "title", "Weir control API");
  json_field_str(&w, "version", WEIR_VERSION);
  json_field_str(
      &w, "description",
      "What operators see and do. Served under /api/v1 to those who have signed in (/auth) or show a token, and to "
      "the owner of the data on the socket `weir.sock` in `data_dir`, who may do everything. "
      "Money is decimal text in USD, times are RFC 3339 in UTC, lists come in pages. Whoever signs in gets the cookies "
      "`__Host-weir_access`, `__Host-weir_refresh` and `__Host-weir_csrf` of a session, and `__Host-weir_device`, "
      "which "
      "opens nothing: while it is shown, wrong passwords of others for the same account keep nobody waiting. A 429 of "
      "/auth brings `__Host-weir_turn`: shown again after Retry-After, it stands for a turn that is kept.");
  json_object_end(&w);
  json_name(&w, "security");
  json_put_raw(&w, TEXT("[{\"token\":[]},{\"session\":[]}]"));
  put_paths(&w);
  put_schemas(&w);
  json_object_end(&w);
}
