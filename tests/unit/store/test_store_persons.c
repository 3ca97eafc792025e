/* A person's rights over the store and the archive's files: everything of theirs comes out, and after an erasure their
 * name is nowhere, while sums and the audit log still hold. Every text column of the schema is known to be personal or
 * not, and every personal one is reached by both. */
#include "ports/store_entities.h"
#include "ports/store_people.h"
#include "ports/store_persons.h"

#include "base/buf.h"
#include "contract.h"
#include "ports/store_usage.h"
#include "store/archive_file.h"
#include "store/copy_list.h"
#include "store/copy_table.h"
#include "store/person_columns.h"
#include "store/store_persons.h"

#include <dirent.h>
#include <stdlib.h>

#define NAME     "zebulon.quist"
#define KEY_NAME "quist-laptop"
#define PREFIX   "weir_abcdefg"

static struct arena arena;

static void make_key(struct store *s, const char *name, const char *user, uint8_t hash) {
  struct store_key k = {.name = text_of(name),
                        .prefix = hash == 1 ? TEXT(PREFIX) : TEXT("weir_hijklmn"),
                        .user = text_of(user),
                        .models = TEXT("*"),
                        .budget_period = TEXT(""),
                        .created_us = 5};
  int64_t id = 0;
  memset(k.hash, hash, sizeof k.hash);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
}

static struct ledger_row row_of(int64_t id, const char *user, const char *key_name) {
  struct ledger_row r = make_row(id, 1, 100, 1790000000000000 + id);
  r.user = text_of(user);
  r.key_name = text_of(key_name);
  return r;
}

static void fill(struct store *s) {
  const struct store_entity assignment = {
      .kind = TEXT("assignment"), .name = TEXT("key\n" KEY_NAME), .body = TEXT("{\"key\":\"" KEY_NAME "\"}")};
  struct ledger_row rows[] = {row_of(1, NAME, KEY_NAME), row_of(2, "bob", "bob-key"), row_of(3, NAME, KEY_NAME)};
  make_key(s, KEY_NAME, NAME, 1);
  make_key(s, "bob-key", "bob", 2);
  EXPECT_OK(s->ops->key_set_blocked(s, 1, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->create(s, &assignment, TEST_ACTOR, &(int64_t){0}, &test_fault)); /* names the key alone */
  EXPECT_OK(s->ops->audit->add(s, &(struct audit_actor){TEXT("local:" NAME), TEXT("cli")},
                               &(struct audit_entry){.action = TEXT("config.reload"), .subject = TEXT("config")}, NULL,
                               &test_fault));
  append(s, rows, 3, 3);
  contract_exec(s, "INSERT INTO weir_usage SELECT 1, 0, 1, '" NAME "', '', 'p', 'm', 'ok', '" KEY_NAME
                   "', 1, 1, 1, 1, 0, 0, 0, 0, 7, 7, 1, 1, 1, 1, 1");
}

/* Every cell of every table, as text; each copied so that it may be searched. */
static enum err dump_table(struct driver_link *l, const char *table, struct buf *out, struct fault *f) {
  struct copy_shape *shape = ARENA_NEW(&arena, struct copy_shape);
  char sql[2048];
  int n;
  bool row = false;
  enum err e = copy_shape_read(l, table, &arena, shape, f);
  if (e)
    return e;
  n = snprintf(sql, sizeof sql, "SELECT ");
  for (size_t i = 0; i < shape->column_count; i++)
    n += snprintf(sql + n, sizeof sql - (size_t)n, "%s%.*s", i ? ", " : "", TEXT_ARGS(shape->columns[i].name));
  snprintf(sql + n, sizeof sql - (size_t)n, " FROM %s", table);
  e = l->driver->prepare_text(l, sql, f);
  while (!e && !(e = l->driver->step(l, &row, "dumping", f)) && row)
    for (size_t i = 0; i < shape->column_count; i++) {
      buf_add(out, l->driver->bytes(l, (int)i));
      buf_add_char(out, '\n');
    }
  l->driver->reset(l);
  return e;
}

static enum err dump_on(struct driver_link *l, void *out, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < copy_list_count && !e; i++)
    e = dump_table(l, copy_list[i].table, out, f);
  return e;
}

