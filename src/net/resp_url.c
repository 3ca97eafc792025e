/* The address of a Redis out of its URL. Host and port are read as those of upstreams are (url.c); user and password
 * are this file's. Called by app/ with the configured URL. */
#include "net/resp_url.h"

#include "net/url.h"

#define PORT         6379
#define DATABASE_MAX 65535

static enum err refuse(struct fault *f, const char *what) { return fault_set(f, ERR_CONFIG, NULL, "%s", what); }

static enum err read_scheme(struct text *t, bool *out_tls, struct fault *f) {
  *out_tls = text_starts(*t, TEXT("rediss://"));
  if (!*out_tls && !text_starts(*t, TEXT("redis://")))
    return refuse(f, text_starts(*t, TEXT("redis+cluster://"))    ? "redis+cluster is not available in this version"
                     : text_starts(*t, TEXT("redis+sentinel://")) ? "redis+sentinel is not available in this version"
                                                                  : "must start with redis:// or rediss://");
  *t = text_skip(*t, *out_tls ? 9 : 8);
  return ERR_OK;
}

static int hex_of(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* False: a '%' without two hex digits. */
static bool decode(struct text t, struct arena *a, struct text *out) {
  char *at = arena_alloc(a, t.len + 1);
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++) {
    int high = i + 2 < t.len ? hex_of(t.at[i + 1]) : -1, low = i + 2 < t.len ? hex_of(t.at[i + 2]) : -1;
    if (t.at[i] == '%' && (high < 0 || low < 0))
      return false;
    at[n++] = t.at[i] == '%' ? (char)(high * 16 + low) : t.at[i];
    i += t.at[i] == '%' ? 2 : 0;
  }
  *out = (struct text){at, n};
  return true;
}

/* What stands before the '@'. */
static enum err read_login(struct text t, struct arena *a, struct resp_url *out, struct fault *f) {
  struct text user, password;
  for (size_t i = 0; i < t.len; i++) {
    if (t.at[i] == '/' || t.at[i] == '?' || t.at[i] == '#')
      return refuse(f, "has a character in its user name or password that must be percent-encoded");
  }
  if (!text_cut(t, ':', &user, &password))
    return refuse(f, "has a user name without a password: it must be user:password@ or :password@");
  if (password.len == 0)
    return refuse(f, "has an empty password");
  if (!decode(user, a, &out->user) || !decode(password, a, &out->password))
    return refuse(f, "has a '%' in its user name or password that no two hex digits follow");
  return ERR_OK;
}

static enum err read_place(struct text t, struct arena *a, struct resp_url *out, struct fault *f) {
  struct text as_http = arena_format(a, "http://%.*s", TEXT_ARGS(t)), authority = t, path;
  struct url u;
  if (url_parse(as_http, &u, NULL) != ERR_OK)
    return refuse(f, "must name a host, with an optional :PORT and /DATABASE and nothing else; in a user name or "
                     "password, anything but letters and digits may need percent-encoding");
  bool has_path = text_cut(t, '/', &authority, &path);
  bool has_port =
      text_starts(authority, TEXT("[")) ? !text_ends(authority, TEXT("]")) : text_find_char(authority, ':') >= 0;
  uint64_t database = 0;
  if (has_path && path.len > 0 && (!text_to_u64(path, &database) || database > DATABASE_MAX))
    return refuse(f, "must have a number behind the host: the database");
  out->host = u.host;
  out->port = has_port ? u.port : PORT;
  out->database = (uint32_t)database;
  return ERR_OK;
}

enum err resp_url_parse(struct text t, struct arena *a, struct resp_url *out, struct fault *f) {
  struct resp_url u = {0};
  struct text login, rest = t;
  enum err e = read_scheme(&rest, &u.tls, f);
  if (e == ERR_OK && text_cut(rest, '@', &login, &rest))
    e = read_login(login, a, &u, f);
  if (e == ERR_OK)
    e = read_place(rest, a, &u, f);
  if (e == ERR_OK)
    *out = u;
  return e;
}
