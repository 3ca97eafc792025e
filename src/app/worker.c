/* One worker thread. Everything that happens on its loop begins here: a connection is accepted and handed to the HTTP
 * server, a request to the gateway or to the operators' pages; sockets, a new snapshot and the order to drain arrive as
 * messages. One worker serves the operator's own socket besides (local.c). Made and ended by app.c, drained by life.c.
 */
#include "app/worker.h"

#include "app/local.h"
#include "base/json.h"
#include "base/log.h"
#include "control/api.h"
#include "control/problem.h"
#include "fiber/mailbox.h"
#include "net/listen.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LOG_DELAY_US      50000
#define DRAIN_FIRST_US    20000
#define DRAIN_LAST_US     200000
#define UPSTREAM_IDLE_MAX 256
#define UPSTREAM_IDLE_US  INT64_C(60000000)
#define LOCAL_CONNECTIONS 32
#define PATIENCE_US       INT64_C(3600000000)

/* What worker_drain has asked for so far; the message is on its way while posted. */
struct drain_orders {
  struct mailbox_message message;
  pthread_mutex_t lock;
  bool posted, patient;
  int64_t deadline_us;
};

struct worker {
  struct worker_options o;
  struct gateway_worker gateway;
  struct loop *loop;
  struct http_server *server, *local; /* local NULL: another worker's */
  struct listener **listeners, *local_listener;
  size_t listener_count;
  pthread_t thread;
  bool thread_started, closed;
  atomic_bool drained, finishing, pinged;
  struct mailbox_message ping, finish;
  struct drain_orders orders;
  struct loop_timer log_timer, drain_timer, patience_timer;
  int64_t drain_deadline_us, drain_step_us;
  _Atomic uint64_t connections, active, upstream_idle, upstream_busy, fibers;
};

static void log_timer_fired(struct loop_timer *t) {
  (void)t;
  log_flush();
}

/* A loop with nothing to wait for would end; before it listens a worker waits for messages only. */
static void patience_timer_fired(struct loop_timer *t) {
  struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, patience_timer));
  loop_timer_start(w->loop, t, loop_now_us(w->loop) + PATIENCE_US);
}

/* Every turn: numbers for the metrics, and a bound on how long an access line waits in memory. */
static void before_sleep(void *data) {
  struct worker *w = data;
  if (log_pending() > 0 && !loop_timer_is_running(&w->log_timer)) {
    loop_timer_start(w->loop, &w->log_timer, loop_now_us(w->loop) + LOG_DELAY_US);
  }
  if (w->closed)
    return;
  atomic_store_explicit(&w->connections, http_server_connections(w->server), memory_order_relaxed);
  atomic_store_explicit(&w->active, http_server_active(w->server), memory_order_relaxed);
  atomic_store_explicit(&w->upstream_idle, http_client_idle(w->gateway.client), memory_order_relaxed);
  atomic_store_explicit(&w->upstream_busy, http_client_busy(w->gateway.client), memory_order_relaxed);
  atomic_store_explicit(&w->fibers, loop_stats(w->loop).fibers, memory_order_relaxed);
}

static void not_found(struct http_request *rq) {
  struct fault f = {0};
  struct buf body;
  struct http_header headers[] = {{TEXT("content-type"), TEXT("application/json")}, {TEXT("x-request-id"), rq->id}};
  fault_set(&f, ERR_NOT_FOUND, NULL, "there is nothing at %.*s", TEXT_ARGS(text_head(rq->path, 200)));
  buf_init(&body, 8192);
  gateway_write_refusal(&f, rq->path, rq->id, &body);
  enum err ignored = http_respond(rq, 404, headers, 2, buf_text(&body));
  (void)ignored;
  buf_done(&body);
}

static void serve(void *ctx, struct http_request *rq) {
  struct worker *w = ctx;
  if (w->o.serves_gateway && gateway_owns(rq->path))
    gateway_serve(&w->gateway, rq);
  else if (w->o.front && front_owns(rq->path))
    front_serve(w->o.front, &w->gateway, rq);
  else if (operations_own(rq->path))
    operations_serve(w->o.operations, rq);
  else if (oauth_owns(rq->path))
    oauth_serve(w->o.oauth, &w->gateway.snapshot->config->control, rq);
  else if (w->o.auth && auth_owns(rq->path))
    auth_serve(w->o.auth, &w->gateway, rq);
  else
    not_found(rq);
}

static bool is_exempt(void *ctx, struct text path) {
  (void)ctx;
  return operations_own(path);
}

static bool is_of_control(struct text target) {
  struct text path = target, query;
  (void)text_cut(target, '?', &path, &query);
  return api_owns(path);
}

