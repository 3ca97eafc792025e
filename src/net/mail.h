/* A message of mail as it goes over the wire (RFC 5322, with RFC 2045 and 2047 for what is not ASCII): plain text, one
 * sender, one recipient. Pure: the time and the id are given. */
#ifndef NET_MAIL_H
#define NET_MAIL_H

#include "base/buf.h"

#define MAIL_ADDRESS_MAX 254
#define MAIL_SUBJECT_MAX 400
#define MAIL_BODY_MAX    65536

struct mail_message {
  struct text from_name, from, to; /* addresses alone, without brackets; from_name "" for none */
  struct text subject;
  struct text body; /* lines end in \n */
  struct text id;   /* unique in the world, before the @; letters and digits */
  int64_t now_us;   /* wall clock */
};

/* Whether mail can be sent to and from it: ASCII, with one @, and nothing that a header or the protocol would take for
 * more than an address. */
bool mail_is_address(struct text t);
/* Lines end in CRLF; none is longer than 78 bytes but one that holds a single long address. ERR_BAD_REQUEST: an address
 * is none, or a text is not UTF-8 or too long; control characters cannot break out of a header. */
enum err mail_write(const struct mail_message *m, struct buf *out, struct fault *f) MUST_CHECK;

#endif
