/* Links by mail: who is invited, who has lost a password, and who signs in without one. A request only queues a job, so
 * that nobody waits for a mail server and nobody learns from the time whether there is such a user; the link is made
 * when the mail goes out, so that what the job holds lets nobody in. Called through signin.c and by jobs/job_mail.c. */
#include "identity/signin_inner.h"
#include "ports/store_audit.h"
#include "ports/store_jobs.h"

#define ATTEMPTS 8

static bool is_on(const struct signin_desk *d) { return d->mailer && d->mailer->is_on(d->mailer); }

static enum err need_mailer(const struct signin_desk *d, struct fault *f) {
  return is_on(d) ? ERR_OK : fault_set(f, ERR_NOT_FOUND, NULL, "no mail server is configured (smtp.url)");
}

/* One that waits already is as good. */
static enum err queue(struct signin_desk *d, const char *kind, int64_t user_id, struct arena *a, struct fault *f) {
  const struct store_job_new job = {.kind = TEXT(SIGNIN_MAIL),
                                    .args =
                                        arena_format(a, "{\"kind\":\"%s\",\"user_id\":%lld}", kind, (long long)user_id),
                                    .unique_key = arena_format(a, "mail:%s:%lld", kind, (long long)user_id),
                                    .max_attempts = ATTEMPTS};
  int64_t now_us, id;
  enum err e = d->store->ops->jobs->now(d->store, &now_us, f);
  if (e == ERR_OK)
    e = d->store->ops->jobs->enqueue(d->store, &job, now_us, &id, f);
  return e == ERR_STORE_CONFLICT ? ERR_OK : e;
}

enum err mailing_link(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                      struct text *out_kind, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  const struct audit_actor by = {c->actor, c->origin};
  struct text kind;
  char subject[32];
  snprintf(subject, sizeof(subject), "user:%lld", (long long)user_id);
  const struct audit_entry entry = {TEXT("user.mail"), text_of(subject), TEXT_NONE, TEXT_NONE, c->org_id};
  enum err e = need_mailer(d, f);
  if (e == ERR_OK)
    e = link_kind(d, v, c, user_id, &kind, f);
  if (e == ERR_OK)
    e = d->store->ops->audit->add(d->store, &by, &entry, NULL, f);
  if (e == ERR_OK)
    e = queue(d, text_equal(kind, TEXT("invite")) ? "invite" : "reset", user_id, v->arena, f);
  if (e == ERR_OK)
    *out_kind = kind;
  return e;
}

enum err mailing_ask(struct signin *self, const struct signin_visit *v, struct text typed, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  struct people_row user = {0};
  struct text email;
  struct fault ignored = {0};
  enum err e = need_mailer(d, f);
  if (e != ERR_OK)
    return e;
  if (!signin_read_email(typed, v->arena, &email))
    return fault_set(f, ERR_BAD_REQUEST, "email", "this is no address of mail");
  struct attempt attempt = {.desk = d, .visit = v, .email = email, .is_mail = true};
  e = attempt_begin(&attempt, f);
  if (e != ERR_OK)
    return e;
  e = d->store->ops->people->find_user(d->store, email, v->arena, &user, &ignored);
  if (e != ERR_OK && e != ERR_NOT_FOUND) {
    if (f)
      *f = ignored;
    return e;
  }
  bool may = e == ERR_OK && !user.is_disabled;
  return queue(d, "magic", may ? user.id : 0, v->arena, f);
}

/* Who has the link, if they may come in. The link stays. */
static enum err find_bearer(struct signin_desk *d, const struct signin_visit *v, const uint8_t link[SIGNIN_HASH_BYTES],
                            struct people_row *out, struct fault *f) {
  int64_t id = 0;
  enum err e = d->store->ops->signin->link_look(d->store, TEXT("magic"), link, v->now_us, &id, f);
  if (e == ERR_OK)
    e = d->store->ops->people->get(d->store, PEOPLE_USER, 0, id, v->arena, out, f);
  if (e == ERR_NOT_FOUND || (e == ERR_OK && out->is_disabled))
    return link_bad(f);
  return e;
}

static enum err check_factor(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                             struct text code, const char **out_way, bool *out_missing, struct fault *f) {
  struct attempt attempt = {.desk = d, .visit = v, .email = user->text};
  struct signin_totp t;
  struct fault none = {0};
  *out_way = "mail";
  *out_missing = false;
  enum err e = second_find(d, user, v->arena, &t, &none);
  if (e == ERR_NOT_FOUND)
    return ERR_OK;
  *out_way = "mail+totp";
  *out_missing = e == ERR_OK && code.len == 0;
  if (e != ERR_OK && f)
    *f = none;
  if (e != ERR_OK || *out_missing)
    return e;
  e = attempt_begin(&attempt, f);
  if (e == ERR_OK)
    e = second_check(d, v, user, &t, code, f);
  if (e == ERR_OK)
    attempt_end(&attempt, true);
  return e;
}

