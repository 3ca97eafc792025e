/* The address of a Redis out of its URL. Host and port are read as those of upstreams are (url.c); user and password
 * are this file's. Called by app/ with the configured URL. */
#include "net/resp_url.h"

#include "net/url.h"

#define PORT         6379
#define DATABASE_MAX 65535

static enum err refuse(struct fault *f, const char *what) { return fault_set(f, ERR_CONFIG, NULL, "%s", what); }

static enum err read_scheme(struct text *t, struct resp_url *out, struct fault *f) {
  static const struct {
    const char *begin;
    bool tls, is_cluster;
  } schemes[] = {{"redis://", false, false},
                 {"rediss://", true, false},
                 {"redis+cluster://", false, true},
                 {"rediss+cluster://", true, true}};
  for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
    struct text begin = text_of(schemes[i].begin);
    if (!text_starts(*t, begin))
      continue;
    out->tls = schemes[i].tls;
    out->is_cluster = schemes[i].is_cluster;
    *t = text_skip(*t, begin.len);
    return ERR_OK;
  }
  bool is_sentinel = text_starts(*t, TEXT("redis+sentinel://")) || text_starts(*t, TEXT("rediss+sentinel://"));
  return refuse(f, is_sentinel ? "sentinels are not asked: give redis+cluster:// or one name that leads to the primary"
                               : "must start with redis://, rediss://, redis+cluster:// or rediss+cluster://");
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

/* The arena's copy of one host with its optional port. False: it is something else. */
static bool read_host(struct text t, struct arena *a, struct resp_place *out) {
  struct text as_http = arena_format(a, "http://%.*s", TEXT_ARGS(t));
  struct url u;
  if (url_parse(as_http, &u, NULL) != ERR_OK || u.path.len > 0 || text_find_char(t, '/') >= 0)
    return false;
  bool has_port = text_starts(t, TEXT("[")) ? !text_ends(t, TEXT("]")) : text_find_char(t, ':') >= 0;
  *out = (struct resp_place){u.host, has_port ? u.port : PORT};
  return true;
}

static enum err read_hosts(struct text t, struct arena *a, struct resp_url *out, struct fault *f) {
  struct text host, rest = t;
  bool more = true;
  while (more) {
    more = out->is_cluster && text_cut(rest, ',', &host, &rest);
    if (out->host_count == RESP_URL_HOSTS_MAX)
      return refuse(f, "names more than 16 hosts; some of a cluster's are enough");
    if (!read_host(more ? host : rest, a, &out->hosts[out->host_count++]))
      return refuse(f, out->is_cluster ? "must name hosts, each with an optional :PORT, with commas between them and "
                                         "nothing else; in a user name or password, anything but letters and digits "
                                         "may need percent-encoding"
                                       : "must name a host, with an optional :PORT and /DATABASE and nothing else; in "
                                         "a user name or password, anything but letters and digits may need "
                                         "percent-encoding");
  }
  return ERR_OK;
}

static enum err read_database(struct text path, struct resp_url *out, struct fault *f) {
  uint64_t database = 0;
  if (path.len > 0 && out->is_cluster)
    return refuse(f, "must have nothing behind the hosts: a cluster has no numbered databases");
  if (path.len > 0 && (!text_to_u64(path, &database) || database > DATABASE_MAX))
    return refuse(f, "must have a number behind the host: the database");
  out->database = (uint32_t)database;
  return ERR_OK;
}

static enum err read_place(struct text t, struct arena *a, struct resp_url *out, struct fault *f) {
  struct text hosts = t, path = TEXT_NONE;
  (void)text_cut(t, '/', &hosts, &path);
  enum err e = read_hosts(hosts, a, out, f);
  return e == ERR_OK ? read_database(path, out, f) : e;
}

enum err resp_url_parse(struct text t, struct arena *a, struct resp_url *out, struct fault *f) {
  struct resp_url u = {0};
  struct text login, rest = t;
  enum err e = read_scheme(&rest, &u, f);
  if (e == ERR_OK && text_cut(rest, '@', &login, &rest))
    e = read_login(login, a, &u, f);
  if (e == ERR_OK)
    e = read_place(rest, a, &u, f);
  if (e == ERR_OK)
    *out = u;
  return e;
}
