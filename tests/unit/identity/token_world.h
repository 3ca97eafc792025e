/* An issuer that lives in the test: what it publishes, how often it was asked, and when it is away; and a fiber on
 * pretended time to call it from. */
#ifndef TEST_TOKEN_WORLD_H
#define TEST_TOKEN_WORLD_H

#include "fiber/fiber.h"
#include "fiber/loop.h"
#include "token_forge.h"

#define ISSUER "https://issuer.example/realm/"
#define SECOND INT64_C(1000000)

struct publisher {
  struct text keys;      /* the set it answers with */
  struct text discovery; /* "": none */
  enum err away;         /* ERR_OK: it answers */
  unsigned asked;
  int64_t takes_us; /* pretended time */
};

static inline enum err publisher_fetch(void *data, struct text url, struct text ca_file, struct arena *a,
                                       struct text *out, struct fault *f) {
  struct publisher *p = data;
  p->asked++;
  if (p->takes_us > 0 && fiber_self())
    (void)!fiber_sleep(p->takes_us);
  if (p->away != ERR_OK)
    return fault_set(f, p->away, NULL, "the line is dead");
  bool is_discovery = text_ends(url, TEXT("/.well-known/openid-configuration"));
  *out = is_discovery ? p->discovery : p->keys;
  return ERR_OK;
}

static inline struct issuer_options publisher_options(struct publisher *p) {
  return (struct issuer_options){.issuer = TEXT(ISSUER),
                                 .jwks_uri = TEXT("https://issuer.example/keys"),
                                 .refresh_us = 900 * SECOND,
                                 .pause_us = 10 * SECOND,
                                 .fetch = publisher_fetch,
                                 .fetch_data = p};
}

struct token_run {
  void (*fn)(void);
  struct loop *loop;
};

static inline void token_fiber(void *arg) {
  struct token_run *r = arg;
  r->fn();
  loop_stop(r->loop);
}

/* In a fiber, on pretended time. */
static inline void run_on_pretended_time(void (*fn)(void)) {
  struct token_run r = {fn, NULL};
  assert_int_equal(loop_new(NULL, &r.loop), ERR_OK);
  loop_pretend_time(r.loop, true);
  assert_int_equal(fiber_start(r.loop, token_fiber, &r, NULL), ERR_OK);
  loop_run(r.loop);
  loop_free(r.loop);
}

#endif
