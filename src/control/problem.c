/* Problem details. What went wrong inside (a store, the system) is told without its particulars, which stand in the
 * log. Called by api.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/problem.h"

#include "base/log.h"

static const char *type_of(enum err e) {
  switch (e) {
  case ERR_UNAUTHENTICATED: return "urn:weir:problem:unauthenticated";
  case ERR_FORBIDDEN: return "urn:weir:problem:forbidden";
  case ERR_NOT_FOUND: return "urn:weir:problem:not-found";
  case ERR_METHOD_NOT_ALLOWED: return "urn:weir:problem:method-not-allowed";
  case ERR_STORE_CONFLICT: return "urn:weir:problem:conflict";
  case ERR_STORE_STALE: return "urn:weir:problem:stale";
  case ERR_RATE_LIMITED: return "urn:weir:problem:rate-limited";
  case ERR_BAD_REQUEST:
  case ERR_BAD_JSON:
  case ERR_PROTOCOL: return "urn:weir:problem:invalid";
  case ERR_LIMIT: return "urn:weir:problem:limit";
  case ERR_TOO_LARGE:
  case ERR_HEADERS_TOO_LARGE: return "urn:weir:problem:too-large";
  default: return "about:blank";
  }
}

static const char *title_of(int status) {
  switch (status) {
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 406: return "Not Acceptable";
  case 409: return "Conflict";
  case 412: return "Precondition Failed";
  case 413: return "Content Too Large";
  case 415: return "Unsupported Media Type";
  case 422: return "Unprocessable Content";
  case 408: return "Request Timeout";
  case 431: return "Request Header Fields Too Large";
  case 529: return "Overloaded";
  case 429: return "Too Many Requests";
  case 503: return "Service Unavailable";
  default: return status < 500 ? "Request Failed" : "Internal Server Error";
  }
}

static void put_errors(struct json_writer *w, const struct shape_errors *errors) {
  json_name(w, "errors");
  json_array(w);
  for (size_t i = 0; i < errors->count; i++) {
    bool in_body = errors->at[i].place[0] == '/' || errors->at[i].place[0] == '\0';
    json_object(w);
    json_field_str(w, in_body ? "pointer" : "parameter", errors->at[i].place);
    json_field_str(w, "detail", errors->at[i].text);
    json_object_end(w);
  }
  json_array_end(w);
}

int problem_write(const struct fault *f, const struct shape_errors *errors, struct text request_id, struct buf *out) {
  int status = fault_status(f) ? fault_status(f) : 500;
  bool is_inner = status >= 500 && f->err != ERR_UNAVAILABLE && f->err != ERR_DRAINING && f->err != ERR_OVERLOADED;
  struct json_writer w;
  if (is_inner)
    LOG_ERROR("control_failed", log_text("request_id", request_id), log_str("detail", fault_text(f)));
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "type", type_of(f->err));
  json_field_str(&w, "title", title_of(status));
  json_field_i64(&w, "status", status);
  json_field_str(&w, "detail", is_inner ? err_text(f->err) : fault_text(f));
  json_field_text(&w, "instance", request_id);
  if (errors)
    put_errors(&w, errors);
  json_object_end(&w);
  return status;
}

int problem_answer(struct http_request *rq, const struct fault *f, const struct shape_errors *errors,
                   const struct http_header *headers, size_t count) {
  struct http_header all[PROBLEM_HEADERS + 4] = {{TEXT("content-type"), TEXT(PROBLEM_TYPE)},
                                                 {TEXT("cache-control"), TEXT("no-store")},
                                                 {TEXT("x-request-id"), rq->id}};
  struct buf body;
  size_t n = 3;
  if (f->retry_after_s > 0)
    all[n++] = (struct http_header){TEXT("retry-after"), arena_format(rq->arena, "%d", f->retry_after_s)};
  for (size_t i = 0; i < count && i < PROBLEM_HEADERS; i++)
    all[n++] = headers[i];
  buf_init(&body, 65536);
  int status = problem_write(f, errors, rq->id, &body);
  enum err ignored = http_respond(rq, status, all, n, buf_text(&body));
  (void)ignored; /* whoever asked has gone */
  buf_done(&body);
  return status;
}

enum err problem_invalid(const struct shape_errors *errors, struct fault *f) {
  *f = (struct fault){0};
  fault_set(f, ERR_BAD_REQUEST, NULL, "%zu part%s of the request %s not valid: see `errors`",
            errors->count + errors->more, errors->count == 1 ? "" : "s", errors->count == 1 ? "is" : "are");
  if (errors->more > 0)
    fault_set(f, ERR_BAD_REQUEST, NULL,
              "%zu parts of the request are not valid: `errors` names the first %zu and leaves out %zu more",
              errors->count + errors->more, errors->count, errors->more);
  f->status = 422;
  return f->err;
}
