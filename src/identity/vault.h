/* The adapter behind ports/vault.h: the format of sealed.h under the master key of a keeper. An installation has no
 * master key until something is sealed for the first time; from then on the store knows which one it is, and a process
 * that has none, or another, does not start. */
#ifndef IDENTITY_VAULT_H
#define IDENTITY_VAULT_H

#include "identity/keeper.h"
#include "ports/store.h"
#include "ports/vault.h"

struct sealed_vault;

/* Takes the keeper over. The store must outlive it. Asks nobody yet. */
struct sealed_vault *vault_new(struct store *store, struct keeper *keeper);
void vault_free(struct sealed_vault *v); /* NULL is fine */
struct vault *vault_port(struct sealed_vault *v);
/* At the start: holds the keeper's master key against what the store knows of it. ERR_CONFIG: there are sealed secrets
 * and the key is missing, another, or (in any case) one that could be guessed; f says what to do. ERR_UNAVAILABLE: the
 * keeper cannot be asked now; the process may start, and is asked again when a secret is needed. Errors of the store.
 * Blocks. */
enum err vault_check(struct sealed_vault *v, struct fault *f) MUST_CHECK;
/* Another master key takes over, or has (event `vault`): hears of it while the present one is known. Blocks. */
void vault_look(struct sealed_vault *v);

#endif
