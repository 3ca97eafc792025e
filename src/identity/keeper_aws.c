/* One signed request and its JSON answer, twice: KMS and Secrets Manager speak the same protocol. What comes back in
 * the clear is wiped as soon as the key is out of it. Called by vault.c through the table of a keeper. */
#include "identity/keeper_aws.h"

#include "aws/fetch.h"
#include "aws/sigv4.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS   5000
#define TOTAL_MS     20000
#define ANSWER_BYTES 65536
#define SAID_BYTES   160

struct aws_keeper {
  struct keeper base; /* first */
  struct arena arena; /* of the texts */
  struct text id, region, endpoint, ca_file, host;
  const char *service; /* "kms" "secretsmanager" */
  struct aws_source *credentials;
  int64_t (*now_s)(void);
};

static int64_t system_now_s(void) { return (int64_t)time(NULL); }

/* arn:aws:kms:REGION:... */
static struct text region_of_arn(struct text id) {
  struct text part = TEXT_NONE, rest = id;
  if (!text_starts(id, TEXT("arn:")))
    return TEXT_NONE;
  for (int i = 0; i < 4; i++) {
    if (!text_cut(rest, ':', &part, &rest))
      return TEXT_NONE;
  }
  return part;
}

static struct text region_of(const struct keeper_aws_options *o) {
  const char *(*lookup)(const char *) = o->lookup ? o->lookup : (const char *(*)(const char *))getenv;
  struct text region = o->region.len > 0 ? o->region : region_of_arn(o->id);
  if (region.len == 0)
    region = text_of(lookup("AWS_REGION"));
  return region.len > 0 ? region : text_of(lookup("AWS_DEFAULT_REGION"));
}

static struct text host_of(struct text url) {
  ptrdiff_t scheme = text_find(url, TEXT("://"));
  struct text rest = scheme < 0 ? url : text_skip(url, (size_t)scheme + 3), host = rest, unused;
  (void)text_cut(rest, '/', &host, &unused);
  return host;
}

static enum err get_credentials(struct aws_keeper *k, int64_t now_s, struct arena *a, struct aws_credentials *out,
                                struct fault *f) {
  bool stale = false;
  enum err e = aws_source_get(k->credentials, now_s, a, out, &stale);
  if (e != ERR_AGAIN && !stale)
    return e;
  enum err fetched = aws_source_fetch(k->credentials, now_s, f);
  if (e == ERR_AGAIN && fetched != ERR_OK)
    return ERR_UNAVAILABLE;
  return aws_source_get(k->credentials, now_s, a, out, &stale) == ERR_OK
             ? ERR_OK
             : fault_set(f, ERR_UNAVAILABLE, "vault", "there are no AWS credentials for the vault");
}

static enum err sign(struct aws_keeper *k, struct fetch_request *rq, struct arena *a, struct fault *f) {
  struct sigv4_scope scope = {k->region, text_of(k->service), k->now_s()};
  struct sigv4_header *signed_headers = arena_alloc(a, (rq->header_count + 1) * sizeof *signed_headers);
  struct sigv4_signature s;
  struct aws_credentials c;
  enum err e = get_credentials(k, scope.now_s, a, &c, f);
  if (e)
    return e;
  signed_headers[0] = (struct sigv4_header){TEXT("host"), k->host};
  for (size_t i = 0; i < rq->header_count; i++)
    signed_headers[i + 1] = (struct sigv4_header){rq->headers[i].name, rq->headers[i].value};
  const struct sigv4_request to_sign = {TEXT("POST"),         TEXT("/"), TEXT(""), signed_headers,
                                        rq->header_count + 1, &rq->body, 1};
  e = sigv4_sign(&to_sign, &scope, &c, a, &s);
  if (e)
    return fault_set(f, e, "vault", "the request to AWS could not be signed");
  rq->headers[rq->header_count++] = (struct fetch_header){TEXT("x-amz-date"), s.amz_date};
  rq->headers[rq->header_count++] = (struct fetch_header){TEXT("authorization"), s.authorization};
  if (s.security_token.len > 0)
    rq->headers[rq->header_count++] = (struct fetch_header){TEXT("x-amz-security-token"), s.security_token};
  return ERR_OK;
}

/* What the service calls the error, and no more: its messages may quote what it was sent. */
static enum err refused(const struct aws_keeper *k, const struct fetch_reply *reply, struct fault *f) {
  struct text type = TEXT_NONE;
  char said[SAID_BYTES] = "";
  struct json j;
  if (json_read(reply->body, &(struct json_limits){.lenient = true}, &j, NULL) == ERR_OK) {
    if (json_get_text(j.root, "__type", &type) && text_is_visible_ascii(type))
      snprintf(said, sizeof said, " (%.*s)", TEXT_ARGS(text_head(type, 120)));
    json_done(&j);
  }
  return fault_set(f, ERR_UNAVAILABLE, "vault", "AWS %s answered %d%s when it was asked for the vault's master key",
                   k->service, reply->status, said);
}

