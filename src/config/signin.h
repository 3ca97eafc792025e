/* The part of the configuration about people: how they sign in, the mail server that brings them links, and who is
 * there from the start. Part of config.h. */
#ifndef CONFIG_SIGNIN_H
#define CONFIG_SIGNIN_H

#include "base/secret.h"
#include "base/text.h"

struct config_signin {
  int64_t memory_kib, passes, at_once; /* of hashes of passwords */
  int64_t access_ms, idle_ms, session_ms;
};
struct config_smtp { /* the mail server; url "": no mail is sent */
  struct text url, user, from, from_name, ca;
  struct secret *password;
};
struct config_user { /* who is there from the start */
  struct text email, name, role;
  struct secret *password;
};

#endif
