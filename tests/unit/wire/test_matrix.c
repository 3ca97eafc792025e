/* Every request feature to every other dialect, from tests/fixtures/features/<dialect>/<feature>.json: what a fixture
 * says is passed or translated comes out exactly so with nothing lost, and what it says is refused is refused by name.
 * One test a cell. BLESS=1 writes the expected requests into the fixtures instead of comparing them; what is passed and
 * what refused stays as people wrote it. */
#include "matrix.h"

#include <string.h>

#define FIXTURES_MAX 1024
#define CELLS_MAX    (FIXTURES_MAX * MATRIX_SIDES)

struct fixture {
  struct text path, name;
  const struct matrix_side *from;
  struct json *doc;
  struct text request;   /* in the source's dialect */
  yyjson_mut_doc *bless; /* NULL: compare */
};

struct cell {
  struct arena arena;
  struct fixture *fixture;
  const struct matrix_side *to;
};

struct outcome {
  enum err err;
  struct fault fault;
  struct text body;
  struct llm_request request;
};

static const struct outcome *translate(struct arena *a, const struct cell *c, const struct text *leave_out,
                                       size_t count) {
  const struct fixture *fx = c->fixture;
  struct outcome *o = ARENA_NEW(a, struct outcome);
  o->request =
      (struct llm_request){.arena = a, .accent = c->to->accent, .leave_out = leave_out, .leave_out_count = count};
  struct llm_echo echo = {0};
  struct json *doc = matrix_parse(a, fx->request, fx->name);
  o->err = fx->from->dialect->read_request(doc, &o->request, &echo, &o->fault);
  if (o->err)
    return o;
  struct text model;
  yyjson_val *cell = json_get(json_get(fx->doc->root, "to"), c->to->name);
  if (json_get_text(cell, "model", &model))
    o->request.model = model;
  else if (text_is_empty(o->request.model))
    o->request.model = TEXT("some-model");
  o->request.default_max_tokens = 4096;
  struct buf out;
  buf_init(&out, (size_t)8 << 20);
  o->err = c->to->dialect->write_request(&o->request, &out, &o->fault);
  if (o->err == ERR_OK)
    assert_int_equal(buf_check(&out), ERR_OK);
  o->body = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return o;
}

/* The name behind the last dot, without an index: what an operator puts on the list of things to leave out. */
static struct text member_name(struct text place) {
  struct text rest = place;
  for (ptrdiff_t dot; (dot = text_find_char(rest, '.')) >= 0;)
    rest = text_skip(rest, (size_t)dot + 1);
  ptrdiff_t index = text_find_char(rest, '[');
  return index < 0 ? rest : text_head(rest, (size_t)index);
}

#define LEAVE_MAX 8

/* Every member it is refused for put on the list, one after the other, until it passes. */
static void expect_can_be_left_out(struct cell *c, const struct outcome *o) {
  struct text names[LEAVE_MAX];
  size_t count = 0;
  while (o->err == ERR_UNSUPPORTED) {
    if (count == LEAVE_MAX)
      fail_msg("refused for more than %d members, now for %s", LEAVE_MAX, o->fault.field);
    struct text place = arena_copy(&c->arena, text_of(o->fault.field));
    names[count++] = member_name(place);
    o = translate(&c->arena, c, names, count);
    if (o->err == ERR_UNSUPPORTED && text_equal(text_of(o->fault.field), place))
      fail_msg("%s is refused although it may be left out", o->fault.field);
  }
  if (o->err && o->err != ERR_BAD_REQUEST) /* which is right where nothing would be left */
    fail_msg("without what may be left out: %s: %s", err_name(o->err), fault_text(&o->fault));
  assert_true(o->request.left_out_count > 0);
  if (o->err == ERR_OK)
    (void)matrix_parse(&c->arena, o->body, c->fixture->name);
}

static void expect_refused(struct cell *c, const struct outcome *o, struct text member) {
  if (o->err == ERR_OK)
    fail_msg("is to be refused for %.*s but gave %.*s", TEXT_ARGS(member), TEXT_ARGS(text_head(o->body, 400)));
  if (o->err != ERR_UNSUPPORTED && o->err != ERR_BAD_REQUEST)
    fail_msg("is to be refused for %.*s but failed: %s %s", TEXT_ARGS(member), err_name(o->err), fault_text(&o->fault));
  if (!text_equal(text_of(o->fault.field), member))
    fail_msg("refused for \"%s\", expected \"%.*s\" (%s)", o->fault.field, TEXT_ARGS(member), o->fault.text);
  if (!text_starts(text_of(o->fault.text), member))
    fail_msg("the text \"%s\" does not begin with the place", o->fault.text);
  if (o->err == ERR_UNSUPPORTED)
    expect_can_be_left_out(c, o);
}

