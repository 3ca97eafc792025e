/* Which of the rates that are shared a call is under: a binary search a kind of subject that has entries, and for
 * models a walk over the patterns. Called for each request by the gateway's admit stage, and by the route simulator. */
#include "config/rate_limit.h"

#include "config/config.h"
#include "config/rate_limit_check.h"

#include <inttypes.h>

const char *config_subject_name(enum config_subject s) {
  static const char *const names[CONFIG_SUBJECT_COUNT] = {"user", "workspace", "organisation", "model"};
  return names[s];
}

int rate_limit_order(const struct config_rate_limit *a, enum config_subject subject, struct text name) {
  if (a->subject != subject)
    return a->subject < subject ? -1 : 1;
  size_t least = a->name.len < name.len ? a->name.len : name.len;
  int order = least == 0 ? 0 : memcmp(a->name.at, name.at, least);
  return order != 0 || a->name.len == name.len ? order : a->name.len < name.len ? -1 : 1;
}

static const struct config_rate_limit *find_named(const struct config_rate_limits *r, enum config_subject s,
                                                  struct text name) {
  size_t low = r->from[s], high = r->from[s + 1];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = rate_limit_order(r->named[middle], s, name);
    if (order == 0)
      return r->named[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static const struct config_rate_limit *find_pattern(const struct config_rate_limits *r, struct text model) {
  for (size_t i = 0; i < r->pattern_count; i++)
    if (text_glob(r->patterns[i]->name, model, NULL))
      return r->patterns[i];
  return NULL;
}

size_t config_rate_limits_for(const struct config_rate_limits *r, const struct config_rate_ask *ask,
                              struct config_rate_found out[CONFIG_SUBJECT_COUNT]) {
  char digits[24];
  struct text names[CONFIG_SUBJECT_COUNT] = {[CONFIG_SUBJECT_USER] = ask->user,
                                             [CONFIG_SUBJECT_WORKSPACE] = ask->workspace,
                                             [CONFIG_SUBJECT_MODEL] = ask->model};
  size_t n = 0;
  if (r->from[CONFIG_SUBJECT_ORGANISATION] < r->from[CONFIG_SUBJECT_ORGANISATION + 1]) {
    int len = snprintf(digits, sizeof digits, "%" PRId64, ask->organisation);
    names[CONFIG_SUBJECT_ORGANISATION] = (struct text){digits, (size_t)len};
  }
  for (enum config_subject s = 0; s < CONFIG_SUBJECT_COUNT; s++) {
    const struct config_rate_limit *own = names[s].len > 0 ? find_named(r, s, names[s]) : NULL;
    if (own == NULL && s == CONFIG_SUBJECT_MODEL && names[s].len > 0)
      own = find_pattern(r, names[s]);
    if (own != NULL)
      out[n++] = (struct config_rate_found){own, own->name};
    else if (names[s].len > 0 && r->each[s] != NULL)
      out[n++] = (struct config_rate_found){r->each[s], names[s]};
  }
  return n;
}
