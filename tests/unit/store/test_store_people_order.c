/* Lists of people in another order than they were made in, on every adapter: by name without regard to case, up and
 * down, and newest first; page by page while rows come and go; and by what is asked of them. */
#include "ports/store_people.h"

#include "contract.h"

#include <string.h>

static struct arena arena;

#define PEOPLE(s) ((s)->ops->people)

static int64_t make(struct store *s, enum people_kind kind, int64_t org_id, const char *name) {
  static int emails;
  struct people_row r = {.org_id = org_id,
                         .name = text_of(name),
                         .text = kind == PEOPLE_USER ? arena_format(&arena, "u%d@example.org", emails++) : TEXT("x"),
                         .timezone = TEXT("UTC"),
                         .week_start = TEXT("monday"),
                         .created_us = 5};
  int64_t id = 0;
  EXPECT_OK(PEOPLE(s)->create(s, kind, &r, TEST_ACTOR, &id, &test_fault));
  return id;
}

/* The names of all pages of two, with a blank behind each; between: what happens after the first page. */
static const char *pages(struct store *s, enum people_kind kind, struct people_filter q,
                         void (*between)(struct store *s)) {
  static char names[1024];
  size_t count = 0;
  names[0] = '\0';
  q.max = 2;
  do {
    struct people_row *rows = NULL;
    EXPECT_OK(PEOPLE(s)->list(s, kind, &q, &arena, &rows, &count, &test_fault));
    for (size_t i = 0; i < count; i++)
      snprintf(names + strlen(names), sizeof(names) - strlen(names), "%.*s ", TEXT_ARGS(rows[i].name));
    if (count > 0) {
      q.after_id = rows[count - 1].id;
      q.after_name = rows[count - 1].name;
    }
    if (between)
      between(s);
    between = NULL;
  } while (count == 2);
  return names;
}

static void every_kind_is_sorted_by_name_and_by_age(void **state) {
  static const enum people_kind kinds[] = {PEOPLE_WORKSPACE, PEOPLE_TEAM, PEOPLE_USER, PEOPLE_SERVICE, PEOPLE_ROLE};
  struct store *s = contract_store(state);
  int64_t acme = make(s, PEOPLE_ORGANISATION, 0, "Acme");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    for (const char *const *name = (const char *const[]){"delta", "Bravo", "alpha", "_x", "charlie", NULL}; *name;
         name++)
      make(s, kinds[i], acme, *name);
    make(s, kinds[i], 1, "bystander");
    struct people_filter q = {.org_id = acme, .order = PEOPLE_BY_NAME};
    assert_string_equal(pages(s, kinds[i], q, NULL), "_x alpha Bravo charlie delta ");
    q.order = PEOPLE_BY_NAME_DOWN;
    assert_string_equal(pages(s, kinds[i], q, NULL), "delta charlie Bravo alpha _x ");
    q.order = PEOPLE_BY_ID_DOWN;
    assert_string_equal(pages(s, kinds[i], q, NULL), "charlie _x alpha Bravo delta ");
    q.order = PEOPLE_BY_ID;
    assert_string_equal(pages(s, kinds[i], q, NULL), "delta Bravo alpha _x charlie ");
    q = (struct people_filter){.org_id = acme, .order = PEOPLE_BY_NAME, .search = TEXT("A")};
    assert_string_equal(pages(s, kinds[i], q, NULL),
                        kinds[i] == PEOPLE_USER ? "_x alpha Bravo charlie delta " : "alpha Bravo charlie delta ");
  }
  make(s, PEOPLE_ORGANISATION, 0, "zebra");
  assert_string_equal(pages(s, PEOPLE_ORGANISATION, (struct people_filter){.order = PEOPLE_BY_NAME_DOWN}, NULL),
                      "zebra default Acme ");
}

static int64_t ids[4];

/* The row that the first page ended with goes, one before it and one behind it come. */
static void come_and_go(struct store *s) {
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_TEAM, 1, ids[1], 0, TEST_ACTOR, &test_fault));
  make(s, PEOPLE_TEAM, 1, "a2");
  make(s, PEOPLE_TEAM, 1, "b2");
}

static void pages_stay_exact_while_rows_come_and_go(void **state) {
  struct store *s = contract_store(state);
  const struct people_filter up = {.org_id = 1, .order = PEOPLE_BY_NAME};
  for (int i = 0; i < 4; i++)
    ids[i] = make(s, PEOPLE_TEAM, 1, (const char *const[]){"a", "b", "c", "d"}[i]);
  assert_string_equal(pages(s, PEOPLE_TEAM, up, come_and_go), "a b b2 c d ");
  assert_string_equal(pages(s, PEOPLE_TEAM, up, NULL), "a a2 b2 c d ");
}

