/* Anthropic's envelope exchanged for Bedrock's and back. It looks at the members of the envelope only; what the
 * messages say is nobody's business here. Called by the gateway's relay where the two wires meet. */
#include "wire/reframe.h"

#include "wire/anthropic_error.h"
#include "wire/bedrock_error.h"
#include "wire/invoke_chunk.h"
#include "wire/member.h"

#define VERSION_ANTHROPIC TEXT("2023-06-01")
#define VERSION_BEDROCK   TEXT("bedrock-2023-05-31")
#define PUT_MAX_BYTES     ((size_t)64 * 1024)

struct editing {
  const struct json *doc;
  struct text body;
  struct json_edits *edits;
  struct fault *f;
};

static enum err remove_member(struct editing *x, const char *name) {
  struct text place;
  if (!json_place_member(x->doc, x->doc->root, name, true, &place))
    return ERR_OK;
  return json_edits_add(x->edits, (size_t)(place.at - x->body.at), place.len, TEXT_NONE);
}

/* In place of the member, or in front of all others when there is none of that name. */
static enum err replace_member(struct editing *x, const char *name, struct text put, struct arena *a) {
  struct text place;
  if (json_place_member(x->doc, x->doc->root, name, false, &place))
    return json_edits_add(x->edits, (size_t)(place.at - x->body.at), place.len, put);
  const struct text parts[] = {put, yyjson_obj_size(x->doc->root) > 0 ? TEXT(",") : TEXT_NONE};
  return json_edits_add(x->edits, json_insert_at(x->doc), 0, arena_join(a, parts, 2));
}

/* The members that were written into an object, without its braces, in the arena. */
static struct text take_members(struct buf *b, struct arena *a) {
  struct text whole = buf_text(b);
  struct text inside = arena_copy(a, text_head(text_skip(whole, 1), whole.len - 2));
  buf_done(b);
  return inside;
}

static enum err check_put(struct buf *b, const char *field, struct fault *f) {
  if (buf_check(b) == ERR_OK)
    return ERR_OK;
  buf_done(b);
  return fault_set(f, ERR_BAD_REQUEST, field, "%s is too long", field);
}

static enum err to_invoke(struct editing *x, struct text beta_header, struct text version_header, struct arena *a) {
  bool is_usual = text_is_empty(version_header) || text_equal(version_header, VERSION_ANTHROPIC);
  struct json_writer w;
  struct buf b;
  struct text beta;
  buf_init(&b, PUT_MAX_BYTES);
  json_writer_init(&w, &b);
  json_object(&w);
  if (!json_get(x->doc->root, "anthropic_version"))
    json_field_text(&w, "anthropic_version", is_usual ? VERSION_BEDROCK : version_header);
  if (!json_get(x->doc->root, "anthropic_beta") && text_next_in_list(&beta_header, &beta)) {
    json_name(&w, "anthropic_beta");
    json_array(&w);
    do
      json_put_text(&w, beta);
    while (text_next_in_list(&beta_header, &beta));
    json_array_end(&w);
  }
  json_object_end(&w);
  enum err e = check_put(&b, "anthropic-beta", x->f);
  if (e != ERR_OK)
    return e;
  struct text put = take_members(&b, a);
  e = text_is_empty(put) ? remove_member(x, "model") : replace_member(x, "model", put, a);
  return e == ERR_OK ? remove_member(x, "stream") : e;
}

static bool has_element(struct text list, struct text wanted) {
  struct text element;
  while (text_next_in_list(&list, &element))
    if (text_equal(element, wanted))
      return true;
  return false;
}

static void add_element(struct buf *b, struct text element) {
  if (b->len > 0)
    buf_add_char(b, ',');
  buf_add(b, element);
}

static bool is_word(struct text t) {
  return !text_is_empty(t) && text_is_visible_ascii(t) && text_find_char(t, ',') < 0;
}

/* The body's betas, then those of the header that the body does not name. */
static enum err join_betas(struct editing *x, struct text beta_header, struct arena *a, struct text *out) {
  yyjson_val *betas = json_get(x->doc->root, "anthropic_beta"), *beta;
  struct text element;
  struct buf b;
  size_t i, count;
  if (betas && !yyjson_is_null(betas) && !yyjson_is_arr(betas))
    return fault_set(x->f, ERR_BAD_REQUEST, "anthropic_beta", "anthropic_beta must be an array of strings");
  buf_init(&b, PUT_MAX_BYTES);
  yyjson_arr_foreach (betas, i, count, beta) {
    if (!is_word(json_text(beta))) {
      buf_done(&b);
      return fault_set(x->f, ERR_BAD_REQUEST, "anthropic_beta", "anthropic_beta[%zu] must be the name of a beta", i);
    }
    add_element(&b, json_text(beta));
  }
  size_t own = b.len;
  while (text_next_in_list(&beta_header, &element))
    if (!has_element(text_head(buf_text(&b), own), element))
      add_element(&b, element);
  enum err e = check_put(&b, "anthropic_beta", x->f);
  if (e != ERR_OK)
    return e;
  *out = b.len > 0 ? arena_copy(a, buf_text(&b)) : TEXT_NONE;
  buf_done(&b);
  return ERR_OK;
}

