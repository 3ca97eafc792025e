/* Asking the running weir: one request over the socket in its data_dir (app/local.c serves it), with plain blocking
 * calls. It reads an answer of the program itself, so HTTP is read as far as that writes it. Used by the commands about
 * a running weir. */
#include "cli/cli.h"

#include "net/addr.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES  (4 * 1024 * 1024)
#define REQUEST_MAX_BYTES (256 * 1024)

static enum err find_address(const struct config *c, struct addr *out, struct fault *f) {
  struct buf text;
  if (c->store == CONFIG_STORE_MEMORY)
    return fault_set(f, ERR_UNSUPPORTED, "store", "with `store: memory` there is no data_dir and no socket in it");
  buf_init(&text, 8192);
  buf_add_format(&text, "unix:%.*s/weir.sock", TEXT_ARGS(c->data_dir));
  enum err e = addr_parse(buf_text(&text), out, f);
  buf_done(&text);
  return e;
}

static enum err dial(const struct addr *a, int *out, struct fault *f) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, &a->as.any, a->len) == 0) {
    *out = fd;
    return ERR_OK;
  }
  int why = errno;
  if (fd >= 0)
    close(fd);
  if (why == ENOENT || why == ECONNREFUSED)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "no weir runs there: nobody answers on %s", a->as.un.sun_path);
  return fault_set(f, ERR_SYSTEM, NULL, "cannot reach the running weir on %s: %s", a->as.un.sun_path, strerror(why));
}

static enum err send_all(int fd, struct text bytes, struct fault *f) {
  while (bytes.len > 0) {
    ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR)
      return fault_set(f, ERR_NETWORK, NULL, "the running weir does not take the request");
    bytes = text_skip(bytes, n > 0 ? (size_t)n : 0);
  }
  return ERR_OK;
}

static enum err send_request(int fd, const struct cli_local_ask *ask, struct fault *f) {
  struct buf request;
  buf_init(&request, REQUEST_MAX_BYTES);
  buf_add_format(&request, "%s %s HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n", ask->method, ask->target);
  if (ask->body.len > 0)
    buf_add_format(&request, "content-type: application/json\r\ncontent-length: %zu\r\n", ask->body.len);
  buf_add(&request, TEXT("\r\n"));
  buf_add(&request, ask->body);
  enum err e = buf_check(&request) == ERR_OK ? send_all(fd, buf_text(&request), f)
                                             : fault_set(f, ERR_TOO_LARGE, NULL, "the request is too large");
  buf_done(&request);
  return e;
}

static enum err exchange(int fd, const struct cli_local_ask *ask, struct buf *out, struct fault *f) {
  enum err e = send_request(fd, ask, f);
  while (e == ERR_OK) {
    struct pollfd p = {fd, POLLIN, 0};
    int ready = poll(&p, 1, (int)ask->wait_ms);
    if (ready == 0)
      return fault_set(f, ERR_TIMEOUT, NULL, "the running weir does not answer");
    char *room = buf_reserve(out, 65536);
    ssize_t got = room ? recv(fd, room, 65536, 0) : -1;
    if (got < 0 && errno != EINTR)
      return fault_set(f, ERR_NETWORK, NULL, "the answer of the running weir was cut");
    if (got == 0)
      return ERR_OK;
    if (got > 0)
      buf_commit(out, (size_t)got);
  }
  return e;
}

/* "HTTP/1.1 200 OK", lines, an empty line, the body. */
static enum err read_answer(struct text answer, int *out_status, struct text *out_body, struct fault *f) {
  uint64_t status;
  ptrdiff_t end = text_find(answer, TEXT("\r\n\r\n"));
  if (!text_starts(answer, TEXT("HTTP/1.1 ")) || end < 0 || !text_to_u64(text_head(text_skip(answer, 9), 3), &status))
    return fault_set(f, ERR_PROTOCOL, NULL, "what answers there is not a weir");
  *out_status = (int)status;
  *out_body = text_skip(answer, (size_t)end + 4);
  return ERR_OK;
}

enum err cli_local_ask(const struct config *c, const struct cli_local_ask *ask, int *out_status, struct buf *body,
                       struct fault *f) {
  struct addr a;
  struct buf answer;
  struct text text;
  int fd = -1;
  buf_init(&answer, ANSWER_MAX_BYTES);
  enum err e = find_address(c, &a, f);
  if (e == ERR_OK)
    e = dial(&a, &fd, f);
  if (e == ERR_OK)
    e = exchange(fd, ask, &answer, f);
  if (e == ERR_OK)
    e = read_answer(buf_text(&answer), out_status, &text, f);
  if (e == ERR_OK)
    buf_add(body, text);
  if (fd >= 0)
    close(fd);
  buf_done(&answer);
  return e;
}

bool cli_local_call(const char *config_path, const char *method, const char *target, int64_t wait_ms, int *out_status,
                    struct buf *body) {
  const struct cli_local_ask ask = {method, target, TEXT_NONE, wait_ms};
  struct config *c = NULL;
  struct fault f = {0};
  if (!cli_config_load(config_path, &c))
    return false;
  enum err e = cli_local_ask(c, &ask, out_status, body, &f);
  if (e != ERR_OK)
    cli_fail(&f);
  config_unref(c);
  return e == ERR_OK;
}
