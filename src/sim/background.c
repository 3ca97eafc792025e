/* A loop, a thread and a simulator in one box. The loop is made and the simulator started before the thread exists, so
 * that failures are returned to the caller; afterwards everything happens on the thread. Called by the demo mode of the
 * gateway. */
#include "sim/background.h"

#include "fiber/mailbox.h"

#include <pthread.h>

struct sim_background {
  struct loop *loop;
  struct sim *sim;
  pthread_t thread;
  struct mailbox_message stop;
  char url[128];
};

static void *run(void *arg) {
  struct sim_background *b = arg;
  loop_run(b->loop);
  return NULL;
}

static void on_stop(struct mailbox_message *m) {
  struct sim_background *b = (struct sim_background *)((char *)m - offsetof(struct sim_background, stop));
  sim_close(b->sim);
  loop_stop(b->loop);
}

static void destroy(struct sim_background *b) {
  sim_free(b->sim);
  if (b->loop)
    loop_free(b->loop);
  free(b);
}

static enum err start(struct sim_background *b, const struct sim_options *options, struct fault *f) {
  struct addr any;
  char text[100];
  enum err e = addr_parse(TEXT("127.0.0.1:0"), &any, f);
  if (e)
    return e;
  e = loop_new(NULL, &b->loop);
  if (e)
    return fault_set(f, e, NULL, "no event loop for the simulator");
  e = sim_start(b->loop, &any, options, &b->sim, f);
  if (e)
    return e;
  struct addr bound = sim_addr(b->sim);
  snprintf(b->url, sizeof(b->url), "http://%s", addr_format(&bound, text, sizeof(text)));
  b->stop.run = on_stop;
  if (pthread_create(&b->thread, NULL, run, b) != 0)
    return fault_set(f, ERR_SYSTEM, NULL, "no thread for the simulator");
  return ERR_OK;
}

enum err sim_background_start(const struct sim_options *options, struct sim_background **out, struct fault *f) {
  struct sim_background *b = calloc(1, sizeof(*b));
  if (!b)
    abort();
  enum err e = start(b, options, f);
  if (e)
    destroy(b);
  else
    *out = b;
  return e;
}

const char *sim_background_url(const struct sim_background *b) { return b->url; }

void sim_background_stop(struct sim_background *b) {
  if (!b)
    return;
  mailbox_post(b->loop, &b->stop);
  (void)pthread_join(b->thread, NULL);
  destroy(b);
}