enum err mailing_finish(struct signin *self, const struct signin_visit *v, struct text token, struct text code,
                        struct signin_result *out, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  uint8_t link[SIGNIN_HASH_BYTES];
  struct people_row user = {0};
  const char *way = "mail";
  bool missing = false;
  int64_t id = 0;
  if (!link_read(d, token, link))
    return link_bad(f);
  enum err e = find_bearer(d, v, link, &user, f);
  if (e == ERR_OK)
    e = check_factor(d, v, &user, code, &way, &missing, f);
  if (e == ERR_OK && missing) {
    *out = (struct signin_result){.needs_code = true};
    return ERR_OK;
  }
  if (e == ERR_OK)
    e = d->store->ops->signin->link_take(d->store, TEXT("magic"), link, v->now_us, &id, f);
  if (e == ERR_NOT_FOUND)
    return link_bad(f);
  if (e != ERR_OK)
    return e;
  struct attempt asked = {.desk = d, .visit = v, .email = user.text, .is_mail = true};
  attempt_end(&asked, true);
  return session_begin(d, v, &user, way, out, f);
}

struct wording {
  const char *kind, *page, *subject, *what, *how;
  int64_t life_us;
};

static const struct wording wordings[] = {
    {"invite", "accept", "Your invitation to Weir", "You have been invited to Weir, at",
     "With this link you choose a password and are signed in. It works once, within three days:", SIGNIN_LINK_US},
    {"reset", "accept", "A new password for Weir", "An administrator sends you the way to a new password for Weir, at",
     "With this link you choose it. The link works once, within three days:", SIGNIN_LINK_US},
    {"magic", "magic", "Sign in to Weir", "Somebody, probably you, wants to sign in to Weir with this address, at",
     "With this link you are signed in. It works once, within 15 minutes:", SIGNIN_MAGIC_US},
};
static const char last_words[] = "If you did not expect this, leave it: nothing happens unless the link is opened.";

static const struct wording *wording_of(struct text kind) {
  for (size_t i = 0; i < sizeof(wordings) / sizeof(wordings[0]); i++)
    if (text_equal(kind, text_of(wordings[i].kind)))
      return &wordings[i];
  return NULL;
}

static enum err send_link(struct signin_desk *d, const struct wording *w, const struct people_row *user, int64_t now_us,
                          struct arena *a, struct fault *f) {
  struct signin_link link = {
      .kind = text_of(w->kind), .user_id = user->id, .created_us = now_us, .expires_us = now_us + w->life_us};
  struct mail mail = {.to = user->text, .subject = text_of(w->subject)};
  struct buf body;
  struct text url;
  enum err e = link_add(d, &link, w->page, now_us, a, &url, f);
  if (e != ERR_OK)
    return e;
  buf_init(&body, 2 * SIGNIN_URL_MAX + 1024);
  buf_add_format(&body, "%s\n%s\n\n%s\n%.*s\n\n%s\n", w->what, d->public_url, w->how, TEXT_ARGS(url), last_words);
  mail.body = buf_text(&body);
  e = d->mailer->send(d->mailer, &mail, now_us, f);
  secret_wipe(body.at, body.len);
  buf_done(&body);
  return e;
}

enum err mailing_deliver(struct signin *self, struct text kind, int64_t user_id, int64_t now_us, struct fault *f) {
  struct signin_desk *d = (struct signin_desk *)self;
  const struct wording *w = wording_of(kind);
  struct people_row user;
  struct arena a;
  if (!w)
    return fault_set(f, ERR_BAD_REQUEST, "kind", "mails are of the kinds " SIGNIN_MAILS);
  if (user_id == 0)
    return ERR_OK; /* asked for by somebody whom nobody knows */
  enum err e = is_on(d) ? ERR_OK : fault_set(f, ERR_CONFIG, NULL, "no mail server is configured (smtp.url)");
  if (e != ERR_OK)
    return e;
  arena_init(&a);
  e = d->store->ops->people->get(d->store, PEOPLE_USER, 0, user_id, &a, &user, f);
  if (e == ERR_OK && !user.is_disabled)
    e = send_link(d, w, &user, now_us, &a, f);
  arena_done(&a);
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}
