/* Files that appear whole or not at all, for backup.c and restore.c. */
#ifndef STORE_BACKUP_FILES_H
#define STORE_BACKUP_FILES_H

#include "base/err.h"

/* What errno says, as one of the port's errors: "cannot DOING PATH: why". */
enum err backup_refused(const char *doing, const char *path, struct fault *f);
/* Gives the file `from`, which is synced, the name `to`, and makes the name durable. replace: whatever is called that
 * now is gone in the same instant; else ERR_STORE_CONFLICT when something is. */
enum err backup_publish(const char *from, const char *to, bool replace, struct fault *f) MUST_CHECK;
/* Makes the names in the folder of path durable. */
enum err backup_sync_folder(const char *path, struct fault *f) MUST_CHECK;

#endif
