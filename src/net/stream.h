/* A byte stream over a socket, plain or TLS; nothing above here knows which. Used by one reading and one writing fiber
 * of the loop it was made on. All waits take an absolute deadline in loop_now_us time. Errors: ERR_END (clean end by
 * the peer), ERR_NETWORK, ERR_TLS, ERR_TIMEOUT, ERR_CANCELLED. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/text.h"
#include "fiber/fiber.h"

#include <sys/uio.h>

struct stream;

struct stream_ops {
  const char *name;
  enum err (*try_read)(struct stream *s, void *into, size_t cap, size_t *out_n);
  enum err (*try_write)(struct stream *s, const struct iovec *iov, int count, size_t *out_n);
  enum err (*wait_readable)(struct stream *s, int64_t deadline_us);
  enum err (*wait_writable)(struct stream *s, int64_t deadline_us);
  void (*shut)(struct stream *s);    /* send what a polite end needs (close_notify), never waits */
  void (*destroy)(struct stream *s); /* free what ops own */
};

/* The base every kind embeds first. */
struct stream {
  const struct stream_ops *ops;
  struct loop_watch watch; /* watch.on_event may be set by the owner of an idle connection */
  void *owner;             /* for whoever set watch.on_event: what the stream belongs to; untouched here */
  uint64_t bytes_in, bytes_out;
};

/* Takes over fd (non-blocking, connected); it is closed by stream_close, also when this fails. */
enum err stream_plain_new(struct loop *loop, int fd, struct stream **out) MUST_CHECK;

/* At least one byte into [into, into+cap), without waiting. ERR_AGAIN when there is none yet; ERR_END at the peer's
 * clean end. cap > 0. */
enum err stream_try_read(struct stream *s, void *into, size_t cap, size_t *out_n) MUST_CHECK;
/* Until stream_try_read may have news. The caller holds no buffer meanwhile. */
enum err stream_wait_readable(struct stream *s, int64_t deadline_us) MUST_CHECK;
/* try + wait until at least one byte is there. */
enum err stream_read(struct stream *s, void *into, size_t cap, int64_t deadline_us, size_t *out_n) MUST_CHECK;
/* All pieces, waiting as the peer's window demands; one writev when it fits. iov is changed. At most 1024 pieces. */
enum err stream_write(struct stream *s, struct iovec *iov, int count, int64_t deadline_us) MUST_CHECK;
/* What is taken now: *out_n may be less than asked; ERR_AGAIN when nothing was taken. What was not taken must be
 * offered again first: TLS may have sealed these bytes already and reports them as taken once they have left. The
 * pieces must hold at least one byte. */
enum err stream_try_write(struct stream *s, const struct iovec *iov, int count, size_t *out_n) MUST_CHECK;
/* Until stream_try_write may take something. */
enum err stream_wait_writable(struct stream *s, int64_t deadline_us) MUST_CHECK;
/* The peer has closed or reset; there may still be bytes to read. */
bool stream_is_hung_up(const struct stream *s);
/* Nothing more will be written: close_notify, FIN. Reading goes on; for a lingering close, so that unread input does
 * not turn the end into a RST. Never waits. */
void stream_finish(struct stream *s);
/* Ends and frees. reset: RST instead of a polite end (the peer must not take this for a clean end). NULL is fine. */
void stream_close(struct stream *s, bool reset);

/* Scratch memory of the calling thread, STREAM_SCRATCH_BYTES large, for bytes between a read and their use. Its content
 * does not survive a wait. */
#define STREAM_SCRATCH_BYTES (64 * 1024)
char *stream_scratch(void);

#endif
