/* A connection to Redis. The password is sent in a command of its own before anything a server may not know, because
 * servers repeat what they do not understand. Called by cluster/. */
#include "net/resp_client.h"

#include "base/secret.h"
#include "net/resp_cluster.h"

#include <stdlib.h>

struct resp_client {
  const struct resp_options *options;
  struct stream *stream;
  struct resp_reader reader;
  int version;
  void (*on_event)(void *data);
  void *data;
};

static bool begins_with_any(struct text t, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (resp_begins_with(t, words[i]))
      return true;
  }
  return false;
}

enum err resp_refusal(const struct resp_value *v, struct fault *f) {
  static const char *const cluster[] = {"MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN"};
  static const char *const access[] = {"NOAUTH", "WRONGPASS", "NOPERM", "DENIED"};
  if (v->kind != RESP_ERROR)
    return ERR_OK;
  if (begins_with_any(v->text, cluster, sizeof(cluster) / sizeof(cluster[0])))
    return fault_set(f, ERR_UNSUPPORTED, NULL,
                     "this Redis is a node of a cluster: its URL begins with redis+cluster:// "
                     "or rediss+cluster://");
  if (begins_with_any(v->text, access, sizeof(access) / sizeof(access[0])))
    return fault_set(f, ERR_FORBIDDEN, NULL, "Redis: %.*s", TEXT_ARGS(text_head(v->text, 200)));
  if (text_find(v->text, TEXT("unknown command")) >= 0)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "Redis does not know a command");
  return fault_set(f, ERR_UNAVAILABLE, NULL, "Redis: %.*s", TEXT_ARGS(text_head(v->text, 200)));
}

static void on_watch(struct loop_watch *w) {
  const struct stream *s = (const struct stream *)(const void *)((const char *)w - offsetof(struct stream, watch));
  const struct resp_client *c = s->owner;
  c->on_event(c->data);
}

void resp_on_event(struct resp_client *c, void (*fn)(void *data), void *data) {
  c->on_event = fn;
  c->data = data;
  c->stream->owner = fn ? c : NULL;
  c->stream->watch.on_event = fn ? on_watch : NULL;
}

bool resp_is_quiet(struct resp_client *c) {
  char byte;
  size_t n;
  return stream_try_read(c->stream, &byte, 1, &n) == ERR_AGAIN && !stream_is_hung_up(c->stream);
}

int resp_version(const struct resp_client *c) { return c->version; }

static enum err lost(enum err e, const char *doing, struct fault *f) {
  switch (e) {
  case ERR_END: return fault_set(f, ERR_NETWORK, NULL, "Redis has closed the connection");
  case ERR_TIMEOUT: return fault_set(f, e, NULL, "Redis %s for too long", doing);
  default: return fault_set(f, e, NULL, "the connection to Redis: %s", err_text(e));
  }
}

enum err resp_send(struct resp_client *c, struct text commands, int64_t deadline_us, struct fault *f) {
  struct iovec piece = {(void *)(uintptr_t)commands.at, commands.len};
  enum err e = stream_write(c->stream, &piece, 1, deadline_us);
  return e == ERR_OK ? e : lost(e, "takes nothing", f);
}

enum err resp_receive(struct resp_client *c, int64_t deadline_us, const struct resp_value **out, struct fault *f) {
  for (;;) {
    size_t n = 0;
    enum err e = resp_reader_next(&c->reader, out, f);
    if (e != ERR_AGAIN)
      return e;
    e = stream_read(c->stream, stream_scratch(), STREAM_SCRATCH_BYTES, deadline_us, &n);
    if (e != ERR_OK)
      return lost(e, "says nothing", f);
    resp_reader_feed(&c->reader, (struct text){stream_scratch(), n});
  }
}

/* The answer may be an error. */
static enum err ask(struct resp_client *c, const struct text *arguments, size_t count, int64_t deadline_us,
                    const struct resp_value **out, struct fault *f) {
  struct buf command;
  buf_init(&command, (size_t)16 * 1024 * 1024);
  resp_write(&command, arguments, count);
  enum err e = buf_check(&command);
  if (e != ERR_OK)
    e = fault_set(f, ERR_LIMIT, NULL, "a command for Redis is too long");
  if (e == ERR_OK)
    e = resp_send(c, buf_text(&command), deadline_us, f);
  if (command.at)
    secret_wipe(command.at, command.len);
  buf_done(&command);
  while (e == ERR_OK) {
    e = resp_receive(c, deadline_us, out, f);
    if (e == ERR_OK && (*out)->kind != RESP_PUSH)
      break;
  }
  return e;
}

