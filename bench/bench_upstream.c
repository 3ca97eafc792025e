/* The provider behind the gateways under test: one thread, epoll, no allocation per request. Answers every POST with
 * one fixed message of 1 KiB, or, when the body has "stream":true, with a stream of events; in OpenAI's shapes when the
 * path is that of chat completions, else in Anthropic's, whose events have 121 bytes. How
 * far apart the events come and how many there are stands in the request body ("spacing-MS" and "max_tokens"), so that
 * one process serves every case and any gateway passes it on. One timer of a millisecond drives all streams. With
 * --status N it answers every request with that status and an error instead. Prints "port N" when it listens. Does not
 * check what it is sent: that is the gateway's work. Started by run.sh. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common.h"

#define CONNECTIONS_MAX 20000
#define WHEEL_SLOTS     1024  /* milliseconds; a spacing is shorter */
#define OPENING_MS      150   /* no event goes out until no stream was opened for so long */
#define KEPT_BYTES      32768 /* of a request: the head and the start of the body, where the options are */

struct answers;
struct connection {
  int fd;
  size_t kept;
  uint64_t received, expected; /* of the current request, head included; expected is 0 until the head is whole */
  uint64_t deltas_left;
  uint32_t spacing_ms;
  size_t unsent; /* at the end of a delta that did not fit into the socket */
  const struct answers *answers;
  struct connection *next, **link; /* place in the wheel while streaming */
  char bytes[KEPT_BYTES];
};

static struct {
  int epoll, listener, timer;
  uint64_t tick, streams, opened, quiet_ms;
  struct connection *wheel[WHEEL_SLOTS];
  struct connection *connections[CONNECTIONS_MAX + 64];
} up;

static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                                  "cache-control: no-cache\r\nrequest-id: req_bench\r\n"
                                  "transfer-encoding: chunked\r\n\r\n";
static const char stream_start[] =
    "event: message_start\n"
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\","
    "\"model\":\"claude-bench\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":250,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
static const char stream_delta[] = "event: content_block_delta\n"
                                   "data: {\"type\":\"content_block_delta\",\"index\":0,"
                                   "\"delta\":{\"type\":\"text_delta\",\"text\":\" seven\"}}\n\n";
