/* Credentials from the metadata addresses of containers (ECS, EKS pod identity) and instances (IMDSv2 only: the older
 * version is open to anything that can make the host send a GET). Called by source.c through places.h. */
#include "aws/fetch.h"
#include "aws/places.h"
#include "base/secret.h"

#define CONNECT_MS      1000
#define TOTAL_MS        5000
#define TOKEN_LIFE_S    "21600"
#define ROLES_PATH      "/latest/meta-data/iam/security-credentials/"
#define CONTAINER_URL   "http://169.254.170.2"
#define INSTANCE_URL    "http://169.254.169.254"
#define INSTANCE_URL_V6 "http://[fd00:ec2::254]"

static enum err ask(const struct place_search *s, const char *method, struct text url, struct fetch_header header,
                    struct text *out, struct fault *f) {
  struct fetch_request rq = {.method = method,
                             .url = url,
                             .headers = {header},
                             .header_count = !text_is_empty(header.value),
                             .connect_ms = CONNECT_MS,
                             .total_ms = TOTAL_MS,
                             .max_bytes = PLACES_ANSWER_MAX_BYTES};
  struct fetch_reply reply;
  struct fault why = {0};
  enum err e = fetch_run(&rq, s->a, &reply, &why);
  if (e)
    return fault_set(f, e, NULL, "the address cannot be asked: %s", fault_text(&why));
  if (reply.status != 200)
    return fault_set(f, ERR_FORBIDDEN, NULL, "the address answered %d", reply.status);
  *out = reply.body;
  return ERR_OK;
}

static enum err ask_credentials(const struct place_search *s, struct text url, struct fetch_header header,
                                struct aws_credentials *out, struct fault *f) {
  struct text answer;
  enum err e = ask(s, "GET", url, header, &answer, f);
  if (e)
    return e;
  e = credentials_read_metadata(answer, s->a, out, f);
  secret_wipe((char *)(uintptr_t)answer.at, answer.len);
  return e;
}

/* In clear only to this machine and to the addresses that AWS answers on; AWS's SDKs have the same rule. */
static bool may_be_asked(struct text url) {
  static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                      "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  struct text host = text_skip(url, sizeof("http://") - 1), port, path;
  uint64_t number;
  if (text_starts(url, TEXT("https://")))
    return true;
  if (!text_starts(url, TEXT("http://")))
    return false;
  (void)text_cut(host, '/', &host, &path);
  for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    port = text_skip(host, strlen(hosts[i]));
    if (text_starts(host, text_of(hosts[i])) &&
        (text_is_empty(port) || (port.at[0] == ':' && text_to_u64(text_skip(port, 1), &number))))
      return true;
  }
  return false;
}

static enum err container_token(const struct place_search *s, struct text *out, struct fault *f) {
  struct text file = place_variable(s, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  *out = place_variable(s, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  return text_is_empty(file) ? ERR_OK : place_read_token(file, s->a, out, f);
}

enum err place_container(const struct place_search *s, struct aws_credentials *out, struct fault *f) {
  struct text relative = place_variable(s, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  struct text url = place_variable(s, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), token;
  struct text base = text_is_empty(s->container_address) ? TEXT(CONTAINER_URL) : s->container_address;
  if (!text_is_empty(relative))
    url = arena_join(s->a, (const struct text[]){base, relative}, 2);
  if (text_is_empty(url))
    return fault_set(f, ERR_NOT_FOUND, NULL, "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set");
  if (!text_is_empty(relative) ? !text_starts(relative, TEXT("/")) : !may_be_asked(url))
    return fault_set(f, ERR_BAD_REQUEST, NULL,
                     "its address must be https, or http to this machine or to AWS's own addresses");
  enum err e = container_token(s, &token, f);
  if (e)
    return e;
  return ask_credentials(s, url, (struct fetch_header){TEXT("Authorization"), token}, out, f);
}

static struct text instance_url(const struct place_search *s, const char *path, struct text last) {
  struct text base = place_variable(s, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  bool is_v6 = text_equal_nocase(place_variable(s, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), TEXT("IPv6"));
  if (text_is_empty(base))
    base = is_v6 ? TEXT(INSTANCE_URL_V6) : TEXT(INSTANCE_URL);
  while (text_ends(base, TEXT("/")))
    base.len--;
  return arena_join(s->a, (const struct text[]){base, text_of(path), last}, 3);
}

enum err place_instance(const struct place_search *s, struct aws_credentials *out, struct fault *f) {
  struct fetch_header life = {TEXT("X-aws-ec2-metadata-token-ttl-seconds"), TEXT(TOKEN_LIFE_S)};
  struct fetch_header token = {.name = TEXT("X-aws-ec2-metadata-token")};
  struct text roles = TEXT_NONE, role, rest;
  if (text_equal_nocase(place_variable(s, "AWS_EC2_METADATA_DISABLED"), TEXT("true")))
    return fault_set(f, ERR_NOT_FOUND, NULL, "AWS_EC2_METADATA_DISABLED is true");
  enum err e = ask(s, "PUT", instance_url(s, "/latest/api/token", TEXT_NONE), life, &token.value, f);
  if (e == ERR_NETWORK || e == ERR_TIMEOUT)
    return ERR_NOT_FOUND; /* this is no instance */
  if (!e)
    e = ask(s, "GET", instance_url(s, ROLES_PATH, TEXT_NONE), token, &roles, f);
  if (e)
    return e;
  if (!text_cut(roles, '\n', &role, &rest))
    role = roles;
  role = text_trim(role);
  if (text_is_empty(role) || !text_is_visible_ascii(role))
    return fault_set(f, ERR_PROTOCOL, NULL, "the instance has no role");
  return ask_credentials(s, instance_url(s, ROLES_PATH, role), token, out, f);
}
