/* The checks of what belongs to one kind of provider only: Bedrock's region and credentials, Azure's version,
 * OpenRouter's attribution. Whether the credentials work is found out when they are first used; fetching them is
 * aws/source.h's. Called by section.c for credentials and by check.c for providers. */
#include "config/check.h"

#include "config/section.h"

#define METADATA_MOST 256

static bool is_signing(const struct config_credential *c) {
  return c->from != CONFIG_FROM_FIXED || !secret_is_empty(c->access_key_id);
}

static bool has_part_of_access_key(const struct config_credential *c) {
  return !secret_is_empty(c->access_key_id) || !secret_is_empty(c->secret_access_key) ||
         !secret_is_empty(c->session_token);
}

void check_credential(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_credential *c = at;
  int ways = !secret_is_empty(c->api_key) + !secret_is_empty(c->bearer) + has_part_of_access_key(c) +
             (c->from != CONFIG_FROM_FIXED);
  if (ways > 1)
    section_refuse(l, n, path, NULL,
                   "gives more than one credential; choose one of `api_key`, `bearer`, `access_key_id` with "
                   "`secret_access_key`, and `from`");
  else if (has_part_of_access_key(c) && (secret_is_empty(c->access_key_id) || secret_is_empty(c->secret_access_key)))
    section_refuse(l, n, path, NULL, "needs both `access_key_id` and `secret_access_key`");
  if (c->profile.len > 0 && c->from != CONFIG_FROM_PROFILE)
    section_refuse(l, check_child(n, "profile"), path, "profile", "is of no use without `from: profile`");
}

static bool is_region(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!((t.at[i] >= 'a' && t.at[i] <= 'z') || (t.at[i] >= '0' && t.at[i] <= '9') || t.at[i] == '-'))
      return false;
  return t.len > 0;
}

/* "us-east-1" of "https://bedrock-runtime.us-east-1.amazonaws.com". */
static struct text region_of_url(struct text url) {
  struct text rest = url, host, region;
  if (!text_starts(url, TEXT("https://")))
    return TEXT_NONE;
  rest = text_skip(url, 8);
  if (!text_cut(rest, '.', &host, &rest) ||
      !(text_equal(host, TEXT("bedrock-runtime")) || text_equal(host, TEXT("bedrock-runtime-fips"))))
    return TEXT_NONE;
  return text_cut(rest, '.', &region, &rest) && text_starts(rest, TEXT("amazonaws.com")) ? region : TEXT_NONE;
}

static struct text region_of(struct loader *l, const struct config_provider *p) {
  struct text region = p->region;
  if (region.len == 0)
    region = region_of_url(p->base_url);
  if (region.len == 0)
    region = text_of(l->lookup("AWS_REGION"));
  if (region.len == 0)
    region = text_of(l->lookup("AWS_DEFAULT_REGION"));
  return arena_copy(l->arena, region);
}

static void check_region(struct loader *l, const struct node *n, const struct key_path *path,
                         struct config_provider *p) {
  bool needed = p->base_url.len == 0 || p->credential_count == 0;
  for (size_t i = 0; i < p->credential_count; i++)
    needed = needed || is_signing(&p->credentials[i]);
  p->region = region_of(l, p);
  if (p->region.len > 0 && !is_region(p->region))
    section_refuse(l, check_child(n, "region"), path, "region", "must be a region of AWS, such as `us-east-1`");
  else if (needed && p->region.len == 0)
    section_refuse(l, n, path, "region", "is needed, because AWS_REGION and AWS_DEFAULT_REGION are not set either");
  else if (p->base_url.len == 0)
    p->base_url = arena_format(l->arena, "https://bedrock-runtime.%.*s.amazonaws.com", TEXT_ARGS(p->region));
}

static bool is_metadata_text(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
          text_find_char(TEXT(" :_@$#=/+,-."), c) >= 0))
      return false;
  }
  return t.len <= METADATA_MOST;
}

/* https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, requestMetadata */
static void check_metadata(struct loader *l, const struct node *n, const struct key_path *path,
                           const struct config_provider *p) {
  for (size_t i = 0; i < p->metadata_count; i++)
    if (p->metadata[i].name.len == 0 || !is_metadata_text(p->metadata[i].name) ||
        !is_metadata_text(p->metadata[i].value))
      section_refuse(l, check_child(n, "metadata"), path, "metadata",
                     "may hold names and texts of at most %d letters, digits, spaces and `:_@$#=/+,-.` only",
                     METADATA_MOST);
}