static void refuse(void *ctx, const struct fault *f, struct text target, struct text request_id, struct buf *out_body) {
  (void)ctx;
  LOG_INFO("request_refused", log_text("request_id", request_id), log_str("error", err_name(f->err)),
           log_str("detail", fault_text(f)));
  if (is_of_control(target))
    (void)problem_write(f, NULL, request_id, out_body);
  else
    gateway_write_refusal(f, target, request_id, out_body);
}

static struct http_header refusal_header(void *ctx, const struct fault *f, struct text target) {
  (void)ctx;
  if (is_of_control(target))
    return (struct http_header){TEXT("content-type"), TEXT(PROBLEM_TYPE), false};
  return gateway_refusal_header(f, target);
}

static void on_accept(void *ctx, struct stream *s, const struct addr *peer) {
  struct worker *w = ctx;
  http_server_accept(w->server, s, peer);
}

static void serve_local(void *ctx, struct http_request *rq) {
  struct worker *w = ctx;
  local_serve(w->o.local, &w->gateway, rq);
}

static void on_accept_local(void *ctx, struct stream *s, const struct addr *peer) {
  struct worker *w = ctx;
  http_server_accept(w->local, s, peer);
}

static struct http_server_options server_options(struct worker *w, const struct config *c) {
  return (struct http_server_options){
      .head = {.max_head_bytes = c->limits.header_bytes, .max_headers = HTTP_MAX_HEADERS},
      .head_timeout_us = c->timeouts.head_ms * 1000,
      .idle_timeout_us = c->timeouts.idle_ms * 1000,
      .body_timeout_us = c->timeouts.body_ms * 1000,
      .write_timeout_us = c->timeouts.write_ms * 1000,
      .max_connections = c->limits.connections,
      .shared_connections = w->o.connections,
      .max_requests = c->limits.requests,
      .shared_requests = w->o.requests,
      .memory = w->o.memory,
      .max_streams = c->limits.http2_streams,
      .tls = w->o.server_tls,
      .serve = serve,
      .is_exempt = is_exempt,
      .refuse = refuse,
      .refusal_header = refusal_header,
      .ctx = w,
  };
}

/* The operator's socket: plain, with room of its own, so that it answers when the service is full. */
static struct http_server_options local_options(struct worker *w, const struct config *c) {
  struct http_server_options o = server_options(w, c);
  o.max_connections = LOCAL_CONNECTIONS;
  o.shared_connections = NULL;
  o.max_requests = LOCAL_CONNECTIONS;
  o.shared_requests = NULL;
  o.tls = NULL;
  o.serve = serve_local;
  return o;
}

static struct http_client_options client_options(const struct worker *w, const struct config *c) {
  return (struct http_client_options){
      .dns = w->o.dns,
      .tls = w->o.client_tls,
      .max_idle_per_origin = UPSTREAM_IDLE_MAX,
      .idle_timeout_us = UPSTREAM_IDLE_US,
      .head = {.max_head_bytes = c->limits.header_bytes, .max_headers = HTTP_MAX_HEADERS},
  };
}

static enum err build(struct worker *w, struct fault *f) {
  struct config *c = w->o.config;
  struct fault why = {0};
  struct loop_limits limits = {.max_fibers = (c->limits.fibers + w->o.workers - 1) / w->o.workers};
  struct http_server_options server = server_options(w, c), local = local_options(w, c);
  struct http_client_options client = client_options(w, c);
  enum err e = loop_new(&limits, &w->loop);
  if (e == ERR_OK)
    e = loop_before_sleep(w->loop, before_sleep, w);
  if (e == ERR_OK)
    e = http_server_new(w->loop, &server, &w->server);
  if (e == ERR_OK && w->o.local)
    e = http_server_new(w->loop, &local, &w->local);
  if (e == ERR_OK)
    e = http_client_new(w->loop, &client, &w->gateway.client);
  if (e == ERR_OK)
    e = gateway_worker_use(&w->gateway, c, &why);
  return e == ERR_OK
             ? e
             : fault_set(f, e, NULL, "worker %u cannot start: %s", w->o.index, why.text[0] ? why.text : err_text(e));
}

/* Whether a socket's file goes is app's to decide: others may listen there. */
static void pause_listening(struct worker *w) {
  for (size_t i = 0; i < w->listener_count; i++)
    listener_release(w->listeners[i]);
  w->listener_count = 0;
}

static void stop_local_listening(struct worker *w) {
  listener_release(w->local_listener);
  w->local_listener = NULL;
}

static void close_service(struct worker *w) {
  if (w->closed)
    return;
  pause_listening(w);
  http_server_close(w->server);
  gateway_worker_stop(&w->gateway);
  w->closed = true;
}

