/* Listening sockets. TCP: one SO_REUSEPORT socket a worker; unix: one socket shared with EPOLLEXCLUSIVE (an old socket
 * file nobody answers on is replaced, and removed at stop). Both can be handed from process to process: adopted here,
 * released there, and nobody who connects meanwhile is turned away. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "net/addr.h"
#include "net/stream.h"

struct listener;

/* Binds and listens. Faults in plain words: "address 127.0.0.1:8080 is already in use", "permission denied ...".
 * reuse_port lets several workers bind the same TCP address; the first bind of a process must be made without a clash:
 * call listen_probe before. ERR_SYSTEM. fd is non-blocking, CLOEXEC. */
enum err listen_bind(const struct addr *a, bool reuse_port, int *out_fd, struct fault *f) MUST_CHECK;
/* The same in two steps: the address is ours after the first, clients come after the second. Until then none is sent to
 * this socket, also where others listen on the address already. */
enum err listen_reserve(const struct addr *a, bool reuse_port, int *out_fd, struct fault *f) MUST_CHECK;
enum err listen_begin(int fd, const struct addr *a, struct fault *f) MUST_CHECK; /* fd stays the caller's */
/* ERR_SYSTEM when another process already listens there (a plain bind without SO_REUSEPORT is tried and undone). Port 0
 * always passes. */
enum err listen_probe(const struct addr *a, struct fault *f) MUST_CHECK;
/* Makes a socket that came from elsewhere (another process, systemd) like one of listen_bind, and tells where it
 * listens. ERR_SYSTEM, and a fault that names the descriptor: it is not open, no socket, not a stream socket of TCP or
 * unix, does not listen. fd stays the caller's. The process that also holds it finds it non-blocking from now on. */
enum err listen_adopt(int fd, struct addr *out, struct fault *f) MUST_CHECK;
/* The address really bound (for port 0). */
enum err listen_addr(int fd, struct addr *out) MUST_CHECK;

/* Accepts on fd (taken over) and calls on_accept on the loop, outside any fiber, for every connection; the stream
 * belongs to the callee. TCP_NODELAY set. At most 128 in one turn of the loop. When descriptors run out (EMFILE) it
 * closes one waiting connection with the help of a reserve descriptor, pauses 100 ms and goes on. fd is closed when
 * this fails, too; workers that share a unix socket give each listener its own dup (F_DUPFD_CLOEXEC). */
enum err listener_start(struct loop *loop, int fd, bool exclusive,
                        void (*on_accept)(void *ctx, struct stream *s, const struct addr *peer), void *ctx,
                        struct listener **out) MUST_CHECK;
/* Closes and frees, and removes the file of a unix socket unless somebody has replaced it. Also from inside on_accept.
 * NULL is fine. */
void listener_stop(struct listener *l);
/* The same, but the socket lives on with whoever else holds it (its successor, or systemd): what waits to be accepted
 * stays there, and so does the file of a unix socket. One that is shared exclusively first hands the connections that
 * it alone may have been woken for to on_accept, from within this call. */
void listener_release(struct listener *l);

#endif