/* A variant that the fixture does not mention does as the dialect it belongs to, in its own envelope. */
static yyjson_val *cell_of(const struct cell *c) {
  yyjson_val *to = json_get(c->fixture->doc->root, "to"), *cell = json_get(to, c->to->name);
  if (!cell && c->to->variant_of)
    cell = json_get(to, c->to->variant_of);
  if (!cell)
    fail_msg("the fixture says nothing about %s", c->to->name);
  return cell;
}

/* Bedrock's InvokeModel: the path says model and stream, the body the version. */
static yyjson_val *in_envelope(struct cell *c, yyjson_val *expected) {
  if (c->to->dialect != &dialect_invoke || json_get(json_get(c->fixture->doc->root, "to"), c->to->name))
    return expected;
  struct arena *a = &c->arena;
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_val_mut_copy(doc, expected);
  (void)yyjson_mut_obj_remove_key(root, "model");
  (void)yyjson_mut_obj_remove_key(root, "stream");
  (void)yyjson_mut_obj_add_str(doc, root, "anthropic_version", "bedrock-2023-05-31");
  size_t len = 0;
  char *json = yyjson_mut_val_write(root, 0, &len);
  struct text copy = arena_copy(a, (struct text){json, len});
  free(json);
  yyjson_mut_doc_free(doc);
  return matrix_parse(a, copy, c->fixture->name)->root;
}

static void expect_request(struct cell *c, const struct outcome *o, yyjson_val *expected) {
  if (o->err)
    fail_msg("is not to be refused: %s: %s", err_name(o->err), fault_text(&o->fault));
  struct json *got = matrix_parse(&c->arena, o->body, c->fixture->name);
  if (!expected)
    fail_msg("has no expected request; run with BLESS=1 and read it");
  struct text difference = matrix_difference(&c->arena, got->root, in_envelope(c, expected));
  if (difference.len)
    fail_msg("%.*s", TEXT_ARGS(difference));
}

/* Puts what came out into the fixture. Variants only when they differ from what they are variants of. */
static void bless(struct cell *c, const struct outcome *o) {
  yyjson_mut_doc *doc = c->fixture->bless;
  yyjson_mut_val *to = yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "to");
  yyjson_mut_val *cell = yyjson_mut_obj_get(to, c->to->name);
  if (!cell && c->to->variant_of) {
    yyjson_mut_val *base = yyjson_mut_obj_get(yyjson_mut_obj_get(to, c->to->variant_of), "is");
    bool refused = yyjson_mut_equals_str(base, "refused");
    cell = yyjson_mut_obj(doc);
    (void)yyjson_mut_obj_add_str(doc, cell, "is", o->err ? "refused" : refused ? "passed" : "translated");
    if (o->err)
      (void)yyjson_mut_obj_add_strcpy(doc, cell, "member", o->fault.field);
    (void)yyjson_mut_obj_add_val(doc, to, c->to->name, cell);
  }
  (void)yyjson_mut_obj_remove_key(cell, "request");
  if (cell && o->err == ERR_OK) {
    struct json *body = matrix_parse(&c->arena, o->body, c->fixture->name);
    (void)yyjson_mut_obj_add_val(doc, cell, "request", yyjson_val_mut_copy(doc, body->root));
  }
}

static bool differs_from_its_kind(struct cell *c, const struct outcome *o) {
  yyjson_val *cell = cell_of(c), *expected = json_get(cell, "request");
  struct text is = TEXT_NONE, member = TEXT_NONE;
  (void)json_get_text(cell, "is", &is);
  (void)json_get_text(cell, "member", &member);
  if (o->err || text_equal(is, TEXT("refused")))
    return o->err == ERR_OK || !text_equal(text_of(o->fault.field), member);
  struct json *got = matrix_parse(&c->arena, o->body, c->fixture->name);
  return !expected || matrix_difference(&c->arena, got->root, in_envelope(c, expected)).len > 0;
}

static void check_words(struct text is, struct text as, bool is_variant) {
  bool known = text_equal(is, TEXT("passed")) || text_equal(is, TEXT("translated")) || text_equal(is, TEXT("refused"));
  if (!known)
    fail_msg("\"is\" is \"%.*s\", expected passed, translated or refused", TEXT_ARGS(is));
  if (text_equal(is, TEXT("translated")) && text_is_empty(as) && !is_variant)
    fail_msg("is translated, but \"as\" does not say how");
}

