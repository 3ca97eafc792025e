/* libcurl as a client of mail servers: TLS always unless the server is this machine, no proxies of the environment, one
 * connection a message. Called by app/mail.c on a thread of the jobs. */
#include "net/smtp.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    abort();
}

static struct text authority_of(struct text url) {
  if (text_starts(url, TEXT("smtp://")))
    return text_skip(url, 7);
  return text_starts(url, TEXT("smtps://")) ? text_skip(url, 8) : TEXT_NONE;
}

/* The host without port and brackets; "" when it is none. */
static struct text host_of(struct text authority, struct text *out_port) {
  struct text host = authority, rest;
  *out_port = TEXT_NONE;
  if (text_starts(authority, TEXT("["))) {
    if (!text_cut(text_skip(authority, 1), ']', &host, &rest) || (rest.len > 0 && rest.at[0] != ':'))
      return TEXT_NONE;
    *out_port = text_skip(rest, 1);
    return host;
  }
  if (text_cut(authority, ':', &host, &rest))
    *out_port = rest.len > 0 ? rest : TEXT("-");
  return host;
}

bool smtp_is_url(struct text url) {
  struct text authority = authority_of(url), port, host = host_of(authority, &port);
  int64_t n = 0;
  if (host.len == 0 || host.len > 253 || !text_is_visible_ascii(url))
    return false;
  for (size_t i = 0; i < authority.len; i++)
    if (strchr("/?#@\\%", authority.at[i]))
      return false;
  return port.len == 0 || (text_to_i64(port, &n) && n > 0 && n < 65536);
}

bool smtp_is_local(struct text url) {
  struct text port, host = host_of(authority_of(url), &port);
  return text_equal(host, TEXT("127.0.0.1")) || text_equal(host, TEXT("::1")) ||
         text_equal_nocase(host, TEXT("localhost"));
}

struct sending {
  struct text rest;
};

static size_t give(char *at, size_t size, size_t count, void *data) {
  struct sending *s = data;
  size_t n = size * count < s->rest.len ? size * count : s->rest.len;
  if (n > 0)
    memcpy(at, s->rest.at, n);
  s->rest = text_skip(s->rest, n);
  return n;
}

static enum err err_of(CURLcode code) {
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
  case CURLE_COULDNT_RESOLVE_HOST: return ERR_DNS;
  case CURLE_LOGIN_DENIED: return ERR_FORBIDDEN;
  case CURLE_USE_SSL_FAILED:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE: return ERR_TLS;
  default: return ERR_NETWORK;
  }
}

static char *dup(struct text t) {
  char *s = malloc(t.len + 1);
  if (!s)
    abort();
  if (t.len > 0)
    memcpy(s, t.at, t.len);
  s[t.len] = '\0';
  return s;
}

static bool set_text(CURL *c, CURLoption option, struct text t) {
  char *s = dup(t);
  bool ok = curl_easy_setopt(c, option, s) == CURLE_OK; /* which copies it */
  secret_wipe(s, t.len);
  free(s);
  return ok;
}

/* Every option is one that this libcurl has, so none can fail for another reason than memory. */
static void set_up(CURL *c, const struct smtp_server *s, struct text from, struct curl_slist *to,
                   struct sending *body) {
  long tls = smtp_is_local(s->url) ? CURLUSESSL_TRY : CURLUSESSL_ALL;
  bool ok =
      set_text(c, CURLOPT_URL, s->url) && set_text(c, CURLOPT_MAIL_FROM, from) &&
      curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_USE_SSL, tls) == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_ms) == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)s->total_ms) == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to) == CURLE_OK && curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_READFUNCTION, give) == CURLE_OK &&
      curl_easy_setopt(c, CURLOPT_READDATA, body) == CURLE_OK;
  if (ok && s->user.len > 0)
    ok = set_text(c, CURLOPT_USERNAME, s->user) &&
         set_text(c, CURLOPT_PASSWORD, s->password ? secret_reveal(s->password) : TEXT_NONE);
  if (ok && s->ca_file.len > 0)
    ok = set_text(c, CURLOPT_CAINFO, s->ca_file);
  if (!ok)
    abort();
}

static enum err perform(CURL *c, struct fault *f) {
  char why[CURL_ERROR_SIZE] = "";
  long reply = 0;
  (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
  CURLcode code = curl_easy_perform(c);
  (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, NULL);
  (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &reply);
  if (code == CURLE_OK)
    return ERR_OK;
  enum err e = err_of(code);
  /* The server's last word: what begins with 5 would be the same another time. */
  if (e == ERR_NETWORK && reply >= 500 && reply < 600)
    e = ERR_BAD_REQUEST;
  return fault_set(f, e, NULL, "%s", why[0] ? why : curl_easy_strerror(code));
}

enum err smtp_send(const struct smtp_server *s, struct text from, struct text to, struct text message,
                   struct fault *f) {
  struct sending body = {message};
  pthread_once(&started, start);
  char *recipient = dup(to);
  struct curl_slist *list = curl_slist_append(NULL, recipient);
  CURL *c = curl_easy_init();
  if (!c || !list)
    abort();
  set_up(c, s, from, list, &body);
  enum err e = perform(c, f);
  curl_easy_cleanup(c);
  curl_slist_free_all(list);
  free(recipient);
  return e;
}
