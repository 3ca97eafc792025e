/* What commands that ask about the past have in common: between which moments, and of which key by its name, whether
 * the configuration declares it or the store holds it. What they ask then is theirs (ledger.c). */
#include "base/calendar.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "identity/principal.h"

#define KEYS_A_PAGE 500

static enum err read_time(const char *option, const char *word, int64_t *out_us, struct fault *f) {
  if (!word || calendar_read(text_of(word), loop_wall_us(), out_us))
    return ERR_OK;
  return fault_set(f, ERR_BAD_REQUEST, option,
                   "%s must be a day, a day and a time (2026-11-30T12:00), or how long ago (36h, 7d)", option);
}

enum err cli_times(const char *since, const char *until, int64_t *out_since_us, int64_t *out_until_us,
                   struct fault *f) {
  int64_t from_us = 0, to_us = 0;
  enum err e = read_time("--since", since, &from_us, f);
  if (!e)
    e = read_time("--until", until, &to_us, f);
  if (!e && since && until && from_us >= to_us)
    e = fault_set(f, ERR_BAD_REQUEST, "--until", "--until must be later than --since");
  if (!e) {
    *out_since_us = from_us;
    *out_until_us = to_us;
  }
  return e;
}

/* Its id, 0 when there is none of that name. */
static enum err find_stored(struct store *s, struct text name, int64_t *out_id, struct fault *f) {
  struct store_key *keys = NULL;
  size_t count = KEYS_A_PAGE;
  int64_t after = 0, found = 0;
  enum err e = ERR_OK;
  while (!e && !found && count == KEYS_A_PAGE) {
    struct arena a;
    arena_init(&a);
    e = s->ops->key_list(s, after, KEYS_A_PAGE, &a, &keys, &count, f);
    for (size_t i = 0; !e && i < count; i++) {
      after = keys[i].id;
      found = text_equal(keys[i].name, name) ? keys[i].id : found;
    }
    arena_done(&a);
  }
  if (!e)
    *out_id = found;
  return e;
}

enum err cli_key_id(const struct cli_store *s, const char *word, int64_t *out_id, struct fault *f) {
  struct text name = text_of(word);
  int64_t id = 0;
  enum err e = ERR_OK;
  for (size_t i = 0; i < s->config->key_count && !id; i++)
    id = text_equal(s->config->keys[i].name, name) ? store_key_declared_id(name) : 0;
  if (!id)
    e = find_stored(s->store, name, &id, f);
  if (!e && !id && !text_to_i64(name, &id))
    e = fault_set(f, ERR_NOT_FOUND, "--key", "there is no key named \"%s\"; one that is gone has its id", word);
  if (!e)
    *out_id = id;
  return e;
}