static void check_cell(struct cell *c) {
  const struct outcome *o = translate(&c->arena, c, NULL, 0);
  if (c->fixture->bless && c->to->variant_of) {
    if (json_get(json_get(c->fixture->doc->root, "to"), c->to->name) || differs_from_its_kind(c, o))
      bless(c, o);
    return;
  }
  yyjson_val *cell = cell_of(c);
  struct text is, as = TEXT_NONE, member = TEXT_NONE;
  if (!json_get_text(cell, "is", &is))
    fail_msg("the cell %s has no \"is\"", c->to->name);
  (void)json_get_text(cell, "as", &as);
  (void)json_get_text(cell, "member", &member);
  check_words(is, as, c->to->variant_of);
  if (text_equal(is, TEXT("refused"))) {
    expect_refused(c, o, member);
    return;
  }
  struct text lost = matrix_lost_mark(&c->arena, c->fixture->request, o->body);
  if (o->err == ERR_OK && lost.len)
    fail_msg("%.*s is lost in %.*s", TEXT_ARGS(lost), TEXT_ARGS(text_head(o->body, 600)));
  if (c->fixture->bless && o->err == ERR_OK)
    bless(c, o);
  else
    expect_request(c, o, json_get(cell, "request"));
}

static void a_cell(void **state) {
  struct cell *c = *state;
  check_cell(c);
}

static void load(struct arena *a, struct fixture *fx, struct text path, const struct matrix_side *from) {
  *fx = (struct fixture){.path = path, .name = matrix_stem(path), .from = from};
  fx->doc = matrix_parse(a, matrix_read_file(a, path), path);
  fx->request = json_value_text(json_get(fx->doc->root, "request"), a);
  if (matrix_is_blessing())
    fx->bless = yyjson_doc_mut_copy(fx->doc->doc, NULL);
}

static void save(struct arena *a, struct fixture *fx) {
  size_t len = 0;
  char *json = yyjson_mut_write(fx->bless, YYJSON_WRITE_PRETTY_TWO_SPACES, &len);
  if (json)
    matrix_write_file(fx->path, arena_format(a, "%.*s\n", (int)len, json));
  free(json);
  yyjson_mut_doc_free(fx->bless);
}

struct matrix {
  struct fixture *fixtures;
  const char **names;
  void **cells;
  size_t fixture_count, cell_count;
};

static void add_fixture(struct arena *a, struct matrix *m, struct text path, const struct matrix_side *from) {
  struct fixture *fx = &m->fixtures[m->fixture_count++];
  load(a, fx, path, from);
  for (size_t i = 0; i < MATRIX_SIDES; i++) {
    if (matrix_is_same_wire(&matrix_sides[i], from)) /* the same body: nothing is translated */
      continue;
    struct cell *c = ARENA_NEW(a, struct cell);
    *c = (struct cell){.fixture = fx, .to = &matrix_sides[i]};
    arena_init(&c->arena);
    m->cells[m->cell_count] = c;
    m->names[m->cell_count++] =
        arena_format(a, "%s/%.*s -> %s", from->name, TEXT_ARGS(fx->name), matrix_sides[i].name).at;
  }
}

int main(void) {
  struct arena a;
  arena_init(&a);
  struct matrix m = {.fixtures = arena_zalloc(&a, FIXTURES_MAX * sizeof(struct fixture)),
                     .names = arena_zalloc(&a, CELLS_MAX * sizeof(char *)),
                     .cells = arena_zalloc(&a, CELLS_MAX * sizeof(void *))};
  for (size_t i = 0; i < MATRIX_SOURCES; i++) {
    struct text folder = arena_format(&a, "features/%s", matrix_sides[i].name);
    struct matrix_files files = matrix_list(&a, folder.at, ".json");
    for (size_t k = 0; k < files.count && m.fixture_count < FIXTURES_MAX; k++)
      add_fixture(&a, &m, files.paths[k], &matrix_sides[i]);
  }
  int failed = matrix_run(&a, a_cell, m.names, m.cells, m.cell_count);
  for (size_t i = 0; i < m.fixture_count; i++)
    if (m.fixtures[i].bless)
      save(&a, &m.fixtures[i]);
  for (size_t i = 0; i < m.cell_count; i++)
    arena_done(&((struct cell *)m.cells[i])->arena);
  arena_done(&a);
  return failed;
}
