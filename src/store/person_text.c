/* A person's name in texts and in JSON. Only members that hold persons are touched: a model or a workspace may be
 * called as somebody is. Called by store_persons.c. */
#include "store/person_text.h"

#include "base/json.h"

bool person_text_is(struct text t, struct text name) {
  struct text word, rest;
  if (name.len == 0)
    return false;
  return text_equal(t, name) || (text_cut(t, ':', &word, &rest) && text_equal(rest, name));
}

struct text person_text_replace(struct text t, const struct person_name *p, struct arena *a) {
  if (!person_text_is(t, p->name))
    return t;
  const struct text parts[] = {text_head(t, t.len - p->name.len), p->pseudonym};
  return arena_join(a, parts, 2);
}

static bool is_person(yyjson_val *name, yyjson_val *value, struct text person) {
  struct text member = json_text(name);
  return (text_equal(member, TEXT("user")) || text_equal(member, TEXT("actor"))) &&
         person_text_is(json_text(value), person);
}

/* NOLINTNEXTLINE(misc-no-recursion): json_read bounds the depth */
static bool has(yyjson_val *v, struct text person) {
  size_t i, max;
  yyjson_val *name, *value;
  if (yyjson_is_arr(v)) {
    yyjson_arr_foreach (v, i, max, value) {
      if (has(value, person))
        return true;
    }
  }
  if (yyjson_is_obj(v)) {
    yyjson_obj_foreach (v, i, max, name, value) {
      if (is_person(name, value, person) || has(value, person))
        return true;
    }
  }
  return false;
}

static bool read(struct text json, struct json *out) {
  static const struct json_limits limits = {.raw_numbers = true};
  return json_read(json, &limits, out, NULL) == ERR_OK;
}

bool person_json_has(struct text json, struct text name) {
  struct json j;
  if (!read(json, &j))
    return false;
  bool found = has(j.root, name);
  json_done(&j);
  return found;
}

static bool goes_with_user(yyjson_val *name) {
  struct text member = json_text(name);
  return text_equal(member, TEXT("name")) || text_equal(member, TEXT("key_name")) || text_equal(member, TEXT("prefix"));
}

static void put_person(struct json_writer *w, yyjson_val *value, const struct person_name *p) {
  struct arena a;
  arena_init(&a);
  json_put_text(w, person_text_replace(json_text(value), p, &a));
  arena_done(&a);
}

/* theirs: within an object that is about them, where a key's name is one of theirs. */
static void put(struct json_writer *w, yyjson_val *v, const struct person_name *p, bool theirs);

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void put_object(struct json_writer *w, yyjson_val *v, const struct person_name *p, bool theirs) {
  size_t i, max;
  yyjson_val *name, *value;
  bool is_theirs = person_text_is(json_text(json_get(v, "user")), p->name);
  json_object(w);
  yyjson_obj_foreach (v, i, max, name, value) {
    json_name_text(w, json_text(name));
    if (is_person(name, value, p->name))
      put_person(w, value, p);
    else if (is_theirs && goes_with_user(name) && yyjson_is_str(value))
      json_put_text(w, p->pseudonym);
    else if (theirs && text_equal(json_text(name), TEXT("key")) && yyjson_is_str(value))
      json_put_text(w, p->pseudonym);
    else
      put(w, value, p, theirs || is_theirs);
  }
  json_object_end(w);
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void put(struct json_writer *w, yyjson_val *v, const struct person_name *p, bool theirs) {
  size_t i, max;
  yyjson_val *value;
  struct arena a;
  if (yyjson_is_obj(v)) {
    put_object(w, v, p, theirs);
  } else if (yyjson_is_arr(v)) {
    json_array(w);
    yyjson_arr_foreach (v, i, max, value) {
      put(w, value, p, theirs);
    }
    json_array_end(w);
  } else {
    arena_init(&a);
    json_put_raw(w, json_value_text(v, &a));
    arena_done(&a);
  }
}

bool person_json_replace(struct text json, const struct person_name *p, struct buf *out) {
  struct json j;
  struct json_writer w;
  if (!read(json, &j))
    return false;
  bool found = has(j.root, p->name);
  if (found) {
    json_writer_init(&w, out);
    put(&w, j.root, p, false);
  }
  json_done(&j);
  return found;
}