static const char stream_end[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
    "\"usage\":{\"output_tokens\":200}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#define CHUNK                                                                                                          \
  "data: "                                                                                                             \
  "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-bench\",\"choices\":"
static const char chat_start[] =
    CHUNK "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
static const char chat_delta[] = CHUNK "[{\"index\":0,\"delta\":{\"content\":\" seven\"},\"finish_reason\":null}]}\n\n";
static const char chat_end[] =
    CHUNK "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" CHUNK
          "[],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":200,\"total_tokens\":450}}\n\ndata: [DONE]\n\n";

/* Everything that is ever said in one dialect. */
struct answers {
  char plain[2048], first[2048], delta[512], last[1024];
  size_t plain_length, first_length, delta_length, last_length;
};
static struct answers anthropic, openai;
static uint64_t error_status; /* 0: no errors */
static char error_answer[512];

static size_t print_chunk(char *out, size_t room, const char *before, const char *event, const char *after) {
  return (size_t)snprintf(out, room, "%s%zx\r\n%s\r\n%s", before, strlen(event), event, after);
}

/* The answers never change, so they are made once. The message is filled with text to 1024 bytes. */
static void prepare(struct answers *a, const char *front, const char *back, const char *start, const char *event,
                    const char *end) {
  char text[1024];
  size_t length = 1024 - strlen(front) - strlen(back);
  for (size_t i = 0; i < length; i++)
    text[i] = "the quick brown fox jumps over a lazy dog "[i % 42];
  a->plain_length = (size_t)snprintf(a->plain, sizeof(a->plain),
                                     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\n"
                                     "content-length: 1024\r\n\r\n%s%.*s%s",
                                     front, (int)length, text, back);
  a->first_length = print_chunk(a->first, sizeof(a->first), stream_head, start, "");
  a->delta_length = print_chunk(a->delta, sizeof(a->delta), "", event, "");
  a->last_length = print_chunk(a->last, sizeof(a->last), "", end, "0\r\n\r\n");
}

static void prepare_answers(void) {
  static const char front[] =
      "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-bench\","
      "\"content\":[{\"type\":\"text\",\"text\":\"";
  static const char back[] = "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                             "\"usage\":{\"input_tokens\":250,\"cache_creation_input_tokens\":0,"
                             "\"cache_read_input_tokens\":0,\"output_tokens\":200}}";
  static const char chat_front[] =
      "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"gpt-bench\","
      "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
  static const char chat_back[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":250,"
                                  "\"completion_tokens\":200,\"total_tokens\":450}}";
  prepare(&anthropic, front, back, stream_start, stream_delta, stream_end);
  prepare(&openai, chat_front, chat_back, chat_start, chat_delta, chat_end);
}

static void prepare_error(void) {
  static const char body[] = "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"as asked for\"}}";
  (void)snprintf(error_answer, sizeof(error_answer),
                 "HTTP/1.1 %llu As Asked For\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                 (unsigned long long)error_status, sizeof(body) - 1, body);
}

static void leave_wheel(struct connection *c) {
  if (c->link == NULL)
    return;
  *c->link = c->next;
  if (c->next != NULL)
    c->next->link = c->link;
  c->link = NULL;
}

static void enter_wheel(struct connection *c, uint64_t delay_ms) {
  struct connection **slot = &up.wheel[(up.tick + delay_ms) % WHEEL_SLOTS];
  c->next = *slot;
  c->link = slot;
  if (c->next != NULL)
    c->next->link = &c->next;
  *slot = c;
}

/* The timer runs only while there are streams: an idle upstream must not disturb the other cases. */
static void set_timer(bool on) {
  const struct itimerspec ms = {{0, on ? 1000000 : 0}, {0, on ? 1000000 : 0}};
  if (timerfd_settime(up.timer, 0, &ms, NULL) != 0)
    bench_fail("timerfd_settime");
}

static void end_stream(struct connection *c) {
  if (c->spacing_ms == 0)
    return;
  leave_wheel(c);
  c->spacing_ms = 0;
  if (--up.streams == 0)
    set_timer(false);
}

static void drop(struct connection *c) {
  end_stream(c);
  up.connections[c->fd] = NULL;
  (void)close(c->fd);
  free(c);
}

/* Answers are smaller than an empty socket buffer; what does not fit belongs to a reader that has stopped. */
static bool send_whole(struct connection *c, const char *bytes, size_t length) {
  return send(c->fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* One event. A full socket skips it or keeps the rest of it for the next time: false when the client is gone. */
static bool send_delta(struct connection *c) {
  const struct answers *a = c->answers;
  size_t length = c->unsent > 0 ? c->unsent : a->delta_length;
  ssize_t sent = send(c->fd, a->delta + a->delta_length - length, length, MSG_NOSIGNAL);
  if (sent < 0)
    return errno == EAGAIN;
  c->unsent = length - (size_t)sent;
  if (c->unsent == 0)
    c->deltas_left--;
  return true;
}

static void stream_step(struct connection *c) {
  if (c->deltas_left > 0) {
    if (send_delta(c))
      enter_wheel(c, c->spacing_ms);
    else
      drop(c);
    return;
  }
  end_stream(c);
  if (!send_whole(c, c->answers->last, c->answers->last_length))
    drop(c);
}

static uint64_t number_after(const char *in, const char *word, uint64_t otherwise) {
  const char *at = strstr(in, word);
  return at != NULL ? strtoull(at + strlen(word), NULL, 10) : otherwise;
}

static void start_stream(struct connection *c) {
  uint64_t spacing = number_after(c->bytes, "spacing-", 20);
  c->spacing_ms = spacing == 0 || spacing >= WHEEL_SLOTS ? 20 : (uint32_t)spacing;
  c->deltas_left = number_after(c->bytes, "\"max_tokens\":", 200);
  c->unsent = 0;
  up.quiet_ms = 0;
  if (up.streams++ == 0)
    set_timer(true);
  /* Spread over the spacing, as independent streams are. */
  enter_wheel(c, 1 + up.opened++ % c->spacing_ms);
  if (!send_whole(c, c->answers->first, c->answers->first_length))
    drop(c);
}

static void answer(struct connection *c) {
  c->received = c->expected = 0;
  c->kept = 0;
  c->answers = strncmp(c->bytes, "POST /v1/chat/", 14) == 0 ? &openai : &anthropic;
  bool is_whole = true;
  if (error_status != 0)
    is_whole = send_whole(c, error_answer, strlen(error_answer));
  else if (strstr(c->bytes, "\"stream\":true") != NULL)
    start_stream(c);
  else
    is_whole = send_whole(c, c->answers->plain, c->answers->plain_length);
  if (!is_whole)
    drop(c);
}

/* Finds the length of the request once its head is whole. False when it cannot be known. */
static bool measure(struct connection *c) {
  c->bytes[c->kept] = '\0';
  const char *end = strstr(c->bytes, "\r\n\r\n");
  if (end == NULL)
    return c->kept < KEPT_BYTES - 1;
  const char *length = strcasestr(c->bytes, "\r\ncontent-length:");
  c->expected = (uint64_t)(end + 4 - c->bytes);
  if (length != NULL && length < end)
    c->expected += strtoull(length + 17, NULL, 10);
  return true;
}

/* False when the connection is to be dropped. */
static bool take(struct connection *c, const char *bytes, size_t length) {
  size_t keep = KEPT_BYTES - 1 - c->kept < length ? KEPT_BYTES - 1 - c->kept : length;
  memcpy(c->bytes + c->kept, bytes, keep);
  c->kept += keep;
  c->bytes[c->kept] = '\0';
  c->received += length;
  if (c->expected == 0 && !measure(c))
    return false;
  return c->expected == 0 || c->received <= c->expected;
}

static void on_readable(struct connection *c) {
  static char bytes[262144];
  for (;;) {
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EAGAIN)
      return;
    if (n <= 0 || c->spacing_ms != 0 || !take(c, bytes, (size_t)n)) {
      drop(c);
      return;
    }
    if (c->expected > 0 && c->received == c->expected) {
      answer(c);
      return;
    }
    if ((size_t)n < sizeof(bytes))
      return;
  }
}

static void on_connection(void) {
  for (;;) {
    int fd = accept4(up.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
      return;
    if (fd >= CONNECTIONS_MAX) {
      (void)close(fd);
      continue;
    }
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL)
      bench_fail("calloc");
    c->fd = fd;
    up.connections[fd] = c;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
      bench_fail("epoll_ctl");
  }
}

static void on_timer(void) {
  uint64_t ticks = 0;
  if (read(up.timer, &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks))
    return;
  /* Opening thousands of streams must not compete with the events of those already open. */
  if (up.quiet_ms < OPENING_MS) {
    up.quiet_ms += ticks;
    return;
  }
  for (; ticks > 0 && up.streams > 0; ticks--) {
    up.tick++;
    struct connection *due = up.wheel[up.tick % WHEEL_SLOTS];
    up.wheel[up.tick % WHEEL_SLOTS] = NULL;
    while (due != NULL) {
      struct connection *next = due->next;
      due->link = NULL;
      stream_step(due);
      due = next;
    }
  }
}

static void watch(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    bench_fail("epoll_ctl");
}

int main(int argc, char **argv) {
  uint64_t wanted = 0;
  uint16_t port;
  const struct bench_option options[] = {{"--port", &wanted, 65535, NULL}, {"--status", &error_status, 599, NULL}};
  bench_options(argc, argv, 1, options, 2);
  bench_allow_descriptors(1024);
  prepare_answers();
  prepare_error();
  up.listener = bench_listen((uint16_t)wanted, &port);
  up.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  up.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (up.timer < 0 || up.epoll < 0)
    bench_fail("epoll");
  watch(up.listener);
  watch(up.timer);
  printf("port %u\n", port);
  (void)fflush(stdout);
  for (;;) {
    static struct epoll_event events[512];
    int n = epoll_wait(up.epoll, events, 512, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == up.listener)
        on_connection();
      else if (fd == up.timer)
        on_timer();
      else if (up.connections[fd] != NULL)
        on_readable(up.connections[fd]);
    }
  }
}
