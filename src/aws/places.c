/* Credentials from the environment, from the shared files and from STS for a web identity. Containers and instances are
 * metadata.c; the order of the places and the keeping of what they give are source.c, the only caller. */
#include "aws/places.h"

#include "aws/fetch.h"
#include "aws/profile.h"
#include "base/buf.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STS_CONNECT_MS 3000
#define STS_TOTAL_MS   10000

struct text place_variable(const struct place_search *s, const char *name) {
  return text_of(s->lookup(name));
}

static struct text variable_or(const struct place_search *s, const char *name, struct text otherwise) {
  struct text value = place_variable(s, name);
  return text_is_empty(value) ? otherwise : value;
}

static enum err read_all(int fd, struct buf *out) {
  for (;;) {
    char *room = buf_reserve(out, 4096);
    if (!room)
      return ERR_LIMIT;
    ssize_t n = read(fd, room, 4096);
    if (n == 0)
      return ERR_OK;
    if (n > 0)
      buf_commit(out, (size_t)n);
    else if (errno != EINTR)
      return ERR_SYSTEM;
  }
}

static enum err read_file(struct text path, struct arena *a, struct text *out, struct fault *f) {
  struct buf b;
  int fd = open(arena_copy(a, path).at, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no file %.*s", TEXT_ARGS(text_head(path, 128)));
  if (fd < 0)
    return fault_set(f, ERR_SYSTEM, NULL, "%.*s cannot be read: %s", TEXT_ARGS(text_head(path, 128)), strerror(errno));
  buf_init(&b, PLACES_FILE_MAX_BYTES + 4096);
  enum err e = read_all(fd, &b);
  if (e == ERR_SYSTEM)
    fault_set(f, e, NULL, "%.*s cannot be read: %s", TEXT_ARGS(text_head(path, 128)), strerror(errno));
  else if (e || b.len > PLACES_FILE_MAX_BYTES)
    e = fault_set(f, ERR_LIMIT, NULL, "%.*s has more than %d bytes", TEXT_ARGS(text_head(path, 128)),
                  PLACES_FILE_MAX_BYTES);
  else
    *out = arena_copy(a, buf_text(&b));
  close(fd);
  secret_wipe(b.at, b.len);
  buf_done(&b);
  return e;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

enum err place_read_token(struct text path, struct arena *a, struct text *out, struct fault *f) {
  struct text token = TEXT_NONE;
  enum err e = read_file(path, a, &token, f);
  if (e)
    return e == ERR_NOT_FOUND ? ERR_SYSTEM : e;
  while (token.len > 0 && is_space(token.at[token.len - 1]))
    token.len--;
  while (token.len > 0 && is_space(token.at[0]))
    token = text_skip(token, 1);
  *out = token;
  return ERR_OK;
}

enum err place_bearer(const struct place_search *s, struct aws_credentials *out, struct fault *f) {
  struct aws_credentials c = {.bearer = text_trim(place_variable(s, "AWS_BEARER_TOKEN_BEDROCK"))};
  if (text_is_empty(c.bearer))
    return fault_set(f, ERR_NOT_FOUND, NULL, "AWS_BEARER_TOKEN_BEDROCK is not set");
  enum err e = credentials_check(&c, f);
  if (!e)
    *out = c;
  return e;
}

enum err place_environment(const struct place_search *s, struct aws_credentials *out, struct fault *f) {
  struct aws_credentials c = {.access_key_id = text_trim(place_variable(s, "AWS_ACCESS_KEY_ID")),
                              .secret_access_key = text_trim(place_variable(s, "AWS_SECRET_ACCESS_KEY")),
                              .session_token = text_trim(place_variable(s, "AWS_SESSION_TOKEN"))};
  if (text_is_empty(c.access_key_id) || text_is_empty(c.secret_access_key))
    return fault_set(f, ERR_NOT_FOUND, NULL, "%s is not set",
                     text_is_empty(c.access_key_id) ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY");
  enum err e = credentials_check(&c, f);
  if (!e)
    *out = c;
  return e;
}

struct web_identity {
  struct text token_file, role_arn, session_name, region;
};

static struct text sts_url(const struct place_search *s, struct text region) {
  struct text own = place_variable(s, "AWS_ENDPOINT_URL_STS");
  region =
      text_is_empty(s->region) ? variable_or(s, "AWS_REGION", variable_or(s, "AWS_DEFAULT_REGION", region)) : s->region;
  if (!text_is_empty(own))
    return own;
  if (text_is_empty(region))
    return TEXT("https://sts.amazonaws.com");
  return arena_format(s->a, "https://sts.%.*s.amazonaws.com%s", TEXT_ARGS(region),
                      text_starts(region, TEXT("cn-")) ? ".cn" : "");
}

static void add_field(struct buf *form, const char *name, struct text value) {
  if (form->len > 0)
    buf_add_char(form, '&');
  buf_add(form, text_of(name));
  buf_add_char(form, '=');
  for (size_t i = 0; i < value.len; i++)
    buf_add_format(form, "%%%02X", (unsigned)(unsigned char)value.at[i]);
}

static struct text sts_form(const struct web_identity *w, struct text token, struct arena *a) {
  struct buf form;
  struct text out;
  buf_init(&form, 4 * PLACES_FILE_MAX_BYTES);
  add_field(&form, "Action", TEXT("AssumeRoleWithWebIdentity"));
  add_field(&form, "Version", TEXT("2011-06-15"));
  add_field(&form, "RoleArn", w->role_arn);
  add_field(&form, "RoleSessionName", w->session_name);
  add_field(&form, "WebIdentityToken", token);
  out = form.failed ? TEXT_NONE : arena_copy(a, buf_text(&form));
  buf_done(&form);
  return out;
}

static enum err ask_sts(const struct place_search *s, const struct web_identity *w, struct text form,
                        struct aws_credentials *out, struct fault *f) {
  struct fetch_request rq = {.method = "POST",
                             .url = sts_url(s, w->region),
                             .body = form,
                             .ca_file = place_variable(s, "AWS_CA_BUNDLE"),
                             .connect_ms = STS_CONNECT_MS,
                             .total_ms = STS_TOTAL_MS,
                             .max_bytes = PLACES_ANSWER_MAX_BYTES};
  struct fetch_reply reply;
  struct fault why = {0};
  enum err e = fetch_run(&rq, s->a, &reply, &why);
  if (e)
    return fault_set(f, e, NULL, "STS cannot be asked: %s", fault_text(&why));
  if (reply.status == 200)
    e = credentials_read_sts(reply.body, s->a, out, f);
  else
    e = fault_set(f, ERR_FORBIDDEN, NULL, "STS answered %d %.*s", reply.status,
                  TEXT_ARGS(text_head(credentials_sts_error(reply.body, s->a), 64)));
  secret_wipe((char *)(uintptr_t)reply.body.at, reply.body.len);
  return e;
}

static enum err assume(const struct place_search *s, const struct web_identity *w, struct aws_credentials *out,
                       struct fault *f) {
  struct text token;
  enum err e = place_read_token(w->token_file, s->a, &token, f);
  if (e)
    return e;
  struct text form = sts_form(w, token, s->a);
  secret_wipe((char *)(uintptr_t)token.at, token.len);
  if (text_is_empty(form))
    return fault_set(f, ERR_LIMIT, NULL, "the token is too long");
  e = ask_sts(s, w, form, out, f);
  secret_wipe((char *)(uintptr_t)form.at, form.len);
  return e;
}

enum err place_web_identity(const struct place_search *s, struct aws_credentials *out, struct fault *f) {
  struct web_identity w = {.token_file = place_variable(s, "AWS_WEB_IDENTITY_TOKEN_FILE"),
                           .role_arn = place_variable(s, "AWS_ROLE_ARN"),
                           .session_name = variable_or(s, "AWS_ROLE_SESSION_NAME", TEXT("weir"))};
  if (text_is_empty(w.token_file) || text_is_empty(w.role_arn))
    return fault_set(f, ERR_NOT_FOUND, NULL, "%s is not set",
                     text_is_empty(w.token_file) ? "AWS_WEB_IDENTITY_TOKEN_FILE" : "AWS_ROLE_ARN");
  return assume(s, &w, out, f);
}

/* One of the two shared files; empty when it is not there. */
static enum err shared_file(const struct place_search *s, const char *name_variable, const char *usual,
                            struct text *out, struct fault *f) {
  struct text path = place_variable(s, name_variable), home = place_variable(s, "HOME");
  if (text_is_empty(path) && !text_is_empty(home))
    path = arena_join(s->a, (const struct text[]){home, text_of(usual)}, 2);
  *out = TEXT_NONE;
  enum err e = text_is_empty(path) ? ERR_NOT_FOUND : read_file(path, s->a, out, f);
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err from_profile(const struct place_search *s, const struct profile *p, struct aws_credentials *out,
                             struct fault *f) {
  const struct {
    const char *name;
    struct text value;
  } other_ways[] = {{"source_profile", p->source_profile},
                    {"credential_source", p->credential_source},
                    {"credential_process", p->credential_process},
                    {"sso_session", p->sso_session},
                    {"sso_start_url", p->sso_start_url}};
  bool assumes =
      !text_is_empty(p->role_arn) && (!text_is_empty(p->source_profile) || !text_is_empty(p->credential_source));
  struct aws_credentials c = {
      .access_key_id = p->access_key_id, .secret_access_key = p->secret_access_key, .session_token = p->session_token};
  struct web_identity w = {.token_file = p->web_identity_token_file,
                           .role_arn = p->role_arn,
                           .session_name = text_is_empty(p->role_session_name) ? TEXT("weir") : p->role_session_name,
                           .region = p->region};
  if (!assumes && !text_is_empty(c.access_key_id)) {
    enum err e = credentials_check(&c, f);
    if (!e)
      *out = c;
    return e;
  }
  if (!assumes && !text_is_empty(w.token_file) && !text_is_empty(w.role_arn))
    return assume(s, &w, out, f);
  for (size_t i = 0; i < sizeof(other_ways) / sizeof(other_ways[0]); i++)
    if (!text_is_empty(other_ways[i].value))
      return fault_set(f, ERR_UNSUPPORTED, NULL, "it gets its credentials by %s, which Weir does not support",
                       other_ways[i].name);
  return fault_set(f, ERR_NOT_FOUND, NULL,
                   "it holds no aws_access_key_id and no web_identity_token_file with role_arn");
}

/* A profile that somebody named must be there; the one called default need not. */
enum err place_profile(const struct place_search *s, struct aws_credentials *out, struct fault *f) {
  struct text credentials, config;
  struct text name = text_is_empty(s->profile) ? place_variable(s, "AWS_PROFILE") : s->profile;
  bool named = !text_is_empty(name);
  struct profile p;
  struct fault why = {0};
  if (!named)
    name = TEXT("default");
  enum err e = shared_file(s, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials", &credentials, f);
  if (!e)
    e = shared_file(s, "AWS_CONFIG_FILE", "/.aws/config", &config, f);
  if (e)
    return e;
  profile_read(credentials, config, name, &p);
  if (!p.found)
    return fault_set(f, named ? ERR_SYSTEM : ERR_NOT_FOUND, NULL, "the shared files have no profile %.*s",
                     TEXT_ARGS(text_head(name, 64)));
  e = from_profile(s, &p, out, &why);
  if (e)
    e = fault_set(f, e == ERR_NOT_FOUND && named ? ERR_SYSTEM : e, NULL, "profile %.*s: %s",
                  TEXT_ARGS(text_head(name, 64)), fault_text(&why));
  return e;
}
