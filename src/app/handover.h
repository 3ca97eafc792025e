/* The link between a process and the one that takes its place: a pair of SOCK_SEQPACKET sockets. A record is one or
 * more lines of text, "VERB ARGUMENTS", and may carry a descriptor. What is said when stands in docs/decisions/0006;
 * here are the records, sending and receiving. Never a secret is in them. */
#ifndef APP_HANDOVER_H
#define APP_HANDOVER_H

#include "base/buf.h"
#include "ports/breaker_share.h"
#include "traffic/limiter_handover.h"

#define HANDOVER_VERSION    1
#define HANDOVER_RECORD_MAX 16384
#define HANDOVER_VARIABLE   "WEIR_HANDOVER" /* in the environment of the new process: the number of its end */

struct handover_record {
  char bytes[HANDOVER_RECORD_MAX];
  size_t len;
  int fd; /* the receiver's to close; -1: none */
};

/* Both ends are CLOEXEC and non-blocking. ERR_SYSTEM. */
enum err handover_open(int out[2]) MUST_CHECK;
/* Waits, at most until deadline_us (loop_clock_us), while the other side is slow to read. fd -1: none; it stays the
 * caller's. ERR_TIMEOUT, ERR_NETWORK: the other side is gone. */
enum err handover_send(int link, struct text record, int fd, int64_t deadline_us) MUST_CHECK;
/* Without waiting: ERR_AGAIN; ERR_END when the other side is gone; ERR_PROTOCOL for what cannot be a record. */
enum err handover_receive(int link, struct handover_record *out) MUST_CHECK;

/* The next line, cut into its first word and the rest. False at the end. */
bool handover_next(struct text *lines, struct text *out_verb, struct text *out_arguments);
/* The next word of the arguments as a number. */
bool handover_i64(struct text *arguments, int64_t *out);
bool handover_u64(struct text *arguments, uint64_t *out);

/* "account KEY ...", "report KEY ...", "share PROCESS KEY ...", each with its line end; and back, from the arguments.
 */
void handover_put_account(struct buf *out, const struct limiter_account *a);
void handover_put_report(struct buf *out, const struct limiter_report *r);
void handover_put_share(struct buf *out, uint64_t process, const struct limiter_report *r);
bool handover_read_account(struct text arguments, struct limiter_account *out);
bool handover_read_report(struct text arguments, struct limiter_report *out);
bool handover_read_share(struct text arguments, uint64_t *out_process, struct limiter_report *out);
/* "breaker ...": its numbers, then its texts, each behind a tab. A control character in a reason has become a space; a
 * breaker with one in its name is not put. What is read points into the arguments. */
void handover_put_breaker(struct buf *out, const struct breaker_news *news, bool for_all);
bool handover_read_breaker(struct text arguments, struct breaker_news *out, bool *out_for_all);

#endif