static enum err ask(struct aws_keeper *k, struct text target, struct text body, struct arena *a,
                    struct fetch_reply *out, struct fault *f) {
  struct fetch_request rq = {
      .method = "POST",
      .url = k->endpoint,
      .headers = {{TEXT("content-type"), TEXT("application/x-amz-json-1.1")}, {TEXT("x-amz-target"), target}},
      .header_count = 2,
      .body = body,
      .ca_file = k->ca_file,
      .connect_ms = CONNECT_MS,
      .total_ms = TOTAL_MS,
      .max_bytes = ANSWER_BYTES};
  if (k->region.len == 0)
    return fault_set(f, ERR_CONFIG, "vault.region", "no AWS region is known for the vault: give `vault.region`");
  enum err e = sign(k, &rq, a, f);
  if (!e) {
    e = fetch_run(&rq, a, out, f);
    if (e)
      return f ? (f->err = ERR_UNAVAILABLE) : ERR_UNAVAILABLE;
  }
  return e || out->status == 200 ? e : refused(k, out, f);
}

/* A member of the answer, decoded from base64 into out. */
static bool read_bytes(yyjson_val *root, const char *name, char *out, size_t cap, size_t *out_len) {
  struct text encoded;
  return json_get_text(root, name, &encoded) && encoded.len / 4 * 3 + 3 <= cap &&
         text_base64_decode(encoded, out, out_len);
}

static enum err strange(const struct aws_keeper *k, struct fault *f) {
  return fault_set(f, ERR_UNAVAILABLE, "vault", "AWS %s gave no key of %d bytes for the vault", k->service,
                   KEEPER_KEY_BYTES);
}

/* The answer holds the key in the clear: it, and what was read in place of it, are wiped. */
static void forget_json(struct json *j) {
  if (j->copy)
    secret_wipe(j->copy, j->src.len);
  json_done(j);
}

static void forget_reply(struct fetch_reply *reply) {
  if (reply->body.len > 0)
    secret_wipe((void *)(uintptr_t)reply->body.at, reply->body.len);
}

static bool take_key(yyjson_val *root, const char *name, uint8_t out[KEEPER_KEY_BYTES]) {
  char raw[KEEPER_KEY_BYTES + 16];
  size_t n = 0;
  bool good = read_bytes(root, name, raw, sizeof raw, &n) && n == KEEPER_KEY_BYTES;
  if (good)
    memcpy(out, raw, KEEPER_KEY_BYTES);
  secret_wipe(raw, sizeof raw);
  return good;
}

/* --- KMS --- */

static struct text request_of(struct aws_keeper *k, const char *member, struct text value, struct arena *a) {
  struct json_writer w;
  struct buf b;
  buf_init(&b, ANSWER_BYTES);
  json_writer_init(&w, &b);
  json_object(&w);
  json_field_text(&w, "KeyId", k->id);
  json_field_text(&w, member, value);
  json_name(&w, "EncryptionContext");
  json_object(&w);
  json_field_str(&w, "purpose", "weir vault master key");
  json_object_end(&w);
  json_object_end(&w);
  struct text body = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return body;
}

static enum err kms_call(struct aws_keeper *k, struct text target, struct text body, struct buf *kept,
                         uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  struct fetch_reply reply = {0};
  struct text blob = TEXT_NONE;
  struct arena a;
  struct json j;
  arena_init(&a);
  enum err e = ask(k, target, body, &a, &reply, f);
  if (!e && json_read(reply.body, &(struct json_limits){0}, &j, NULL) != ERR_OK)
    e = strange(k, f);
  else if (!e) {
    bool good = take_key(j.root, "Plaintext", out) && (!kept || json_get_text(j.root, "CiphertextBlob", &blob));
    if (kept && good)
      buf_add(kept, blob);
    e = good ? ERR_OK : strange(k, f);
    forget_json(&j);
  }
  forget_reply(&reply);
  arena_done(&a);
  return e;
}

static enum err kms_read(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  struct aws_keeper *k = (struct aws_keeper *)self;
  struct arena a;
  if (kept.len == 0)
    return fault_set(f, ERR_NOT_FOUND, "vault", "the store keeps no master key that KMS has encrypted");
  arena_init(&a);
  enum err e = kms_call(k, TEXT("TrentService.Decrypt"), request_of(k, "CiphertextBlob", kept, &a), NULL, out, f);
  arena_done(&a);
  return e;
}

