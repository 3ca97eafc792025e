/* People and what they may do, on every adapter: a row of another organisation is as if it were not there, a change
 * leaves an entry and an event, nobody can take the last owner away, and what belongs to somebody goes with them. */
#include "ports/store_people.h"

#include "contract.h"

static struct arena arena;
static const enum people_kind kinds[] = {PEOPLE_WORKSPACE, PEOPLE_TEAM, PEOPLE_USER, PEOPLE_SERVICE, PEOPLE_ROLE};
#define KINDS     (sizeof kinds / sizeof *kinds)

#define PEOPLE(s) ((s)->ops->people)

static struct people_row row_of(int64_t org_id, const char *name, const char *text) {
  return (struct people_row){.org_id = org_id,
                             .name = text_of(name),
                             .text = text_of(text),
                             .timezone = TEXT("UTC"),
                             .week_start = TEXT("monday"),
                             .created_us = 5};
}

static int64_t make(struct store *s, enum people_kind kind, int64_t org_id, const char *name, const char *text) {
  struct people_row r = row_of(org_id, name, text);
  int64_t id = 0;
  EXPECT_OK(PEOPLE(s)->create(s, kind, &r, TEST_ACTOR, &id, &test_fault));
  return id;
}

static int64_t make_org(struct store *s, const char *name) { return make(s, PEOPLE_ORGANISATION, 0, name, ""); }

static int64_t make_user(struct store *s, int64_t org_id, const char *email) {
  return make(s, PEOPLE_USER, org_id, "Somebody", email);
}

static enum err try_grant(struct store *s, int64_t org_id, enum grant_to to, int64_t to_id, int64_t workspace_id,
                          const char *role, int64_t *out) {
  struct people_grant g = {
      .org_id = org_id, .to = to, .to_id = to_id, .workspace_id = workspace_id, .role = text_of(role), .created_us = 5};
  return PEOPLE(s)->grant(s, &g, TEST_ACTOR, out, &test_fault);
}

static int64_t grant(struct store *s, enum grant_to to, int64_t to_id, int64_t workspace_id, const char *role) {
  int64_t id = 0;
  EXPECT_OK(try_grant(s, 0, to, to_id, workspace_id, role, &id));
  return id;
}

static struct people_row get(struct store *s, enum people_kind kind, int64_t id) {
  struct people_row r = {0};
  EXPECT_OK(PEOPLE(s)->get(s, kind, 0, id, &arena, &r, &test_fault));
  return r;
}

static size_t list(struct store *s, enum people_kind kind, struct people_filter filter, struct people_row **out) {
  size_t count = 0;
  if (filter.max == 0)
    filter.max = 100;
  EXPECT_OK(PEOPLE(s)->list(s, kind, &filter, &arena, out, &count, &test_fault));
  return count;
}

static size_t grants_of(struct store *s, int64_t org_id, struct people_grant **out) {
  struct grant_filter filter = {.org_id = org_id, .max = 100};
  size_t count = 0;
  EXPECT_OK(PEOPLE(s)->grants(s, &filter, &arena, out, &count, &test_fault));
  return count;
}

static size_t rights_of(struct store *s, enum people_kind kind, int64_t id, struct people_right **out) {
  struct people_row who;
  size_t count = 0;
  EXPECT_OK(PEOPLE(s)->rights(s, kind, id, &arena, &who, out, &count, &test_fault));
  assert_int_equal(who.id, id);
  return count;
}

/* How many entries there are, and how many events, which must be as many. The newest entry in *out. */
static size_t entries(struct store *s, struct audit_row *out) {
  struct audit_row *rows;
  struct store_event *events;
  size_t count = 0, told = 0;
  EXPECT_OK(s->ops->audit->page(s, 0, 1000, &arena, &rows, &count, &test_fault));
  EXPECT_OK(s->ops->events->list(s, 0, 1000, &arena, &events, &told, &test_fault));
  assert_int_equal(told, count);
  if (count > 0) {
    EXPECT_TEXT(events[told - 1].kind, TEXT("access"));
    EXPECT_TEXT(events[told - 1].subject, rows[count - 1].subject);
    *out = rows[count - 1];
  }
  return count;
}

static void the_first_organisation_is_there(void **state) {
  struct store *s = contract_store(state);
  struct people_row r = get(s, PEOPLE_ORGANISATION, 1);
  EXPECT_TEXT(r.name, TEXT("default"));
  EXPECT_TEXT(r.timezone, TEXT("UTC"));
  EXPECT_TEXT(r.week_start, TEXT("monday"));
  assert_int_equal(r.org_id, 1);
  assert_int_equal(r.version, 1);
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_ORGANISATION, 0, 1, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  assert_int_equal(make_org(s, "acme"), 2);
}

