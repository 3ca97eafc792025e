/* A small HTTP server on the loopback, on a thread of its own, that answers as the test's function says and keeps what
 * it was asked. And an environment that is not the process's. */
#ifndef AWS_SERVER_H
#define AWS_SERVER_H

#include "base/buf.h"
#include "sigv4_example.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct server_call {
  struct text method, path, head, body; /* head: the header lines */
};
struct server_answer {
  int status;
  const char *body;
  bool hangs_up; /* without an answer */
};
struct server {
  void (*answer)(const struct server_call *c, struct server_answer *out); /* on the server's thread */
  pthread_t thread;
  int listener, stop[2];
  unsigned port;
  atomic_int calls;
  atomic_int asks, answers; /* order what the test and its answer function share */
};

/* Around whatever makes calls: what the test wrote before is seen by the answer function, and the other way round. */
static inline void server_before(struct server *s) { atomic_fetch_add(&s->asks, 1); }
static inline void server_after(struct server *s) { (void)atomic_load(&s->answers); }

/* The value of a header line "name: value". */
static inline struct text server_header(const struct server_call *c, struct text name) {
  struct text head = c->head, line, first, value;
  while (text_cut(head, '\n', &line, &head))
    if (text_cut(line, ':', &first, &value) && text_equal_nocase(first, name)) {
      value.len -= text_ends(value, TEXT("\r"));
      return text_trim(value);
    }
  return TEXT_NONE;
}

static inline bool server_is_whole(struct text in, struct server_call *out) {
  ptrdiff_t end = text_find(in, TEXT("\r\n\r\n"));
  struct text first, rest;
  uint64_t length = 0;
  if (end < 0 || !text_cut(text_head(in, (size_t)end + 2), '\n', &first, &out->head))
    return false;
  if (!text_cut(first, ' ', &out->method, &rest) || !text_cut(rest, ' ', &out->path, &rest))
    return false;
  (void)text_to_u64(server_header(out, TEXT("content-length")), &length);
  out->body = text_skip(in, (size_t)end + 4);
  return out->body.len >= length;
}

static inline void server_talk(struct server *s, int fd) {
  struct server_call call = {.method = TEXT_NONE};
  struct server_answer answer = {.status = 404, .body = ""};
  struct buf in;
  buf_init(&in, 1 << 22);
  bool whole = false;
  for (char *room; !whole && (room = buf_reserve(&in, 4096)) != NULL;) {
    ssize_t n = read(fd, room, 4096);
    if (n <= 0)
      break;
    buf_commit(&in, (size_t)n);
    whole = server_is_whole(buf_text(&in), &call);
  }
  if (whole) {
    struct buf out;
    atomic_fetch_add(&s->calls, 1);
    (void)atomic_load(&s->asks);
    s->answer(&call, &answer);
    atomic_fetch_add(&s->answers, 1);
    buf_init(&out, 1 << 22);
    if (!answer.hangs_up)
      buf_add_format(&out, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", answer.status,
                     strlen(answer.body), answer.body);
    for (struct text left = buf_text(&out); left.len;) {
      ssize_t n = send(fd, left.at, left.len, MSG_NOSIGNAL);
      if (n <= 0)
        break;
      left = text_skip(left, (size_t)n);
    }
    buf_done(&out);
  }
  buf_done(&in);
}

static inline void *server_run(void *arg) {
  struct server *s = arg;
  struct pollfd wait[2] = {{.fd = s->listener, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
  while (poll(wait, 2, -1) > 0 && !wait[1].revents) {
    int fd = accept(s->listener, NULL, NULL);
    if (fd >= 0) {
      server_talk(s, fd);
      close(fd);
    }
  }
  return NULL;
}

static inline void server_start(struct server *s,
                                void (*answer)(const struct server_call *c, struct server_answer *out)) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t n = sizeof(at);
  *s = (struct server){.answer = answer, .listener = socket(AF_INET, SOCK_STREAM, 0)};
  assert_true(s->listener >= 0);
  assert_int_equal(bind(s->listener, (struct sockaddr *)&at, n), 0);
  assert_int_equal(listen(s->listener, 16), 0);
  assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &n), 0);
  s->port = ntohs(at.sin_port);
  assert_int_equal(pipe(s->stop), 0);
  assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static inline void server_stop(struct server *s) {
  assert_int_equal(write(s->stop[1], "x", 1), 1);
  pthread_join(s->thread, NULL);
  close(s->listener);
  close(s->stop[0]);
  close(s->stop[1]);
}

static inline struct text server_url(const struct server *s, const char *path, struct arena *a) {
  return arena_format(a, "http://127.0.0.1:%u%s", s->port, path);
}

/* --- an environment --- */

#define ENVIRONMENT_MAX 16
static struct {
  const char *name;
  char value[256];
} environment[ENVIRONMENT_MAX];
static size_t environment_count;

static inline const char *environment_lookup(const char *name) {
  for (size_t i = 0; i < environment_count; i++)
    if (strcmp(environment[i].name, name) == 0)
      return environment[i].value;
  return NULL;
}

static inline void environment_set(const char *name, struct text value) {
  assert_true(environment_count < ENVIRONMENT_MAX && value.len < sizeof(environment[0].value));
  environment[environment_count].name = name;
  snprintf(environment[environment_count++].value, sizeof(environment[0].value), "%.*s", TEXT_ARGS(value));
}

static inline void environment_clear(void) { environment_count = 0; }

/* --- a folder for files --- */

static char folder[] = "/tmp/weir-aws-XXXXXX";

static inline struct text file_write(const char *name, const char *content, struct arena *a) {
  struct text path = arena_format(a, "%s/%s", folder, name);
  FILE *file = fopen(path.at, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(content, 1, strlen(content), file), strlen(content));
  fclose(file);
  return path;
}

static inline void file_remove(const char *name) {
  char path[128];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  unlink(path);
}

#endif
