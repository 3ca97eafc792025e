/* The request as its provider is to get it: the caller's bytes with edits, the same dialect in another envelope, or a
 * translation through llm/. What the provider's dialect cannot say is refused by name here, before anything has been
 * reserved or sent. Called by send for every candidate. */
#include "gateway/exchange.h"

#include "wire/dialect.h"
#include "wire/reframe.h"
#include "wire/seal.h"

#define ASSUMED_MAX_TOKENS 4096          /* where a dialect needs a bound and nobody gave one */
#define GROWTH_BYTES       (1024 * 1024) /* a translation may be longer than what it translates by twice that and this */

void attempt_drop_outgoing(struct attempt *t) {
  buf_done(&t->outgoing.body);
  t->outgoing = (struct outgoing){0};
}

void attempt_send_whole(struct attempt *t, struct text body) {
  t->outgoing.pieces = ARENA_NEW(t->x->arena, struct text);
  *t->outgoing.pieces = body;
  t->outgoing.count = body.len > 0 ? 1 : 0;
}

static void send_edited(struct attempt *t, const struct json_edits *edits, struct text body) {
  struct outgoing *o = &t->outgoing;
  o->pieces = arena_alloc(t->x->arena, (2 * edits->count + 1) * sizeof(*o->pieces));
  o->count = json_edits_pieces(edits, body, o->pieces);
}

static enum err build_edits(struct attempt *t, const struct candidate *c) {
  struct outgoing *o = &t->outgoing;
  struct json_edits edits = {0};
  if (!t->x->has_ask || t->x->route.operation == PROVIDER_COUNT_BEDROCK) {
    attempt_send_whole(t, t->x->body);
    return ERR_OK;
  }
  struct text new_model = text_equal(c->upstream_model, t->x->ask.model) ? TEXT_NONE : c->upstream_model;
  enum err e =
      t->x->route.wire->edit_request(&t->x->ask, t->x->body, new_model, t->x->arena, &edits, &o->usage_injected);
  if (e != ERR_OK)
    return fault_set(&t->fault, ERR_INTERNAL, "body", "the request cannot be edited for the provider");
  send_edited(t, &edits, t->x->body);
  return ERR_OK;
}

static enum err read_body(struct attempt *t, struct text body, bool raw_numbers, struct json *out) {
  const struct json_limits limits = {.max_depth = t->x->config->limits.json_depth, .raw_numbers = raw_numbers};
  return json_read(body, &limits, out, &t->fault);
}

static bool may_lose(const struct candidate *c, struct text name) {
  for (size_t i = 0; i < c->target->leave_out_count; i++) {
    if (text_equal(c->target->leave_out[i], name))
      return true;
  }
  return false;
}

static struct text add_to_list(struct attempt *t, struct text list, struct text element) {
  const struct text parts[] = {list, text_is_empty(list) ? TEXT_NONE : TEXT(", "), element};
  return arena_join(t->x->arena, parts, 3);
}

/* The betas that the client asks for, without those that the operator lets this target lose: Bedrock refuses what it
 * does not know. */
static struct text betas_for(struct attempt *t, const struct candidate *c) {
  struct text list = http_header_value(&t->x->rq->head.headers, TEXT("anthropic-beta")), one, kept = TEXT_NONE;
  if (c->target->leave_out_count == 0)
    return list;
  while (text_next_in_list(&list, &one)) {
    if (may_lose(c, TEXT("anthropic-beta")) || may_lose(c, one))
      t->left_out = add_to_list(t, t->left_out, one);
    else
      kept = add_to_list(t, kept, one);
  }
  return kept;
}

static enum err build_reframed(struct attempt *t, const struct candidate *c, struct text body) {
  struct outgoing *o = &t->outgoing;
  const struct http_headers *h = &t->x->rq->head.headers;
  struct json doc;
  struct json_edits edits = {0};
  enum err e = read_body(t, body, false, &doc);
  if (e != ERR_OK)
    return e;
  e = reframe_request(&doc, body, c->pairing.wire->id == WIRE_BEDROCK_INVOKE, c->upstream_model, t->x->ask.stream,
                      betas_for(t, c), http_header_value(h, TEXT("anthropic-version")), t->x->arena, &edits, &o->beta,
                      &o->version, &t->fault);
  json_done(&doc);
  if (e == ERR_OK)
    send_edited(t, &edits, body);
  return e == ERR_OK && exchange_is_count(t->x) ? count_wrap(t) : e;
}