static enum err kms_make(struct keeper *self, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  struct aws_keeper *k = (struct aws_keeper *)self;
  struct arena a;
  arena_init(&a);
  enum err e =
      kms_call(k, TEXT("TrentService.GenerateDataKey"), request_of(k, "KeySpec", TEXT("AES_256"), &a), kept, out, f);
  arena_done(&a);
  return e;
}

static enum err kms_next(struct keeper *self, bool may_make, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES],
                         struct fault *f) {
  return may_make ? kms_make(self, kept, out, f) : fault_set(f, ERR_NOT_FOUND, "vault", "no other key is waiting");
}

/* --- Secrets Manager --- */

/* Those who put it there from a file have put the line's end there too. */
static struct text trim(struct text t) {
  while (t.len > 0 && (t.at[t.len - 1] == '\n' || t.at[t.len - 1] == '\r'))
    t.len--;
  return text_trim(t);
}

static bool read_secret(yyjson_val *root, uint8_t out[KEEPER_KEY_BYTES]) {
  struct text string;
  if (json_get_text(root, "SecretString", &string))
    return secret_read_key(trim(string), out);
  return take_key(root, "SecretBinary", out);
}

static enum err secret_read(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  struct aws_keeper *k = (struct aws_keeper *)self;
  struct fetch_reply reply = {0};
  uint8_t raw[KEEPER_KEY_BYTES];
  struct json_writer w;
  struct buf body;
  struct arena a;
  struct json j;
  arena_init(&a);
  buf_init(&body, ANSWER_BYTES);
  json_writer_init(&w, &body);
  json_object(&w);
  json_field_text(&w, "SecretId", k->id);
  json_object_end(&w);
  enum err e = ask(k, TEXT("secretsmanager.GetSecretValue"), buf_text(&body), &a, &reply, f);
  if (!e && json_read(reply.body, &(struct json_limits){0}, &j, NULL) != ERR_OK)
    e = strange(k, f);
  else if (!e) {
    e = read_secret(j.root, raw) ? ERR_OK : strange(k, f);
    forget_json(&j);
  }
  if (!e && keeper_is_guessable(raw))
    e = fault_set(f, ERR_CONFIG, "vault.aws_secret", "the master key in AWS Secrets Manager can be guessed");
  if (!e)
    memcpy(out, raw, sizeof raw);
  secret_wipe(raw, sizeof raw);
  forget_reply(&reply);
  buf_done(&body);
  arena_done(&a);
  return e;
}

static enum err secret_make(struct keeper *self, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  return fault_set(f, ERR_UNSUPPORTED, "vault.aws_secret", "a master key in AWS Secrets Manager is put there by hand");
}

static enum err secret_next(struct keeper *self, bool may_make, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES],
                            struct fault *f) {
  return may_make ? secret_make(self, kept, out, f) : fault_set(f, ERR_NOT_FOUND, "vault", "no other key is waiting");
}

static enum err adopt(struct keeper *self, struct fault *f) { return ERR_OK; }

static void aws_free(struct keeper *self) {
  struct aws_keeper *k = (struct aws_keeper *)self;
  aws_source_free(k->credentials);
  arena_done(&k->arena);
  free(k);
}

static struct aws_keeper *keeper_new(const struct keeper_aws_options *o, const char *service) {
  struct aws_keeper *k = calloc(1, sizeof *k);
  if (!k)
    abort();
  arena_init(&k->arena);
  k->service = service;
  k->id = arena_copy(&k->arena, o->id);
  k->region = arena_copy(&k->arena, region_of(o));
  k->ca_file = arena_copy(&k->arena, o->ca_file);
  k->endpoint = o->endpoint.len > 0
                    ? arena_copy(&k->arena, o->endpoint)
                    : arena_format(&k->arena, "https://%s.%.*s.amazonaws.com%s", service, TEXT_ARGS(k->region),
                                   text_starts(k->region, TEXT("cn-")) ? ".cn" : "");
  k->host = host_of(k->endpoint);
  k->now_s = o->now_s ? o->now_s : system_now_s;
  k->credentials = aws_source_new(
      &(struct aws_source_options){.kind = AWS_SOURCE_ENVIRONMENT, .region = k->region, .lookup = o->lookup});
  return k;
}

struct keeper *keeper_aws_kms(const struct keeper_aws_options *o) {
  struct aws_keeper *k = keeper_new(o, "kms");
  k->base = (struct keeper){"aws_kms", kms_read, kms_make, kms_next, adopt, aws_free};
  return &k->base;
}

struct keeper *keeper_aws_secret(const struct keeper_aws_options *o) {
  struct aws_keeper *k = keeper_new(o, "secretsmanager");
  k->base = (struct keeper){"aws_secret", secret_read, secret_make, secret_next, adopt, aws_free};
  return &k->base;
}
