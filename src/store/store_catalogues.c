/* Vendors' lists of models as they were fetched last, on any driver. It does not look into them. Called by the job
 * `catalogue` and when a process starts. */
#include "store/store_events.h"

#define SUBJECT_MAX 256 /* of an event */

struct put {
  struct text vendor, body;
};

static enum err put_list(struct driver_link *l, const struct put *w, int64_t now_us, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_CATALOGUE_PUT, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->vendor);
  l->driver->bind_bytes(l, 2, w->body);
  l->driver->bind(l, 3, now_us);
  return driver_finish(l, "keeping a list of models", NULL, f);
}

static enum err put(struct driver_link *l, void *args, struct fault *f) {
  const struct put *w = args;
  int64_t now_us = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = driver_number(l, SQL_NOW, "keeping a list of models", &now_us, f);
  if (!e)
    e = put_list(l, w, now_us, f);
  if (!e)
    e = event_add_on(l, "catalogue", w->vendor.len <= SUBJECT_MAX ? w->vendor : TEXT_NONE, f);
  return l->driver->end(l, e, f);
}

static enum err catalogues_put(struct store *s, struct text vendor, struct text body, struct fault *f) {
  struct put w = {vendor, body};
  if (vendor.len > STORE_CATALOGUE_VENDOR_MAX || body.len > STORE_CATALOGUE_BYTES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the list of models of %.*s is too long to be kept",
                     TEXT_ARGS(text_head(vendor, 200)));
  return driver_run(s, DRIVER_WRITE, false, put, &w, f);
}

struct get {
  struct text vendor;
  struct arena *arena;
  struct store_catalogue *out;
};

static enum err get(struct driver_link *l, void *args, struct fault *f) {
  struct get *w = args;
  bool row = false;
  int64_t now_us = 0;
  enum err e = driver_number(l, SQL_NOW, "reading a list of models", &now_us, f);
  if (!e)
    e = l->driver->prepare(l, SQL_CATALOGUE_GET, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->vendor);
  e = l->driver->step(l, &row, "reading a list of models", f);
  if (!e && row) {
    int64_t age_us = now_us - l->driver->number(l, 0);
    *w->out = (struct store_catalogue){driver_text(l, 1, w->arena), age_us > 0 ? age_us : 0};
  }
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "no list of models is kept of this vendor");
}

static enum err catalogues_get(struct store *s, struct text vendor, struct arena *a, struct store_catalogue *out,
                               struct fault *f) {
  struct get w = {vendor, a, out};
  return driver_run(s, DRIVER_READ, false, get, &w, f);
}

const struct store_catalogues_ops store_catalogues = {.put = catalogues_put, .get = catalogues_get};
