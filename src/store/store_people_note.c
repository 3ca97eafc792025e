/* What a change of people leaves behind: its entry in the audit log, with how it was and is, and the event that makes
 * every replica forget the rights it knows. A user is named there by the member "user", where an erasure finds it.
 * Called by store_people.c and store_people_grants.c. */
#include "base/json.h"
#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_people.h"

static const char *const words[] = {
    [PEOPLE_ORGANISATION] = "organisation",
    [PEOPLE_WORKSPACE] = "workspace",
    [PEOPLE_TEAM] = "team",
    [PEOPLE_USER] = "user",
    [PEOPLE_SERVICE] = "service",
    [PEOPLE_ROLE] = "role",
};

static enum err note(struct driver_link *l, const struct audit_actor *by, int64_t org_id, const char *action,
                     const char *subject, const struct buf *before, const struct buf *after, struct fault *f) {
  if (buf_check(before) || buf_check(after))
    return fault_set(f, ERR_LIMIT, NULL, "the change is too long to be audited");
  const struct audit_entry entry = {text_of(action), text_of(subject), buf_text(before), buf_text(after), org_id};
  enum err e = audit_add_on(l, by, &entry, NULL, f);
  return e ? e : event_add_on(l, "access", text_of(subject), f);
}

static void put_permissions(struct json_writer *w, struct text names) {
  struct text one;
  json_name(w, "permissions");
  json_array(w);
  while (text_cut(names, ' ', &one, &names))
    json_put_text(w, one);
  if (names.len > 0)
    json_put_text(w, names);
  json_array_end(w);
}

static void put_row(struct buf *out, enum people_kind kind, const struct people_row *r) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  if (kind == PEOPLE_USER)
    json_field_text(&w, "user", r->text);
  json_field_text(&w, "name", r->name);
  if (kind == PEOPLE_ROLE)
    put_permissions(&w, r->text);
  else if (kind != PEOPLE_USER)
    json_field_text(&w, "description", r->text);
  if (kind == PEOPLE_ORGANISATION) {
    json_field_text(&w, "timezone", r->timezone);
    json_field_text(&w, "week_start", r->week_start);
  } else {
    json_field_i64(&w, "organisation", r->org_id);
  }
  if (kind == PEOPLE_USER || kind == PEOPLE_SERVICE)
    json_field_bool(&w, "disabled", r->is_disabled);
  if (kind == PEOPLE_USER)
    json_field_bool(&w, "invited", r->is_invited);
  json_object_end(&w);
}

enum err people_note_row_on(struct driver_link *l, const struct people_change *c, const char *done,
                            const struct people_row *before, const struct people_row *after, struct fault *f) {
  struct buf was, is;
  char action[40], subject[40];
  struct people_row now = after ? *after : (struct people_row){0};
  int64_t id = before ? before->id : now.id;
  snprintf(action, sizeof action, "%s.%s", words[c->kind], done);
  snprintf(subject, sizeof subject, "%s:%lld", words[c->kind], (long long)id);
  buf_init(&was, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  if (before) {
    now.org_id = before->org_id;
    put_row(&was, c->kind, before);
  }
  if (after)
    put_row(&is, c->kind, &now);
  enum err e = note(l, c->by, c->kind == PEOPLE_ORGANISATION ? id : now.org_id, action, subject, &was, &is, f);
  buf_done(&was);
  buf_done(&is);
  return e;
}

static void put_grant(struct buf *out, const struct people_grant *g) {
  struct json_writer w;
  char to[40];
  snprintf(to, sizeof to, "%s:%lld", grant_to_name(g->to), (long long)g->to_id);
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "to", to);
  json_field_text(&w, "role", g->role);
  json_field_i64(&w, "organisation", g->org_id);
  if (g->workspace_id)
    json_field_i64(&w, "workspace", g->workspace_id);
  json_object_end(&w);
}

enum err people_note_grant_on(struct driver_link *l, const struct audit_actor *by, const struct people_grant *before,
                              const struct people_grant *after, struct fault *f) {
  struct buf was, is;
  char subject[40];
  int64_t id = before ? before->id : 0, org_id = before ? before->org_id : 0;
  if (after) {
    id = after->id;
    org_id = after->org_id;
  }
  snprintf(subject, sizeof subject, "grant:%lld", (long long)id);
  buf_init(&was, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  if (before)
    put_grant(&was, before);
  if (after)
    put_grant(&is, after);
  enum err e = note(l, by, org_id, after ? "grant.create" : "grant.delete", subject, &was, &is, f);
  buf_done(&was);
  buf_done(&is);
  return e;
}

enum err people_note_member_on(struct driver_link *l, const struct people_change *c, int64_t org_id, struct fault *f) {
  struct buf none, member;
  struct json_writer w;
  char subject[40];
  snprintf(subject, sizeof subject, "team:%lld", (long long)c->id);
  buf_init(&none, AUDIT_JSON_MAX);
  buf_init(&member, AUDIT_JSON_MAX);
  json_writer_init(&w, &member);
  json_object(&w);
  json_field_i64(&w, "member", c->user_id);
  json_object_end(&w);
  enum err e = c->is_member ? note(l, c->by, org_id, "team.join", subject, &none, &member, f)
                            : note(l, c->by, org_id, "team.leave", subject, &member, &none, f);
  buf_done(&none);
  buf_done(&member);
  return e;
}

/* Only the issuer: a subject names somebody, and would not be found by an erasure. */
enum err people_note_external_on(struct driver_link *l, const struct people_change *c, const struct people_row *user,
                                 struct fault *f) {
  struct buf none, is;
  struct json_writer w;
  struct text issuer = c->external, subject_there;
  char subject[40];
  text_cut(c->external, '\n', &issuer, &subject_there);
  snprintf(subject, sizeof subject, "user:%lld", (long long)user->id);
  buf_init(&none, AUDIT_JSON_MAX);
  buf_init(&is, AUDIT_JSON_MAX);
  json_writer_init(&w, &is);
  json_object(&w);
  json_field_text(&w, "issuer", issuer);
  json_object_end(&w);
  enum err e = note(l, c->by, user->org_id, "user.bind", subject, &none, &is, f);
  buf_done(&none);
  buf_done(&is);
  return e;
}