static void rows_of_one_name_are_told_apart_by_their_ids(void **state) {
  struct store *s = contract_store(state);
  int64_t first = 0, seen = 0;
  for (int i = 0; i < 7; i++)
    first = first ? (make(s, PEOPLE_USER, 1, i % 2 ? "Kim" : "kim"), first) : make(s, PEOPLE_USER, 1, "kim");
  struct people_filter q = {.org_id = 1, .order = PEOPLE_BY_NAME, .max = 1};
  for (size_t count = 1; count == 1;) {
    struct people_row *rows = NULL;
    EXPECT_OK(PEOPLE(s)->list(s, PEOPLE_USER, &q, &arena, &rows, &count, &test_fault));
    if (count == 1) {
      assert_int_equal(rows[0].id, first + seen);
      q.after_id = rows[0].id;
      q.after_name = rows[0].name;
      seen++;
    }
  }
  assert_int_equal(seen, 7);
}

static void names_beyond_what_is_compared_are_told_apart_too(void **state) {
  struct store *s = contract_store(state);
  char name[130];
  memset(name, 'x', sizeof(name));
  for (int i = 0; i < 3; i++) {
    snprintf(name + 120, 8, "%d", 9 - i);
    make(s, PEOPLE_USER, 1, name);
  }
  const char *all = pages(s, PEOPLE_USER, (struct people_filter){.org_id = 1, .order = PEOPLE_BY_NAME}, NULL);
  assert_int_equal(strlen(all), 3 * 122);
}

static void users_are_picked_by_what_they_may_and_whether_they_may(void **state) {
  struct store *s = contract_store(state);
  int64_t ann = make(s, PEOPLE_USER, 1, "ann"), bob = make(s, PEOPLE_USER, 1, "bob"), id;
  int64_t lab = make(s, PEOPLE_WORKSPACE, 1, "lab"), robot = make(s, PEOPLE_SERVICE, 1, "robot");
  (void)make(s, PEOPLE_USER, 1, "cid");
  struct people_row row = {0};
  EXPECT_OK(PEOPLE(s)->get(s, PEOPLE_USER, 1, bob, &arena, &row, &test_fault));
  row.is_disabled = true;
  EXPECT_OK(PEOPLE(s)->update(s, PEOPLE_USER, &row, 0, TEST_ACTOR, &test_fault));
  const struct people_grant grants[] = {{.to = GRANT_TO_USER, .to_id = ann, .role = TEXT("admin")},
                                        {.to = GRANT_TO_USER, .to_id = bob, .workspace_id = lab, .role = TEXT("admin")},
                                        {.to = GRANT_TO_USER, .to_id = bob, .role = TEXT("viewer")},
                                        {.to = GRANT_TO_SERVICE, .to_id = robot, .role = TEXT("member")}};
  for (size_t i = 0; i < sizeof grants / sizeof *grants; i++)
    EXPECT_OK(PEOPLE(s)->grant(s, &grants[i], TEST_ACTOR, &id, &test_fault));
  for (enum people_order order = PEOPLE_BY_ID; order <= PEOPLE_BY_NAME; order++) {
    struct people_filter q = {.org_id = 1, .order = order, .only_disabled = true};
    assert_string_equal(pages(s, PEOPLE_USER, q, NULL), "bob ");
    q = (struct people_filter){.org_id = 1, .order = order, .only_enabled = true};
    assert_string_equal(pages(s, PEOPLE_USER, q, NULL), "ann cid ");
    q = (struct people_filter){.org_id = 1, .order = order, .role = TEXT("admin")};
    assert_string_equal(pages(s, PEOPLE_USER, q, NULL), "ann bob ");
    q.only_enabled = true;
    assert_string_equal(pages(s, PEOPLE_USER, q, NULL), "ann ");
    q = (struct people_filter){.org_id = 1, .order = order, .role = TEXT("member")};
    assert_string_equal(pages(s, PEOPLE_USER, q, NULL), "");
  }
  struct people_grant *rows = NULL;
  size_t count = 0;
  EXPECT_OK(PEOPLE(s)->grants(s, &(struct grant_filter){.org_id = 1, .max = 9, .role = TEXT("admin")}, &arena, &rows,
                              &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_OK(PEOPLE(s)->grants(s, &(struct grant_filter){.org_id = 1, .max = 9, .workspace_id = lab}, &arena, &rows,
                              &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(rows[0].to_id, bob);
}

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return contract_end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(every_kind_is_sorted_by_name_and_by_age),
      CONTRACT(pages_stay_exact_while_rows_come_and_go),
      CONTRACT(rows_of_one_name_are_told_apart_by_their_ids),
      CONTRACT(names_beyond_what_is_compared_are_told_apart_too),
      CONTRACT(users_are_picked_by_what_they_may_and_whether_they_may),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
