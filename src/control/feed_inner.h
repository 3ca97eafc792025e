/* What feed.c (who listens to what) and feed_source.c (where rows come from) share. Not for others. */
#ifndef CONTROL_FEED_INNER_H
#define CONTROL_FEED_INNER_H

#include "control/feed.h"
#include "fiber/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>

struct feed_item {
  atomic_uint refs;
  int64_t id, settled_us, key_id;
  int64_t org_id; /* set by the source before anybody sees it; -1: it could not be found out */
  struct text user, workspace, provider, model, outcome, json; /* behind the struct */
};

struct feed_reader {
  struct mailbox_message message; /* first */
  struct feed *feed;
  struct loop *loop;
  struct fiber *fiber;
  struct feed_filter filter;
  char *words; /* that the filter's texts are in */
  struct feed_item *queue[FEED_QUEUE];
  size_t first, count;
  uint64_t dropped;
  bool posted; /* the message is on its way, */
  bool closed; /* and frees the reader when it arrives */
};

struct feed {
  struct store *store;
  uint32_t process;
  atomic_bool listening, ended;
  pthread_t thread;
  bool started;
  pthread_mutex_t lock; /* protects what follows */
  pthread_cond_t news;  /* monotonic clock */
  bool stops;
  struct feed_reader *readers[FEED_READERS_MAX];
  size_t reader_count;
  uint64_t epoch;   /* one more each time the first reader comes */
  int64_t since_us; /* wall clock, when it came */
  struct feed_item *kept[FEED_KEPT];
  size_t kept_first, kept_count;
  struct feed_item *inbox[FEED_INBOX];
  size_t inbox_count;
  uint64_t inbox_lost;
};

struct feed_item *feed_item_new(const struct ledger_row *r);
/* To every reader it is for; takes the reference over. Under no lock. */
void feed_publish(struct feed *f, struct feed_item *i);
/* So many rows were lost before anybody could tell whose they are: counted for everybody. */
void feed_lose(struct feed *f, uint64_t count);

/* The source's thread: it ends once f->stops. */
void *feed_source_run(void *feed);

#endif