static void expect_nowhere(struct store *s, const char *word, bool nowhere) {
  struct buf out;
  buf_init(&out, 1 << 24);
  EXPECT_OK(driver_run(s, DRIVER_READ, false, dump_on, &out, &test_fault));
  bool found = text_find(buf_text(&out), text_of(word)) >= 0;
  buf_done(&out);
  if (found == nowhere)
    fail_msg("\"%s\" is %s", word, found ? "still somewhere" : "nowhere, before it was erased");
}

static struct person_erased erase(struct store *s, const char *user) {
  struct person_erased done = {0};
  EXPECT_OK(
      s->ops->persons->erase(s, &(struct person_ask){.user = text_of(user), .by = TEST_ACTOR}, &done, &test_fault));
  return done;
}

static void expect_sums_hold(struct store *s, uint64_t rows) {
  struct ledger_totals t = {0};
  struct audit_verdict v;
  EXPECT_OK(s->ops->ledger_verify(s, &arena, &t, &test_fault));
  assert_int_equal(t.rows, rows);
  EXPECT_TEXT(t.first_mismatch, TEXT(""));
  EXPECT_OK(s->ops->audit->verify(s, NULL, &arena, &v, &test_fault));
  EXPECT_TEXT(v.why, TEXT(""));
}

static void after_an_erasure_the_name_is_nowhere_and_every_sum_holds(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *entries;
  struct ledger_row *rows;
  struct store_key key;
  size_t count = 0;
  fill(s);
  expect_nowhere(s, NAME, false);
  expect_nowhere(s, KEY_NAME, false);
  struct person_erased done = erase(s, NAME);
  assert_int_equal(done.keys, 1);
  assert_int_equal(done.ledger_rows, 2);
  assert_int_equal(done.usage_rows, 1);
  assert_int_equal(done.audit_entries, 5); /* create, block, assign, reload, delete */
  expect_nowhere(s, NAME, true);
  expect_nowhere(s, KEY_NAME, true);
  expect_nowhere(s, done.pseudonym, false);
  expect_sums_hold(s, 3);
  EXPECT_OK(s->ops->ledger_list(s, 0, 10, &arena, &rows, &count, &test_fault));
  EXPECT_TEXT(rows[0].user, text_of(done.pseudonym));
  EXPECT_TEXT(rows[0].key_name, text_of(done.pseudonym));
  EXPECT_TEXT(rows[1].user, TEXT("bob"));
  EXPECT_OK(s->ops->key_find_by_name(s, TEXT("bob-key"), &arena, &key, &test_fault));
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 1}, &arena, &entries, &count, &test_fault));
  EXPECT_TEXT(entries[0].action, TEXT("person.erase"));
  assert_true(text_ends(entries[0].subject, text_of(done.pseudonym)));
}

static void rows_that_arrive_late_lose_the_name_too(void **state) {
  struct store *s = contract_store(state);
  struct ledger_row *rows;
  size_t count = 0;
  int64_t now_us = driver_now_us();
  fill(s);
  struct person_erased done = erase(s, NAME);
  struct ledger_row late[] = {row_of(11, NAME, KEY_NAME), row_of(12, "bob", "bob-key"), row_of(13, NAME, "new-key")};
  late[2].reserved_us = now_us + 2 * PERSON_GRACE_US; /* somebody of that name came back */
  append(s, late, 3, 9);
  EXPECT_OK(s->ops->ledger_list(s, 0, 3, &arena, &rows, &count, &test_fault));
  EXPECT_TEXT(rows[2].user, text_of(done.pseudonym));
  EXPECT_TEXT(rows[2].key_name, text_of(done.pseudonym));
  EXPECT_TEXT(rows[1].user, TEXT("bob"));
  EXPECT_TEXT(rows[0].user, TEXT(NAME));
  expect_sums_hold(s, 6);
  EXPECT_OK(s->ops->persons->forget(s, INT64_MAX, &test_fault));
  struct ledger_row later = row_of(14, NAME, KEY_NAME);
  append(s, &later, 1, 10);
  EXPECT_OK(s->ops->ledger_list(s, 0, 1, &arena, &rows, &count, &test_fault));
  EXPECT_TEXT(rows[0].user, TEXT(NAME));
}

