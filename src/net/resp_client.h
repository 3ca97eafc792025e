/* One connection to a Redis over a stream, plain or TLS: log in, commands and their answers, pipelines, messages of
 * channels. Used by one fiber at a time, which waits; every wait has a deadline in loop_now_us time. It does not
 * reconnect: whoever owns it closes it after any error and opens another. */
#ifndef NET_RESP_CLIENT_H
#define NET_RESP_CLIENT_H

#include "net/dial.h"
#include "net/resp.h"

struct resp_client;

struct resp_options {
  struct text host;
  uint16_t port;
  struct dns *dns;            /* may be NULL when host is an IP literal */
  struct tls_context *tls;    /* NULL: plain */
  struct text tls_name;       /* whose certificate it must be; "": host's */
  struct text user, password; /* password "": no log-in; user "": Redis' default user */
  uint32_t database;
  bool is_cluster;           /* it must be a node of a cluster; else it must not */
  struct resp_limits limits; /* of one answer */
};

/* Connects, logs in, asks for RESP 3 and does with 2 where that is refused, and selects the database. ERR_UNSUPPORTED:
 * the server is a sentinel, or a node of a cluster where a single server is expected, or the other way round (as far as
 * it says so). ERR_FORBIDDEN: it does not let us in. ERR_UNAVAILABLE: it refuses
 * for another reason. Else as dial and resp_receive. f says what, and never the password. o must live as long as the
 * connection. */
enum err resp_open(const struct resp_options *o, int64_t deadline_us, struct resp_client **out,
                   struct fault *f) MUST_CHECK;
void resp_close(struct resp_client *c); /* never waits; NULL is fine */

/* Commands written by resp_write; each is answered once, in order, through resp_receive. What is to be sent must not
 * be so much that Redis stops reading because nobody takes its answers: some hundred KiB at most. */
enum err resp_send(struct resp_client *c, struct text commands, int64_t deadline_us, struct fault *f) MUST_CHECK;
/* The next thing from Redis, an error it answers included; it lives until the next call. Pushed messages come in
 * between when a channel is subscribed. ERR_TIMEOUT: nothing whole has come, and may still. ERR_NETWORK also when Redis
 * closes the connection, else as resp_reader_next. */
enum err resp_receive(struct resp_client *c, int64_t deadline_us, const struct resp_value **out,
                      struct fault *f) MUST_CHECK;
/* One command and its answer; pushed messages are passed over. An error that Redis answers is resp_refusal's. */
enum err resp_call(struct resp_client *c, const struct text *arguments, size_t count, int64_t deadline_us,
                   const struct resp_value **out, struct fault *f) MUST_CHECK;

/* ERR_OK unless v is an error; else which of resp_open's three it is, a redirection being the first. The fault has
 * Redis' words, except for a command it does not know: it repeats those. */
enum err resp_refusal(const struct resp_value *v, struct fault *f) MUST_CHECK;
/* For a connection on which no answer is due: fn(data) is called on the loop, outside any fiber, when something arrives
 * or it ends, or for nothing. fn must not wait nor close it. NULL ends this; nothing may wait for the connection
 * before.
 */
void resp_on_event(struct resp_client *c, void (*fn)(void *data), void *data);
/* While no answer is due: it stands, and nothing has come that nobody asked for. */
bool resp_is_quiet(struct resp_client *c);
/* 2 or 3. */
int resp_version(const struct resp_client *c);

#endif
