/* Writes keys for the audit log. It reads nothing and decides nothing. Called by store_key_changes.c.
 * house: tested-by tests/unit/store/test_store_key_changes.c */
#include "store/key_json.h"

#include "base/json.h"

static void write_texts(struct json_writer *w, const char *name, struct text list) {
  struct text one;
  json_name(w, name);
  json_array(w);
  while (text_cut(list, '\n', &one, &list))
    json_put_text(w, one);
  json_put_text(w, list);
  json_array_end(w);
}

/* Not when there is nothing in it. */
static void write_list(struct json_writer *w, const char *name, struct text list) {
  if (list.len > 0)
    write_texts(w, name, list);
}

void key_json_write(const struct store_key *k, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "name", k->name);
  json_field_text(&w, "prefix", k->prefix);
  json_field_text(&w, "user", k->user);
  json_field_text(&w, "workspace", k->workspace);
  json_field_text(&w, "policy", k->policy);
  write_texts(&w, "models", k->models);
  json_field_i64(&w, "rpm", k->rpm);
  json_field_i64(&w, "tpm", k->tpm);
  json_field_i64(&w, "concurrency", k->concurrency);
  json_field_i64(&w, "budget_nano", k->budget_nano);
  json_field_text(&w, "budget_period", k->budget_period);
  json_field_i64(&w, "created_us", k->created_us);
  json_field_i64(&w, "expires_us", k->expires_us);
  json_field_bool(&w, "blocked", k->blocked);
  if (k->owner_user)
    json_field_i64(&w, "owner_user", k->owner_user);
  if (k->owner_service)
    json_field_i64(&w, "owner_service", k->owner_service);
  if (k->org_id > 1)
    json_field_i64(&w, "organisation", k->org_id);
  write_list(&w, "routes", k->routes);
  write_list(&w, "allow_ips", k->allow_ips);
  write_list(&w, "cors_origins", k->cors_origins);
  if (k->old_until_us)
    json_field_i64(&w, "old_until_us", k->old_until_us);
  json_object_end(&w);
}
