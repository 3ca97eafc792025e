/* What service accounts prove at /oauth/token who they are with: "svc_12" and a secret that Weir has made. Pure but for
 * the randomness of a new secret. */
#ifndef IDENTITY_CLIENT_SECRET_H
#define IDENTITY_CLIENT_SECRET_H

#include "base/secret.h"

#define CLIENT_SECRET_BYTES        50 /* "weirsec" and 43 characters */
#define CLIENT_SECRET_PREFIX_BYTES 11 /* how much of one is shown again */
#define CLIENT_ID_MAX              24

/* A new secret, without a zero behind it. Wipe it. */
void client_secret_make(char out[CLIENT_SECRET_BYTES]);
/* Under which it is kept, for the server's secret. */
void client_secret_hash(const struct secret *server_secret, struct text client_secret, uint8_t out[SECRET_HMAC_BYTES]);
/* "svc_12"; the bytes written. */
size_t client_id_write(int64_t service_id, char out[CLIENT_ID_MAX]);
/* False for any other text. */
bool client_id_read(struct text client_id, int64_t *out_service_id);

#endif
