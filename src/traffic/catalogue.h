/* The newest list of models of each vendor, shared by all workers. Old lists are used while a new one is fetched and
 * while fetching fails. Fetching is the caller's: exactly one is told that it is due. Time comes in as an argument. */
#ifndef TRAFFIC_CATALOGUE_H
#define TRAFFIC_CATALOGUE_H

#include "llm/catalogue.h"

struct catalogues;

#define CATALOGUE_FRESH_US INT64_C(900000000) /* a list is asked for again after 15 minutes */
#define CATALOGUE_RETRY_US INT64_C(30000000)  /* and 30 s after a try that failed or was never reported */

/* max_vendors, at least 1, bounds the table: past it the vendor not asked for the longest makes room. */
struct catalogues *catalogues_new(size_t max_vendors);
void catalogues_free(struct catalogues *all);

/* vendor: the address its list comes from, or any text that is another one when the list would be.
 * The list, held for the caller, who drops it; NULL when none was ever put. *out_due: this caller is to fetch a new one
 * and to report with put or failed; nobody else is told so until then or for CATALOGUE_RETRY_US, whichever is sooner.
 * now_us: a clock that does not go back. Any thread; does not wait. */
struct llm_catalogue *catalogues_get(struct catalogues *all, struct text vendor, int64_t now_us, bool *out_due);
/* A new list; takes over the caller's hold. */
void catalogues_put(struct catalogues *all, struct text vendor, struct llm_catalogue *fresh, int64_t now_us);
/* Fetching failed: what is there stays. */
void catalogues_failed(struct catalogues *all, struct text vendor, int64_t now_us);

#endif
