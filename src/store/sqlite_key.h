/* Encrypted SQLite databases, in a build with SQLCipher (-Dsqlcipher=enabled): every page by AES-256 with a sum, so
 * that the file, its log and its backups show nothing without the key. A build without it refuses keys. Not for other
 * rooms.
 */
#ifndef STORE_SQLITE_KEY_H
#define STORE_SQLITE_KEY_H

#include "store/sqlite.h"

#define SQLITE_KEY_HEX 64 /* digits of a key that is used as it is */

/* Whether this build has SQLCipher. */
bool sqlite_key_is_possible(void);
/* To a connection that has just been opened, before anything else. Empty: nothing. 64 hexadecimal digits are the key
 * itself; anything else is a passphrase, of which SQLCipher makes a key (256,000 rounds of PBKDF2: about a quarter of a
 * second, each time a connection is opened). ERR_UNSUPPORTED: a key, and a build without SQLCipher. */
enum err sqlite_key_give(sqlite3 *db, struct text key, struct fault *f) MUST_CHECK;
/* Whether the database opens with it, which nothing tells before the first read. ERR_FORBIDDEN. */
enum err sqlite_key_check(sqlite3 *db, struct text key, const char *path, struct fault *f) MUST_CHECK;

#endif