static void close_local(struct worker *w) {
  stop_local_listening(w);
  if (w->local)
    http_server_close(w->local);
  w->local = NULL;
}

/* The operator's connections do not keep a worker from ending, only the answers they wait for. */
static size_t open_business(const struct worker *w) {
  return http_server_connections(w->server) + (w->local ? http_server_active(w->local) : 0);
}

static void tell_main(const struct worker *w) {
  ssize_t ignored = write(w->o.wake_fd, &(uint64_t){1}, sizeof(uint64_t));
  (void)ignored;
}

/* Waits for the last request in steps, longer and longer ones; the deadline cancels what is left. */
static void drain_timer_fired(struct loop_timer *t) {
  struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, drain_timer));
  int64_t now_us = loop_now_us(w->loop), next_us = now_us + w->drain_step_us;
  if (open_business(w) > 0 && now_us < w->drain_deadline_us) {
    w->drain_step_us = w->drain_step_us * 2 > DRAIN_LAST_US ? DRAIN_LAST_US : w->drain_step_us * 2;
    loop_timer_start(w->loop, t, next_us < w->drain_deadline_us ? next_us : w->drain_deadline_us);
    return;
  }
  close_service(w);
  atomic_store(&w->drained, true);
  tell_main(w);
}

static void drain_arrived(struct mailbox_message *m) {
  struct worker *w = (struct worker *)((char *)m - offsetof(struct worker, orders.message));
  pthread_mutex_lock(&w->orders.lock);
  bool patient = w->orders.patient;
  w->drain_deadline_us = w->orders.deadline_us;
  w->orders.posted = false;
  w->drain_step_us = DRAIN_FIRST_US;
  pthread_mutex_unlock(&w->orders.lock);
  if (w->closed)
    return;
  /* A successor answers the operator from now on; without one this worker does until its end. */
  pause_listening(w);
  http_server_drain(w->server, patient);
  if (patient)
    stop_local_listening(w);
  if (w->local && patient)
    http_server_drain(w->local, patient);
  loop_timer_start(w->loop, &w->drain_timer, loop_now_us(w->loop));
}

void worker_drain(struct worker *w, bool patient, int64_t deadline_us) {
  pthread_mutex_lock(&w->orders.lock);
  bool post = !w->orders.posted;
  w->orders.posted = true;
  w->orders.patient &= patient;
  if (deadline_us < w->orders.deadline_us)
    w->orders.deadline_us = deadline_us;
  pthread_mutex_unlock(&w->orders.lock);
  if (post)
    mailbox_post(w->loop, &w->orders.message);
}

static void finish_arrived(struct mailbox_message *m) {
  struct worker *w = (struct worker *)((char *)m - offsetof(struct worker, finish));
  close_service(w);
  close_local(w);
  loop_stop(w->loop);
}

void worker_finish(struct worker *w) {
  if (!atomic_exchange(&w->finishing, true))
    mailbox_post(w->loop, &w->finish);
}

/* A message whose sender waits. */
struct listen_message {
  struct mailbox_message message;
  struct worker *worker;
  const struct worker_socket *sockets;
  size_t count;
  bool local, pause;
  enum err result;
  sem_t done;
};

static enum err add_listener(struct worker *w, const struct worker_socket *s) {
  w->listeners = reallocarray(w->listeners, w->listener_count + 1, sizeof(struct listener *));
  if (!w->listeners)
    abort();
  enum err e = listener_start(w->loop, s->fd, s->shared, on_accept, w, &w->listeners[w->listener_count]);
  if (e == ERR_OK)
    w->listener_count++;
  return e;
}

static enum err add_local(struct worker *w, const struct worker_socket *s) {
  return listener_start(w->loop, s->fd, s->shared, on_accept_local, w, &w->local_listener);
}

static void listen_arrived(struct mailbox_message *m) {
  struct listen_message *l = (struct listen_message *)m;
  if (l->pause)
    pause_listening(l->worker);
  for (size_t i = 0; i < l->count; i++) {
    if (l->result == ERR_OK)
      l->result = l->local ? add_local(l->worker, &l->sockets[i]) : add_listener(l->worker, &l->sockets[i]);
    else
      close(l->sockets[i].fd);
  }
  sem_post(&l->done);
}

static enum err send_and_wait(struct listen_message *l) {
  l->message.run = listen_arrived;
  sem_init(&l->done, 0, 0);
  mailbox_post(l->worker->loop, &l->message);
  while (sem_wait(&l->done) != 0)
    continue;
  sem_destroy(&l->done);
  return l->result;
}

enum err worker_listen(struct worker *w, const struct worker_socket *sockets, size_t count) {
  struct listen_message l = {.worker = w, .sockets = sockets, .count = count};
  return send_and_wait(&l);
}