enum err resp_call(struct resp_client *c, const struct text *arguments, size_t count, int64_t deadline_us,
                   const struct resp_value **out, struct fault *f) {
  const struct resp_value *v = NULL;
  enum err e = ask(c, arguments, count, deadline_us, &v, f);
  if (e == ERR_OK)
    e = resp_refusal(v, f);
  if (e == ERR_OK)
    *out = v;
  return e;
}

static enum err log_in(struct resp_client *c, int64_t deadline_us, struct fault *f) {
  const struct resp_options *o = c->options;
  const struct text arguments[] = {TEXT("AUTH"), o->user, o->password};
  const struct text short_form[] = {TEXT("AUTH"), o->password};
  const struct resp_value *v = NULL;
  if (o->password.len == 0)
    return ERR_OK;
  enum err e = o->user.len > 0 ? resp_call(c, arguments, 3, deadline_us, &v, f)
                               : resp_call(c, short_form, 2, deadline_us, &v, f);
  return e;
}

static struct text member(const struct resp_value *map, struct text name) {
  for (size_t i = 0; map->kind == RESP_LIST && i + 1 < map->count; i += 2) {
    if (resp_is_text(&map->items[i], name))
      return map->items[i + 1].text;
  }
  return TEXT_NONE;
}

static enum err check_mode(const struct resp_client *c, struct text mode, struct fault *f) {
  if (text_equal(mode, TEXT("sentinel")))
    return fault_set(f, ERR_UNSUPPORTED, NULL, "this Redis is a sentinel, and sentinels are not asked");
  if (text_equal(mode, TEXT("cluster")) && !c->options->is_cluster)
    return fault_set(f, ERR_UNSUPPORTED, NULL,
                     "this Redis is a node of a cluster: its URL begins with redis+cluster:// "
                     "or rediss+cluster://");
  if (text_equal(mode, TEXT("standalone")) && c->options->is_cluster)
    return fault_set(f, ERR_UNSUPPORTED, NULL,
                     "this Redis is no node of a cluster: its URL begins with redis:// or "
                     "rediss://");
  return ERR_OK;
}

/* A server that refuses HELLO, because it is old or this user may not, goes on with version 2. One that wants a
 * password says so to whatever comes first. */
static enum err greet(struct resp_client *c, int64_t deadline_us, struct fault *f) {
  const struct text arguments[] = {TEXT("HELLO"), TEXT("3")};
  const struct resp_value *v = NULL;
  enum err e = ask(c, arguments, 2, deadline_us, &v, f);
  if (e != ERR_OK)
    return e;
  if (v->kind == RESP_ERROR)
    return text_starts(v->text, TEXT("NOAUTH")) ? resp_refusal(v, f) : ERR_OK;
  c->version = 3;
  return check_mode(c, member(v, TEXT("mode")), f);
}

static enum err choose_database(struct resp_client *c, int64_t deadline_us, struct fault *f) {
  char number[16];
  int n = snprintf(number, sizeof(number), "%u", c->options->database);
  const struct text arguments[] = {TEXT("SELECT"), {number, (size_t)n}};
  const struct resp_value *v = NULL;
  return c->options->database == 0 ? ERR_OK : resp_call(c, arguments, 2, deadline_us, &v, f);
}

/* A node of a cluster may be found under one name and prove another. */
static enum err connect_to(const struct resp_options *o, int64_t deadline_us, struct stream **out, struct fault *f) {
  struct stream *plain = NULL;
  if (!o->tls || o->tls_name.len == 0)
    return dial(o->dns, o->tls, o->host, o->port, deadline_us, out, f);
  enum err e = dial(o->dns, NULL, o->host, o->port, deadline_us, &plain, f);
  return e == ERR_OK ? tls_connect(o->tls, plain, o->tls_name, deadline_us, out, f) : e;
}

enum err resp_open(const struct resp_options *o, int64_t deadline_us, struct resp_client **out, struct fault *f) {
  struct stream *stream = NULL;
  enum err e = connect_to(o, deadline_us, &stream, f);
  if (e != ERR_OK)
    return e;
  struct resp_client *c = calloc(1, sizeof(*c));
  if (!c)
    abort();
  *c = (struct resp_client){.options = o, .stream = stream, .version = 2};
  resp_reader_init(&c->reader, &o->limits);
  e = log_in(c, deadline_us, f);
  if (e == ERR_OK)
    e = greet(c, deadline_us, f);
  if (e == ERR_OK)
    e = choose_database(c, deadline_us, f);
  if (e == ERR_OK)
    *out = c;
  else
    resp_close(c);
  return e;
}

void resp_close(struct resp_client *c) {
  if (!c)
    return;
  resp_on_event(c, NULL, NULL);
  stream_close(c->stream, false);
  resp_reader_done(&c->reader);
  free(c);
}