static void a_row_of_every_kind_is_made_read_changed_and_removed(void **state) {
  struct store *s = contract_store(state);
  struct audit_row entry;
  for (size_t i = 0; i < KINDS; i++) {
    enum people_kind kind = kinds[i];
    size_t before = entries(s, &entry);
    int64_t id = make(s, kind, 1, "one", "first");
    struct people_row r = get(s, kind, id), found;
    assert_int_equal(r.org_id, 1);
    assert_int_equal(r.version, 1);
    assert_int_equal(r.created_us, 5);
    EXPECT_TEXT(r.name, TEXT("one"));
    EXPECT_TEXT(r.text, TEXT("first"));
    r.text = TEXT("second");
    EXPECT_OK(PEOPLE(s)->update(s, kind, &r, 1, TEST_ACTOR, &test_fault));
    r = get(s, kind, id);
    assert_int_equal(r.version, 2);
    EXPECT_TEXT(r.text, TEXT("second"));
    EXPECT_ERR(PEOPLE(s)->update(s, kind, &r, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
    EXPECT_ERR(PEOPLE(s)->remove(s, kind, 1, id, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
    EXPECT_OK(PEOPLE(s)->update(s, kind, &r, 0, TEST_ACTOR, &test_fault));
    EXPECT_OK(PEOPLE(s)->remove(s, kind, 1, id, 3, TEST_ACTOR, &test_fault));
    EXPECT_ERR(PEOPLE(s)->get(s, kind, 0, id, &arena, &found, &test_fault), ERR_NOT_FOUND);
    EXPECT_ERR(PEOPLE(s)->update(s, kind, &r, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
    EXPECT_ERR(PEOPLE(s)->remove(s, kind, 1, id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
    assert_int_equal(entries(s, &entry), before + 4); /* what was refused leaves none */
    assert_true(text_ends(entry.action, TEXT(".delete")));
    EXPECT_TEXT(entry.after, TEXT("null"));
    assert_true(make(s, kind, 1, "one", "first") > id); /* the name is free, the number is not */
  }
}

static void a_row_of_another_organisation_is_not_there(void **state) {
  struct store *s = contract_store(state);
  struct audit_row entry;
  int64_t acme = make_org(s, "acme");
  for (size_t i = 0; i < KINDS; i++) {
    enum people_kind kind = kinds[i];
    char name[32];
    snprintf(name, sizeof name, "row%d", (int)kind);
    int64_t id = make(s, kind, 1, name, "text");
    size_t before = entries(s, &entry);
    struct people_row r = get(s, kind, id), found, *rows;
    EXPECT_ERR(PEOPLE(s)->get(s, kind, acme, id, &arena, &found, &test_fault), ERR_NOT_FOUND);
    r.org_id = acme;
    EXPECT_ERR(PEOPLE(s)->update(s, kind, &r, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
    EXPECT_ERR(PEOPLE(s)->update(s, kind, &r, 99, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
    EXPECT_ERR(PEOPLE(s)->remove(s, kind, acme, id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
    assert_int_equal(list(s, kind, (struct people_filter){.org_id = acme}, &rows), 0);
    assert_int_equal(list(s, kind, (struct people_filter){.org_id = 1}, &rows), 1);
    assert_int_equal(list(s, kind, (struct people_filter){.org_id = 0}, &rows), 1);
    assert_int_equal(get(s, kind, id).version, 1);
    assert_int_equal(entries(s, &entry), before);
    r = row_of(77, "nowhere", "n");
    EXPECT_ERR(PEOPLE(s)->create(s, kind, &r, TEST_ACTOR, &id, &test_fault), ERR_NOT_FOUND);
  }
  struct people_row *rows, org = get(s, PEOPLE_ORGANISATION, 1);
  EXPECT_ERR(PEOPLE(s)->get(s, PEOPLE_ORGANISATION, acme, 1, &arena, &org, &test_fault), ERR_NOT_FOUND);
  org.org_id = acme;
  EXPECT_ERR(PEOPLE(s)->update(s, PEOPLE_ORGANISATION, &org, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(list(s, PEOPLE_ORGANISATION, (struct people_filter){.org_id = acme}, &rows), 1);
  EXPECT_TEXT(rows[0].name, TEXT("acme"));
}

static void grants_and_memberships_never_cross_organisations(void **state) {
  struct store *s = contract_store(state);
  int64_t acme = make_org(s, "acme"), id = 0;
  int64_t ann = make_user(s, 1, "ann@example.com"), eve = make_user(s, acme, "eve@acme.com");
  int64_t team = make(s, PEOPLE_TEAM, 1, "ops", ""), lab = make(s, PEOPLE_WORKSPACE, acme, "acme-lab", "");
  int64_t role = make(s, PEOPLE_ROLE, acme, "keeper", "keys.read");
  char custom[32];
  struct people_grant *rows;
  struct audit_row entry;
  snprintf(custom, sizeof custom, "role:%lld", (long long)role);
  size_t before = entries(s, &entry);
  EXPECT_ERR(try_grant(s, acme, GRANT_TO_USER, ann, 0, "viewer", &id), ERR_NOT_FOUND);
  EXPECT_ERR(try_grant(s, 1, GRANT_TO_USER, ann, lab, "viewer", &id), ERR_NOT_FOUND);
  EXPECT_ERR(try_grant(s, 0, GRANT_TO_USER, ann, lab, "viewer", &id), ERR_NOT_FOUND);
  EXPECT_ERR(try_grant(s, 1, GRANT_TO_USER, ann, 0, custom, &id), ERR_NOT_FOUND);
  EXPECT_ERR(try_grant(s, 1, GRANT_TO_USER, ann, 0, "role:x", &id), ERR_NOT_FOUND);
  EXPECT_ERR(try_grant(s, 1, GRANT_TO_USER, ann, 0, "", &id), ERR_NOT_FOUND);
  EXPECT_ERR(PEOPLE(s)->team_put(s, acme, team, ann, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(PEOPLE(s)->team_put(s, 1, team, eve, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(PEOPLE(s)->team_put(s, 0, team, eve, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(entries(s, &entry), before);
  id = grant(s, GRANT_TO_USER, eve, lab, custom);
  EXPECT_ERR(PEOPLE(s)->revoke(s, 1, id, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(grants_of(s, 1, &rows), 0);
  assert_int_equal(grants_of(s, acme, &rows), 1);
  assert_int_equal(rows[0].org_id, acme);
  EXPECT_OK(PEOPLE(s)->revoke(s, acme, id, TEST_ACTOR, &test_fault));
  EXPECT_ERR(PEOPLE(s)->revoke(s, acme, id, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
}

static void names_are_unique_where_they_must_be(void **state) {
  struct store *s = contract_store(state);
  int64_t acme = make_org(s, "acme"), id = 0;
  struct people_row r;
  for (size_t i = 0; i < KINDS; i++) {
    make(s, kinds[i], 1, "same", "same@example.com");
    r = row_of(1, "same", "same@example.com");
    EXPECT_ERR(PEOPLE(s)->create(s, kinds[i], &r, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
    assert_string_equal(test_fault.field, kinds[i] == PEOPLE_USER ? "email" : "name");
    r = row_of(acme, "same", "same@example.com");
    if (kinds[i] == PEOPLE_WORKSPACE || kinds[i] == PEOPLE_USER) {
      EXPECT_ERR(PEOPLE(s)->create(s, kinds[i], &r, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
    } else {
      EXPECT_OK(PEOPLE(s)->create(s, kinds[i], &r, TEST_ACTOR, &id, &test_fault));
    }
  }
  id = make(s, PEOPLE_TEAM, 1, "other", "");
  r = row_of(1, "same", "");
  r.id = id;
  EXPECT_ERR(PEOPLE(s)->update(s, PEOPLE_TEAM, &r, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  r = row_of(0, "acme", "");
  EXPECT_ERR(PEOPLE(s)->create(s, PEOPLE_ORGANISATION, &r, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
}

static int64_t make_key(struct store *s, const char *name, const char *workspace) {
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("weir_x"),
                        .user = TEXT("ann"),
                        .workspace = text_of(workspace),
                        .models = TEXT("*"),
                        .budget_period = TEXT(""),
                        .created_us = 5};
  int64_t id = 0;
  snprintf((char *)k.hash, sizeof k.hash, "%s", name);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  return id;
}

/* Calls are found by the workspace's name: another organisation that took it would see them. */
static void a_workspaces_name_is_never_another_organisations(void **state) {
  struct store *s = contract_store(state);
  int64_t acme = make_org(s, "acme"), id = 0, lab = make(s, PEOPLE_WORKSPACE, 1, "lab", "");
  struct people_row r = row_of(1, "den", "");
  r.id = lab;
  EXPECT_ERR(PEOPLE(s)->update(s, PEOPLE_WORKSPACE, &r, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_WORKSPACE, 1, lab, 0, TEST_ACTOR, &test_fault));
  r = row_of(acme, "lab", "");
  EXPECT_ERR(PEOPLE(s)->create(s, PEOPLE_WORKSPACE, &r, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
  make(s, PEOPLE_WORKSPACE, 1, "lab", "");
  make_key(s, "k", "by-key");
  contract_exec(s,
                "INSERT INTO weir_usage SELECT 2, 0, 1, 'u', 'by-call', 'p', 'm', 'ok', 'k', 1, 1, 1, 1, 0, 0, 0, 0, "
                "7, 7, 1, 1, 1, 1, 1");
  r.name = TEXT("by-key");
  EXPECT_ERR(PEOPLE(s)->create(s, PEOPLE_WORKSPACE, &r, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
  r.name = TEXT("by-call");
  EXPECT_ERR(PEOPLE(s)->create(s, PEOPLE_WORKSPACE, &r, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
  make(s, PEOPLE_WORKSPACE, 1, "by-key", "");
  make(s, PEOPLE_WORKSPACE, 1, "by-call", "");
  r.name = TEXT("fresh");
  EXPECT_OK(PEOPLE(s)->create(s, PEOPLE_WORKSPACE, &r, TEST_ACTOR, &id, &test_fault));
  const struct {
    struct text name;
    int64_t org_id;
    bool is_known;
  } owners[] = {{TEXT("fresh"), acme, true}, {TEXT("lab"), 1, true}, {TEXT("nobody's"), 1, false}};
  for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
    int64_t org = 0;
    bool known = !owners[i].is_known;
    EXPECT_OK(PEOPLE(s)->workspace_org(s, owners[i].name, &org, &known, &test_fault));
    assert_int_equal(org, owners[i].org_id);
    assert_int_equal(known, owners[i].is_known);
  }
}

static void a_workspace_with_keys_and_an_organisation_with_anything_stay(void **state) {
  struct store *s = contract_store(state);
  int64_t acme = make_org(s, "acme"), lab = make(s, PEOPLE_WORKSPACE, acme, "lab", ""), key = make_key(s, "k", "lab");
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_WORKSPACE, acme, lab, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_ORGANISATION, acme, acme, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(s->ops->key_delete(s, key, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_WORKSPACE, acme, lab, 0, TEST_ACTOR, &test_fault));
  for (size_t i = 1; i < KINDS; i++) {
    int64_t id = make(s, kinds[i], acme, "thing", "thing@acme.com");
    EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_ORGANISATION, 0, acme, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
    EXPECT_OK(PEOPLE(s)->remove(s, kinds[i], 0, id, 0, TEST_ACTOR, &test_fault));
  }
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_ORGANISATION, 0, acme, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_ORGANISATION, 0, acme, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
}

static void lists_have_pages_and_are_searched_whatever_the_case(void **state) {
  struct store *s = contract_store(state);
  struct people_row *rows;
  int64_t ann = make(s, PEOPLE_USER, 1, "Ann Archer", "ann@example.com");
  int64_t bob = make(s, PEOPLE_USER, 1, "Bob", "bob@EXAMPLE.com"), team = make(s, PEOPLE_TEAM, 1, "50% off_", "x");
  make(s, PEOPLE_TEAM, 1, "500 offs", "y");
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.max = 1}, &rows), 1);
  assert_int_equal(rows[0].id, ann);
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.after_id = ann}, &rows), 1);
  assert_int_equal(rows[0].id, bob);
  EXPECT_TEXT(rows[0].text, TEXT("bob@example.com"));
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.search = TEXT("ARCH")}, &rows), 1);
  assert_int_equal(rows[0].id, ann);
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.search = TEXT("Example")}, &rows), 2);
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.search = TEXT("nobody")}, &rows), 0);
  assert_int_equal(list(s, PEOPLE_TEAM, (struct people_filter){.search = TEXT("0% off_")}, &rows), 1);
  assert_int_equal(rows[0].id, team);
  EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, bob, true, TEST_ACTOR, &test_fault));
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.team_id = team}, &rows), 1);
  assert_int_equal(rows[0].id, bob);
  assert_int_equal(
      list(s, PEOPLE_USER, (struct people_filter){.team_id = team, .org_id = 1, .search = TEXT("ann")}, &rows), 0);
}

static void a_user_is_found_by_email_and_by_the_identity_they_are_bound_to(void **state) {
  struct store *s = contract_store(state);
  int64_t ann = make_user(s, 1, "Ann@Example.com"), bob = make_user(s, 1, "bob@example.com");
  struct people_row r = {0};
  struct audit_row entry;
  EXPECT_OK(PEOPLE(s)->find_user(s, TEXT("aNN@example.COM"), &arena, &r, &test_fault));
  assert_int_equal(r.id, ann);
  EXPECT_ERR(PEOPLE(s)->find_user(s, TEXT("nobody@example.com"), &arena, &r, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(PEOPLE(s)->find_external(s, TEXT(""), &arena, &r, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(PEOPLE(s)->set_external(s, ann, TEXT("https://idp\nsub-1"), TEST_ACTOR, &test_fault));
  size_t count = entries(s, &entry);
  EXPECT_TEXT(entry.action, TEXT("user.bind"));
  EXPECT_TEXT(entry.after, TEXT("{\"issuer\":\"https://idp\"}"));
  EXPECT_OK(PEOPLE(s)->set_external(s, ann, TEXT("https://idp\nsub-1"), TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &entry), count);
  EXPECT_ERR(PEOPLE(s)->set_external(s, bob, TEXT("https://idp\nsub-1"), TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(PEOPLE(s)->set_external(s, 99, TEXT("https://idp\nsub-2"), TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(PEOPLE(s)->find_external(s, TEXT("https://idp\nsub-1"), &arena, &r, &test_fault));
  assert_int_equal(r.id, ann);
  r.name = TEXT("Ann B.");
  EXPECT_OK(PEOPLE(s)->update(s, PEOPLE_USER, &r, r.version, TEST_ACTOR, &test_fault));
  EXPECT_TEXT(get(s, PEOPLE_USER, ann).external, TEXT("https://idp\nsub-1"));
}

static void being_seen_is_no_change(void **state) {
  struct store *s = contract_store(state);
  struct people_row r = row_of(1, "Ann", "ann@example.com");
  struct audit_row entry;
  int64_t ann = 0, bot = make(s, PEOPLE_SERVICE, 1, "bot", "");
  r.is_invited = true;
  EXPECT_OK(PEOPLE(s)->create(s, PEOPLE_USER, &r, TEST_ACTOR, &ann, &test_fault));
  assert_true(get(s, PEOPLE_USER, ann).is_invited);
  size_t count = entries(s, &entry);
  EXPECT_OK(PEOPLE(s)->seen(s, PEOPLE_USER, ann, 70, &test_fault));
  EXPECT_OK(PEOPLE(s)->seen(s, PEOPLE_USER, ann, 60, &test_fault));
  EXPECT_OK(PEOPLE(s)->seen(s, PEOPLE_SERVICE, bot, 80, &test_fault));
  r = get(s, PEOPLE_USER, ann);
  assert_int_equal(r.last_seen_us, 70);
  assert_false(r.is_invited);
  assert_int_equal(r.version, 1);
  assert_int_equal(get(s, PEOPLE_SERVICE, bot).last_seen_us, 80);
  assert_int_equal(entries(s, &entry), count);
}

static void a_grant_that_is_there_keeps_its_number(void **state) {
  struct store *s = contract_store(state);
  struct people_grant *rows;
  struct audit_row entry;
  size_t count = 0;
  int64_t ann = make_user(s, 1, "ann@example.com"), bot = make(s, PEOPLE_SERVICE, 1, "bot", "");
  int64_t lab = make(s, PEOPLE_WORKSPACE, 1, "lab", ""), first = grant(s, GRANT_TO_USER, ann, 0, "member");
  size_t noted = entries(s, &entry);
  EXPECT_TEXT(entry.action, TEXT("grant.create"));
  EXPECT_TEXT(entry.after, TEXT("{\"to\":\"user:1\",\"role\":\"member\",\"organisation\":1}"));
  assert_int_equal(grant(s, GRANT_TO_USER, ann, 0, "member"), first);
  assert_int_equal(entries(s, &entry), noted);
  assert_int_equal(grant(s, GRANT_TO_USER, ann, lab, "member"), first + 1);
  assert_int_equal(grant(s, GRANT_TO_SERVICE, bot, 0, "member"), first + 2);
  assert_int_equal(grants_of(s, 1, &rows), 3);
  struct grant_filter filter = {.max = 10, .to = GRANT_TO_SERVICE, .to_id = bot};
  EXPECT_OK(PEOPLE(s)->grants(s, &filter, &arena, &rows, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(rows[0].id, first + 2);
  assert_int_equal(rows[0].to, GRANT_TO_SERVICE);
  assert_int_equal(rows[0].to_id, bot);
  EXPECT_TEXT(rows[0].role, TEXT("member"));
  assert_int_equal(rows[0].created_us, 5);
  const struct people_grant untimed = {.to = GRANT_TO_USER, .to_id = ann, .role = TEXT("viewer")};
  int64_t last = 0;
  EXPECT_OK(PEOPLE(s)->grant(s, &untimed, TEST_ACTOR, &last, &test_fault));
  filter = (struct grant_filter){.max = 1, .after_id = last - 1};
  EXPECT_OK(PEOPLE(s)->grants(s, &filter, &arena, &rows, &count, &test_fault));
  assert_true(rows[0].created_us > 5);
  filter = (struct grant_filter){.max = 1, .after_id = first};
  EXPECT_OK(PEOPLE(s)->grants(s, &filter, &arena, &rows, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(rows[0].workspace_id, lab);
}

static void rights_are_ones_own_and_those_of_ones_teams(void **state) {
  struct store *s = contract_store(state);
  struct people_right *rights;
  struct people_row who;
  size_t count = 0;
  char custom[32];
  int64_t ann = make_user(s, 1, "ann@example.com"), team = make(s, PEOPLE_TEAM, 1, "ops", "");
  int64_t lab = make(s, PEOPLE_WORKSPACE, 1, "lab", ""),
          role = make(s, PEOPLE_ROLE, 1, "keeper", "keys.read usage.own");
  snprintf(custom, sizeof custom, "role:%lld", (long long)role);
  grant(s, GRANT_TO_TEAM, team, lab, custom);
  grant(s, GRANT_TO_USER, ann, 0, "viewer");
  assert_int_equal(rights_of(s, PEOPLE_USER, ann, &rights), 1);
  EXPECT_TEXT(rights[0].role, TEXT("viewer"));
  EXPECT_TEXT(rights[0].permissions, TEXT(""));
  assert_int_equal(rights[0].workspace_id, 0);
  EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, ann, true, TEST_ACTOR, &test_fault));
  assert_int_equal(rights_of(s, PEOPLE_USER, ann, &rights), 2);
  EXPECT_TEXT(rights[1].workspace, TEXT("lab"));
  EXPECT_TEXT(rights[1].role, text_of(custom));
  EXPECT_TEXT(rights[1].permissions, TEXT("keys.read usage.own"));
  assert_int_equal(rights[1].workspace_id, lab);
  EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, ann, false, TEST_ACTOR, &test_fault));
  assert_int_equal(rights_of(s, PEOPLE_USER, ann, &rights), 1);
  EXPECT_ERR(PEOPLE(s)->rights(s, PEOPLE_SERVICE, ann, &arena, &who, &rights, &count, &test_fault), ERR_NOT_FOUND);
}

static void a_member_joins_and_leaves_once(void **state) {
  struct store *s = contract_store(state);
  struct audit_row entry;
  int64_t ann = make_user(s, 1, "ann@example.com"), team = make(s, PEOPLE_TEAM, 1, "ops", "");
  size_t count = entries(s, &entry);
  for (int i = 0; i < 2; i++)
    EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, ann, true, TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &entry), count + 1);
  EXPECT_TEXT(entry.action, TEXT("team.join"));
  EXPECT_TEXT(entry.after, TEXT("{\"member\":1}"));
  for (int i = 0; i < 2; i++)
    EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, ann, false, TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &entry), count + 2);
  EXPECT_TEXT(entry.action, TEXT("team.leave"));
  EXPECT_ERR(PEOPLE(s)->team_put(s, 1, team, 99, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(PEOPLE(s)->team_put(s, 1, 99, ann, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
}

static void what_belongs_to_a_row_goes_with_it(void **state) {
  struct store *s = contract_store(state);
  struct people_grant *grants;
  struct people_row *rows;
  struct people_right *rights;
  char custom[32];
  int64_t ann = make_user(s, 1, "ann@example.com"), bob = make_user(s, 1, "bob@example.com");
  int64_t bot = make(s, PEOPLE_SERVICE, 1, "bot", ""), team = make(s, PEOPLE_TEAM, 1, "ops", "");
  int64_t lab = make(s, PEOPLE_WORKSPACE, 1, "lab", ""), role = make(s, PEOPLE_ROLE, 1, "keeper", "keys.read");
  struct audit_row entry;
  snprintf(custom, sizeof custom, "role:%lld", (long long)role);
  grant(s, GRANT_TO_USER, ann, 0, "viewer");
  grant(s, GRANT_TO_USER, bob, lab, "viewer");
  grant(s, GRANT_TO_USER, bob, 0, custom);
  grant(s, GRANT_TO_SERVICE, bot, 0, "viewer");
  grant(s, GRANT_TO_TEAM, team, 0, "viewer");
  EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, ann, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, bob, true, TEST_ACTOR, &test_fault));
  size_t count = entries(s, &entry);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_USER, 1, ann, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &entry), count + 2); /* the grant's, and the user's */
  assert_int_equal(grants_of(s, 1, &grants), 4);
  assert_int_equal(list(s, PEOPLE_USER, (struct people_filter){.team_id = team}, &rows), 1);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_WORKSPACE, 1, lab, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(grants_of(s, 1, &grants), 3);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_ROLE, 1, role, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(grants_of(s, 1, &grants), 2);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_SERVICE, 1, bot, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(rights_of(s, PEOPLE_USER, bob, &rights), 1);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_TEAM, 1, team, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(grants_of(s, 1, &grants), 0);
  assert_int_equal(rights_of(s, PEOPLE_USER, bob, &rights), 0);
}

static void the_last_owner_cannot_be_taken_away(void **state) {
  struct store *s = contract_store(state);
  int64_t ann = make_user(s, 1, "ann@example.com"), bob = make_user(s, 1, "bob@example.com");
  int64_t own = grant(s, GRANT_TO_USER, ann, 0, "owner");
  struct people_row r = get(s, PEOPLE_USER, ann);
  struct people_grant *grants;
  grant(s, GRANT_TO_USER, bob, 0, "admin");
  r.is_disabled = true;
  EXPECT_ERR(PEOPLE(s)->update(s, PEOPLE_USER, &r, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("owner");
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_USER, 1, ann, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(PEOPLE(s)->revoke(s, 1, own, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  assert_int_equal(grants_of(s, 1, &grants), 2); /* nothing of what was refused was done */
  assert_int_equal(get(s, PEOPLE_USER, ann).version, 1);
  grant(s, GRANT_TO_USER, bob, 0, "owner");
  EXPECT_OK(PEOPLE(s)->update(s, PEOPLE_USER, &r, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_USER, 1, bob, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_USER, 1, ann, 0, TEST_ACTOR, &test_fault));
}

static void an_identity_providers_word_replaces_its_own_earlier_one_alone(void **state) {
  struct store *s = contract_store(state);
  struct people_grant *rows;
  struct audit_row entry;
  int64_t ann = make_user(s, 1, "ann@example.com"), lab = make(s, PEOPLE_WORKSPACE, 1, "lab", "");
  grant(s, GRANT_TO_USER, ann, 0, "viewer");
  grant(s, GRANT_TO_USER, ann, lab, "admin");
  EXPECT_OK(PEOPLE(s)->follow(s, ann, TEXT("member"), TEXT("oidc:a"), TEST_ACTOR, &test_fault));
  assert_int_equal(grants_of(s, 1, &rows), 3);
  EXPECT_TEXT(rows[2].role, TEXT("member"));
  EXPECT_TEXT(rows[2].origin, TEXT("oidc:a"));
  EXPECT_TEXT(rows[0].origin, TEXT(""));
  size_t noted = entries(s, &entry);
  EXPECT_TEXT(entry.action, TEXT("grant.create"));
  EXPECT_OK(PEOPLE(s)->follow(s, ann, TEXT("member"), TEXT("oidc:a"), TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &entry), noted); /* it is so already */
  EXPECT_OK(PEOPLE(s)->follow(s, ann, TEXT("owner"), TEXT("oidc:b"), TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &entry), noted + 2);
  assert_int_equal(grants_of(s, 1, &rows), 3);
  EXPECT_TEXT(rows[2].role, TEXT("owner"));
  EXPECT_ERR(PEOPLE(s)->follow(s, ann, TEXT(""), TEXT("oidc:b"), TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  assert_int_equal(grants_of(s, 1, &rows), 3); /* the last owner's */
  grant(s, GRANT_TO_USER, make_user(s, 1, "bob@example.com"), 0, "owner");
  EXPECT_OK(PEOPLE(s)->follow(s, ann, TEXT("viewer"), TEXT("oidc:b"), TEST_ACTOR, &test_fault));
  assert_int_equal(grants_of(s, 1, &rows), 3); /* one that was given here is enough */
  EXPECT_TEXT(rows[0].origin, TEXT(""));
  EXPECT_ERR(PEOPLE(s)->follow(s, 99, TEXT("viewer"), TEXT("oidc:b"), TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
}

static void an_owner_by_a_team_counts_and_one_who_never_came_does_not(void **state) {
  struct store *s = contract_store(state);
  struct people_row guest = row_of(1, "Guest", "guest@example.com");
  int64_t ann = make_user(s, 1, "ann@example.com"), team = make(s, PEOPLE_TEAM, 1, "ops", ""), invited = 0;
  guest.is_invited = true;
  EXPECT_OK(PEOPLE(s)->create(s, PEOPLE_USER, &guest, TEST_ACTOR, &invited, &test_fault));
  grant(s, GRANT_TO_USER, invited, 0, "owner");
  int64_t own = grant(s, GRANT_TO_TEAM, team, 0, "owner");
  EXPECT_OK(PEOPLE(s)->team_put(s, 1, team, ann, true, TEST_ACTOR, &test_fault));
  EXPECT_ERR(PEOPLE(s)->team_put(s, 1, team, ann, false, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_TEAM, 1, team, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(PEOPLE(s)->revoke(s, 1, own, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(PEOPLE(s)->remove(s, PEOPLE_USER, 1, ann, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(PEOPLE(s)->seen(s, PEOPLE_USER, invited, 50, &test_fault));
  EXPECT_OK(PEOPLE(s)->remove(s, PEOPLE_TEAM, 1, team, 0, TEST_ACTOR, &test_fault));
  int64_t acme = make_org(s, "acme"), eve = make_user(s, acme, "eve@acme.com");
  own = grant(s, GRANT_TO_USER, eve, 0, "owner");
  EXPECT_ERR(PEOPLE(s)->revoke(s, acme, own, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT); /* of each organisation */
}

static void the_log_names_a_user_where_an_erasure_finds_them(void **state) {
  struct store *s = contract_store(state);
  struct audit_row entry;
  struct audit_verdict v;
  make(s, PEOPLE_USER, 1, "Ann", "Ann@example.com");
  entries(s, &entry);
  EXPECT_TEXT(entry.actor, TEXT("local:tester"));
  EXPECT_TEXT(entry.action, TEXT("user.create"));
  EXPECT_TEXT(entry.subject, TEXT("user:1"));
  EXPECT_TEXT(entry.before, TEXT("null"));
  EXPECT_TEXT(entry.after, TEXT("{\"user\":\"ann@example.com\",\"name\":\"Ann\",\"organisation\":1,\"disabled\":false,"
                                "\"invited\":false}"));
  make(s, PEOPLE_ROLE, 1, "keeper", "keys.read keys.write");
  entries(s, &entry);
  EXPECT_TEXT(entry.after,
              TEXT("{\"name\":\"keeper\",\"permissions\":[\"keys.read\",\"keys.write\"],\"organisation\":1}"));
  EXPECT_OK(s->ops->audit->verify(s, NULL, &arena, &v, &test_fault));
  EXPECT_TEXT(v.why, TEXT(""));
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
      CONTRACT(the_first_organisation_is_there),
      CONTRACT(a_row_of_every_kind_is_made_read_changed_and_removed),
      CONTRACT(a_row_of_another_organisation_is_not_there),
      CONTRACT(grants_and_memberships_never_cross_organisations),
      CONTRACT(names_are_unique_where_they_must_be),
      CONTRACT(a_workspaces_name_is_never_another_organisations),
      CONTRACT(a_workspace_with_keys_and_an_organisation_with_anything_stay),
      CONTRACT(lists_have_pages_and_are_searched_whatever_the_case),
      CONTRACT(a_user_is_found_by_email_and_by_the_identity_they_are_bound_to),
      CONTRACT(being_seen_is_no_change),
      CONTRACT(a_grant_that_is_there_keeps_its_number),
      CONTRACT(rights_are_ones_own_and_those_of_ones_teams),
      CONTRACT(a_member_joins_and_leaves_once),
      CONTRACT(what_belongs_to_a_row_goes_with_it),
      CONTRACT(the_last_owner_cannot_be_taken_away),
      CONTRACT(an_identity_providers_word_replaces_its_own_earlier_one_alone),
      CONTRACT(an_owner_by_a_team_counts_and_one_who_never_came_does_not),
      CONTRACT(the_log_names_a_user_where_an_erasure_finds_them),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
