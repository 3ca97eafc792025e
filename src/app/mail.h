/* The mail server of the configuration, behind ports/mailer.h. */
#ifndef APP_MAIL_H
#define APP_MAIL_H

#include "config/config.h"
#include "ports/mailer.h"

struct mail_desk {
  struct mailer port;                  /* first */
  struct config *(*config)(void *ctx); /* the snapshot in force, with a reference */
  void *ctx;
};

/* What it points to outlives it. */
void mail_desk_init(struct mail_desk *d, struct config *(*config)(void *ctx), void *ctx);

#endif
