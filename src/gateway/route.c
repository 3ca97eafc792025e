/* The table of data paths. A path is first freed of its mount (/ak/{key}, /anthropic, /openai), then looked up. Where
 * two vendors use the same path (/v1/models, /v1/files) the mount decides, else the anthropic-version header, which
 * every Anthropic client sends. Called by intake, and by the refusals that happen before it. */
#include "gateway/route.h"

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
    {"/v1/embeddings", "POST", ROUTE_CALL, WIRE_OPENAI_EMBEDDINGS, PROVIDER_EMBEDDINGS, "embeddings"},
    {"/v1/models", "GET", ROUTE_MODELS, WIRE_ANTHROPIC, PROVIDER_RAW, "models"},
    {"/v1/models/", "GET", ROUTE_MODEL, WIRE_ANTHROPIC, PROVIDER_RAW, "models"},
    {"/v1/models", "GET", ROUTE_MODELS, WIRE_OPENAI_CHAT, PROVIDER_RAW, "models"},
    {"/v1/models/", "GET", ROUTE_MODEL, WIRE_OPENAI_CHAT, PROVIDER_RAW, "models"},
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

/* Frees *path of its mount and says whose dialect is spoken there. */
static enum wire_id dialect(struct text *path, const struct http_headers *headers, struct route *out) {
  if (text_starts(*path, TEXT("/ak/")))
    *path = cut_url_key(*path, out);
  if (cut_mount(path, TEXT("/anthropic"), TEXT("/v1/")))
    return WIRE_ANTHROPIC;
  if (cut_mount(path, TEXT("/openai"), TEXT("/v1/")))
    return WIRE_OPENAI_CHAT;
  if (text_starts(*path, TEXT("/v1/messages")))
    return WIRE_ANTHROPIC;
  if (text_starts(*path, TEXT("/v1/chat/")) || text_equal(*path, TEXT("/v1/embeddings")))
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

enum err route_find(struct text method, struct text path, const struct http_headers *headers, struct route *out,
                    struct fault *f) {
  *out = (struct route){0};
  enum wire_id spoken = dialect(&path, headers, out);
  out->wire = wire_get(spoken);
  out->vendor_path = path;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct row *r = &rows[i];
    if (!row_matches(r, path) || !same_dialect(r->wire, spoken))
      continue;
    out->wire = wire_get(r->wire);
    if (!method_is_in(method, r->methods)) {
      out->allowed = r->methods;
      return fault_set(f, ERR_METHOD_NOT_ALLOWED, NULL, "%.*s is not allowed on %.*s; allowed: %s", TEXT_ARGS(method),
                       TEXT_ARGS(path), r->methods);
    }
    out->kind = r->kind;
    out->operation = r->operation;
    out->operation_name = r->name;
    if (r->kind == ROUTE_MODEL)
      out->model_id = text_skip(path, strlen(r->path));
    return ERR_OK;
  }
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at %.*s", TEXT_ARGS(text_head(path, 200)));
}
