/* The table of data paths. A path is first freed of its mount (/ak/{key}, and then a vendor's), then looked up. Where
 * two vendors use the same path (/v1/models, /v1/files) the mount decides, else the anthropic-version header, which
 * every Anthropic client sends. Bedrock's paths name the model: /model/{id}/{operation}. Called by intake, and by the
 * refusals that happen before it. */
#include "gateway/route.h"

#include "gateway/redact.h"

struct row {
  const char *path;    /* exact, or a prefix when it ends in '/' */
  const char *methods; /* comma-separated */
  enum route_kind kind;
  enum wire_id wire;
  enum provider_operation operation;
  const char *name;
};

static const struct row rows[] = {
    {"/v1/messages", "POST", ROUTE_CALL, WIRE_ANTHROPIC, PROVIDER_MESSAGES, "messages"},
    {"/v1/messages/count_tokens", "POST", ROUTE_CALL, WIRE_ANTHROPIC, PROVIDER_COUNT_TOKENS, "count_tokens"},
    {"/v1/messages/batches", "GET, POST", ROUTE_RAW, WIRE_ANTHROPIC, PROVIDER_RAW, "batches"},
    {"/v1/messages/batches/", "GET, POST, DELETE", ROUTE_RAW, WIRE_ANTHROPIC, PROVIDER_RAW, "batches"},
    {"/v1/files", "GET, POST", ROUTE_RAW, WIRE_ANTHROPIC, PROVIDER_RAW, "files"},
    {"/v1/files/", "GET, DELETE", ROUTE_RAW, WIRE_ANTHROPIC, PROVIDER_RAW, "files"},
    {"/v1/files", "GET, POST", ROUTE_RAW, WIRE_OPENAI_CHAT, PROVIDER_RAW, "files"},
    {"/v1/files/", "GET, DELETE", ROUTE_RAW, WIRE_OPENAI_CHAT, PROVIDER_RAW, "files"},
    {"/v1/chat/completions", "POST", ROUTE_CALL, WIRE_OPENAI_CHAT, PROVIDER_CHAT, "chat"},
    {"/v1/responses", "POST", ROUTE_CALL, WIRE_OPENAI_RESPONSES, PROVIDER_RESPONSES, "responses"},
    {"/v1/responses/", "GET, POST, DELETE", ROUTE_RAW, WIRE_OPENAI_RESPONSES, PROVIDER_RAW, "responses"},
    {"/v1/embeddings", "POST", ROUTE_CALL, WIRE_OPENAI_EMBEDDINGS, PROVIDER_EMBEDDINGS, "embeddings"},
    {"/v1/models", "GET", ROUTE_MODELS, WIRE_ANTHROPIC, PROVIDER_RAW, "models"},
    {"/v1/models/", "GET", ROUTE_MODEL, WIRE_ANTHROPIC, PROVIDER_RAW, "models"},
    {"/v1/models", "GET", ROUTE_MODELS, WIRE_OPENAI_CHAT, PROVIDER_RAW, "models"},
    {"/v1/models/", "GET", ROUTE_MODEL, WIRE_OPENAI_CHAT, PROVIDER_RAW, "models"},
};

/* OpenRouter's own pages, which no other vendor has. */
static const struct row openrouter_rows[] = {
    {"/v1/key", "GET", ROUTE_RAW, WIRE_OPENAI_CHAT, PROVIDER_RAW, "key"},
    {"/v1/credits", "GET", ROUTE_RAW, WIRE_OPENAI_CHAT, PROVIDER_RAW, "credits"},
    {"/v1/generation", "GET", ROUTE_RAW, WIRE_OPENAI_CHAT, PROVIDER_RAW, "generation"},
    {"/v1/models/", "GET", ROUTE_RAW, WIRE_OPENAI_CHAT, PROVIDER_RAW, "model"},
};