static void erasing_again_goes_on_under_the_same_pseudonym(void **state) {
  struct store *s = contract_store(state);
  fill(s);
  const struct person_erased first = erase(s, NAME);
  contract_exec(s,
                "INSERT INTO weir_usage SELECT 1, 0, 1, '" NAME "', '', 'p', 'm', 'ok', 'k', 1, 1, 1, 1, 0, 0, 0, 0, "
                "5, 5, 1, 1, 1, 1, 1");
  const struct person_erased done = erase(s, NAME);
  assert_string_equal(done.pseudonym, first.pseudonym);
  assert_int_equal(done.usage_rows, 1);
  assert_int_equal(done.keys + done.ledger_rows + done.audit_entries, 0);
  expect_nowhere(s, NAME, true);
  expect_sums_hold(s, 3);
}

static enum err keep(void *ctx, struct text json, struct fault *f) {
  buf_add(ctx, json);
  buf_add_char(ctx, '\n');
  return ERR_OK;
}

/* A user of the control API is called by their email, and so are keys of theirs. */
static void a_users_account_comes_out_and_goes_with_grants_and_memberships(void **state) {
  struct store *s = contract_store(state);
  const struct store_people_ops *people = s->ops->people;
  struct people_row ann = {.org_id = 1, .name = TEXT("Zebulon"), .text = TEXT(NAME "@example.com"), .created_us = 5};
  struct people_row team = {.org_id = 1, .name = TEXT("ops"), .created_us = 5};
  struct people_grant g = {.org_id = 1, .to = GRANT_TO_USER, .role = TEXT("viewer"), .created_us = 5};
  struct person_exported done;
  struct buf out;
  int64_t team_id = 0, id = 0;
  EXPECT_OK(people->create(s, PEOPLE_USER, &ann, TEST_ACTOR, &g.to_id, &test_fault));
  EXPECT_OK(people->create(s, PEOPLE_TEAM, &team, TEST_ACTOR, &team_id, &test_fault));
  EXPECT_OK(people->team_put(s, 1, team_id, g.to_id, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(people->grant(s, &g, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(people->set_external(s, g.to_id, TEXT("https://idp\n" NAME), TEST_ACTOR, &test_fault));
  buf_init(&out, 1 << 20);
  EXPECT_OK(s->ops->persons->export(s, &(struct person_ask){.user = TEXT(NAME "@example.com"), .by = TEST_ACTOR},
                                    &(struct person_sink){keep, &out}, &done, &test_fault));
  assert_int_equal(done.users + done.memberships + done.grants, 3);
  assert_true(text_find(buf_text(&out), TEXT("{\"table\":\"weir_users\",\"row\":{")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("\"name\":\"Zebulon\"")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("{\"table\":\"weir_team_members\"")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("{\"table\":\"weir_grants\"")) >= 0);
  buf_done(&out);
  expect_nowhere(s, NAME, false);
  erase(s, NAME "@example.com");
  expect_nowhere(s, NAME, true);
  expect_nowhere(s, "Zebulon", true);
  expect_sums_hold(s, 0);
}

static void who_is_not_a_person_is_refused(void **state) {
  struct store *s = contract_store(state);
  struct person_erased done;
  struct person_ask ask = {.user = TEXT(""), .by = TEST_ACTOR};
  EXPECT_ERR(s->ops->persons->erase(s, &ask, &done, &test_fault), ERR_BAD_REQUEST);
  ask.user = TEXT("erased-12");
  EXPECT_ERR(s->ops->persons->erase(s, &ask, &done, &test_fault), ERR_BAD_REQUEST);
  EXPECT_MENTIONS("pseudonym");
}

static enum err stop(void *ctx, unsigned permille, const char *at, struct fault *f) {
  int *left = ctx;
  return --*left < 0 ? fault_set(f, ERR_CANCELLED, NULL, "stopped at %s", at) : ERR_OK;
}

/* Stopped at every step, and begun again, it ends as it would have. */
static void an_erasure_that_was_stopped_is_finished_by_the_next(void **state) {
  struct store *s = contract_store(state);
  struct person_erased done;
  enum err e = ERR_CANCELLED;
  fill(s);
  for (int steps = 0; e == ERR_CANCELLED; steps++) {
    int left = steps;
    const struct person_listener listener = {stop, &left};
    const struct person_ask ask = {.user = TEXT(NAME), .by = TEST_ACTOR, .listener = &listener};
    e = s->ops->persons->erase(s, &ask, &done, &test_fault);
  }
  EXPECT_OK(e);
  expect_nowhere(s, NAME, true);
  expect_nowhere(s, KEY_NAME, true);
  expect_sums_hold(s, 3);
}

static void an_export_has_what_is_theirs_and_nothing_else(void **state) {
  struct store *s = contract_store(state);
  struct person_exported done;
  struct audit_row *entries;
  struct buf out;
  size_t count = 0;
  fill(s);
  buf_init(&out, 1 << 20);
  EXPECT_OK(s->ops->persons->export(s, &(struct person_ask){.user = TEXT(NAME), .by = TEST_ACTOR},
                                    &(struct person_sink){keep, &out}, &done, &test_fault));
  assert_int_equal(done.keys, 1);
  assert_int_equal(done.ledger_rows, 2);
  assert_int_equal(done.usage_rows, 1);
  assert_int_equal(done.audit_entries, 5); /* create, block, assign, reload, and that this began */
  assert_true(text_find(buf_text(&out), TEXT("{\"table\":\"weir_usage\",\"row\":{")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("{\"table\":\"weir_keys\",\"row\":{")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("\"key_name\":\"" KEY_NAME "\"")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("\"actor\":\"local:" NAME "\"")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("bob")) < 0);
  assert_true(text_find(buf_text(&out), TEXT("hash")) < 0);
  buf_done(&out);
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 1}, &arena, &entries, &count, &test_fault));
  EXPECT_TEXT(entries[0].action, TEXT("person.export"));
  erase(s, NAME);
  expect_nowhere(s, NAME, true);
}

static bool is_in(const char *list, struct text name) {
  char word[96];
  snprintf(word, sizeof word, " %.*s ", TEXT_ARGS(name));
  return strstr(list, word) != NULL;
}

static const struct person_columns *columns_of(const char *table) {
  for (size_t i = 0; i < person_columns_count; i++)
    if (strcmp(person_columns[i].table, table) == 0)
      return &person_columns[i];
  return NULL;
}

static enum err check_columns(struct driver_link *l, void *args, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < copy_list_count && !e; i++) {
    struct copy_shape *shape = ARENA_NEW(&arena, struct copy_shape);
    const struct person_columns *c = columns_of(copy_list[i].table);
    e = copy_shape_read(l, copy_list[i].table, &arena, shape, f);
    if (!c)
      fail_msg("%s is not in store/person_columns.c", copy_list[i].table);
    for (size_t k = 0; !e && k < shape->column_count; k++) {
      const struct copy_column *column = &shape->columns[k];
      if (column->kind == DRIVER_CELL_TEXT && is_in(c->personal, column->name) == is_in(c->impersonal, column->name))
        fail_msg("%s.%.*s is not in one of the lists of store/person_columns.c", c->table, TEXT_ARGS(column->name));
    }
  }
  return e;
}

