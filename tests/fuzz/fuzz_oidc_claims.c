/* What an identity provider says of somebody: whatever it is, an email that comes out is an address in lower case, a
 * name holds no control characters, a role is one of those that were asked for, and reading it again changes nothing.
 */
#include "identity/oidc_inner.h"

#include <stdlib.h>

static void must(bool holds) {
  if (!holds)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct oidc_role roles[] = {{TEXT("chiefs"), ROLE_ADMIN}, {TEXT("devs"), ROLE_MEMBER}};
  const struct oidc_declared o = {.role_claim = TEXT("realm_access.roles"), .roles = roles, .role_count = 2};
  const struct oidc_expected x = {TEXT("c"), TEXT("n"), TEXT("at"), JWS_RS256};
  const struct text claims = {(const char *)data, size};
  struct oidc_person p = {0}, again;
  struct arena a;
  arena_init(&a);
  (void)!oidc_check_token(claims, &x, NULL);
  if (oidc_read_person(claims, &o, &a, &p, NULL) == ERR_OK) {
    must(p.subject.len > 0);
    must(p.email.len == 0 || text_find_char(p.email, '@') > 0);
    for (size_t i = 0; i < p.email.len; i++)
      must(p.email.at[i] < 'A' || p.email.at[i] > 'Z');
    for (size_t i = 0; i < p.name.len; i++)
      must((unsigned char)p.name.at[i] >= 0x20);
    must(!p.has_role || p.has_claim);
    must(!p.has_role || p.role == ROLE_ADMIN || p.role == ROLE_MEMBER);
    again = p;
    must(oidc_read_person(claims, &o, &a, &again, NULL) == ERR_OK);
    must(text_equal(again.subject, p.subject) && text_equal(again.email, p.email) && again.has_role == p.has_role);
  }
  arena_done(&a);
  return 0;
}
