/* Walks a schema and writes one value for it. It does not look at patterns, formats or ranges: a test that needs those
 * gives an enum. Depth and size are bounded, so that a schema that refers to itself ends. Called by answer.c. */
#include "sim/example.h"

#define EXAMPLE_MAX_BYTES   8192
#define EXAMPLE_MEMBERS_MAX 32
#define EXAMPLE_DEPTH_MAX   8
#define EXAMPLE_RAW_BYTES   1024

struct walk {
  struct json_writer w;
  yyjson_val *root;
  size_t depth;
};

static void put_value(struct walk *k, yyjson_val *schema);

/* $ref, or the first of several: what is to be written in the end. */
static yyjson_val *resolve(const struct walk *k, yyjson_val *schema) {
  static const char *const several[] = {"anyOf", "oneOf", "allOf"};
  for (size_t i = 0; i < EXAMPLE_DEPTH_MAX; i++) {
    struct text ref;
    yyjson_val *next = NULL;
    if (json_get_text(schema, "$ref", &ref) && text_starts(ref, TEXT("#")))
      next = yyjson_ptr_getn(k->root, ref.at + 1, ref.len - 1);
    for (size_t j = 0; j < 3 && !next; j++)
      next = yyjson_arr_get_first(json_get(schema, several[j]));
    if (!next)
      break;
    schema = next;
  }
  return schema;
}

static void put_object(struct walk *k, yyjson_val *schema) {
  yyjson_val *properties = json_get(schema, "properties"), *name, *value;
  size_t i, n;
  json_object(&k->w);
  yyjson_obj_foreach (properties, i, n, name, value) {
    if (i >= EXAMPLE_MEMBERS_MAX || k->depth >= EXAMPLE_DEPTH_MAX)
      break;
    json_name_text(&k->w, json_text(name));
    put_value(k, value);
  }
  json_object_end(&k->w);
}

static void put_array(struct walk *k, yyjson_val *schema) {
  uint64_t least = 0;
  json_array(&k->w);
  if (json_get_u64(schema, "minItems", &least) && k->depth < EXAMPLE_DEPTH_MAX) {
    for (uint64_t i = 0; i < least && i < EXAMPLE_MEMBERS_MAX; i++)
      put_value(k, json_get(schema, "items"));
  }
  json_array_end(&k->w);
}

static bool put_given(struct walk *k, yyjson_val *schema) {
  yyjson_val *given = json_get(schema, "const");
  size_t len = 0;
  if (!given)
    given = yyjson_arr_get_first(json_get(schema, "enum"));
  char *raw = given ? yyjson_val_write(given, 0, &len) : NULL;
  if (raw && len <= EXAMPLE_RAW_BYTES)
    json_put_raw(&k->w, (struct text){raw, len});
  free(raw);
  return raw && len <= EXAMPLE_RAW_BYTES;
}

static struct text type_of(yyjson_val *schema) {
  yyjson_val *type = json_get(schema, "type");
  if (yyjson_is_arr(type))
    type = yyjson_arr_get_first(type);
  if (!type && json_get(schema, "properties"))
    return TEXT("object");
  return json_text(type);
}

static void put_value(struct walk *k, yyjson_val *schema) {
  schema = resolve(k, schema);
  struct text type = type_of(schema);
  k->depth++;
  if (put_given(k, schema)) {
    k->depth--;
    return;
  }
  if (text_equal(type, TEXT("object")))
    put_object(k, schema);
  else if (text_equal(type, TEXT("array")))
    put_array(k, schema);
  else if (text_equal(type, TEXT("integer")) || text_equal(type, TEXT("number")))
    json_put_u64(&k->w, 7);
  else if (text_equal(type, TEXT("boolean")))
    json_put_bool(&k->w, true);
  else if (text_equal(type, TEXT("null")))
    json_put_null(&k->w);
  else
    json_put_str(&k->w, "a simulated \"value\" from weir-sim");
  k->depth--;
}

struct text example_object(struct arena *a, yyjson_val *schema) {
  struct buf out;
  struct walk k = {.root = schema};
  buf_init(&out, EXAMPLE_MAX_BYTES);
  json_writer_init(&k.w, &out);
  schema = resolve(&k, schema);
  if (text_equal(type_of(schema), TEXT("object")))
    put_value(&k, schema);
  struct text object = buf_check(&out) == ERR_OK && out.len > 0 ? arena_copy(a, buf_text(&out)) : TEXT("{}");
  buf_done(&out);
  return object;
}
