/* Errors of the Bedrock runtime, read and written: one table of types and statuses. Which error it is has been decided
 * before; here it only gets its shape. Called through wire_bedrock_invoke and wire_bedrock_converse. */
#include "wire/bedrock_error.h"

#include "aws/eventstream.h"
#include "wire/member.h"

/* The first row of a status is the one that is written for it. Amazon says 400 to a used up quota, which no client
 * tries again; behind a budget a 429 is truer, so a quota is read as a limit and written as throttling. */
static const struct {
  int status;
  const char *type;
} types[] = {
    {400, "ValidationException"},          {401, "UnrecognizedClientException"},
    {403, "AccessDeniedException"},        {404, "ResourceNotFoundException"},
    {408, "ModelTimeoutException"},        {409, "ConflictException"},
    {429, "ThrottlingException"},          {500, "InternalServerException"},
    {503, "ServiceUnavailableException"},  {429, "ServiceQuotaExceededException"},
    {429, "ModelNotReadyException"},       {502, "ModelErrorException"},
    {502, "ModelStreamErrorException"},    {403, "ExpiredTokenException"},
    {403, "InvalidSignatureException"},    {403, "MissingAuthenticationTokenException"},
    {403, "IncompleteSignatureException"},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

/* Statuses of ours that Bedrock's types do not tell apart. */
static int nearest_status(int status) {
  switch (status) {
  case 504: return 408;
  case 502: return 500;
  case 529: return 503;
  default: return status >= 500 ? 500 : 400;
  }
}

static const char *type_of_status(int status) {
  for (size_t i = 0; i < TYPE_COUNT; i++)
    if (types[i].status == status)
      return types[i].type;
  return NULL;
}

const char *bedrock_error_type(const struct fault *f) {
  int status = fault_status(f);
  const char *type = status == 502 ? NULL : type_of_status(status);
  return type ? type : type_of_status(nearest_status(status));
}

/* A header may go on behind a colon: "ValidationException:http://internal.amazon.com/...". */
int bedrock_error_status(struct text type) {
  ptrdiff_t colon = text_find_char(type, ':');
  if (colon >= 0)
    type = text_head(type, (size_t)colon);
  for (size_t i = 0; i < TYPE_COUNT; i++)
    if (text_equal_nocase(type, text_of(types[i].type)))
      return types[i].status;
  return 500;
}

static bool is_known_member(struct text name) {
  static const char *const known[] = {"message",         "Message",     "__type", "code", "originalStatusCode",
                                      "originalMessage", "resourceName"};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (text_equal(name, text_of(known[i])))
      return true;
  return false;
}

static struct text message_of(yyjson_val *root) {
  struct text message = json_text(json_get(root, "message"));
  return text_is_empty(message) ? json_text(json_get(root, "Message")) : message;
}

bool bedrock_error_is(struct text body) {
  struct json doc = {0};
  size_t i, count;
  yyjson_val *name, *value;
  if (member_read_answer(body, &doc, NULL))
    return false;
  bool is = !text_is_empty(message_of(doc.root));
  yyjson_obj_foreach (doc.root, i, count, name, value)
    is = is && is_known_member(json_text(name));
  json_done(&doc);
  return is;
}

struct text bedrock_error_message(struct text body, struct arena *a) {
  struct json doc = {0};
  if (member_read_answer(body, &doc, NULL))
    return TEXT_NONE;
  struct text found = message_of(doc.root);
  found = text_is_empty(found) ? TEXT_NONE : arena_copy(a, found);
  json_done(&doc);
  return text_is_empty(found) ? member_error_message(body, a) : found;
}

static void write_body(struct buf *out, const struct fault *f, int original_status) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "message", fault_text(f));
  if (original_status > 0)
    json_field_i64(&w, "originalStatusCode", original_status);
  json_object_end(&w);
}

void bedrock_error_write(struct buf *out, const struct fault *f, struct text request_id) {
  (void)request_id; /* it stands in x-amzn-requestid only */
  write_body(out, f, 0);
}

/* What both kinds of stream know; anything else is the model's stream that failed, with the status beside it. */
static struct text exception_of(int status) {
  switch (status) {
  case 400: return TEXT("validationException");
  case 429: return TEXT("throttlingException");
  case 500: return TEXT("internalServerException");
  case 503:
  case 529: return TEXT("serviceUnavailableException");
  default: return TEXT("modelStreamErrorException");
  }
}

void bedrock_error_write_frame(struct buf *out, const struct fault *f, struct text request_id) {
  (void)request_id;
  int status = fault_status(f);
  struct text type = exception_of(status);
  size_t begun = eventstream_begin(out, TEXT("exception"), type);
  write_body(out, f, text_equal(type, TEXT("modelStreamErrorException")) ? status : 0);
  eventstream_end(out, begun);
}

bool bedrock_error_is_exception(struct text event) {
  return text_ends(event, TEXT("Exception")) || text_ends(event, TEXT("exception"));
}

void bedrock_error_read(struct text type, struct text data, struct fault *out) {
  struct json doc = {0};
  struct text message = TEXT_NONE;
  int status = bedrock_error_status(type);
  uint64_t original = 0;
  bool is_named = true;
  if (member_read_answer(data, &doc, NULL) == ERR_OK) {
    message = message_of(doc.root);
    is_named = !member_count(doc.root, "originalStatusCode", &original) || original < 400 || original >= 600;
  }
  if (!is_named) /* the status is the model's own and says more than that its stream failed */
    status = (int)original;
  fault_map_upstream(status, text_equal_nocase(type, TEXT("ServiceQuotaExceededException")), message, out);
  if (is_named)
    fault_map_name(out, type);
  json_done(&doc);
}
