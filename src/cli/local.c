/* Asking the running weir: one request over the socket in its data_dir (app/local.c serves it), with plain blocking
 * calls. It reads an answer of the program itself, so HTTP is read as far as that writes it. Used by the commands about
 * a running weir. */
#include "cli/cli.h"

#include "net/addr.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES (4 * 1024 * 1024)

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

static enum err exchange(int fd, const char *method, const char *target, int64_t wait_ms, struct buf *out,
                         struct fault *f) {
  char request[512];
  int n =
      snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n", method, target);
  if (n < 0 || (size_t)n >= sizeof(request) || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
    return fault_set(f, ERR_NETWORK, NULL, "the running weir does not take the request");
  for (;;) {
    struct pollfd p = {fd, POLLIN, 0};
    int ready = poll(&p, 1, (int)wait_ms);
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

bool cli_local_call(const char *config_path, const char *method, const char *target, int64_t wait_ms, int *out_status,
                    struct buf *body) {
  struct config *c = NULL;
  struct addr a;
  struct fault f = {0};
  struct buf answer;
  struct text text;
  int fd = -1;
  if (!cli_config_load(config_path, &c))
    return false;
  buf_init(&answer, ANSWER_MAX_BYTES);
  enum err e = find_address(c, &a, &f);
  if (e == ERR_OK)
    e = dial(&a, &fd, &f);
  if (e == ERR_OK)
    e = exchange(fd, method, target, wait_ms, &answer, &f);
  if (e == ERR_OK)
    e = read_answer(buf_text(&answer), out_status, &text, &f);
  if (e == ERR_OK)
    buf_add(body, text);
  else
    cli_fail(&f);
  if (fd >= 0)
    close(fd);
  buf_done(&answer);
  config_unref(c);
  return e == ERR_OK;
}
