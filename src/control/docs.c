/* Serves the files of src/control/docs, which the build puts into the program. The policy that goes with each
 * (Content-Security-Policy) forbids everything that is not from here. Called by front.c.
 * house: tested-by tests/unit/control/test_front.c */
#include "control/docs.h"

#include "control/embedded.h"

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct {
  const char *path, *file, *type;
} pages[] = {
    {"/api/docs", "docs.html", "text/html; charset=utf-8"},
    {"/api/docs.js", "docs.js", "text/javascript; charset=utf-8"},
    {"/api/docs.css", "docs.css", "text/css; charset=utf-8"},
    {"/signin", "door.html", "text/html; charset=utf-8"},
    {"/setup", "door.html", "text/html; charset=utf-8"},
    {"/accept", "door.html", "text/html; charset=utf-8"},
    {"/magic", "door.html", "text/html; charset=utf-8"},
    {"/api/door.js", "door.js", "text/javascript; charset=utf-8"},
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static size_t find(struct text path) {
  size_t i = 0;
  while (i < PAGES && !text_equal(path, text_of(pages[i].path)))
    i++;
  return i;
}

bool docs_owns(struct text path) { return find(path) < PAGES; }

void docs_serve(struct http_request *rq) {
  size_t page = find(rq->path);
  struct text bytes = TEXT_NONE;
  for (size_t i = 0; i < embedded_docs_count; i++) {
    if (strcmp(embedded_docs[i].name, pages[page].file) == 0)
      bytes = (struct text){embedded_docs[i].bytes, embedded_docs[i].len};
  }
  const struct http_header headers[] = {{TEXT("content-type"), text_of(pages[page].type)},
                                        {TEXT("content-security-policy"), text_of(policy)},
                                        {TEXT("x-content-type-options"), TEXT("nosniff")},
                                        {TEXT("referrer-policy"), TEXT("no-referrer")},
                                        {TEXT("cross-origin-opener-policy"), TEXT("same-origin")},
                                        {TEXT("cache-control"), TEXT("no-cache")},
                                        {TEXT("x-request-id"), rq->id}};
  enum err ignored = http_respond(rq, 200, headers, sizeof(headers) / sizeof(headers[0]), bytes);
  (void)ignored; /* whoever asked has gone */
}
