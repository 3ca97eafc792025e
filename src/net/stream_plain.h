/* The discipline of a non-blocking socket under edge-triggered readiness, shared by plain and TLS streams. For files of
 * net only. */
#ifndef NET_STREAM_PLAIN_H
#define NET_STREAM_PLAIN_H

#include "net/stream.h"

/* One recv at most. No syscall when the watch says there is nothing. A short read proves the socket empty, unless the
 * peer has hung up: then its FIN must still be read. ERR_AGAIN, ERR_END on FIN, ERR_NETWORK. cap > 0. */
enum err socket_try_read(struct loop_watch *w, void *into, size_t cap, size_t *out_n) MUST_CHECK;
/* One sendmsg at most. Less than asked means the socket is full. ERR_AGAIN, ERR_NETWORK. The pieces must hold at least
 * one byte. */
enum err socket_try_write(struct loop_watch *w, const struct iovec *iov, int count, size_t *out_n) MUST_CHECK;
/* Takes the socket back out of a plain stream and frees the stream: how TLS builds itself over one. */
int stream_plain_release(struct stream *s);
/* Bytes in all pieces. */
size_t iovec_total(const struct iovec *iov, int count);

#endif
