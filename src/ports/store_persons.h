/* The port of what one person may ask for: all that the store holds about them, and that it forget them. A person is
 * the user that keys name. Amounts stay when a name goes, so that sums, budgets and the audit log hold. Every function
 * blocks. Errors as in ports/store.h. */
#ifndef PORTS_STORE_PERSONS_H
#define PORTS_STORE_PERSONS_H

#include "ports/store_audit.h"

#define PERSON_NAME_MAX         200
#define PERSON_PSEUDONYM_BYTES  32 /* with the zero byte */
#define PERSON_PSEUDONYM_PREFIX "erased-"
/* Rows of an erased person are looked out for this long; a journal that comes later is not carried over any more. */
#define PERSON_WATCHED_US INT64_C(2678400000000)
/* A call that began so long after the erasure may still have the name from a process's memory. */
#define PERSON_GRACE_US INT64_C(600000000)

/* Told of every step; ERR_CANCELLED stops there, and what is done stays. */
struct person_listener {
  enum err (*progress)(void *ctx, unsigned permille, const char *at, struct fault *f);
  void *ctx;
};

/* Whose, on whose order, and where this process has files of the store's: the ledger's archive and exports of persons.
 * A folder that is NULL or not there has none. listener may be NULL. */
struct person_ask {
  struct text user;
  const struct audit_actor *by;
  const char *archive_folder, *export_folder;
  const struct person_listener *listener;
};

struct person_erased {
  char pseudonym[PERSON_PSEUDONYM_BYTES]; /* stands in place of the name from now on */
  uint64_t keys, ledger_rows, usage_rows, audit_entries;
  uint64_t archived_rows, archive_files; /* and the files that were written anew for them */
  uint64_t archives_elsewhere; /* files of the archive that are not in archive_folder, and were not looked into */
  uint64_t jobs, exports;      /* that named them; and exports of theirs, which are removed */
};

/* Takes the lines of an export: one JSON object each, without its line's end. */
struct person_sink {
  enum err (*line)(void *ctx, struct text json, struct fault *f);
  void *ctx;
};

struct person_exported {
  uint64_t users, memberships, grants, sessions; /* of an account of theirs */
  uint64_t entities;                             /* policies assigned to them, limits of theirs */
  uint64_t stretches;                            /* of the request log, in which calls of theirs lie */
  uint64_t keys, ledger_rows, archived_rows, usage_rows, audit_entries, jobs;
  uint64_t archives_elsewhere; /* files of the archive that are not in archive_folder, and may have more */
};

#define PERSON_DIGEST_BYTES 72 /* 64 hexadecimal digits and the zero byte */

struct person_export_file {
  struct person_exported counts;
  char digest[PERSON_DIGEST_BYTES]; /* BLAKE2b-256 of the file */
  uint64_t bytes;
};

struct store_persons_ops {
  /* Deletes the person's keys and puts a pseudonym in place of their name and of their keys' names wherever it stands:
   * in the store, and in the archive's files in archive_folder, each of which is written anew beside the old one and
   * entered in its place, so that the archive is whole at every moment. Exports of theirs in export_folder are removed.
   * Names its beginning and, in the transaction that ends it, what it did in the audit log. Safe to run again, also
   * after it stopped midway: then it goes on under the same pseudonym. ERR_BAD_REQUEST: not a name. ERR_STORE_CORRUPT:
   * a file of the archive is damaged; all else is done then. */
  enum err (*erase)(struct store *s, const struct person_ask *ask, struct person_erased *out, struct fault *f);
  /* What erase does to the archive's files, for a process that has some which the one that erased did not have: of all
   * who were erased and are still on the list. Of calls that PERSON_GRACE_US protects nothing is changed. *out_files:
   * written anew. */
  enum err (*veil_archives)(struct store *s, const struct person_ask *ask, uint64_t *out_files, struct fault *f);
  /* Everything that has the person's name, as lines {"table":T,"row":{...}}: their keys without hashes, their rows of
   * the ledger and of the archive's files in archive_folder (table "archive"), the sums of their usage, what the audit
   * log has about them, jobs about them. Not one moment: page by page. Names its beginning and its end in the audit
   * log. ERR_NOT_FOUND: the person was erased meanwhile. ERR_STORE_CORRUPT: a file of the archive is damaged. */
  enum err (*export)(struct store *s, const struct person_ask *ask, const struct person_sink *sink,
                     struct person_exported *out, struct fault *f);
  /* The same into a new file (store/person_file.h says what it looks like), mode 0600, under another name until it is
   * whole and on the disk. ERR_STORE_CONFLICT: path is there already. ERR_STORE, ERR_STORE_FULL: it cannot be written.
   * On failure nothing is left of it. */
  enum err (*export_to)(struct store *s, const struct person_ask *ask, const char *path, struct person_export_file *out,
                        struct fault *f);
  /* Removes exports of the folder (names that PERSON_EXPORT_NAME makes, also unfinished ones) that were written before
   * before_us. No folder is fine. */
  enum err (*purge_exports)(struct store *s, const char *folder, int64_t before_us, int64_t *out_removed,
                            struct fault *f);
  /* Forgets who was erased before before_us. */
  enum err (*forget)(struct store *s, int64_t before_us, struct fault *f);
};

/* The file of an export that a job makes: the job and its attempt. Nobody's name is in it. */
#define PERSON_EXPORT_NAME "person-%lld-%lld.jsonl.zst"

#endif