/* Something was written, right or wrong; what is wrong with it has been said. */
static bool names_a_way(const struct node *credential) {
  static const char *const ways[] = {"api_key",           "bearer",        "access_key_id",
                                     "secret_access_key", "session_token", "from"};
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    const struct node *way = node_child(credential, ways[i]);
    if (way != NULL && (way->kind != NODE_SCALAR || way->text.len > 0))
      return true;
  }
  return false;
}

static void check_bedrock_credentials(struct loader *l, const struct node *n, const struct key_path *path,
                                      const struct config_provider *p) {
  const struct node *at = check_child(n, "credentials"), *entry = at->first;
  for (size_t i = 0; i < p->credential_count && entry != NULL; i++, entry = entry->next) {
    if (!secret_is_empty(p->credentials[i].api_key))
      section_refuse(l, at, path, "credentials", "has an `api_key` in entry %zu; Bedrock's API keys are `bearer`", i);
    else if (entry->kind == NODE_MAP && !names_a_way(entry))
      section_refuse(l, at, path, "credentials",
                     "has no credential in entry %zu; give `bearer`, `access_key_id` with `secret_access_key`, or "
                     "`from`",
                     i);
  }
}

static void refuse_others(struct loader *l, const struct node *n, const struct key_path *path,
                          const struct config_provider *p) {
  const struct {
    const char *name, *kind;
    enum config_provider_kind of;
    bool given;
  } parts[] = {{"api_version", "openai", CONFIG_OPENAI, p->api_version.len > 0},
               {"referer", "openrouter", CONFIG_OPENROUTER, p->referer.len > 0},
               {"title", "openrouter", CONFIG_OPENROUTER, p->title.len > 0},
               {"metadata", "bedrock", CONFIG_BEDROCK, p->metadata_count > 0}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (parts[i].given && p->kind != parts[i].of)
      section_refuse(l, check_child(n, parts[i].name), path, parts[i].name, "is for providers of kind `%s` only",
                     parts[i].kind);
  for (size_t i = 0; i < p->credential_count && p->kind != CONFIG_BEDROCK; i++)
    if (is_signing(&p->credentials[i]) || has_part_of_access_key(&p->credentials[i]) ||
        !secret_is_empty(p->credentials[i].bearer))
      section_refuse(l, check_child(n, "credentials"), path, "credentials",
                     "has one of AWS in entry %zu, which is for providers of kind `bedrock` only", i);
}

static bool is_header_text(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.at[i] < 0x20 || (unsigned char)t.at[i] > 0x7e)
      return false;
  return true;
}

static bool is_version(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!((t.at[i] >= 'a' && t.at[i] <= 'z') || (t.at[i] >= '0' && t.at[i] <= '9') || t.at[i] == '-' || t.at[i] == '.'))
      return false;
  return !text_equal(t, TEXT(".")) && !text_equal(t, TEXT(".."));
}

/* What the row read counts "not given" as the first choice. AWS meters a call to its end, whether or not somebody still
 * listens, so there is nothing to be saved there by cancelling. */
static void settle_disconnect(const struct node *n, struct config_provider *p) {
  bool is_bedrock = p->kind == CONFIG_BEDROCK;
  int choice = (int)p->on_disconnect;
  if (choice > 0)
    p->on_disconnect = (enum config_on_disconnect)(choice - 1);
  else
    p->on_disconnect = is_bedrock ? CONFIG_DISCONNECT_DRAIN : CONFIG_DISCONNECT_CANCEL;
  if (n == NULL || node_child(n, "charges_cancelled") == NULL)
    p->charges_cancelled = is_bedrock;
}

void check_vendor(struct loader *l, const struct node *n, const struct key_path *path, struct config_provider *p) {
  refuse_others(l, n, path, p);
  settle_disconnect(n, p);
  if (p->kind == CONFIG_BEDROCK) {
    check_region(l, n, path, p);
    check_bedrock_credentials(l, n, path, p);
    check_metadata(l, n, path, p);
  }
  if (p->kind == CONFIG_OPENROUTER && n != NULL && node_child(n, "title") == NULL)
    p->title = TEXT("Weir");
  if (!is_version(p->api_version))
    section_refuse(l, check_child(n, "api_version"), path, "api_version", "must be a version such as `2024-10-21`");
  if (!is_header_text(p->referer) || !is_header_text(p->title))
    section_refuse(l, n, path, NULL, "must have ASCII characters only in `referer` and `title`");
}
