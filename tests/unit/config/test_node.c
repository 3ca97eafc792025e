/* YAML to nodes: places, nulls, and what is refused. */
#include "config/node.h"

#include "expect.h"

static struct config_errors errors;

static struct node *read_yaml(struct arena *a, struct text yaml) {
  errors_start(&errors, "f");
  return node_read(yaml, test_lookup, a, &errors);
}

static void nodes_know_their_places(void **state) {
  struct arena a;
  arena_init(&a);
  struct node *root = read_yaml(&a, TEXT("a: 1\nb:\n  - x\n  - {c: \"${SET}\"}\nd: |\n  ${SET}\n"));
  assert_non_null(root);
  assert_int_equal(root->count, 3);
  const struct node *b = node_child(root, "b");
  assert_int_equal(b->kind, NODE_LIST);
  assert_int_equal(b->count, 2);
  assert_int_equal(b->key_line, 2);
  const struct node *c = node_child(b->first->next, "c");
  EXPECT_TEXT(c->text, TEXT("value"));
  assert_true(c->expanded);
  assert_int_equal(c->line, 4);
  assert_int_equal(c->column, 9);
  EXPECT_TEXT(node_child(root, "d")->text, TEXT("value\n"));
  assert_false(node_child(root, "a")->expanded);
  node_wipe(root);
  assert_int_equal(c->text.at[0], 0);
  arena_done(&a);
}

static void nothing_written_is_nothing_given(void **state) {
  struct arena a;
  arena_init(&a);
  struct node *root = read_yaml(&a, TEXT("a:\nb: ~\nc: null\nd: \"\"\ne: 'null'\n"));
  assert_null(node_child(root, "a"));
  assert_null(node_child(root, "b"));
  assert_null(node_child(root, "c"));
  assert_non_null(node_child(root, "d"));
  assert_non_null(node_child(root, "e"));
  root = read_yaml(&a, TEXT("# only a comment\n"));
  assert_int_equal(root->kind, NODE_MAP);
  assert_int_equal(root->count, 0);
  assert_non_null(read_yaml(&a, TEXT_NONE));
  assert_non_null(read_yaml(&a, TEXT("---\n")));
  arena_done(&a);
}

static void values_cannot_add_yaml(void **state) {
  struct arena a;
  arena_init(&a);
  struct node *root = read_yaml(&a, TEXT("a: \"${HOSTILE}\"\n"));
  assert_int_equal(root->count, 1);
  EXPECT_TEXT(node_child(root, "a")->text, TEXT("x\", evil: [1], y: \"${SET}"));
  arena_done(&a);
}

static void what_is_not_plain_yaml_is_refused_at_its_place(void **state) {
  static const struct {
    const char *yaml, *text;
    int line, column;
  } cases[] = {
      {"a: &x 1\nb: *x\n", "anchors, aliases and tags are not allowed here", 1, 4},
      {"a: *x\n", "anchors, aliases and tags are not allowed here", 1, 4},
      {"a: !!int 1\n", "anchors, aliases and tags are not allowed here", 1, 4},
      {"a: 1\na: 2\n", "the key `a` is given twice (first on line 1)", 2, 1},
      {"? [x]\n: 1\n", "a key must be plain text", 1, 3},
      {"a: 1\n---\nb: 2\n", "only one YAML document may stand in the file", 2, 1},
      {"a: [1\n", "not valid YAML: did not find expected ',' or ']'", 2, 1},
      {"a:\n\t- 1\n", "not valid YAML: found character that cannot start any token", 2, 1},
      {"a: \"x\\0\"\n", "a value may not hold a zero byte", 1, 4},
      {"a: \"${UNSET}\"\n", "the environment variable UNSET is not set", 1, 4},
      {"a: \xFF\n", "not valid YAML: invalid leading UTF-8 octet", 1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct arena a;
    arena_init(&a);
    assert_null(read_yaml(&a, text_of(cases[i].yaml)));
    assert_string_equal(errors.at[0].text, cases[i].text);
    assert_int_equal(errors.at[0].line, cases[i].line);
    assert_int_equal(errors.at[0].column, cases[i].column);
    arena_done(&a);
  }
}

static void depth_and_width_are_bounded(void **state) {
  static char yaml[100000];
  struct arena a;
  arena_init(&a);
  memset(yaml, '[', 50000);
  memset(yaml + 50000, ']', 50000);
  assert_null(read_yaml(&a, (struct text){yaml, sizeof yaml}));
  assert_string_equal(errors.at[0].text, "nested too deeply");
  assert_non_null(read_yaml(&a, (struct text){yaml + 50000 - 32, 64}));
  assert_null(read_yaml(&a, (struct text){yaml + 50000 - 33, 66}));
  struct buf b;
  buf_init(&b, 100000);
  for (int i = 0; i <= 256; i++)
    buf_add_format(&b, "k%d: 1\n", i);
  assert_null(read_yaml(&a, buf_text(&b)));
  assert_string_equal(errors.at[0].text, "too many keys in one mapping");
  buf_done(&b);
  arena_done(&a);
}

static void a_byte_order_mark_is_skipped(void **state) {
  struct arena a;
  arena_init(&a);
  struct node *root = read_yaml(&a, TEXT("\xEF\xBB\xBFone: 1\ntwo: 2\n"));
  assert_non_null(root);
  assert_non_null(node_child(root, "one"));
  assert_int_equal(root->first->column, 6);
  assert_null(read_yaml(&a, TEXT("one: 1\n\xEF\xBB\xBFtwo: 2\n"))); /* only at the start */
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nodes_know_their_places),     cmocka_unit_test(nothing_written_is_nothing_given),
      cmocka_unit_test(values_cannot_add_yaml),      cmocka_unit_test(what_is_not_plain_yaml_is_refused_at_its_place),
      cmocka_unit_test(depth_and_width_are_bounded), cmocka_unit_test(a_byte_order_mark_is_skipped),
  };
  return RUN_TESTS(tests);
}
