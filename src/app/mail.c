/* From a mail to the server that the configuration names at that moment: written by net/mail.c, sent by net/smtp.c on
 * the thread of the job. Made by app.c before the door. */
#include "app/mail.h"

#include "base/log.h"
#include "base/random.h"
#include "net/mail.h"
#include "net/smtp.h"

#define CONNECT_MS INT64_C(10000)
#define TOTAL_MS   INT64_C(45000) /* within the lease of the job */
#define ID_BYTES   16

static bool is_on(struct mailer *self) {
  const struct mail_desk *d = (const struct mail_desk *)self;
  struct config *c = d->config(d->ctx);
  bool on = c->smtp.url.len > 0;
  config_unref(c);
  return on;
}

static enum err write_and_send(const struct config_smtp *s, const struct mail *m, int64_t now_us, struct fault *f) {
  const struct smtp_server server = {.url = s->url,
                                     .user = s->user,
                                     .password = s->password,
                                     .ca_file = s->ca,
                                     .connect_ms = CONNECT_MS,
                                     .total_ms = TOTAL_MS};
  uint8_t random[ID_BYTES];
  char id[2 * ID_BYTES];
  struct buf message;
  random_bytes(random, sizeof(random));
  const struct mail_message written = {.from_name = s->from_name,
                                       .from = s->from,
                                       .to = m->to,
                                       .subject = m->subject,
                                       .body = m->body,
                                       .id = {id, text_hex(random, sizeof(random), id)},
                                       .now_us = now_us};
  buf_init(&message, (size_t)4 * MAIL_BODY_MAX);
  enum err e = mail_write(&written, &message, f);
  if (e == ERR_OK)
    e = smtp_send(&server, s->from, m->to, buf_text(&message), f);
  secret_wipe(message.at, message.len); /* it may hold a link */
  buf_done(&message);
  return e;
}

static enum err send(struct mailer *self, const struct mail *m, int64_t now_us, struct fault *f) {
  const struct mail_desk *d = (const struct mail_desk *)self;
  struct config *c = d->config(d->ctx);
  enum err e = c->smtp.url.len > 0 ? write_and_send(&c->smtp, m, now_us, f)
                                   : fault_set(f, ERR_CONFIG, NULL, "no mail server is configured (smtp.url)");
  config_unref(c);
  if (e == ERR_OK)
    LOG_INFO("mail_sent", log_text("subject", m->subject));
  return e;
}

void mail_desk_init(struct mail_desk *d, struct config *(*config)(void *ctx), void *ctx) {
  *d = (struct mail_desk){{is_on, send}, config, ctx};
}
