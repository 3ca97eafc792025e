/* Handlers of events, which run on the events thread and so leave word for other threads or take what is quickly read
 * from the store, and the two sides of it on the operator's socket. Called by app.c, life.c and local.c. house:
 * tested-by tests/faults/told.c */
#include "app/news.h"

#include "app/state.h"
#include "base/log.h"
#include "fiber/loop.h"

#define REPLICAS_SHOWN 200

static void forget_key(void *data, const struct store_event *e) {
  struct app *a = data;
  int64_t id = 0;
  if (!text_to_i64(e->subject, &id))
    id = 0;
  apikey_identity_forget(a->identity, id);
}

static void forget_signing(void *data, const struct store_event *e) {
  struct app *a = data;
  mint_forget(a->mint);
}

static void look_at_credentials(void *data, const struct store_event *e) {
  struct app *a = data;
  credential_desk_wake(a->credentials);
}

static void look_at_vault(void *data, const struct store_event *e) {
  struct app *a = data;
  vault_look(a->vault);
  mint_forget(a->mint);
}

static void forget_rights(void *data, const struct store_event *e) {
  struct app *a = data;
  rights_forget(a->rights);
}

static void forget_sessions(void *data, const struct store_event *e) {
  struct app *a = data;
  access_forget(a->known);
}

static void want_reload(void *data, const struct store_event *e) {
  struct app *a = data;
  atomic_store(&a->reload_wanted, true);
  life_wake(a);
}

static void look_at_files(void *data, const struct store_event *e) {
  struct app *a = data;
  local_files_wake(a->files);
}

/* Blocks this thread for a look into the store, as the look for events does. */
static void load_catalogue(void *data, const struct store_event *e) {
  struct app *a = data;
  catalogue_desk_load(&a->catalogue_desk, e->subject);
}

/* NULL in a process that runs none. */
static void look_for_jobs(void *data, const struct store_event *e) {
  struct app *a = data;
  runner_wake(a->runner);
}

void news_open(struct app *a) {
  a->events = events_new(a->store);
  events_on(a->events, "key", forget_key, a);
  events_on(a->events, "signing", forget_signing, a);
  events_on(a->events, "vault", look_at_vault, a);
  events_on(a->events, "credential", look_at_credentials, a);
  events_on(a->events, "access", forget_rights, a);
  events_on(a->events, "session", forget_sessions, a);
  events_on(a->events, "config", want_reload, a);
  events_on(a->events, "person", look_at_files, a);
  events_on(a->events, "job", look_for_jobs, a);
  events_on(a->events, "catalogue", load_catalogue, a);
}

enum err news_start(struct app *a, struct fault *f) { return events_start(a->events, f); }

void news_close(struct app *a) {
  events_free(a->events);
  a->events = NULL;
}

bool news_wants_reload(struct app *a) { return atomic_exchange(&a->reload_wanted, false); }

struct telling {
  struct store *store;
  struct fault fault;
};

static enum err tell_all(void *arg) {
  struct telling *t = arg;
  return t->store->ops->events->add(t->store, TEXT("config"), TEXT(""), &t->fault);
}

void news_post_reload(struct local_call *c) {
  struct app *a = c->app;
  struct telling t = {.store = a->store};
  bool all = text_equal(c->rq->query, TEXT("all=true"));
  enum err e = ERR_OK;
  if (c->rq->query.len > 0 && !all)
    e = fault_set(&t.fault, ERR_BAD_REQUEST, "all", "only all=true can be asked for");
  else if (all)
    e = offload_call(a->offload, tell_all, &t); /* and this process is told like every other */
  else
    want_reload(a, NULL);
  if (e == ERR_OK) {
    events_ring(a->events);
    LOG_INFO("reload_asked", log_bool("all", all));
    local_answer(c, 202, TEXT("{}"));
    return;
  }
  if (!t.fault.text[0])
    fault_set(&t.fault, e, NULL, "%s", err_text(e));
  local_refuse(c, &t.fault);
}

static void put_events(struct json_writer *w, struct app *a) {
  struct events_stats s = events_stats(a->events);
  json_name(w, "events");
  json_object(w);
  json_field_i64(w, "seen", s.seen);
  json_field_i64(w, "behind", s.newest > s.seen ? s.newest - s.seen : 0);
  json_field_i64(w, "looked_ms_ago", (loop_clock_us() - s.looked_us) / 1000);
  json_field_bool(w, "failing", s.is_failing);
  if (s.has_bell)
    json_field_bool(w, "listening", s.is_listening);
  json_object_end(w);
}

struct listing {
  struct store *store;
  struct arena arena;
  struct store_replica *at;
  size_t count;
};

static enum err list_replicas(void *arg) {
  struct listing *l = arg;
  return l->store->ops->replicas->list(l->store, &l->arena, &l->at, &l->count, NULL);
}

static void put_replica(struct json_writer *w, const struct store_replica *r, bool is_this) {
  json_object(w);
  json_field_u64(w, "seat", r->seat);
  json_field_text(w, "name", r->name);
  json_field_text(w, "version", r->version);
  json_field_i64(w, "started_us", r->started_us);
  json_field_i64(w, "seen_ms_ago", r->age_us / 1000);
  json_field_bool(w, "this", is_this);
  json_object_end(w);
}

static void put_replicas(struct json_writer *w, struct app *a) {
  struct listing l = {.store = a->store};
  arena_init(&l.arena);
  if (offload_call(a->offload, list_replicas, &l) == ERR_OK) {
    json_name(w, "replicas");
    json_array(w);
    for (size_t i = 0; i < l.count && i < REPLICAS_SHOWN; i++)
      put_replica(w, &l.at[i], l.at[i].boot == ledger_boot(a->ledger));
    json_array_end(w);
  }
  arena_done(&l.arena);
}

void news_put_status(struct json_writer *w, struct app *a) {
  put_events(w, a);
  if (a->store->ops->is_shared && !events_stats(a->events).is_failing)
    put_replicas(w, a);
}
