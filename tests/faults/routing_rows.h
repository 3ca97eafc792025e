/* The fault matrix, its rows: every way in which a provider fails, when it strikes, and what has to become of it. What
 * is expected is written down here, after docs/generated/failures.md and the promises of the product, and never asked
 * of the code under test. routing_play.h acts a row, routing_due.h says what follows from it for a whole request. */
#ifndef ROUTING_ROWS_H
#define ROUTING_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dialect { ANTHROPIC, OPENAI, DIALECTS };
enum mode { PLAIN = 1, STREAMED = 2, EITHER = 3 };
enum phase {
  IN_CONNECT,
  IN_HEAD,
  IN_STATUS,
  IN_BODY,
  IN_FIRST_EVENT,
  BEFORE_TOKEN,
  AFTER_TOKEN,
  BEFORE_END,
  AFTER_END
};
/* FALLS_OVER: to the next target, while there is one. RETURNED: the caller's to see, whoever else there is. BREAKS: the
 * client has a part of it. ANSWERS: no failure at all. */
enum fate { FALLS_OVER, RETURNED, BREAKS, ANSWERS };
enum door { OPEN, REFUSES, LETS_WAIT };
enum then { NOTHING, TELLS_ERROR, HALF_AN_EVENT, BAD_JSON, BAD_CHUNK, LARGE_EVENT };
enum ending { ENDS, CLOSES, RESETS, FALLS_SILENT };

/* Bodies that depend on the dialect. */
static const char OTHER_DIALECT[] = "the right answer of the other dialect";
static const char PLAIN_ANSWER[] = "the right answer in one piece";
static const char THE_ERROR[] = "the error that is told";
static const char TOO_LARGE[] = "an answer of 5000 bytes";

struct row {
  const char *name;
  enum mode mode;
  enum phase phase;
  enum fate fate;
  bool anthropic_only, openai_only; /* of the provider */

  /* What the provider does: the right answer, but for what stands here. */
  enum door door;
  const char *raw;              /* these bytes in place of an answer */
  int answers;                  /* with this status; 0: 200 */
  const char *headers;          /* lines beside the usual ones; a content-type takes the place of the right one */
  const char *body;             /* NULL: the error below when there is one and no event, else the right one */
  const char *told_type, *told; /* its error */
  const char *before;           /* of a stream: said before its first event */
  unsigned events;              /* of a stream: so many of the right one, see routing_play.h */
  enum then then;
  enum ending ending;

  /* What comes of it. */
  const char *class;          /* as failures.md has it; NULL: none */
  const char *raced_class;    /* BEFORE_TOKEN: where it is raced and may fall over; NULL: the same */
  int seen;                   /* the status of the provider's answer, where it is not `answers` */
  int status;                 /* what the client gets when nobody else answers */
  const char *error;          /* why, in the record */
  const char *type[DIALECTS]; /* and in the client's words */
  int pause_ms;               /* that the provider asks for before it is called again */
};

#define NETWORK                                                                                                        \
  .class = "network_error", .error = "UPSTREAM_NETWORK", .status = 502, .type = {"api_error", "server_error"}
#define TIMED_OUT                                                                                                      \
  .class = "timeout", .error = "UPSTREAM_TIMEOUT", .status = 504, .type = {"timeout_error", "server_error"}
#define WRONG                                                                                                          \
  .class = "server_error", .error = "UPSTREAM_PROTOCOL", .status = 502, .type = {"api_error", "server_error"}
#define CLIENT_ERROR            .fate = RETURNED, .class = "client_error", .error = "UPSTREAM_STATUS"
#define AUTH_ERROR              .fate = RETURNED, .class = "auth_error", .error = "UPSTREAM_STATUS"
#define RATE_LIMIT              .class = "rate_limit", .error = "UPSTREAM_RATE", .type = {"rate_limit_error", "rate_limit_error"}
#define USAGE_LIMIT             .class = "usage_limit", .error = "UPSTREAM_USAGE"
#define SERVER_ERROR            .class = "server_error", .error = "UPSTREAM_STATUS"
#define SAYS(code, kind, words) .answers = (code), .status = (code), .told_type = (kind), .told = (words)

