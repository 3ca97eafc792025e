/* Rates that hold for more than one key: of a user, a workspace, an organisation, or of a model whoever asks for it.
 * Part of the snapshot; which of them a call is under is found here, what they have left is the limiter's. */
#ifndef CONFIG_RATE_LIMIT_H
#define CONFIG_RATE_LIMIT_H

#include "base/text.h"

enum config_subject {
  CONFIG_SUBJECT_USER,
  CONFIG_SUBJECT_WORKSPACE,
  CONFIG_SUBJECT_ORGANISATION,
  CONFIG_SUBJECT_MODEL,
  CONFIG_SUBJECT_COUNT
};
struct config_rate_limit {
  struct text user, workspace, model; /* of these and the organisation exactly one is set */
  int64_t organisation;               /* its id; 0: not set */
  int64_t rpm, tpm, concurrency;      /* 0: none; one at least is there */
  enum config_subject subject;        /* which one it is, and */
  struct text name;                   /* what it says; of an organisation the digits of its id */
};
struct config_rate_limits {
  struct config_rate_limit *at;
  size_t count;
  const struct config_rate_limit **named; /* without patterns and "*"; sorted by subject and name */
  size_t from[CONFIG_SUBJECT_COUNT + 1];  /* where those of a subject begin, and the end */
  const struct config_rate_limit **patterns;
  size_t pattern_count; /* models with a '*', in their order */
  /* "*" of users and of workspaces: for each one that has none of its own. */
  const struct config_rate_limit *each[CONFIG_SUBJECT_COUNT];
};

/* Whose call it is; texts may be empty, the organisation 0. */
struct config_rate_ask {
  struct text user, workspace, model;
  int64_t organisation;
};
struct config_rate_found {
  const struct config_rate_limit *limit;
  struct text name; /* whose; of a model the entry's own, which all that it matches share */
};

/* The limits that a call is under, one of a subject at most, in their order; the count. For a model the entry of just
 * this name, else the first pattern that matches. Names are compared byte by byte. */
size_t config_rate_limits_for(const struct config_rate_limits *r, const struct config_rate_ask *ask,
                              struct config_rate_found out[CONFIG_SUBJECT_COUNT]);
const char *config_subject_name(enum config_subject s); /* "user" */

#endif
