/* A key of 32 bytes in a file that only its owner may read. Never replaced: what was encrypted or hashed under a key
 * that is gone is gone. */
#ifndef IDENTITY_KEY_FILE_H
#define IDENTITY_KEY_FILE_H

#include "base/secret.h"

#define KEY_FILE_BYTES 32

/* ERR_NOT_FOUND: there is no such file. ERR_CONFIG: others may read it, it does not hold 32 bytes (of what: "a server
 * secret"; loss: what does not work without it), or it cannot be read. out is only written on success. */
enum err key_file_read(const char *path, const char *what, const char *loss, uint8_t out[KEY_FILE_BYTES],
                       struct fault *f) MUST_CHECK;
/* A file with these bytes and mode 0600, written whole and synced or not at all. One that is there already stays as it
 * is, and that is no error. ERR_CONFIG. */
enum err key_file_write(const char *path, const uint8_t raw[KEY_FILE_BYTES], struct fault *f) MUST_CHECK;

#endif
