/* What an answer holds that the caller's dialect has no place for is noted here, once each. Called by the readers of
 * wire/; the gateway shows the list. */
#include "llm/answer.h"

#include <string.h>

void llm_note(struct llm_notes *n, const char *what) {
  for (size_t i = 0; i < n->count; i++)
    if (strcmp(n->at[i], what) == 0)
      return;
  if (n->count < LLM_NOTES_MAX)
    n->at[n->count++] = what;
}
