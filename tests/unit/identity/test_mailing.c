/* Links by mail: what is queued, what is sent, who gets in with it, and that nobody learns who has an account here. */
#include "ports/store_jobs.h"
#include "signin_world.h"

static const struct audit_actor tester = {TEXT("local:tester"), TEXT("cli")};

static struct {
  bool is_off;
  enum err fails;
  unsigned sent;
  char to[256], subject[256], body[4096];
} post;

static bool post_is_on(struct mailer *self) { return !post.is_off; }

static enum err post_send(struct mailer *self, const struct mail *m, int64_t now_us, struct fault *f) {
  if (post.fails)
    return fault_set(f, post.fails, NULL, "the mail server is away");
  post.sent++;
  snprintf(post.to, sizeof(post.to), "%.*s", TEXT_ARGS(m->to));
  snprintf(post.subject, sizeof(post.subject), "%.*s", TEXT_ARGS(m->subject));
  snprintf(post.body, sizeof(post.body), "%.*s", TEXT_ARGS(m->body));
  return ERR_OK;
}

static struct mailer mailer = {post_is_on, post_send};

static struct world *world_with_mail(void) {
  struct world *x = world_new();
  struct signin_options o = options_of(x, URL);
  memset(&post, 0, sizeof(post));
  o.mailer = &mailer;
  signin_free(x->desk);
  x->desk = signin_new(&o);
  return x;
}

static int64_t add_user(struct world *x, const char *email) {
  const struct people_row row = {.org_id = 1, .text = text_of(email), .created_us = NOW, .is_invited = true};
  int64_t id = 0;
  expect(x, x->store->ops->people->create(x->store, PEOPLE_USER, &row, &tester, &id, &x->fault), ERR_OK);
  return id;
}

static enum err magic(struct world *x, const char *address, const char *email) {
  struct browser b = {.address = address};
  struct signin_visit v = visit(x, &b);
  return of(x)->magic_ask(of(x), &v, text_of(email), &x->fault);
}

/* What the newest job would have sent; its user. */
static int64_t newest_job(struct world *x, size_t *out_count) {
  struct store_job *jobs = NULL;
  expect(x, x->store->ops->jobs->list(x->store, 0, TEXT("mail"), TEXT(""), 50, &x->arena, &jobs, out_count, &x->fault),
         ERR_OK);
  struct text before, id;
  int64_t user = -1;
  if (*out_count > 0) {
    assert_true(text_cut(jobs[0].args, ',', &before, &id) && text_cut(id, ':', &before, &id));
    assert_true(text_to_i64(text_head(id, id.len - 1), &user));
  }
  return user;
}

static enum err deliver(struct world *x, const char *kind, int64_t user) {
  x->fault = (struct fault){0};
  return of(x)->mail_deliver(of(x), text_of(kind), user, x->now_us, &x->fault);
}

static struct text link_of_mail(struct world *x, const char *page) {
  struct text before, token = text_of(post.body), rest;
  ptrdiff_t at = text_find(token, arena_format(&x->arena, "%s/%s?token=", URL, page));
  if (at < 0)
    fail_msg("no link to %s in\n%s", page, post.body);
  assert_true(text_cut(text_skip(token, (size_t)at), '=', &before, &token) && text_cut(token, '\n', &token, &rest));
  return arena_copy(&x->arena, token);
}

static enum err finish(struct world *x, struct browser *b, struct text token, const char *code) {
  struct signin_result r = {0};
  struct signin_visit v = visit(x, b);
  enum err e = of(x)->magic_finish(of(x), &v, token, text_of(code), &r, &x->fault);
  if (e == ERR_OK && r.needs_code)
    return ERR_AGAIN;
  if (e == ERR_OK)
    keep(x, b, &r);
  return e;
}

static void a_link_by_mail_signs_in_once(void **state) {
  struct world *x = world_with_mail();
  struct browser b = {0}, other = {0};
  struct caller c;
  size_t count;
  int64_t id = add_user(x, "anna@x.org");
  expect(x, magic(x, NULL, "Anna@X.org"), ERR_OK);
  assert_int_equal(post.sent, 0); /* nobody waits for a mail server */
  assert_int_equal(newest_job(x, &count), id);
  expect(x, deliver(x, "magic", id), ERR_OK);
  assert_int_equal(post.sent, 1);
  assert_string_equal(post.to, "anna@x.org");
  struct text token = link_of_mail(x, "magic");
  expect(x, finish(x, &b, token, ""), ERR_OK);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  assert_int_equal(c.id, id);
  expect(x, finish(x, &other, token, ""), ERR_FORBIDDEN);
  world_free(x);
}

static void a_link_is_good_for_a_quarter_of_an_hour_and_until_the_next(void **state) {
  struct world *x = world_with_mail();
  struct browser b = {0};
  int64_t id = add_user(x, "anna@x.org");
  expect(x, deliver(x, "magic", id), ERR_OK);
  struct text first = link_of_mail(x, "magic");
  x->now_us += SECOND;
  expect(x, deliver(x, "magic", id), ERR_OK);
  struct text second = link_of_mail(x, "magic");
  expect(x, finish(x, &b, first, ""), ERR_FORBIDDEN);
  x->now_us += SIGNIN_MAGIC_US;
  expect(x, finish(x, &b, second, ""), ERR_FORBIDDEN);
  expect(x, finish(x, &b, TEXT(""), ""), ERR_FORBIDDEN);
  expect(x, finish(x, &b, TEXT("0123456789012345678901234567890123456789012"), ""), ERR_FORBIDDEN);
  world_free(x);
}

