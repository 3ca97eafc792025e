/* What is said of a credential at its making and when it is opened again, in one place, so that what one writes the
 * other reads. Called by control/credentials.c and cli/credential.c, which make them, and by app/credentials.c. */
#include "config/credential.h"

#define SHOWN 4
#define SHORT 16 /* of this length or less nothing is shown */

struct text credential_default_kind(const struct config_provider *p) {
  return p->kind == CONFIG_BEDROCK ? TEXT("bearer") : TEXT("api_key");
}

/* Whatever may stand in a header's value without a space. */
static bool is_visible(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (t.at[i] <= ' ' || t.at[i] > '~')
      return false;
  return t.len > 0;
}

static const char *refuse(const char **out_member, const char *member, const char *why) {
  *out_member = member;
  return why;
}

static const char *kind_refusal(const struct config_provider *p, bool is_aws, bool is_bearer, const char **out_member) {
  if (p->kind != CONFIG_BEDROCK && (is_aws || is_bearer))
    return refuse(out_member, "kind", "must be api_key: only Bedrock takes others");
  if (p->kind == CONFIG_BEDROCK && !is_aws && !is_bearer)
    return refuse(out_member, "kind", "must be bearer or aws for Bedrock");
  if (is_aws && p->region.len == 0)
    return refuse(out_member, "kind", "must be bearer: the provider has no region to sign for");
  return NULL;
}

const char *credential_refusal(const struct config_provider *p, struct text kind, struct text access_key_id,
                               struct text secret, const char **out_member) {
  bool is_aws = text_equal(kind, TEXT("aws"));
  const char *why = kind_refusal(p, is_aws, text_equal(kind, TEXT("bearer")), out_member);
  if (why)
    return why;
  if (!is_aws && access_key_id.len > 0)
    return refuse(out_member, "access_key_id", "must not be given: it goes with kind aws");
  if (is_aws && (!is_visible(access_key_id) || access_key_id.len > CREDENTIAL_ID_MAX))
    return refuse(out_member, "access_key_id", "must be the id of an access key, of visible ASCII characters");
  if (!is_visible(secret) || secret.len > CREDENTIAL_SECRET_MAX)
    return refuse(out_member, "secret", "must be 1 to 8192 visible ASCII characters");
  return NULL;
}

bool credential_name_is_good(struct text name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
      return false;
  }
  return name.len > 0 && name.len <= 64;
}

void credential_write(struct text access_key_id, struct text secret, struct buf *out) {
  buf_add(out, access_key_id);
  if (access_key_id.len > 0)
    buf_add_char(out, '\n');
  buf_add(out, secret);
}

struct text credential_last4(struct text secret) {
  return secret.len > SHORT ? text_skip(secret, secret.len - SHOWN) : TEXT("");
}

bool credential_read(struct text kind, struct text sealed, struct config_credential *out) {
  struct text id, secret;
  if (text_equal(kind, TEXT("api_key"))) {
    out->api_key = secret_new(sealed);
  } else if (text_equal(kind, TEXT("bearer"))) {
    out->bearer = secret_new(sealed);
  } else if (text_equal(kind, TEXT("aws")) && text_cut(sealed, '\n', &id, &secret)) {
    out->access_key_id = secret_new(id);
    out->secret_access_key = secret_new(secret);
  } else {
    return false;
  }
  return true;
}
