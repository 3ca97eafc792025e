/* The fault matrix, where a second target is raced: the same rows, striking before the race, in it, and too late to
 * matter. Then what each row does to a breaker and an open one to what comes, and kept connections that are closed
 * instead of answering. See routing.c. */
#include "routing_run.h"

CELLS(test_a_race_whose_first_fails_at_once, RACE_AT_ONCE, ORDERED, 0, BETWEEN)
CELLS(test_a_race_whose_first_fails_while_both_run, RACE_RUNNING, ORDERED, 0, EACH)
CELLS(test_a_race_in_which_both_fail, RACE_ALL_FAIL, ORDERED, 0, "aaaaoo")
CELLS(test_a_race_in_which_both_fail_in_two_rounds, RACE_ALL_FAIL, ORDERED, 1, EACH)
CELLS(test_a_race_whose_first_would_have_failed, RACE_WON, ORDERED, 0, EACH)

/* --- what a row does to the breaker, and a breaker to what comes --- */

static void open_breaker(struct matrix *m, const struct cell *c) {
  const struct names n = names_of(c);
  int failures_before = check_failures;
  size_t bytes;
  set_scene(m, c);
  forget_failures(m, &n);
  for (int i = 0; i < 3; i++)
    (void)ask_cell(m, c, &n, &bytes);
  world_rest(m->w);
  bool opens = c->row->fate != ANSWERS && counts(c->row->class);
  struct breaker_view view = look(m, n.f);
  CHECK_INT(view.state, opens ? BREAKER_OPEN : BREAKER_CLOSED);
  CHECK_TEXT(text_of(view.reason), text_of(opens ? c->row->class : ""));
  CHECK_INT(look(m, n.g).state, BREAKER_CLOSED);
  unsigned before = m->f.calls;
  int status = ask_cell(m, c, &n, &bytes);
  world_rest(m->w);
  if (opens) { /* the caller sees nothing of it any more */
    CHECK_INT(status, 200);
    CHECK_HEADER(m->w, "x-weir-provider", n.g);
    CHECK_HEADER(m->w, "x-weir-attempts", "1");
    CHECK_INT(look(m, n.f).failures - view.failures, 0);
  } else {
    CHECK_INT(m->f.calls, before + 1);
  }
  m->cells++;
  m->failed += check_failures > failures_before;
  if (check_failures > failures_before)
    show(c);
}

static void open_breakers(struct world *w) {
  struct matrix m;
  matrix_open(&m, w);
  for (size_t t = 0; t < COUNT_OF(tables); t++)
    for (size_t i = 0; i < tables[t].count; i++)
      for (int stream = 0; stream <= 1; stream++) {
        const struct cell cells[] = {{.first = ANTHROPIC, .second = OPENAI}, {.first = OPENAI, .second = ANTHROPIC}};
        struct cell c = cells[(i + (size_t)stream) % 2];
        c.row = &tables[t].rows[i];
        c.stream = stream;
        c.layout = FIRST_FAILS;
        if ((c.row->mode & (stream ? STREAMED : PLAIN)) && fits(c.row, &c) && m.failed < SHOWN_MOST)
          open_breaker(&m, &c);
      }
  matrix_close(&m);
}
static void test_what_counts_opens_a_breaker_and_nothing_else_does(void **state) {
  run_learning_world(open_breakers, NULL);
}

/* --- a kept connection that its server closes instead of answering --- */

/* f answers, and after that only closes: the kept connection, and `more` others. */
static void kept_one(struct matrix *m, const struct cell *like, enum ending ending, unsigned more) {
  static const struct row rows[] = {{.raw = "", .ending = CLOSES}, {.raw = "", .ending = RESETS}};
  struct cell c = *like;
  const struct names n = names_of(&c);
  struct due due = {.least_us = 0};
  size_t bytes;
  set_scene(m, &c);
  forget_failures(m, &n);
  m->f.keeps = true;
  CHECK_INT(ask_cell(m, &c, &n, &bytes), 200);
  world_rest(m->w);
  CHECK_INT(http_client_idle(m->w->worker.client), 1);
  m->f.row = &rows[ending == RESETS];
  m->f.bad = 1 + more;
  m->f.calls = 0;
  due.attempts[due.count++] = (struct due_attempt){.letter = 'f', .outcome = "failed_over", .error = "network_error"};
  due.failovers = 1 + more; /* the first says nothing about the provider */
  due.failures[0] = more;
  if (more > 0)
    due.attempts[due.count++] = due.attempts[0];
  answer(&due, &c, more > 0 ? 'g' : 'f');
  check_cell(m, &c, &due);
  CHECK_INT(m->f.calls, 2);
  m->f.keeps = false;
  hang_up(m->w);
  for (int i = 0; i < 100 && http_client_idle(m->w->worker.client) > 0; i++)
    wait_a_little();
}

static void kept(struct world *w) {
  struct matrix m;
  matrix_open(&m, w);
  for (size_t i = 0; i < 16; i++) {
    const struct cell c = {.row = right,
                           .layout = FIRST_FAILS,
                           .stream = i & 1,
                           .first = i & 2 ? OPENAI : ANTHROPIC,
                           .second = i & 2 ? ANTHROPIC : OPENAI};
    kept_one(&m, &c, i & 4 ? RESETS : CLOSES, i & 8 ? 1 : 0);
  }
  matrix_close(&m);
}
static void test_a_kept_connection_that_is_closed_says_nothing(void **state) { run_learning_world(kept, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_race_whose_first_fails_at_once),
      cmocka_unit_test(test_a_race_whose_first_fails_while_both_run),
      cmocka_unit_test(test_a_race_in_which_both_fail),
      cmocka_unit_test(test_a_race_in_which_both_fail_in_two_rounds),
      cmocka_unit_test(test_a_race_whose_first_would_have_failed),
      cmocka_unit_test(test_what_counts_opens_a_breaker_and_nothing_else_does),
      cmocka_unit_test(test_a_kept_connection_that_is_closed_says_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("routing_races", tests, NULL, NULL);
}