/* Behind /model/{id}/. */
static const struct {
  const char *operation;
  enum wire_id wire;
  enum provider_operation serves;
  bool stream;
} bedrock_operations[] = {
    {"invoke", WIRE_BEDROCK_INVOKE, PROVIDER_INVOKE, false},
    {"invoke-with-response-stream", WIRE_BEDROCK_INVOKE, PROVIDER_INVOKE, true},
    {"converse", WIRE_BEDROCK_CONVERSE, PROVIDER_CONVERSE, false},
    {"converse-stream", WIRE_BEDROCK_CONVERSE, PROVIDER_CONVERSE, true},
    {"count-tokens", WIRE_BEDROCK_CONVERSE, PROVIDER_COUNT_BEDROCK, false},
};
static const struct row bedrock_rows[] = {
    {"/inference-profiles", "GET", ROUTE_MODELS, WIRE_BEDROCK_CONVERSE, PROVIDER_RAW, "inference_profiles"},
    {"/foundation-models", "GET", ROUTE_MODELS, WIRE_BEDROCK_CONVERSE, PROVIDER_RAW, "foundation_models"},
};

static bool row_matches(const struct row *r, struct text path) {
  struct text row_path = text_of(r->path);
  if (!text_ends(row_path, TEXT("/")))
    return text_equal(path, row_path);
  return text_starts(path, row_path) && path.len > row_path.len;
}

/* One family of wires shares its shared paths: OpenAI's embeddings errors look like its chat errors. */
static bool same_dialect(enum wire_id a, enum wire_id b) { return (a == WIRE_ANTHROPIC) == (b == WIRE_ANTHROPIC); }

/* /ak/{key}/rest -> key and /rest. A path that is only /ak/{key} has an empty rest. */
static struct text cut_url_key(struct text path, struct route *out) {
  struct text rest = text_skip(path, 4), key;
  out->by_url_key = true;
  ptrdiff_t slash = text_find_char(rest, '/');
  key = slash < 0 ? rest : text_head(rest, (size_t)slash);
  out->url_key = key;
  return text_skip(rest, key.len);
}

static bool cut_mount(struct text *path, struct text mount, struct text vendor_prefix) {
  if (!text_starts(*path, mount))
    return false;
  struct text rest = text_skip(*path, mount.len);
  if (!text_starts(rest, vendor_prefix))
    return false;
  *path = rest;
  return true;
}

static const struct {
  struct text mount, prefix; /* the vendor's paths begin with prefix, and the mount is what stands before it */
  enum wire_id wire;
  enum route_mount is;
} mounts[] = {
    {{"/anthropic", 10}, {"/v1/", 4}, WIRE_ANTHROPIC, ROUTE_ANTHROPIC},
    {{"/openai", 7}, {"/v1/", 4}, WIRE_OPENAI_CHAT, ROUTE_OPENAI},
    {{"/openrouter/api", 15}, {"/v1/", 4}, WIRE_OPENAI_CHAT, ROUTE_OPENROUTER},
    {{"/bedrock", 8}, {"/", 1}, WIRE_BEDROCK_CONVERSE, ROUTE_BEDROCK},
};

/* Frees *path of its mount and says whose dialect is spoken there. */
static enum wire_id dialect(struct text *path, const struct http_headers *headers, struct route *out) {
  if (text_starts(*path, TEXT("/ak/")))
    *path = cut_url_key(*path, out);
  for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]) && out->mount == ROUTE_PLAIN; i++) {
    if (!cut_mount(path, mounts[i].mount, mounts[i].prefix))
      continue;
    out->mount = mounts[i].is;
    if (out->mount != ROUTE_OPENROUTER)
      return mounts[i].wire;
  }
  if (text_starts(*path, TEXT("/v1/messages")))
    return WIRE_ANTHROPIC;
  if (text_starts(*path, TEXT("/v1/responses")))
    return WIRE_OPENAI_RESPONSES;
  if (text_starts(*path, TEXT("/v1/chat/")) || text_equal(*path, TEXT("/v1/embeddings")) ||
      out->mount == ROUTE_OPENROUTER)
    return WIRE_OPENAI_CHAT;
  bool anthropic = headers && http_header_find(headers, TEXT("anthropic-version"));
  return anthropic ? WIRE_ANTHROPIC : WIRE_OPENAI_CHAT;
}