enum err worker_listen_local(struct worker *w, int fd) {
  struct worker_socket s = {fd, false};
  struct listen_message l = {.worker = w, .sockets = &s, .count = 1, .local = true};
  return send_and_wait(&l);
}

void worker_pause(struct worker *w) {
  struct listen_message l = {.worker = w, .pause = true};
  enum err paused = send_and_wait(&l);
  (void)paused; /* nothing in it can fail */
}

struct use_message {
  struct mailbox_message message;
  struct worker *worker;
  struct config *config;
};

static void use_arrived(struct mailbox_message *m) {
  struct use_message *u = (struct use_message *)m;
  struct fault f = {0};
  if (gateway_worker_use(&u->worker->gateway, u->config, &f) != ERR_OK) {
    LOG_ERROR("config_not_used", log_u64("worker", u->worker->o.index), log_str("detail", fault_text(&f)));
  } else if (u->worker->server) {
    http_server_limit_requests(u->worker->server, u->worker->gateway.snapshot->config->limits.requests);
  }
  free(u);
}

void worker_use(struct worker *w, struct config *c) {
  struct use_message *u = calloc(1, sizeof(*u));
  if (!u)
    abort();
  *u = (struct use_message){{use_arrived, NULL}, w, c};
  mailbox_post(w->loop, &u->message);
}

static void ping_arrived(struct mailbox_message *m) {
  struct worker *w = (struct worker *)((char *)m - offsetof(struct worker, ping));
  atomic_store(&w->pinged, false);
}

bool worker_ping(struct worker *w) {
  if (atomic_exchange(&w->pinged, true))
    return false;
  mailbox_post(w->loop, &w->ping);
  return true;
}

static void *thread_main(void *arg) {
  struct worker *w = arg;
  char name[16];
  snprintf(name, sizeof(name), "worker %u", w->o.index);
  pthread_setname_np(pthread_self(), name);
  loop_run(w->loop);
  log_flush();
  return NULL;
}

enum err worker_new(const struct worker_options *o, struct worker **out, struct fault *f) {
  struct worker *w = calloc(1, sizeof(*w));
  if (!w)
    abort();
  w->o = *o;
  w->gateway.gateway = o->gateway;
  w->gateway.index = o->index;
  w->log_timer = (struct loop_timer)LOOP_TIMER_INIT(log_timer_fired);
  w->drain_timer = (struct loop_timer)LOOP_TIMER_INIT(drain_timer_fired);
  w->patience_timer = (struct loop_timer)LOOP_TIMER_INIT(patience_timer_fired);
  w->ping.run = ping_arrived;
  w->finish.run = finish_arrived;
  w->orders = (struct drain_orders){.message = {drain_arrived, NULL}, .patient = true, .deadline_us = INT64_MAX};
  pthread_mutex_init(&w->orders.lock, NULL);
  enum err e = build(w, f);
  if (e != ERR_OK) {
    pthread_mutex_destroy(&w->orders.lock);
    free(w);
    return e;
  }
  *out = w;
  return ERR_OK;
}

enum err worker_start(struct worker *w) {
  patience_timer_fired(&w->patience_timer);
  if (pthread_create(&w->thread, NULL, thread_main, w) != 0)
    return ERR_SYSTEM;
  w->thread_started = true;
  return ERR_OK;
}

bool worker_is_drained(const struct worker *w) { return atomic_load(&w->drained); }

void worker_wait(struct worker *w) {
  if (w->thread_started)
    pthread_join(w->thread, NULL);
  w->thread_started = false;
}

void worker_join(struct worker *w) {
  if (!w)
    return;
  if (w->thread_started)
    worker_finish(w);
  worker_wait(w);
  close_service(w);
  close_local(w);
  loop_timer_stop(w->loop, &w->log_timer);
  loop_timer_stop(w->loop, &w->drain_timer);
  loop_timer_stop(w->loop, &w->patience_timer);
  http_client_free(w->gateway.client);
  gateway_worker_done(&w->gateway);
  loop_free(w->loop);
  pthread_mutex_destroy(&w->orders.lock);
  free(w->listeners);
  free(w);
}

struct worker_stats worker_stats(const struct worker *w) {
  return (struct worker_stats){
      .connections = atomic_load_explicit(&w->connections, memory_order_relaxed),
      .active = atomic_load_explicit(&w->active, memory_order_relaxed),
      .upstream_idle = atomic_load_explicit(&w->upstream_idle, memory_order_relaxed),
      .upstream_busy = atomic_load_explicit(&w->upstream_busy, memory_order_relaxed),
      .fibers = atomic_load_explicit(&w->fibers, memory_order_relaxed),
  };
}
