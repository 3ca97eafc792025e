/* How a provider's error becomes ours and back. The names of the types belong to the dialects (anthropic_error.c,
 * openai_error.c), the callers; here is only what both need. */
#include "wire/fault_map.h"

#include <stdio.h>
#include <string.h>

bool fault_map_by_status(const struct fault *f) {
  return f->err == ERR_UPSTREAM_STATUS || (f->status != 0 && f->status != err_status(f->err));
}

static enum err err_of_status(int status, bool usage_limit) {
  if (usage_limit)
    return ERR_UPSTREAM_USAGE;
  if (status == 429)
    return ERR_UPSTREAM_RATE;
  if (status == 504 || status == 408)
    return ERR_UPSTREAM_TIMEOUT;
  return status >= 500 ? ERR_UPSTREAM_SERVER : ERR_UPSTREAM_STATUS;
}

void fault_map_upstream(int status, bool usage_limit, struct text message, struct fault *out) {
  struct fault fault = {0};
  struct text cut = text_head(message, sizeof(fault.text));
  (void)fault_set(&fault, err_of_status(status, usage_limit), NULL, "%.*s", TEXT_ARGS(cut));
  fault.status = status;
  *out = fault;
}

void fault_map_name(struct fault *f, struct text name) {
  size_t used = strlen(f->names), space = used > 0;
  if (text_is_empty(name) || text_find_char(name, ' ') >= 0 || name.len + space + used >= sizeof(f->names))
    return;
  if (memchr(name.at, '\0', name.len))
    return;
  (void)snprintf(f->names + used, sizeof(f->names) - used, "%s%.*s", space ? " " : "", TEXT_ARGS(name));
}
