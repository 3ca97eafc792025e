/* The rows of the key table as JSON Schema, for what takes entries of the configuration as JSON: the control API's
 * document. Secrets are left out, since no body holds them. What a check between rows refuses is not in it. */
#include "config/config.h"
#include "config/stored_body.h"

static void put_choices(struct json_writer *w, const char *choices) {
  struct text rest = text_of(choices), choice;
  bool is_available;
  json_name(w, "enum");
  json_array(w);
  while (keys_next_choice(&rest, &choice, &is_available))
    if (is_available)
      json_put_text(w, choice);
  json_array_end(w);
}

static void put_string(struct json_writer *w, const struct key *row) {
  json_field_str(w, "type", "string");
  if (row->choices != NULL) {
    put_choices(w, row->choices);
    return;
  }
  if (row->min > 0)
    json_field_i64(w, "minLength", row->min);
  if (row->max > 0)
    json_field_i64(w, "maxLength", row->max);
}

static void put_object(struct json_writer *w, const struct key_section *s, bool whole);

static void put_list(struct json_writer *w, const struct key *row) {
  json_field_str(w, "type", "array");
  if (row->min > 0 && row->type == KEY_SECTIONS)
    json_field_i64(w, "minItems", row->min);
  json_field_i64(w, "maxItems", row->max);
  json_name(w, "items");
  json_object(w);
  if (row->type == KEY_SECTIONS)
    put_object(w, row->section, true);
  else
    put_string(w, &(struct key){.choices = row->choices, .min = 1, .max = 2048});
  json_object_end(w);
}

static void put_number(struct json_writer *w, const struct key *row) {
  json_field_str(w, "type", "integer");
  json_field_i64(w, "minimum", row->min);
  json_field_i64(w, "maximum", row->max);
}

static void put_type(struct json_writer *w, const struct key *row) {
  switch (row->type) {
  case KEY_SIZE:
  case KEY_COUNT: put_number(w, row); return;
  case KEY_BOOL: json_field_str(w, "type", "boolean"); return;
  case KEY_NAME:
    json_field_str(w, "type", "string");
    json_field_str(w, "pattern", "^[A-Za-z0-9._-]{1,64}$");
    return;
  case KEY_DURATION:
    json_field_str(w, "type", "string");
    json_field_str(w, "pattern", "^[0-9]+(ms|s|m|h|d)?$");
    return;
  case KEY_MONEY:
    json_name(w, "type");
    json_put_raw(w, TEXT("[\"number\",\"string\"]"));
    return;
  case KEY_TEXTS:
  case KEY_SECTIONS: put_list(w, row); return;
  case KEY_PAIRS:
    json_field_str(w, "type", "object");
    json_field_i64(w, "maxProperties", row->max);
    json_name(w, "additionalProperties");
    json_put_raw(w, TEXT("{\"type\":\"string\"}"));
    return;
  case KEY_SECTION:
  case KEY_OVERLAY: put_object(w, row->section, false); return;
  default: put_string(w, row); return;
  }
}

static bool is_secret(const struct key *row) {
  for (size_t i = 0; row->section != NULL && i < row->section->count; i++)
    if (row->section->keys[i].type == KEY_SECRET)
      return true;
  return row->type == KEY_SECRET;
}

static void put_member(struct json_writer *w, const struct key *row) {
  json_name(w, row->name);
  json_object(w);
  put_type(w, row);
  json_field_str(w, "description", row->help);
  if (row->initial != NULL && row->initial[0] != '\0' && row->section == NULL)
    json_field_str(w, "x-weir-default", row->initial);
  json_object_end(w);
}

static void put_required(struct json_writer *w, const struct key_section *s) {
  json_name(w, "required");
  json_array(w);
  for (size_t i = 0; i < s->count; i++)
    if (s->keys[i].initial == NULL && s->keys[i].type != KEY_ABSENT)
      json_put_str(w, s->keys[i].name);
  json_array_end(w);
}

static void put_object(struct json_writer *w, const struct key_section *s, bool whole) {
  json_field_str(w, "type", "object");
  json_name(w, "properties");
  json_object(w);
  for (size_t i = 0; i < s->count; i++)
    if (!is_secret(&s->keys[i]) && s->keys[i].type != KEY_ABSENT)
      put_member(w, &s->keys[i]);
  json_object_end(w);
  if (whole)
    put_required(w, s);
  json_field_bool(w, "additionalProperties", false);
}

void config_write_schema(enum config_kind k, bool whole, struct json_writer *w) {
  const struct key_section *s = stored_row(k)->section;
  json_object(w);
  put_object(w, s, whole);
  json_field_str(w, "description", s->help);
  json_object_end(w);
}
