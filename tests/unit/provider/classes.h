/* Tables of failures in tests: what a provider said, and the class it has to have. */
#ifndef TESTS_UNIT_PROVIDER_CLASSES_H
#define TESTS_UNIT_PROVIDER_CLASSES_H

#include "provider/table.h"

#include "../base/expect.h"

struct failure_case {
  int status;
  const char *body;
  enum provider_class want;
  const char *type; /* what stands in the provider's header; NULL: nothing */
};

static inline void expect_classes(const struct provider *p, const struct failure_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct failure_case *c = &cases[i];
    enum provider_class got = provider_classify(p, c->status, text_of(c->body), text_of(c->type));
    if (got != c->want)
      fail_msg("%s: %d %s %s is %s, expected %s", p->kind, c->status, c->type != NULL ? c->type : "", c->body,
               provider_class_name(got), provider_class_name(c->want));
  }
}
#define EXPECT_CLASSES(p, cases) expect_classes((p), (cases), sizeof(cases) / sizeof((cases)[0]))

/* The same for an error event inside a stream. */
struct event_case {
  int status;
  const char *names, *message;
  enum provider_class want;
};

static inline void expect_event_classes(const struct provider *p, const struct event_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct event_case *c = &cases[i];
    struct fault f = {.err = ERR_UPSTREAM_SERVER, .status = c->status};
    (void)snprintf(f.names, sizeof(f.names), "%s", c->names);
    (void)snprintf(f.text, sizeof(f.text), "%s", c->message);
    enum provider_class got = provider_classify_fault(p, &f);
    if (got != c->want)
      fail_msg("%s: event %d %s \"%s\" is %s, expected %s", p->kind, c->status, c->names, c->message,
               provider_class_name(got), provider_class_name(c->want));
  }
}
#define EXPECT_EVENT_CLASSES(p, cases) expect_event_classes((p), (cases), sizeof(cases) / sizeof((cases)[0]))

#endif