static void who_is_unknown_or_disabled_gets_the_same_answer_and_no_mail(void **state) {
  struct world *x = world_with_mail();
  struct people_row row;
  size_t count;
  int64_t id = add_user(x, "anna@x.org");
  expect(x, x->store->ops->people->get(x->store, PEOPLE_USER, 1, id, &x->arena, &row, &x->fault), ERR_OK);
  row.is_disabled = true;
  expect(x, x->store->ops->people->update(x->store, PEOPLE_USER, &row, 0, &tester, &x->fault), ERR_OK);
  expect(x, magic(x, NULL, "nobody@x.org"), ERR_OK);
  assert_int_equal(newest_job(x, &count), 0);
  expect(x, magic(x, NULL, "anna@x.org"), ERR_OK); /* the job that waits will do */
  assert_int_equal(newest_job(x, &count), 0);
  assert_int_equal(count, 1);
  expect(x, deliver(x, "magic", 0), ERR_OK);
  expect(x, deliver(x, "magic", id), ERR_OK);
  expect(x, deliver(x, "magic", 777), ERR_OK);
  assert_int_equal(post.sent, 0);
  expect(x, magic(x, NULL, "not an address"), ERR_BAD_REQUEST);
  world_free(x);
}

static void mails_are_kept_few(void **state) {
  struct world *x = world_with_mail();
  (void)add_user(x, "anna@x.org");
  for (int i = 0; i < 5; i++)
    expect(x, magic(x, "192.0.2.9", "anna@x.org"), ERR_OK);
  expect(x, magic(x, "192.0.2.9", "anna@x.org"), ERR_RATE_LIMITED);
  assert_true(x->fault.retry_after_s > 0);
  expect(x, magic(x, "192.0.2.10", "anna@x.org"), ERR_OK); /* others can still */
  for (int i = 0; i < 5; i++)
    expect(x, magic(x, "192.0.2.9", "nobody@x.org"), ERR_OK);
  expect(x, magic(x, "192.0.2.9", "nobody@x.org"), ERR_RATE_LIMITED); /* the same for who is not there */
  world_free(x);
}

static void a_link_does_not_stand_for_the_second_factor(void **state) {
  struct world *x = world_with_mail();
  struct browser b = owner(x), fresh = {0};
  struct text codes[SIGNIN_RECOVERY];
  struct caller c;
  (void)enrol(x, &b, codes);
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  expect(x, deliver(x, "magic", c.id), ERR_OK);
  struct text token = link_of_mail(x, "magic");
  expect(x, finish(x, &fresh, token, ""), ERR_AGAIN);
  expect(x, finish(x, &fresh, token, "000000"), ERR_UNAUTHENTICATED);
  expect(x, finish(x, &fresh, token, codes[0].at), ERR_OK);
  expect(x, ask(x, &fresh, "GET", &c), ERR_OK);
  world_free(x);
}

static void an_admin_has_links_sent(void **state) {
  struct world *x = world_with_mail();
  struct browser b = owner(x), fresh = {0};
  struct signin_result r = {0};
  struct text kind;
  struct caller c;
  size_t count;
  int64_t id = add_user(x, "anna@x.org");
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  struct signin_visit v = visit(x, &b);
  expect(x, of(x)->mail_link(of(x), &v, &c, id, &kind, &x->fault), ERR_OK);
  assert_true(text_equal(kind, TEXT("invite")));
  assert_int_equal(newest_job(x, &count), id);
  expect(x, deliver(x, "invite", id), ERR_OK);
  struct text token = link_of_mail(x, "accept");
  v = visit(x, &fresh);
  expect(x, of(x)->accept(of(x), &v, token, TEXT("Anna"), TEXT(PASSWORD), &r, &x->fault), ERR_OK);
  v = visit(x, &b);
  expect(x, of(x)->mail_link(of(x), &v, &c, id, &kind, &x->fault), ERR_OK);
  assert_true(text_equal(kind, TEXT("reset")));
  expect(x, of(x)->mail_link(of(x), &v, &c, 777, &kind, &x->fault), ERR_NOT_FOUND);
  world_free(x);
}

static void without_a_mail_server_there_is_nothing_of_it(void **state) {
  struct world *x = world_with_mail();
  struct browser b = owner(x);
  struct text kind;
  struct caller c;
  int64_t id = add_user(x, "anna@x.org");
  expect(x, ask(x, &b, "GET", &c), ERR_OK);
  struct signin_visit v = visit(x, &b);
  post.is_off = true;
  expect(x, magic(x, NULL, "anna@x.org"), ERR_NOT_FOUND);
  expect(x, of(x)->mail_link(of(x), &v, &c, id, &kind, &x->fault), ERR_NOT_FOUND);
  expect(x, deliver(x, "magic", id), ERR_CONFIG);
  post.is_off = false;
  post.fails = ERR_NETWORK;
  expect(x, deliver(x, "magic", id), ERR_NETWORK);
  expect(x, deliver(x, "newsletter", id), ERR_BAD_REQUEST);
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_link_by_mail_signs_in_once),
      cmocka_unit_test(a_link_is_good_for_a_quarter_of_an_hour_and_until_the_next),
      cmocka_unit_test(who_is_unknown_or_disabled_gets_the_same_answer_and_no_mail),
      cmocka_unit_test(mails_are_kept_few),
      cmocka_unit_test(a_link_does_not_stand_for_the_second_factor),
      cmocka_unit_test(an_admin_has_links_sent),
      cmocka_unit_test(without_a_mail_server_there_is_nothing_of_it),
  };
  return RUN_TESTS(tests);
}