/* What the operator's list allowed to be left out, for the caller and the access line. */
static struct text list_left_out(struct attempt *t, const struct llm_request *rq) {
  struct text list = TEXT_NONE;
  for (size_t i = 0; i < rq->left_out_count; i++)
    list = add_to_list(t, list, rq->left_out[i]);
  return list;
}

static uint64_t default_max_tokens(const struct candidate *c) {
  return c && c->max_output_tokens ? c->max_output_tokens : ASSUMED_MAX_TOKENS;
}

static enum err understand(struct attempt *t, const struct json *doc, struct llm_request *out) {
  out->arena = t->x->arena;
  enum err e = t->x->route.wire->dialect->read_request(doc, out, &t->echo, &t->fault);
  t->echo.model = t->x->ask.model;
  return e;
}

/* What the operator wants on the bill of every Converse call; a name that the caller used keeps the caller's value. */
static void add_metadata(struct attempt *t, const struct config_provider *p, struct llm_request *rq) {
  if (p->metadata_count == 0)
    return;
  struct llm_pair *all = arena_alloc(t->x->arena, (rq->metadata_count + p->metadata_count) * sizeof(*all));
  size_t count = rq->metadata_count;
  if (count > 0)
    memcpy(all, rq->metadata, count * sizeof(*all));
  for (size_t i = 0; i < p->metadata_count; i++) {
    bool given = false;
    for (size_t k = 0; k < rq->metadata_count; k++)
      given |= text_equal(rq->metadata[k].name, p->metadata[i].name);
    if (!given)
      all[count++] = (struct llm_pair){p->metadata[i].name, p->metadata[i].value};
  }
  rq->metadata = all;
  rq->metadata_count = count;
}

/* OpenAI's own service refuses members that it does not know; compatible servers carry or ignore them. */
static enum llm_accent accent_of(const struct config_provider *p) {
  if (p->kind == CONFIG_OPENROUTER)
    return LLM_ACCENT_OPENROUTER;
  bool is_openai = p->kind == CONFIG_OPENAI &&
                   (!text_is_empty(p->api_version) || text_find(p->base_url, TEXT("//api.openai.com")) >= 0 ||
                    text_find(p->base_url, TEXT(".openai.azure.com")) >= 0);
  return is_openai ? LLM_ACCENT_OPENAI : LLM_ACCENT_NONE;
}

static enum err write_body(struct attempt *t, const struct candidate *c, const struct dialect *dialect,
                           const struct json *doc) {
  struct outgoing *o = &t->outgoing;
  struct llm_request rq = {.leave_out = c->target->leave_out,
                           .leave_out_count = c->target->leave_out_count,
                           .accent = accent_of(c->provider)};
  enum err e = understand(t, doc, &rq);
  if (e != ERR_OK)
    return e;
  if (c->pairing.wire->id == WIRE_BEDROCK_CONVERSE)
    add_metadata(t, c->provider, &rq);
  rq.model = c->upstream_model;
  rq.stream = t->x->ask.stream;
  rq.default_max_tokens = default_max_tokens(c);
  t->echo.input_tokens = usage_likely_tokens(t->x->body.len);
  t->echo.now_s = loop_wall_us() / 1000000;
  t->echo.id = text_starts(t->x->rq->id, TEXT("req_")) ? text_skip(t->x->rq->id, 4) : t->x->rq->id;
  buf_init(&o->body, 2 * t->x->body.len + GROWTH_BYTES);
  e = dialect->write_request(&rq, &o->body, &t->fault);
  if (e == ERR_OK && buf_check(&o->body) != ERR_OK)
    e = fault_set(&t->fault, ERR_TOO_LARGE, NULL, "the request grows too large when it is translated for the provider");
  attempt_send_whole(t, buf_text(&o->body));
  t->left_out = list_left_out(t, &rq);
  return e;
}

