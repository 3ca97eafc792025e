/* Keepers of the master key in AWS, asked with Signature Version 4:
 *   KMS              GenerateDataKey makes the master key; the store keeps it as KMS has encrypted it, and every start
 *                    has it decrypted. KMS's own key never leaves KMS, and its policy and log say who may and did.
 *   Secrets Manager  GetSecretValue gives a secret that holds 32 bytes in base64 or hexadecimal, or as they are.
 * https://docs.aws.amazon.com/kms/latest/APIReference/ and
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/ */
#ifndef IDENTITY_KEEPER_AWS_H
#define IDENTITY_KEEPER_AWS_H

#include "aws/source.h"
#include "identity/keeper.h"

struct keeper_aws_options {
  struct text id;                          /* of the key (id, ARN or alias) or secret (name or ARN) */
  struct text region;                      /* "": the ARN's, else AWS_REGION or AWS_DEFAULT_REGION */
  struct text endpoint;                    /* "https://host"; "": the service's in that region */
  struct text ca_file;                     /* PEM; "": the system's */
  const char *(*lookup)(const char *name); /* of the environment; NULL: the process's */
  int64_t (*now_s)(void);                  /* wall clock; NULL: the system's */
};

/* Everything is copied. Credentials come from the environment as in aws/source.h. Each call waits for at most 20
 * seconds. ERR_UNAVAILABLE: the service or the credentials cannot be had now, or it does not permit it; f says what the
 * service said, never a secret. */
struct keeper *keeper_aws_kms(const struct keeper_aws_options *o);
struct keeper *keeper_aws_secret(const struct keeper_aws_options *o);

#endif
