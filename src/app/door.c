/* The door for people, from configuration to desk. Passwords have threads of their own, as many as may be worked on at
 * one time, so that a crowd at the door holds up no call; and so have identity providers, which may hang. Called by
 * app.c. house: tested-by tests/sdk/src/signin.test.ts */
#include "app/door.h"

#include "app/state.h"
#include "base/log.h"
#include "fiber/loop.h"
#include "identity/oidc.h"

#include <stdlib.h>

#define WAITING_MAX      64
#define PROVIDER_THREADS 4
#define PAUSE_US         INT64_C(10000000)

static struct password_cost cost_of(const struct config *c) {
  return (struct password_cost){c->signin.memory_kib, c->signin.passes, (size_t)c->signin.at_once};
}

static struct signin_times times_of(const struct config *c) {
  return (struct signin_times){c->signin.access_ms * 1000, c->signin.idle_ms * 1000, c->signin.session_ms * 1000};
}

static enum err declare_users(struct app *a, struct fault *f) {
  const struct config *c = a->config;
  enum err e = ERR_OK;
  for (size_t i = 0; i < c->user_count && e == ERR_OK; i++) {
    const struct config_user *u = &c->users[i];
    const struct signin_declared d = {u->email, u->name, secret_reveal(u->password), u->role};
    e = signin_declare(a->door, &d, 1, loop_wall_us(), f);
  }
  return e;
}

static struct oidc_declared provider_of(const struct config_oidc *o, struct oidc_role *roles) {
  for (size_t i = 0; i < o->role_count; i++) {
    roles[i].value = o->roles[i].name;
    if (!builtin_role_find(o->roles[i].value, &roles[i].role))
      roles[i].role = ROLE_VIEWER; /* the configuration was checked */
  }
  return (struct oidc_declared){.name = o->name,
                                .issuer = o->issuer,
                                .client_id = o->client_id,
                                .client_secret = secret_reveal(o->client_secret),
                                .scopes = o->scopes,
                                .scope_count = o->scope_count,
                                .domains = o->domains,
                                .domain_count = o->domain_count,
                                .role_claim = o->role_claim,
                                .roles = roles,
                                .role_count = o->role_count,
                                .default_role = o->default_role,
                                .ca_file = o->ca,
                                .after_logout = o->after_logout,
                                .require_verified_email = o->require_verified_email,
                                .leeway_s = o->leeway_ms / 1000};
}

static void declare_providers(struct app *a, const struct config *c) {
  struct oidc_declared *providers = calloc(c->oidc_count + 1, sizeof(*providers));
  struct arena arena;
  if (!providers)
    abort();
  arena_init(&arena);
  for (size_t i = 0; i < c->oidc_count; i++)
    providers[i] =
        provider_of(&c->oidc[i], arena_alloc(&arena, (c->oidc[i].role_count + 1) * sizeof(struct oidc_role)));
  oidc_declare(a->providers, providers, c->oidc_count);
  arena_done(&arena);
  free(providers);
}

static enum err open_threads(struct app *a, struct fault *f) {
  enum err e = offload_new((size_t)a->config->signin.at_once, WAITING_MAX, &a->hashers);
  if (e == ERR_OK)
    e = offload_new(PROVIDER_THREADS, WAITING_MAX, &a->provider_askers);
  return e == ERR_OK ? e : fault_set(f, e, NULL, "cannot start threads for signing in");
}

enum err door_open(struct app *a, struct fault *f) {
  const struct signin_options desk = {.store = a->store,
                                      .vault = vault_port(a->vault),
                                      .mint = a->mint,
                                      .rights = a->rights,
                                      .server_secret = a->server_secret,
                                      .public_url = a->config->public_url,
                                      .cost = cost_of(a->config),
                                      .times = times_of(a->config),
                                      .mailer = &a->mail.port};
  const struct access_options known = {.store = a->store,
                                       .mint = a->mint,
                                       .rights = a->rights,
                                       .tokens = a->tokens,
                                       .offload = a->offload,
                                       .server_secret = a->server_secret,
                                       .public_url = a->config->public_url};
  enum err e = open_threads(a, f);
  if (e != ERR_OK)
    return e;
  a->door = signin_new(&desk);
  a->known = access_new(&known);
  a->access = access_port(a->known);
  a->front.access = a->access;
  a->api.signin = signin_port(a->door);
  a->providers = oidc_new(&(struct oidc_options){.door = a->door, .pause_us = PAUSE_US});
  declare_providers(a, a->config);
  a->auth_site =
      (struct auth_site){signin_port(a->door), a->hashers, oidc_port(a->providers), a->provider_askers, rates_new()};
  return declare_users(a, f);
}

void door_adjust(struct app *a, const struct config *c) {
  const struct password_cost cost = cost_of(c);
  const struct signin_times times = times_of(c);
  signin_adjust(a->door, &cost, &times);
  declare_providers(a, c);
}

void door_print(struct app *a) {
  struct fault f = {0};
  struct text url = TEXT_NONE;
  struct arena arena;
  arena_init(&arena);
  if (signin_setup_url(a->door, loop_wall_us(), &arena, &url, &f) != ERR_OK)
    LOG_WARN("no_setup_link", log_str("detail", fault_text(&f)));
  else if (url.len > 0)
    printf("weir: set up at %.*s\n", TEXT_ARGS(url));
  fflush(stdout);
  arena_done(&arena);
}

void door_close(struct app *a) {
  if (a->hashers)
    offload_free(a->hashers);
  if (a->provider_askers)
    offload_free(a->provider_askers);
  rates_free(a->auth_site.rates);
  oidc_free(a->providers);
  access_free(a->known);
  signin_free(a->door);
}