/* A Converse body that passes, with the operator's pairs put in front of the caller's. */
static enum err build_with_metadata(struct attempt *t, const struct candidate *c) {
  struct outgoing *o = &t->outgoing;
  struct json_edits edits = {0};
  struct llm_request pairs = {0};
  struct json_writer w;
  struct text place = TEXT_NONE;
  struct json doc;
  size_t added = 0;
  enum err e = read_body(t, t->x->body, false, &doc);
  if (e != ERR_OK)
    return e;
  yyjson_val *theirs = json_get(doc.root, "requestMetadata");
  bool is_there = yyjson_is_obj(theirs) && json_place(&doc, doc.root, "requestMetadata", &place);
  add_metadata(t, c->provider, &pairs);
  buf_init(&o->body, GROWTH_BYTES);
  if (!is_there)
    buf_add(&o->body, TEXT("\"requestMetadata\":"));
  json_writer_init(&w, &o->body);
  json_object(&w);
  for (size_t i = 0; i < pairs.metadata_count; i++) {
    if (yyjson_obj_getn(theirs, pairs.metadata[i].name.at, pairs.metadata[i].name.len))
      continue;
    added++;
    json_name_text(&w, pairs.metadata[i].name);
    json_put_text(&w, pairs.metadata[i].value);
  }
  json_object_end(&w);
  struct text put = buf_text(&o->body);
  size_t at = is_there ? (size_t)(place.at - t->x->body.at) + 1 : json_insert_at(&doc);
  if (is_there) /* only the members, in front of those that are there */
    put = added > 0 ? (struct text){put.at + 1, put.len - 2} : TEXT_NONE;
  bool goes_on = yyjson_get_len(is_there ? theirs : doc.root) > 0;
  const struct text parts[] = {put, goes_on ? TEXT(",") : TEXT_NONE};
  json_done(&doc);
  if (!text_is_empty(put))
    e = json_edits_add(&edits, at, 0, arena_join(t->x->arena, parts, 2));
  if (e == ERR_OK)
    send_edited(t, &edits, t->x->body);
  return e;
}

/* Headers that ask Bedrock for something (guardrails, traces) have no counterpart elsewhere. */
static enum err refuse_headers(struct attempt *t, const struct candidate *c) {
  const struct http_headers *h = &t->x->rq->head.headers;
  for (size_t i = 0; i < h->count && c->provider->kind != CONFIG_BEDROCK; i++) {
    struct text name = h->at[i].name;
    if (!text_equal_nocase(text_head(name, 15), TEXT("x-amzn-bedrock-")) ||
        text_equal_nocase(name, TEXT("x-amzn-bedrock-accept")))
      continue;
    return fault_set(&t->fault, ERR_UNSUPPORTED, arena_copy(t->x->arena, name).at,
                     "the header %.*s asks for something that %.*s does not have", TEXT_ARGS(text_head(name, 80)),
                     TEXT_ARGS(c->provider->name));
  }
  return ERR_OK;
}

/* The body written anew in this dialect: the provider's, or the caller's own once more. */
static enum err build_written(struct attempt *t, const struct candidate *c, const struct dialect *dialect) {
  struct json doc;
  enum err e = read_body(t, t->x->body, true, &doc);
  if (e != ERR_OK)
    return e;
  e = write_body(t, c, dialect, &doc);
  json_done(&doc);
  return e;
}

/* Does the conversation hold reasoning that another vendor gave and we sealed? Its provider could only call it forged.
 */
static bool holds_a_seal(const struct attempt *t, const struct candidate *c) {
  return t->x->snapshot->mixes && t->x->has_ask && c->target && t->x->route.wire->dialect && c->pairing.wire->dialect &&
         !exchange_is_count(t->x) && text_find(t->x->body, TEXT("\"" SEAL_PREFIX "eyJ")) >= 0;
}

/* Such a body is read and written in its own dialect, which opens the seals: what the target made itself is as it was,
 * what it cannot check is refused or left out. Then it goes on as any other. */
static enum err build_unsealed(struct attempt *t, const struct candidate *c) {
  enum err e = build_written(t, c, t->x->route.wire->dialect);
  if (e != ERR_OK || c->pairing.mode == PAIRING_PASS)
    return e;
  struct text lost = t->left_out, body = arena_copy(t->x->arena, buf_text(&t->outgoing.body));
  attempt_drop_outgoing(t);
  t->left_out = lost;
  return build_reframed(t, c, body);
}

enum err attempt_build(struct attempt *t) {
  const struct candidate *c = t->candidate;
  bool passes = c->pairing.mode == PAIRING_PASS;
  attempt_drop_outgoing(t);
  t->left_out = TEXT_NONE;
  if (passes && holds_a_seal(t, c))
    return build_unsealed(t, c);
  if (passes && c->pairing.operation == PROVIDER_CONVERSE && c->provider->metadata_count > 0)
    return build_with_metadata(t, c);
  if (passes)
    return build_edits(t, c);
  enum err e = refuse_headers(t, c);
  if (e != ERR_OK)
    return e;
  if (c->pairing.mode == PAIRING_TRANSLATE)
    return build_written(t, c, c->pairing.wire->dialect);
  return holds_a_seal(t, c) ? build_unsealed(t, c) : build_reframed(t, c, t->x->body);
}
