/* The listening sockets of the process: bound by it, inherited from the process it replaces, or given by systemd. Here
 * are the originals; workers accept on duplicates, so that a handover can be taken back. Which worker accepts where is
 * decided here. Main thread only. */
#ifndef APP_SOCKETS_H
#define APP_SOCKETS_H

#include "app/worker.h"
#include "net/addr.h"

#include <sys/stat.h>

#define SOCKETS_ADDRESSES_MAX 16
#define SOCKETS_MAX           1024 /* addresses * workers */

struct listening {
  int fd;
  struct addr asked, bound; /* as the configuration says, and as it is (port 0, "all interfaces" without IPv6) */
  bool external;            /* systemd's: its file stays */
  bool reuse_port, listening;
  int address;      /* its place in the configuration's list; -1: not in it */
  struct stat file; /* of a unix socket, as it was when it was bound; st_ino 0: none */
};

struct sockets {
  struct listening *at;
  size_t count;
  struct addr bound[SOCKETS_ADDRESSES_MAX]; /* of the configuration's list */
  size_t addresses;
};

/* One that exists already, before sockets_open; fd is taken over. asked: what its owner's configuration said.
 * ERR_SYSTEM when it is no listening stream socket, ERR_LIMIT. */
enum err sockets_offer(struct sockets *s, int fd, const struct addr *asked, bool external, struct fault *f) MUST_CHECK;
/* Those of the offered ones whose address is in the list, and new ones for the rest, so that each worker has one of its
 * own where several may be bound to one address. No client is sent to a new one before sockets_listen. The first bind
 * of a TCP address is made without SO_REUSEPORT's tolerance, so that a port in use is an error and not a shared port.
 * ERR_CONFIG, ERR_SYSTEM with f in plain words. */
enum err sockets_open(struct sockets *s, const struct text *listen, size_t count, unsigned workers,
                      struct fault *f) MUST_CHECK;
/* Clients may come. */
enum err sockets_listen(struct sockets *s, struct fault *f) MUST_CHECK;
/* Closes what was offered and is in no list. Returns how many there were. */
size_t sockets_drop_unused(struct sockets *s);
/* What the worker accepts on: duplicates, owned by the caller, in *out (to be freed). ERR_SYSTEM: no descriptor left.
 */
enum err sockets_deal(const struct sockets *s, unsigned worker, unsigned workers, struct worker_socket **out,
                      size_t *out_count) MUST_CHECK;
/* remove: the files of our unix sockets go, unless somebody has replaced them. May be called again. */
void sockets_close(struct sockets *s, bool remove);

#endif
