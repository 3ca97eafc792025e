/* What a vendor sells: its models with prices and sizes, as one list that never changes once it is sealed. Shared by
 * counting its holders; any thread. Pure. */
#ifndef LLM_CATALOGUE_H
#define LLM_CATALOGUE_H

#include "base/arena.h"
#include "llm/price.h"

#include <stdatomic.h>

struct llm_catalogue_model {
  struct text id, name;                       /* name: for people, may be empty */
  uint64_t context_tokens, max_output_tokens; /* 0: not said */
  int64_t created_s;                          /* 0: not said */
  struct price price;                         /* version 0: not known */
};

#define LLM_CATALOGUE_MAX 16384 /* models of one vendor */
struct llm_catalogue {
  struct llm_catalogue_model *models; /* once sealed: sorted by id, each id once */
  size_t count, room;
  atomic_uint holders;
  struct arena arena; /* of the models and their texts */
};

/* An empty list for at most `room` models, held once by the caller. room is cut to LLM_CATALOGUE_MAX. */
struct llm_catalogue *llm_catalogue_new(size_t room);
/* A place for one more model, zeroed; NULL when the room is used up. Its texts must live in c->arena. */
struct llm_catalogue_model *llm_catalogue_add(struct llm_catalogue *c);
/* Sorts the list; of several models with one id the first added stays. Nothing may be added afterwards. */
void llm_catalogue_seal(struct llm_catalogue *c);
/* NULL when there is none; exact, case matters. c may be NULL. */
const struct llm_catalogue_model *llm_catalogue_find(const struct llm_catalogue *c, struct text id);

struct llm_catalogue *llm_catalogue_hold(struct llm_catalogue *c); /* one holder more; returns c */
void llm_catalogue_drop(struct llm_catalogue *c);                  /* the last one frees; NULL is fine */

#endif