static const struct row in_connect[] = {
    {"refused", EITHER, IN_CONNECT, .door = REFUSES, NETWORK},
    {"no connection in time", EITHER, IN_CONNECT, .door = LETS_WAIT, TIMED_OUT},
};

static const struct row in_head[] = {
    {"closed before the head", EITHER, IN_HEAD, .raw = "", .ending = CLOSES, NETWORK},
    {"reset before the head", EITHER, IN_HEAD, .raw = "", .ending = RESETS, NETWORK},
    {"silent before the head", EITHER, IN_HEAD, .raw = "", .ending = FALLS_SILENT, TIMED_OUT},
    {"closed in the head", EITHER, IN_HEAD, .raw = "HTTP/1.1 200 OK\r\ncontent-le", .ending = CLOSES, NETWORK},
    {"reset in the head", EITHER, IN_HEAD, .raw = "HTTP/1.1 200 OK\r\ncontent-le", .ending = RESETS, NETWORK},
    {"silent in the head", EITHER, IN_HEAD, .raw = "HTTP/1.1 200 OK\r\ncontent-le", .ending = FALLS_SILENT, TIMED_OUT},
    {"no HTTP", EITHER, IN_HEAD, .raw = "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", WRONG},
    {"a head of two lengths", EITHER, IN_HEAD,
     .raw = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", WRONG},
    {"a head of a length and chunks", EITHER, IN_HEAD,
     .raw = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", WRONG},
    {"another protocol", EITHER, IN_HEAD, .raw = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", WRONG},
};

static const struct row in_status[] = {
    {"400", EITHER, IN_STATUS, SAYS(400, "invalid_request_error", "max_tokens: too large"), CLIENT_ERROR,
     .type = {"invalid_request_error", "invalid_request_error"}},
    {"401", EITHER, IN_STATUS, SAYS(401, "authentication_error", "no such key"), AUTH_ERROR,
     .type = {"authentication_error", "invalid_request_error"}},
    {"403", EITHER, IN_STATUS, SAYS(403, "permission_error", "not for you"), AUTH_ERROR,
     .type = {"permission_error", "insufficient_permissions"}},
    {"404", EITHER, IN_STATUS, SAYS(404, "not_found_error", "no such model"), CLIENT_ERROR,
     .type = {"not_found_error", "invalid_request_error"}},
    {"413", EITHER, IN_STATUS, SAYS(413, "request_too_large", "too many bytes"), CLIENT_ERROR,
     .type = {"request_too_large", "invalid_request_error"}},
    {"422", EITHER, IN_STATUS, SAYS(422, "invalid_request_error", "no"), CLIENT_ERROR,
     .type = {"invalid_request_error", "invalid_request_error"}},
    {"408", EITHER, IN_STATUS, SAYS(408, "timeout_error", "too slow"), .class = "timeout", .error = "UPSTREAM_STATUS",
     .type = {"invalid_request_error", "invalid_request_error"}},
    {"429", EITHER, IN_STATUS, SAYS(429, "rate_limit_error", "too many requests"), RATE_LIMIT},
    {"429 that asks for a pause", EITHER, IN_STATUS, SAYS(429, "rate_limit_error", "too many requests"), RATE_LIMIT,
     .headers = "retry-after-ms: 700\r\n", .pause_ms = 700},
    {"429 of a plan", EITHER, IN_STATUS, SAYS(429, "rate_limit_error", "You have reached your usage limit"),
     USAGE_LIMIT, .type = {"rate_limit_error", "insufficient_quota"}},
    {"402", EITHER, IN_STATUS, SAYS(402, "billing_error", "add credits"), USAGE_LIMIT,
     .type = {"billing_error", "insufficient_quota"}},
    {"403 of a plan", EITHER, IN_STATUS, SAYS(403, "permission_error", "monthly usage is used up"), USAGE_LIMIT,
     .type = {"permission_error", "insufficient_permissions"}},
    {"400 of a plan", EITHER, IN_STATUS, .anthropic_only = true,
     SAYS(400, "invalid_request_error", "Your credit balance is too low to access the API"), USAGE_LIMIT,
     .type = {"invalid_request_error", "invalid_request_error"}},
    {"400 of a quota", EITHER, IN_STATUS, .openai_only = true, SAYS(400, "insufficient_quota", "no more"), USAGE_LIMIT,
     .type = {"invalid_request_error", "invalid_request_error"}},
    {"500", EITHER, IN_STATUS, SAYS(500, "api_error", "oops"), SERVER_ERROR, .type = {"api_error", "server_error"}},
    {"502", EITHER, IN_STATUS, SAYS(502, "api_error", "oops"), SERVER_ERROR, .type = {"api_error", "server_error"}},
    {"503", EITHER, IN_STATUS, SAYS(503, "api_error", "oops"), SERVER_ERROR, .type = {"api_error", "server_error"}},
    {"503 that asks for a pause", EITHER, IN_STATUS, SAYS(503, "api_error", "oops"), SERVER_ERROR,
     .headers = "retry-after: 1\r\n", .pause_ms = 1000, .type = {"api_error", "server_error"}},
    {"503 that asks for too long a pause", EITHER, IN_STATUS, SAYS(503, "api_error", "oops"), SERVER_ERROR,
     .headers = "retry-after: 3600\r\n", .pause_ms = 3600000, .type = {"api_error", "server_error"}},
    {"504", EITHER, IN_STATUS, SAYS(504, "timeout_error", "too slow"), .class = "timeout", .error = "UPSTREAM_STATUS",
     .type = {"timeout_error", "server_error"}},
    {"529", EITHER, IN_STATUS, SAYS(529, "overloaded_error", "Overloaded"), SERVER_ERROR,
     .type = {"overloaded_error", "server_error"}},
    {"500 of HTML", EITHER, IN_STATUS, .answers = 500, .status = 500, .headers = "content-type: text/html\r\n",
     .body = "<html>no</html>", SERVER_ERROR, .type = {"api_error", "server_error"}},
    {"500 cut in its body", EITHER, IN_STATUS, SAYS(500, "api_error", "oops"), SERVER_ERROR, .ending = CLOSES,
     .type = {"api_error", "server_error"}},
    {"500 silent in its body", EITHER, IN_STATUS, SAYS(500, "api_error", "oops"), SERVER_ERROR, .ending = FALLS_SILENT,
     .type = {"api_error", "server_error"}},
    {"429 in a coding that cannot be read", EITHER, IN_STATUS, SAYS(429, "rate_limit_error", "too many requests"),
     .headers = "content-encoding: br\r\n", RATE_LIMIT},
    {"400 in a coding that cannot be read", EITHER, IN_STATUS, SAYS(400, "invalid_request_error", "too large"),
     .headers = "content-encoding: br\r\n", CLIENT_ERROR, .type = {"invalid_request_error", "invalid_request_error"}},
    {"a redirect", EITHER, IN_STATUS, .answers = 302, .status = 502, .headers = "location: http://elsewhere/\r\n",
     .body = "moved", SERVER_ERROR, .type = {"api_error", "server_error"}},
};

static const struct row in_body[] = {
    {"cut in its body", PLAIN, IN_BODY, .ending = CLOSES, NETWORK},
    {"reset in its body", PLAIN, IN_BODY, .ending = RESETS, NETWORK},
    {"silent in its body", PLAIN, IN_BODY, .ending = FALLS_SILENT, TIMED_OUT},
    {"chunks that are none", PLAIN, IN_BODY, .seen = 200,
     .raw = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n",
     WRONG},
    {"no JSON", PLAIN, IN_BODY, .body = "hello", WRONG},
    {"nothing", PLAIN, IN_BODY, .body = "", WRONG},
    {"half of a JSON text", PLAIN, IN_BODY, .body = "{\"id\":\"msg_1\",\"type\":\"message\",\"content\":[", WRONG},
    {"JSON of no dialect", PLAIN, IN_BODY, .body = "{}", WRONG},
    {"a list", PLAIN, IN_BODY, .body = "[]", WRONG},
    {"the other dialect", PLAIN, IN_BODY, .body = OTHER_DIALECT, WRONG},
    {"an error with the status of a success", PLAIN, IN_BODY, .body = THE_ERROR, .told_type = "overloaded_error",
     .told = "Overloaded", WRONG},
    {"a page", PLAIN, IN_BODY, .headers = "content-type: text/html\r\n", .body = "<html>hi</html>", WRONG},
    {"an answer under another type", PLAIN, IN_BODY, ANSWERS, .headers = "content-type: text/plain\r\n"},
    {"a stream that was not asked for", PLAIN, IN_BODY, .headers = "content-type: text/event-stream\r\n",
     .body = "event: ping\ndata: {\"type\":\"ping\"}\n\n", WRONG},
    {"a coding that cannot be read", EITHER, IN_BODY, .headers = "content-encoding: br\r\n", WRONG},
    {"a coding that it is not in", PLAIN, IN_BODY, .headers = "content-encoding: gzip\r\n", WRONG},
    {"too large", PLAIN, IN_BODY, .body = TOO_LARGE, WRONG},
    {"204", EITHER, IN_BODY, .seen = 204, .raw = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", WRONG},
    {"202", EITHER, IN_BODY, .answers = 202, WRONG},
    {"a plain answer to a stream", STREAMED, IN_BODY, .headers = "content-type: application/json\r\n",
     .body = PLAIN_ANSWER, WRONG},
    {"a stream without its type", STREAMED, IN_BODY, .headers = "content-type:\r\n", WRONG},
    {"a stream of another kind", STREAMED, IN_BODY, .headers = "content-type: application/vnd.amazon.eventstream\r\n",
     WRONG},
};

#define TELLS(kind, words) .then = TELLS_ERROR, .told_type = (kind), .told = (words)

static const struct row in_first_event[] = {
    {"closed before its first event", STREAMED, IN_FIRST_EVENT, .ending = CLOSES, NETWORK},
    {"reset before its first event", STREAMED, IN_FIRST_EVENT, .ending = RESETS, NETWORK},
    {"silent before its first event", STREAMED, IN_FIRST_EVENT, .ending = FALLS_SILENT, TIMED_OUT},
    {"over before its first event", STREAMED, IN_FIRST_EVENT, WRONG},
    {"only comments", STREAMED, IN_FIRST_EVENT, .before = ": working\n\n: working\n\n", WRONG},
    {"closed after a ping", STREAMED, IN_FIRST_EVENT, .anthropic_only = true,
     .before = "event: ping\ndata: {\"type\":\"ping\"}\n\n", .ending = CLOSES, NETWORK},
    {"closed in its first event", STREAMED, IN_FIRST_EVENT, .then = HALF_AN_EVENT, .ending = CLOSES, NETWORK},
    {"over in its first event", STREAMED, IN_FIRST_EVENT, .then = HALF_AN_EVENT, WRONG},
    {"a first event that is no JSON", STREAMED, IN_FIRST_EVENT, .then = BAD_JSON, WRONG},
    {"chunks that are none, at once", STREAMED, IN_FIRST_EVENT, .then = BAD_CHUNK, WRONG},
    {"a first event without end", STREAMED, IN_FIRST_EVENT, .then = LARGE_EVENT, WRONG},
    {"overloaded, as its first event", STREAMED, IN_FIRST_EVENT, TELLS("overloaded_error", "Overloaded"),
     .class = "server_error", .error = "UPSTREAM_SERVER", .status = 529, .type = {"overloaded_error", "server_error"}},
    {"overloaded, after a comment", STREAMED, IN_FIRST_EVENT, .before = ": hi\n\n",
     TELLS("overloaded_error", "Overloaded"), .class = "server_error", .error = "UPSTREAM_SERVER", .status = 529,
     .type = {"overloaded_error", "server_error"}},
    {"overloaded, after a ping", STREAMED, IN_FIRST_EVENT, .anthropic_only = true,
     .before = "event: ping\ndata: {\"type\":\"ping\"}\n\n", TELLS("overloaded_error", "Overloaded"),
     .class = "server_error", .error = "UPSTREAM_SERVER", .status = 529, .type = {"overloaded_error", "server_error"}},
    {"a limit of the rate, as its first event", STREAMED, IN_FIRST_EVENT, TELLS("rate_limit_error", "too fast"),
     RATE_LIMIT, .status = 429},
    {"a used up plan, as its first event", STREAMED, IN_FIRST_EVENT,
     TELLS("rate_limit_error", "You have reached your usage limit"), USAGE_LIMIT, .status = 429,
     .type = {"rate_limit_error", "insufficient_quota"}},
    {"the caller's mistake, as its first event", STREAMED, IN_FIRST_EVENT, TELLS("invalid_request_error", "too large"),
     .fate = BREAKS, .class = "client_error", .error = "UPSTREAM_STATUS",
     .type = {"invalid_request_error", "invalid_request_error"}},
};

/* Once the first event is there the client has it, or, where two race, once there is a first token. */
#define BROKEN(when, n, words)                                                                                         \
  {"closed " words, STREAMED, when, BREAKS, .events = (n), .ending = CLOSES, NETWORK},                                 \
      {"reset " words, STREAMED, when, BREAKS, .events = (n), .ending = RESETS, NETWORK},                              \
      {"silent " words, STREAMED, when, BREAKS, .events = (n), .ending = FALLS_SILENT, TIMED_OUT},                     \
      {"closed in an event " words, STREAMED,         when,   BREAKS, .events = (n),                                   \
       .then = HALF_AN_EVENT,       .ending = CLOSES, NETWORK},                                                        \
      {"no JSON " words, STREAMED, when, BREAKS, .events = (n), .then = BAD_JSON, WRONG},                              \
      {"chunks that are none " words, STREAMED, when, BREAKS, .events = (n), .then = BAD_CHUNK, WRONG},                \
      {"an event without end " words, STREAMED, when, BREAKS, .events = (n), .then = LARGE_EVENT, WRONG},              \
      {"overloaded " words,                                                                                            \
       STREAMED,                                                                                                       \
       when,                                                                                                           \
       BREAKS,                                                                                                         \
       .events = (n),                                                                                                  \
       TELLS("overloaded_error", "Overloaded"),                                                                        \
       .class = "server_error",                                                                                        \
       .error = "UPSTREAM_SERVER",                                                                                     \
       .type = {"overloaded_error", "server_error"}},                                                                  \
      {"a limit of the rate " words,          STREAMED,  when, BREAKS, .events = (n),                                  \
       TELLS("rate_limit_error", "too fast"), RATE_LIMIT},                                                             \
      {"the caller's mistake " words,                                                                                  \
       STREAMED,                                                                                                       \
       when,                                                                                                           \
       BREAKS,                                                                                                         \
       .events = (n),                                                                                                  \
       TELLS("invalid_request_error", "too large"),                                                                    \
       .class = "client_error",                                                                                        \
       .error = "UPSTREAM_STATUS",                                                                                     \
       .type = {"invalid_request_error", "invalid_request_error"}},                                                    \
  {                                                                                                                    \
    "over " words, STREAMED, when, BREAKS, .events = (n), .anthropic_only = (n) == 6, .class = "network_error",        \
                                           .raced_class = "server_error", .error = "UPSTREAM_CUT", .type = {           \
                                             "api_error",                                                              \
                                             "server_error"                                                            \
                                           }                                                                           \
  }

static const struct row in_stream[] = {
    BROKEN(BEFORE_TOKEN, 1, "after its first event"),
    BROKEN(AFTER_TOKEN, 3, "after its first token"),
    BROKEN(BEFORE_END, 6, "before its last event"),
    {"over without [DONE]", STREAMED, BEFORE_END, ANSWERS, .openai_only = true, .events = 6},
    {"closed after its last event", STREAMED, AFTER_END, ANSWERS, .events = 7, .ending = CLOSES},
    {"reset after its last event", STREAMED, AFTER_END, ANSWERS, .events = 7, .ending = RESETS},
    {"silent after its last event", STREAMED, AFTER_END, ANSWERS, .events = 7, .ending = FALLS_SILENT},
};

static const struct row right[] = {{"nothing", EITHER, AFTER_END, ANSWERS, .events = 7}};

/* What the classes mean, as failures.md has it. */
static const struct {
  const char *name;
  bool is_retried, counts;
} class_table[] = {
    {"rate_limit", true, true},     {"usage_limit", false, false}, {"server_error", true, true},
    {"timeout", true, true},        {"network_error", true, true}, {"auth_error", false, false},
    {"client_error", false, false},
};

#endif