static enum err read_version(struct editing *x, struct arena *a, struct text *out) {
  yyjson_val *version = json_get(x->doc->root, "anthropic_version");
  if (!version) {
    *out = VERSION_ANTHROPIC;
    return ERR_OK;
  }
  if (!is_word(json_text(version)))
    return fault_set(x->f, ERR_BAD_REQUEST, "anthropic_version", "anthropic_version must be the name of a version");
  *out = text_equal(json_text(version), VERSION_BEDROCK) ? VERSION_ANTHROPIC : arena_copy(a, json_text(version));
  return ERR_OK;
}

static enum err refuse_members_of_path(struct editing *x) {
  static const char *const names[] = {"model", "stream"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (json_get(x->doc->root, names[i]))
      return fault_set(x->f, ERR_BAD_REQUEST, names[i], "%s is said by the path and may not stand in the body",
                       names[i]);
  return ERR_OK;
}

static enum err to_anthropic(struct editing *x, struct text model, bool stream, struct text beta_header,
                             struct arena *a, struct text *out_beta, struct text *out_version) {
  struct json_writer w;
  struct buf b;
  enum err e = refuse_members_of_path(x);
  if (e == ERR_OK)
    e = join_betas(x, beta_header, a, out_beta);
  if (e == ERR_OK)
    e = read_version(x, a, out_version);
  if (e != ERR_OK)
    return e;
  buf_init(&b, PUT_MAX_BYTES);
  json_writer_init(&w, &b);
  json_object(&w);
  json_field_text(&w, "model", model);
  if (stream)
    json_field_bool(&w, "stream", true);
  json_object_end(&w);
  e = check_put(&b, "model", x->f);
  if (e != ERR_OK)
    return e;
  struct text put = take_members(&b, a);
  bool has_version = json_get(x->doc->root, "anthropic_version") != NULL;
  if (!has_version) /* then a lone anthropic_beta leaves no comma behind */
    return replace_member(x, "anthropic_beta", put, a);
  e = replace_member(x, "anthropic_version", put, a);
  return e == ERR_OK ? remove_member(x, "anthropic_beta") : e;
}

enum err reframe_request(const struct json *doc, struct text body, bool is_to_invoke, struct text model, bool stream,
                         struct text beta_header, struct text version_header, struct arena *a, struct json_edits *out,
                         struct text *out_beta, struct text *out_version, struct fault *f) {
  struct json_edits edits = {0};
  struct text beta = TEXT_NONE, version = TEXT_NONE;
  struct editing x = {.doc = doc, .body = body, .edits = &edits, .f = f};
  enum err e = is_to_invoke ? to_invoke(&x, beta_header, version_header, a)
                            : to_anthropic(&x, model, stream, beta_header, a, &beta, &version);
  if (e != ERR_OK)
    return e;
  *out = edits;
  *out_beta = beta;
  *out_version = version;
  return ERR_OK;
}

/* The type stands first in every event the vendor writes; only otherwise the event is parsed. */
static void add_type(struct buf *out, struct text data) {
  const struct text opening = TEXT("{\"type\":\"");
  char found[64] = "";
  struct text type, rest;
  struct json doc = {0};
  if (text_starts(data, opening) && text_cut(text_skip(data, opening.len), '"', &type, &rest) &&
      text_find_char(type, '\\') < 0 && is_word(type)) {
    buf_add(out, type);
    return;
  }
  if (member_read_answer(data, &doc, NULL) == ERR_OK)
    member_copy(doc.root, "type", found, sizeof(found));
  buf_add(out, is_word(text_of(found)) ? text_of(found) : TEXT("message"));
  json_done(&doc);
}

static void add_data_lines(struct buf *out, struct text data) {
  struct text line;
  while (text_cut(data, '\n', &line, &data)) {
    buf_add(out, line);
    buf_add(out, TEXT("\ndata: "));
  }
  buf_add(out, data);
}

enum err reframe_event_to_sse(struct text event, struct text data, struct buf *out, struct fault *f) {
  struct buf scratch;
  struct text inner;
  if (bedrock_error_is_exception(event)) {
    struct fault fault;
    bedrock_error_read(event, data, &fault);
    anthropic_error_write_event(out, &fault, TEXT_NONE);
    return ERR_OK;
  }
  if (!text_equal(event, TEXT("chunk")))
    return ERR_OK;
  buf_init(&scratch, INVOKE_CHUNK_MAX_BYTES);
  enum err e = invoke_chunk_read(data, &scratch, &inner, f);
  if (e == ERR_OK) {
    buf_add(out, TEXT("event: "));
    add_type(out, inner);
    buf_add(out, TEXT("\ndata: "));
    add_data_lines(out, inner);
    buf_add(out, TEXT("\n\n"));
  }
  buf_done(&scratch);
  return e;
}

static enum err write_exception(struct text data, struct buf *out, struct fault *f) {
  struct json doc = {0};
  struct fault fault;
  enum err e = member_read_answer(data, &doc, f);
  if (e != ERR_OK)
    return e;
  anthropic_error_read(json_get(doc.root, "error"), &fault);
  bedrock_error_write_frame(out, &fault, TEXT_NONE);
  json_done(&doc);
  return ERR_OK;
}

enum err reframe_event_to_frame(struct text event, struct text data, struct buf *out, struct fault *f) {
  if (text_equal(event, TEXT("error")) || (text_is_empty(event) && text_starts(data, TEXT("{\"type\":\"error\""))))
    return write_exception(data, out, f);
  struct invoke_chunk chunk = invoke_chunk_begin(out);
  buf_add(out, data);
  invoke_chunk_end(out, chunk);
  return ERR_OK;
}