static void every_text_column_is_known_to_be_personal_or_not(void **state) {
  struct store *s = contract_store(state);
  EXPECT_OK(driver_run(s, DRIVER_READ, false, check_columns, NULL, &test_fault));
  assert_int_equal(person_columns_count, copy_list_count);
}

/* --- everything of a person, in every column and in files --- */

static char archive[64];

static bool names_them(struct text t) {
  return text_find(t, TEXT(NAME)) >= 0 || text_find(t, TEXT(KEY_NAME)) >= 0 || text_find(t, TEXT(PREFIX)) >= 0;
}

#define SESSION(none)                                                                                                  \
  "INSERT INTO weir_sessions SELECT 7, id, 1, " none ", " none ", 1, 1, 1, 0, 'password', '" NAME "', '" NAME          \
  "' FROM weir_users WHERE email = '" NAME "'"
/* Two rows of theirs and one of bob's are in files, two of theirs in the ledger. */
static void fill_all(struct store *s) {
  struct ledger_row late[] = {row_of(21, NAME, KEY_NAME), row_of(22, NAME, KEY_NAME)};
  struct people_row account = {.org_id = 1, .name = TEXT(NAME), .text = TEXT(NAME), .created_us = 5};
  size_t gone = 0;
  int64_t id = 0;
  snprintf(archive, sizeof archive, "/tmp/weir-test-persons-XXXXXX");
  assert_non_null(mkdtemp(archive));
  fill(s);
  for (size_t max = 2; max > 0; max--)
    EXPECT_OK(s->ops->usage->archive(s, &(struct usage_archive_ask){archive, INT64_MAX, max}, &gone, &test_fault));
  append(s, late, 2, 22);
  EXPECT_OK(s->ops->people->create(s, PEOPLE_USER, &account, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->people->set_external(s, id, TEXT("https://idp\n" NAME), TEST_ACTOR, &test_fault));
  contract_exec(s, strcmp(s->ops->name, "postgres") == 0 ? SESSION("'\\x00'") : SESSION("x'00'"));
  contract_exec(s, "INSERT INTO weir_entities VALUES (11, 'assignment', 'user\n" NAME "', '" NAME
                   "', '{\"user\":\"" NAME "\",\"policy\":\"p\"}', 1, 1, 1, 1)");
  contract_exec(s, "INSERT INTO weir_entities VALUES (13, 'limit', 'user\n" NAME "', '" NAME "', '{\"user\":\"" NAME
                   "\",\"rpm\":1}', 1, 1, 1, 1)");
  contract_exec(s, "UPDATE weir_entities SET user_name = '' WHERE name = 'key\n" KEY_NAME "'"); /* an older one */
  contract_exec(s, "INSERT INTO weir_ledger_stretches VALUES (2, '" NAME "', 5, 6)");
  contract_exec(s,
                "INSERT INTO weir_jobs VALUES (7, 'export_person', '{\"user\":\"" NAME "\",\"actor\":\"local:bob\"}', "
                "'done', 0, 0, 1, 5, 'host/1', 0, 1000, '', '{\"by\":{\"actor\":\"" NAME "\"}}', '', '', 1, 1, 1)");
}

static void drop_archive(void) {
  DIR *d = opendir(archive);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(archive);
}

struct column {
  const char *table;
  struct text name;
  bool is_named;
};

static enum err look_at_column(struct driver_link *l, void *args, struct fault *f) {
  struct column *c = args;
  char sql[200];
  bool row = false;
  snprintf(sql, sizeof sql, "SELECT %.*s FROM %s", TEXT_ARGS(c->name), c->table);
  c->is_named = false;
  enum err e = l->driver->prepare_text(l, sql, f);
  while (!e && !(e = l->driver->step(l, &row, "looking", f)) && row)
    c->is_named |= names_them(l->driver->bytes(l, 0));
  l->driver->reset(l);
  return e;
}

/* Some line of the table's has the column, and the person in what follows its name. */
static bool is_exported(struct text lines, const struct column *c) {
  char start[96], member[96];
  struct text line;
  snprintf(start, sizeof start, "{\"table\":\"%s\",", c->table);
  snprintf(member, sizeof member, "\"%.*s\":", TEXT_ARGS(c->name));
  while (text_cut(lines, '\n', &line, &lines)) {
    ptrdiff_t at = text_starts(line, text_of(start)) ? text_find(line, text_of(member)) : -1;
    if (at >= 0 && names_them(text_head(text_skip(line, (size_t)at + strlen(member)), 200)))
      return true;
  }
  return false;
}

static void each_personal_column(struct store *s, void (*check)(struct store *s, struct column *c, void *data),
                                 void *data) {
  for (size_t i = 0; i < person_columns_count; i++) {
    struct text rest = text_of(person_columns[i].personal), name;
    while (text_cut(rest, ' ', &name, &rest)) {
      struct column c = {.table = person_columns[i].table, .name = name};
      if (name.len > 0)
        check(s, &c, data);
    }
  }
}

static void is_filled_and_exported(struct store *s, struct column *c, void *lines) {
  EXPECT_OK(driver_run(s, DRIVER_READ, false, look_at_column, c, &test_fault));
  if (!c->is_named)
    fail_msg("nothing in this test has the person in %s.%.*s", c->table, TEXT_ARGS(c->name));
  if (!is_exported(buf_text(lines), c))
    fail_msg("an export leaves out %s.%.*s", c->table, TEXT_ARGS(c->name));
}

static void is_erased(struct store *s, struct column *c, void *data) {
  EXPECT_OK(driver_run(s, DRIVER_READ, false, look_at_column, c, &test_fault));
  if (c->is_named)
    fail_msg("an erasure leaves out %s.%.*s", c->table, TEXT_ARGS(c->name));
}

static struct person_exported export_all(struct store *s, struct buf *lines) {
  struct person_exported done = {0};
  const struct person_ask ask = {.user = TEXT(NAME), .by = TEST_ACTOR, .archive_folder = archive};
  EXPECT_OK(s->ops->persons->export(s, &ask, &(struct person_sink){keep, lines}, &done, &test_fault));
  return done;
}

/* Every file that is entered is there and sound, nothing else is there, and none names the person when it must not. */
static void expect_archive(struct store *s, bool named) {
  struct usage_archive *list = NULL;
  struct buf lines;
  size_t count = 0, files = 0;
  EXPECT_OK(s->ops->usage->archives(s, &arena, &list, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    EXPECT_OK(archive_file_check(archive, list[i].name, list[i].digest, list[i].entries, &test_fault));
  DIR *d = opendir(archive);
  for (struct dirent *entry; (entry = readdir(d));)
    files += entry->d_name[0] != '.';
  closedir(d);
  assert_int_equal(files, count);
  buf_init(&lines, 1 << 20);
  assert_int_equal(export_all(s, &lines).archived_rows, named ? 2 : 0);
  buf_done(&lines);
}

static void every_personal_column_is_exported_and_erased(void **state) {
  struct store *s = contract_store(state);
  struct person_erased done;
  struct buf lines;
  fill_all(s);
  buf_init(&lines, 1 << 20);
  struct person_exported exported = export_all(s, &lines);
  assert_int_equal(exported.archived_rows, 2);
  assert_int_equal(exported.jobs, 1);
  assert_int_equal(exported.archives_elsewhere, 0);
  assert_true(text_find(buf_text(&lines), TEXT("{\"table\":\"archive\",\"row\":{\"id\":1,")) >= 0);
  each_personal_column(s, is_filled_and_exported, &lines);
  buf_done(&lines);
  const struct person_ask ask = {
      .user = TEXT(NAME), .by = TEST_ACTOR, .archive_folder = archive, .export_folder = "/tmp/weir-no-such-folder"};
  EXPECT_OK(s->ops->persons->erase(s, &ask, &done, &test_fault));
  assert_int_equal(done.ledger_rows, 2);
  assert_int_equal(done.archived_rows, 2);
  assert_int_equal(done.archive_files, 2);
  assert_int_equal(done.jobs, 1);
  each_personal_column(s, is_erased, NULL);
  expect_nowhere(s, NAME, true);
  expect_nowhere(s, KEY_NAME, true);
  expect_sums_hold(s, 5);
  expect_archive(s, false);
  drop_archive();
}

static void a_damaged_file_is_named_and_all_else_is_done(void **state) {
  struct store *s = contract_store(state);
  struct usage_archive *list = NULL;
  struct person_erased done;
  size_t count = 0;
  fill_all(s);
  const struct person_ask ask = {.user = TEXT(NAME), .by = TEST_ACTOR, .archive_folder = archive};
  EXPECT_OK(s->ops->usage->archives(s, &arena, &list, &count, &test_fault));
  struct text path = arena_format(&arena, "%s/%.*s", archive, TEXT_ARGS(list[0].name));
  struct text aside = arena_format(&arena, "%s/aside", archive);
  assert_int_equal(rename(path.at, aside.at), 0);
  FILE *damaged = fopen(path.at, "w");
  assert_non_null(damaged);
  fputs("nothing", damaged);
  fclose(damaged);
  EXPECT_ERR(s->ops->persons->erase(s, &ask, &done, &test_fault), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS(list[0].name.at);
  struct text name = TEXT("user_name");
  is_erased(s, &(struct column){"weir_ledger", name, false}, NULL);
  assert_int_equal(rename(aside.at, path.at), 0); /* from a backup */
  EXPECT_OK(s->ops->persons->erase(s, &ask, &done, &test_fault));
  assert_true(done.archive_files >= 1);
  expect_nowhere(s, NAME, true);
  expect_archive(s, false);
  drop_archive();
}

static void files_that_are_elsewhere_are_counted_and_veiled_where_they_are(void **state) {
  struct store *s = contract_store(state);
  struct person_erased done;
  uint64_t files = 0;
  fill_all(s);
  const struct person_ask here = {.user = TEXT(NAME), .by = TEST_ACTOR, .archive_folder = "/tmp/weir-no-such-folder"};
  EXPECT_OK(s->ops->persons->erase(s, &here, &done, &test_fault));
  assert_int_equal(done.archives_elsewhere, 2);
  assert_int_equal(done.archive_files, 0);
  expect_archive(s, true); /* what another process has still names them */
  EXPECT_OK(s->ops->persons->veil_archives(s, &(struct person_ask){.archive_folder = archive}, &files, &test_fault));
  assert_int_equal(files, 2);
  expect_archive(s, false);
  EXPECT_OK(s->ops->persons->veil_archives(s, &(struct person_ask){.archive_folder = archive}, &files, &test_fault));
  assert_int_equal(files, 0);
  expect_sums_hold(s, 5);
  drop_archive();
}

struct race {
  struct store *store;
  bool is_done;
};

static enum err erase_meanwhile(void *ctx, unsigned permille, const char *at, struct fault *f) {
  struct race *r = ctx;
  if (!r->is_done)
    erase(r->store, NAME);
  r->is_done = true;
  return ERR_OK;
}

static void who_was_erased_while_they_were_exported_is_not_given_out(void **state) {
  struct store *s = contract_store(state);
  struct race race = {s, false};
  struct person_exported done;
  struct buf out;
  fill(s);
  buf_init(&out, 1 << 20);
  const struct person_listener listener = {erase_meanwhile, &race};
  const struct person_ask ask = {.user = TEXT(NAME), .by = TEST_ACTOR, .listener = &listener};
  EXPECT_ERR(s->ops->persons->export(s, &ask, &(struct person_sink){keep, &out}, &done, &test_fault), ERR_NOT_FOUND);
  EXPECT_MENTIONS("erased meanwhile");
  buf_done(&out);
}

static bool file_has(const char *path, const char *word) {
  FILE *file = fopen(path, "rb");
  static char bytes[1 << 22];
  if (!file)
    return false;
  size_t n = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  return text_find((struct text){bytes, n}, text_of(word)) >= 0;
}

static void not_even_the_bytes_of_the_file_have_the_name(void **state) {
  struct store *s = open_store();
  char wal[128];
  snprintf(wal, sizeof wal, "%s-wal", test_db);
  fill(s);
  assert_true(file_has(wal, NAME));
  erase(s, NAME);
  assert_false(file_has(wal, NAME));
  assert_false(file_has(test_db, NAME));
  assert_false(file_has(test_db, KEY_NAME));
  s->ops->close(s);
  assert_false(file_has(test_db, NAME));
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
      CONTRACT(after_an_erasure_the_name_is_nowhere_and_every_sum_holds),
      CONTRACT(rows_that_arrive_late_lose_the_name_too),
      CONTRACT(erasing_again_goes_on_under_the_same_pseudonym),
      CONTRACT(a_users_account_comes_out_and_goes_with_grants_and_memberships),
      CONTRACT(who_is_not_a_person_is_refused),
      CONTRACT(an_erasure_that_was_stopped_is_finished_by_the_next),
      CONTRACT(an_export_has_what_is_theirs_and_nothing_else),
      CONTRACT(every_text_column_is_known_to_be_personal_or_not),
      CONTRACT(every_personal_column_is_exported_and_erased),
      CONTRACT(a_damaged_file_is_named_and_all_else_is_done),
      CONTRACT(files_that_are_elsewhere_are_counted_and_veiled_where_they_are),
      CONTRACT(who_was_erased_while_they_were_exported_is_not_given_out),
      TEST_WITH_DIR(not_even_the_bytes_of_the_file_have_the_name),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
