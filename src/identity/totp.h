/* Second factors: codes that change with time (TOTP, RFC 6238 over HOTP, RFC 4226: HMAC-SHA-1, six digits, 30 seconds,
 * as every app for them does it), and recovery codes for who has lost theirs. Pure but for the randomness of new ones:
 * that a code is good once is the store's to keep. */
#ifndef IDENTITY_TOTP_H
#define IDENTITY_TOTP_H

#include "base/buf.h"

#define TOTP_SECRET_BYTES   20
#define TOTP_DIGITS         6
#define TOTP_STEP_S         30
#define TOTP_WINDOW         1 /* steps that a clock may be off, either way */
#define TOTP_BASE32_BYTES   32
#define TOTP_RECOVERY_COUNT 10
#define TOTP_RECOVERY_BYTES 11 /* "abcde-fghij" */

/* The code of a counter (RFC 4226 section 5.3), of 6 to 8 digits. */
uint32_t totp_code(const uint8_t *secret, size_t len, uint64_t counter, int digits);
/* Whether the code, as it was typed, is that of now or of a step beside it, of those after after_step; *out_step is
 * which. In constant time. */
bool totp_check(const uint8_t *secret, size_t len, struct text code, int64_t now_us, int64_t after_step,
                int64_t *out_step);
/* Base32 without padding (RFC 4648 section 6); out has room for (n * 8 + 4) / 5 bytes; returns them. */
size_t totp_base32(const uint8_t *bytes, size_t n, char *out);
/* The address that an app reads from a picture: otpauth://totp/Weir:EMAIL?secret=...&issuer=Weir */
void totp_write_uri(struct text email, const uint8_t secret[TOTP_SECRET_BYTES], struct buf *out);
/* 50 random bits, in letters and digits that are not taken for each other. */
void totp_new_recovery_code(char out[TOTP_RECOVERY_BYTES]);
/* As it is kept: lower case, without the dash and spaces that people add. False: it is none. */
bool totp_read_recovery_code(struct text typed, char out[TOTP_RECOVERY_BYTES]);

#endif
