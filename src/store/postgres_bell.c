/* LISTEN on a connection beside the pool, to the primary and made like the pool's. A connection that is silent is asked
 * whether it still stands, so that a server that is gone without a word is noticed. Called by the thread of
 * cluster/events.c that waits for the bell. */
#include "store/postgres_bell.h"

#include "store/postgres.h"

#include <errno.h>
#include <poll.h>

static const char doing[] = "listening for events";

struct store_bell {
  struct postgres_link *link;
  int64_t heard_us; /* when the server was heard of last */
};

#define ASK_AFTER_US INT64_C(10000000)

enum err postgres_bell_open(struct store *s, struct store_bell **out, struct fault *f) {
  const struct postgres_store *p = (const struct postgres_store *)s;
  struct postgres_link *l = NULL;
  enum err e = postgres_link_open(&p->primary.address, &p->options, &l, f);
  if (!e)
    e = postgres_exec(l, "LISTEN weir_events", doing, f);
  if (e) {
    postgres_link_close(l);
    return e;
  }
  struct store_bell *b = calloc(1, sizeof *b);
  if (!b)
    abort();
  b->link = l;
  b->heard_us = postgres_clock_us();
  *out = b;
  return ERR_OK;
}

/* Takes what has come; true when a notification was among it. */
static bool take(struct store_bell *b) {
  bool any = false;
  for (PGnotify *n; (n = PQnotifies(b->link->db)) != NULL; any = true)
    PQfreemem(n);
  return any;
}

static enum err hear(struct store_bell *b, struct fault *f) {
  if (!PQconsumeInput(b->link->db) || PQstatus(b->link->db) != CONNECTION_OK)
    return postgres_fail(b->link, NULL, doing, f);
  b->heard_us = postgres_clock_us();
  return ERR_OK;
}

static enum err ask(struct store_bell *b, struct fault *f) {
  if (!postgres_link_is_alive(b->link, true)) {
    fault_set(f, ERR_STORE, NULL, "%s: the database at %s does not answer", doing, b->link->place);
    return fault_set_brief(f, ERR_STORE, "no answer");
  }
  b->heard_us = postgres_clock_us();
  return ERR_OK;
}

enum err postgres_bell_wait(struct store_bell *b, int wake_fd, int64_t timeout_ms, bool *out_rang, struct fault *f) {
  struct pollfd at[] = {{PQsocket(b->link->db), POLLIN, 0}, {wake_fd, POLLIN, 0}};
  enum err e = ERR_OK;
  bool rang = take(b); /* heard while the connection was asked */
  int n = poll(at, 2, rang ? 0 : (int)timeout_ms);
  if (n < 0 && errno != EINTR)
    return fault_set(f, ERR_STORE, NULL, "%s: %s", doing, strerror(errno));
  if (n > 0 && at[0].revents)
    e = hear(b, f);
  else if (postgres_clock_us() - b->heard_us > ASK_AFTER_US)
    e = ask(b, f);
  if (!e)
    *out_rang = take(b) || rang;
  return e;
}

void postgres_bell_close(struct store_bell *b) {
  if (!b)
    return;
  postgres_link_close(b->link);
  free(b);
}
