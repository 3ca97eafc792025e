/* Who may work in a data_dir: the lock that a serving weir holds, and holding it for a command that changes what is
 * stored while no weir runs (`weir restore`; `weir backup` for the moment it carries a journal over). */
#ifndef LEDGER_HOLD_H
#define LEDGER_HOLD_H

#include "ports/store.h"

/* Takes data_dir/lock and writes this process's id into it. The lock ends with the descriptor, so with the processes
 * that share it however they end. ERR_STORE_BUSY: another holds it (f names the process). ERR_STORE. */
enum err hold_lock(const char *data_dir, int *out_fd, struct fault *f) MUST_CHECK;
/* The process named in the lock is this one from now on. fd -1 is fine. */
void hold_name(int fd);

/* How many segments there are in a data_dir's journal: none when the last weir there ended in order. ERR_STORE: the
 * folder cannot be read. */
enum err hold_segments(const char *data_dir, size_t *out, struct fault *f) MUST_CHECK;

/* data_dir as one process has it to itself. */
struct hold;
/* The lock, and that no weir that an upgrade has replaced still finishes its calls there: ERR_STORE_BUSY for both.
 * data_dir must exist. */
enum err hold_take(const char *data_dir, struct hold **out, struct fault *f) MUST_CHECK;
/* NULL is fine. */
void hold_release(struct hold *h);

/* Carries what ended processes have left in the journal into the store, as the next start would have done, and removes
 * them. Errors as replay_run. */
enum err hold_carry(struct hold *h, struct store *store, uint64_t *out_settled, uint64_t *out_recovered,
                    struct fault *f) MUST_CHECK;
/* Gives the journal's folder another name beside it, so that nothing in it is ever replayed unless somebody moves it
 * back. Nothing when there is no folder. ERR_STORE_CONFLICT: the name is taken. ERR_STORE. */
enum err hold_set_aside(struct hold *h, const char *path, struct fault *f) MUST_CHECK;

#endif
