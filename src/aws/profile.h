/* The files AWS's tools share: ~/.aws/credentials and ~/.aws/config. Pure; reading the files is places.c.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html */
#ifndef AWS_PROFILE_H
#define AWS_PROFILE_H

#include "base/text.h"

/* What both files say of one profile; the credentials file counts where both do. Slices of the files. */
struct profile {
  bool found; /* a section of this name is there */
  struct text access_key_id, secret_access_key, session_token, region;
  struct text role_arn, web_identity_token_file, role_session_name;
  /* Ways to get credentials that Weir does not go. */
  struct text source_profile, credential_source, credential_process, sso_session, sso_start_url;
};

/* Lines that are no section, no setting and no comment are passed over, as AWS's own tools do; of a setting that is
 * repeated the last counts. */
void profile_read(struct text credentials_file, struct text config_file, struct text name, struct profile *out);

#endif