const struct wire *route_wire(struct text path, const struct http_headers *headers) {
  struct route unused = {0};
  return wire_get(dialect(&path, headers, &unused));
}

static bool method_is_in(struct text method, const char *methods) {
  struct text list = text_of(methods), one;
  while (text_next_in_list(&list, &one)) {
    if (text_equal(one, method))
      return true;
  }
  return false;
}

#define SHOWN_BYTES 200 /* of a path that is quoted */

static enum err take_row(const struct row *r, struct text method, struct text path, struct route *out,
                         struct fault *f) {
  out->wire = wire_get(r->wire);
  if (!method_is_in(method, r->methods)) {
    char room[SHOWN_BYTES];
    out->allowed = r->methods;
    return fault_set(f, ERR_METHOD_NOT_ALLOWED, NULL, "%.*s is not allowed on %.*s; allowed: %s", TEXT_ARGS(method),
                     TEXT_ARGS(redact_path(text_head(path, SHOWN_BYTES), room)), r->methods);
  }
  out->kind = r->kind;
  out->operation = r->operation;
  out->operation_name = r->name;
  if (r->kind == ROUTE_MODEL)
    out->model_id = text_skip(path, strlen(r->path));
  return ERR_OK;
}

static enum err not_here(struct text path, struct fault *f) {
  char room[SHOWN_BYTES];
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at %.*s",
                   TEXT_ARGS(redact_path(text_head(path, SHOWN_BYTES), room)));
}

/* The model is everything between /model/ and the last segment: some clients send an ARN's slashes as they are. */
static enum err find_bedrock(struct text method, struct text path, struct route *out, struct fault *f) {
  for (size_t i = 0; i < sizeof(bedrock_rows) / sizeof(bedrock_rows[0]); i++) {
    if (row_matches(&bedrock_rows[i], path))
      return take_row(&bedrock_rows[i], method, path, out, f);
  }
  if (!text_starts(path, TEXT("/model/")))
    return not_here(path, f);
  struct text rest = text_skip(path, 7);
  size_t slash = rest.len;
  while (slash > 0 && rest.at[slash - 1] != '/')
    slash--;
  struct text last = text_skip(rest, slash);
  for (size_t i = 0; i < sizeof(bedrock_operations) / sizeof(bedrock_operations[0]) && slash > 1; i++) {
    if (!text_equal(last, text_of(bedrock_operations[i].operation)))
      continue;
    const struct row row = {"",
                            "POST",
                            ROUTE_CALL,
                            bedrock_operations[i].wire,
                            bedrock_operations[i].serves,
                            bedrock_operations[i].operation};
    out->model_id = text_head(rest, slash - 1);
    out->stream = bedrock_operations[i].stream;
    return take_row(&row, method, path, out, f);
  }
  return not_here(path, f);
}

enum err route_find(struct text method, struct text path, const struct http_headers *headers, struct route *out,
                    struct fault *f) {
  *out = (struct route){0};
  enum wire_id spoken = dialect(&path, headers, out);
  out->wire = wire_get(spoken);
  out->vendor_path = path;
  if (out->mount == ROUTE_BEDROCK)
    return find_bedrock(method, path, out, f);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (row_matches(&rows[i], path) && same_dialect(rows[i].wire, spoken) &&
        !(out->mount == ROUTE_OPENROUTER && rows[i].kind == ROUTE_MODEL))
      return take_row(&rows[i], method, path, out, f);
  }
  for (size_t i = 0; out->mount == ROUTE_OPENROUTER && i < sizeof(openrouter_rows) / sizeof(openrouter_rows[0]); i++) {
    if (row_matches(&openrouter_rows[i], path))
      return take_row(&openrouter_rows[i], method, path, out, f);
  }
  return not_here(path, f);
}
