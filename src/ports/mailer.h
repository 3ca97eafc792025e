/* The port of sending mail, towards whatever writes to people. What a message looks like on the wire, and which server
 * takes it, is the adapter's. */
#ifndef PORTS_MAILER_H
#define PORTS_MAILER_H

#include "base/err.h"
#include "base/text.h"

struct mail {
  struct text to, subject;
  struct text body; /* plain text, UTF-8, lines end in \n */
};

struct mailer {
  /* Whether a mail server is configured. Any thread, never waits. */
  bool (*is_on)(struct mailer *self);
  /* Hands it to the mail server. Blocks. Whatever goes wrong for a moment only is one of the errors that a job is tried
   * again after (jobs/job.h). f holds no secret. */
  enum err (*send)(struct mailer *self, const struct mail *m, int64_t now_us, struct fault *f);
};

#endif
