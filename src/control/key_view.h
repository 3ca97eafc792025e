/* What the files about keys share: how a key looks in an answer, and whose it is. Private to control/. */
#ifndef CONTROL_KEY_VIEW_H
#define CONTROL_KEY_VIEW_H

#include "config/values.h"
#include "control/api.h"

struct key_view {
  uint64_t given;
  int64_t id, version;
  struct text source, name, prefix, user, workspace, policy;
  struct text *models, *routes, *allow_ips, *cors_origins;
  size_t model_count, route_count, allow_ip_count, cors_origin_count;
  int64_t rpm, tpm, concurrency, budget_nano;
  struct text budget_period;
  int64_t created_us, expires_us, last_used_us;
  bool blocked;
};
#define KEY_ENTRIES_MAX 256 /* of models; of the other lists a quarter */
#define KEY_ROUTES      VALUE_KEY_ROUTES

struct key_view key_view_of(const struct store_key *k, struct arena *a);
/* The key of the path, which the caller may see: by p where it is, or by own as the caller's own (*out_own). What may
 * not be seen is ERR_NOT_FOUND. */
enum err key_find_seen(struct api_call *c, struct store_key *out, struct fault *f) MUST_CHECK;
/* Whether the caller may change it by keys.write (*out_own false) or as their own. ERR_FORBIDDEN */
enum err key_may_change(const struct api_call *c, const struct store_key *k, bool *out_own, struct fault *f) MUST_CHECK;

#endif
