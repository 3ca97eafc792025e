/* A store with a service account that has a secret and rights, and what gives it tokens. */
#ifndef TEST_OAUTH_WORLD_H
#define TEST_OAUTH_WORLD_H

#include "identity/client_secret.h"
#include "identity/oauth.h"
#include "identity/vault.h"
#include "ports/store_audit.h"
#include "ports/store_service_secrets.h"
#include "store/store.h"
#include "support/actor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define ISSUER "https://weir.example"
#define NOW    INT64_C(1801353600000000)
#define SECOND INT64_C(1000000)

struct oauth_world {
  struct store *store;
  struct sealed_vault *vault;
  struct mint *mint;
  struct rights *rights;
  struct secret *server_secret;
  struct oauth_desk desk;
  struct arena arena;
  struct fault fault;
  int64_t account, secret_id;
  char client_id[CLIENT_ID_MAX], client_secret[CLIENT_SECRET_BYTES];
  size_t client_id_len;
};

static inline void world_expect(struct oauth_world *x, enum err got, enum err wanted, const char *part) {
  if (got != wanted || (part && !strstr(x->fault.text, part)))
    fail_msg("got %s \"%s\", wanted %s with \"%s\"", err_name(got), x->fault.text, err_name(wanted), part ? part : "");
}

static inline void world_grant(struct oauth_world *x, const char *role, int64_t workspace_id) {
  const struct people_grant g = {.org_id = 1,
                                 .to = GRANT_TO_SERVICE,
                                 .to_id = x->account,
                                 .workspace_id = workspace_id,
                                 .role = text_of(role),
                                 .created_us = 1};
  int64_t id = 0;
  world_expect(x, x->store->ops->people->grant(x->store, &g, TEST_ACTOR, &id, &x->fault), ERR_OK, NULL);
  rights_forget(x->rights);
}

static inline void world_secret(struct oauth_world *x, int64_t expires_us) {
  struct store_service_secret n = {
      .org_id = 1, .service_id = x->account, .prefix = TEXT("weirsec"), .created_us = 1, .expires_us = expires_us};
  client_secret_make(x->client_secret);
  client_secret_hash(x->server_secret, (struct text){x->client_secret, sizeof x->client_secret}, n.hash);
  world_expect(x, x->store->ops->service_secrets->add(x->store, &n, TEST_ACTOR, &x->secret_id, &x->fault), ERR_OK,
               NULL);
}

static inline struct oauth_world *world_new(void) {
  struct oauth_world *x = calloc(1, sizeof *x);
  const struct people_row robot = {.org_id = 1, .name = TEXT("robot"), .created_us = 1};
  assert_non_null(x);
  assert_int_equal(store_open_memory(&x->store, NULL), ERR_OK);
  x->vault = vault_new(x->store, keeper_memory());
  char from_configuration[] = ISSUER; /* gone, as it is after a reload */
  x->mint = mint_new(x->store, vault_port(x->vault), text_of(from_configuration));
  memset(from_configuration, 'x', sizeof from_configuration);
  x->rights = rights_new(x->store);
  x->server_secret = secret_new(TEXT("0123456789abcdef0123456789abcdef"));
  arena_init(&x->arena);
  oauth_desk_init(&x->desk, &(struct oauth_desk_options){x->store, x->mint, x->rights, x->server_secret});
  world_expect(x, x->store->ops->people->create(x->store, PEOPLE_SERVICE, &robot, TEST_ACTOR, &x->account, &x->fault),
               ERR_OK, NULL);
  x->client_id_len = client_id_write(x->account, x->client_id);
  world_secret(x, 0);
  return x;
}

static inline void world_free(struct oauth_world *x) {
  rights_free(x->rights);
  mint_free(x->mint);
  vault_free(x->vault);
  secret_free(x->server_secret);
  x->store->ops->close(x->store);
  arena_done(&x->arena);
  free(x);
}

static inline enum err world_ask_as(struct oauth_world *x, struct text id, struct text secret, const char *scope,
                                    int64_t now_us, struct text *out) {
  const struct oauth_ask ask = {id, secret, text_of(scope)};
  int64_t expires_in_s = 0;
  struct buf b;
  buf_init(&b, 8192);
  x->fault = (struct fault){0};
  enum err e = x->desk.port.token(&x->desk.port, &ask, now_us, &b, &expires_in_s, &x->fault);
  if (!e)
    assert_int_equal(expires_in_s, OAUTH_TOKEN_LIFE_S);
  if (!e && out)
    *out = arena_copy(&x->arena, buf_text(&b));
  if (e)
    assert_int_equal(b.len, 0);
  buf_done(&b);
  return e;
}

static inline enum err world_ask(struct oauth_world *x, const char *scope, int64_t now_us, struct text *out) {
  return world_ask_as(x, (struct text){x->client_id, x->client_id_len},
                      (struct text){x->client_secret, sizeof x->client_secret}, scope, now_us, out);
}

#endif
