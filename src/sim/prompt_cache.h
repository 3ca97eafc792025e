/* What the simulated provider remembers of prompts marked with cache_control: a marked prefix is written the first time
 * it is seen and read when it comes again. Bounded (the oldest of 1024 prefixes is forgotten); never expires. Pure; one
 * owner, not locked. */
#ifndef SIM_PROMPT_CACHE_H
#define SIM_PROMPT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROMPT_CACHE_MAX             1024
#define PROMPT_CACHE_BREAKPOINTS_MAX 4

struct prompt_cache {
  uint64_t seen[PROMPT_CACHE_MAX];
  size_t count, next;
};

/* A place of the prompt marked with cache_control: the hash and the tokens of everything up to it. */
struct prompt_breakpoint {
  uint64_t hash, tokens;
  bool one_hour; /* ttl "1h" */
};

struct prompt_cache_usage {
  uint64_t read, write_5m, write_1h; /* tokens */
};

/* The longest breakpoint seen before is read, those behind it are written (each in its class) and remembered. points
 * stand in the order of the prompt. */
struct prompt_cache_usage prompt_cache_use(struct prompt_cache *c, const struct prompt_breakpoint *points,
                                           size_t count);

#endif
