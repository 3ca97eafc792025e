/* libcurl, tamed: one blocking request with everything off that credentials do not need. Proxies of the environment are
 * not used, because what a proxy hears here are credentials. Called by places.c and metadata.c. */
#include "aws/fetch.h"

#include "base/buf.h"
#include "base/secret.h"

#include <curl/curl.h>
#include <pthread.h>

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    abort();
}

static size_t take(char *at, size_t size, size_t count, void *data) {
  struct buf *body = data;
  buf_add(body, (struct text){at, size * count});
  return body->failed ? 0 : size * count;
}

static bool is_sendable(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.at[i] < 0x20 || t.at[i] == 0x7f)
      return false;
  return true;
}

static enum err headers_of(const struct fetch_request *rq, struct arena *a, struct curl_slist **out, struct fault *f) {
  for (size_t i = 0; i < rq->header_count; i++) {
    if (!is_sendable(rq->headers[i].value))
      return fault_set(f, ERR_BAD_REQUEST, NULL, "the value for the header %.*s holds a control character",
                       TEXT_ARGS(rq->headers[i].name));
    const struct text parts[] = {rq->headers[i].name, TEXT(": "), rq->headers[i].value};
    struct curl_slist *longer = curl_slist_append(*out, arena_join(a, parts, 3).at);
    if (!longer)
      abort();
    *out = longer;
  }
  return ERR_OK;
}

static enum err err_of(CURLcode code) {
  switch (code) {
  case CURLE_OK: return ERR_OK;
  case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
  case CURLE_WRITE_ERROR: return ERR_LIMIT;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: return ERR_BAD_REQUEST;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE: return ERR_TLS;
  default: return ERR_NETWORK;
  }
}

/* Every option is one that this libcurl has, so none can fail for another reason than memory. */
static void set_up(CURL *c, const struct fetch_request *rq, struct arena *a, struct buf *body,
                   struct curl_slist *headers) {
  bool ok = curl_easy_setopt(c, CURLOPT_URL, arena_copy(a, rq->url).at) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)rq->connect_ms) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)rq->total_ms) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_USERAGENT, "weir/" WEIR_VERSION) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_WRITEDATA, body) == CURLE_OK;
  if (ok && !text_is_empty(rq->body))
    ok = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.len) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body.at) == CURLE_OK;
  if (ok && !text_is_empty(rq->ca_file))
    ok = curl_easy_setopt(c, CURLOPT_CAINFO, arena_copy(a, rq->ca_file).at) == CURLE_OK;
  if (!ok)
    abort();
}

static enum err perform(CURL *c, const struct fetch_request *rq, struct fault *f) {
  char why[CURL_ERROR_SIZE] = "";
  (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
  CURLcode code = curl_easy_perform(c);
  (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, NULL);
  if (code == CURLE_OK)
    return ERR_OK;
  if (code == CURLE_WRITE_ERROR)
    return fault_set(f, ERR_LIMIT, NULL, "the answer has more than %zu bytes", rq->max_bytes);
  return fault_set(f, err_of(code), NULL, "%s", why[0] ? why : curl_easy_strerror(code));
}

enum err fetch_run(const struct fetch_request *rq, struct arena *a, struct fetch_reply *out, struct fault *f) {
  struct curl_slist *headers = NULL;
  struct buf body;
  long status = 0;
  pthread_once(&started, start);
  enum err e = headers_of(rq, a, &headers, f);
  CURL *c = curl_easy_init();
  if (!c)
    abort();
  buf_init(&body, rq->max_bytes);
  if (!e && !is_sendable(rq->url))
    e = fault_set(f, ERR_BAD_REQUEST, NULL, "the address holds a control character");
  if (!e) {
    set_up(c, rq, a, &body, headers);
    e = perform(c, rq, f);
  }
  if (!e) {
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    *out = (struct fetch_reply){(int)status, arena_copy(a, buf_text(&body))};
  }
  secret_wipe(body.at, body.len);
  buf_done(&body);
  curl_slist_free_all(headers);
  curl_easy_cleanup(c);
  return e;
}
