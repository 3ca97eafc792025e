/* Names of scripts. SHA-1 is what Redis asks for; nothing depends on its strength, for whoever may load a script may
 * run it. Called by cluster/ once for each script. */
#include "net/resp_script.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

struct resp_script resp_script_of(const char *body) {
  struct resp_script s = {.body = body};
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (EVP_Digest(body, strlen(body), digest, &n, EVP_sha1(), NULL) != 1 || n * 2 != RESP_SCRIPT_DIGITS)
    abort();
  (void)text_hex(digest, n, s.sha);
  return s;
}

struct text resp_script_sha(const struct resp_script *s) {
  return (struct text){s->sha, RESP_SCRIPT_DIGITS};
}
