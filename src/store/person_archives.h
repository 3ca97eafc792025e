/* Persons in the files of the ledger's archive: finding their rows, and putting pseudonyms in place of names. Not for
 * other rooms; they use ports/store_persons.h. */
#ifndef STORE_PERSON_ARCHIVES_H
#define STORE_PERSON_ARCHIVES_H

#include "store/person_text.h"
#include "store/person_veil.h"

/* Whose names give way: of one person, whenever the call was, and of those on the list by the list's rule. */
struct person_rule {
  struct person_name who; /* name "": nobody in particular */
  const struct person_veil *veils;
  size_t veil_count;
};

struct person_archives {
  uint64_t rows, files; /* that lost a name; that were written anew */
  uint64_t elsewhere;   /* files that are not in the folder */
};

/* Goes through every file that the store has entered. One with such a row is written anew without the name under a new
 * name, and in one transaction, behind the lock of who archives, takes the old one's place in the store; then the old
 * one is removed. A process that dies leaves either file entered and there; what the other one is then, the next run or
 * archiving removes. Blocks. ERR_STORE_CORRUPT: a file is damaged; the others are done. */
enum err person_archives_veil(struct store *s, const struct person_ask *ask, const struct person_rule *rule,
                              struct person_archives *out, struct fault *f) MUST_CHECK;
/* Every row of the user in the files that are there, as the file has it. ERR_STORE_CORRUPT. */
enum err person_archives_list(struct store *s, const struct person_ask *ask, const struct person_sink *sink,
                              struct person_archives *out, struct fault *f) MUST_CHECK;

#endif
