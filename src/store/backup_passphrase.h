/* A passphrase that stands in a file: for `weir backup`, `weir restore` and the job `backup`. */
#ifndef STORE_BACKUP_PASSPHRASE_H
#define STORE_BACKUP_PASSPHRASE_H

#include "base/text.h"

/* The file's bytes without the line's end: heap, to be wiped and freed by backup_passphrase_done. path NULL or "":
 * none. ERR_CONFIG: it cannot be read, is empty, or longer than BACKUP_PASSPHRASE_MAX; f names the file. */
enum err backup_passphrase_read(const char *path, struct text *out, struct fault *f) MUST_CHECK;
void backup_passphrase_done(struct text *t); /* nothing for none */

#endif
