/* The check behind shape.h. It stops at the first thing that is wrong, as the services do. It knows no dialect: words
 * are made by its callers out of the refusal. Recursion is bounded by the depth that the JSON reader allows. */
#include "sim/shape.h"

#include "sim/digest.h"

struct walk {
  struct arena *arena;
  bool brackets;
  struct shape_refusal *out;
};

static bool fits(struct walk *w, const struct shape *s, yyjson_val *v, struct text path);

static bool refuse(struct walk *w, enum shape_wrong wrong, struct text path, struct text expected) {
  *w->out = (struct shape_refusal){.wrong = wrong, .path = path, .expected = expected};
  return false;
}

static struct text member_path(struct walk *w, struct text path, struct text name) {
  return path.len > 0 ? arena_format(w->arena, "%.*s.%.*s", TEXT_ARGS(path), TEXT_ARGS(text_head(name, 80)))
                      : arena_copy(w->arena, text_head(name, 80));
}

static struct text item_path(struct walk *w, struct text path, size_t i) {
  if (w->brackets)
    return arena_format(w->arena, "%.*s[%zu]", TEXT_ARGS(path), i);
  return arena_format(w->arena, "%.*s.%zu", TEXT_ARGS(path), i);
}

static bool in_range(const struct shape *s, double n) {
  return (s->min == 0 && s->max == 0) || (n >= s->min && (s->max == 0 || n <= s->max));
}

static struct text range_words(struct walk *w, const struct shape *s, const char *what) {
  if (s->max == 0)
    return arena_format(w->arena, "%s of at least %g", what, s->min);
  return arena_format(w->arena, "%s between %g and %g", what, s->min, s->max);
}

static bool fits_size(struct walk *w, const struct shape *s, double size, struct text path, const char *what) {
  return in_range(s, size) || refuse(w, SHAPE_RANGE, path, range_words(w, s, what));
}

/* Beyond 2^53 a double has no fraction. */
static bool is_whole(yyjson_val *v) {
  double n = yyjson_get_num(v);
  bool is_small = n > -9007199254740992.0 && n < 9007199254740992.0;
  return yyjson_is_num(v) && (!is_small || n == (double)(int64_t)n);
}

static bool fits_number(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  if (s->kind == SHAPE_WHOLE && !is_whole(v))
    return refuse(w, SHAPE_TYPE, path, TEXT("an integer"));
  if (!yyjson_is_num(v))
    return refuse(w, SHAPE_TYPE, path, TEXT("a number"));
  return fits_size(w, s, yyjson_get_num(v), path, "a value");
}

static bool fits_text(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  size_t bytes = yyjson_get_len(v);
  if (!yyjson_is_str(v))
    return refuse(w, SHAPE_TYPE, path, TEXT("a string"));
  if (s->kind == SHAPE_BASE64 && !digest_base64_length(json_text(v), &bytes))
    return refuse(w, SHAPE_TYPE, path, TEXT("base64"));
  return fits_size(w, s, (double)bytes, path, "a length");
}

static bool fits_choice(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  struct text rest = text_of(s->choices), one;
  if (!yyjson_is_str(v))
    return refuse(w, SHAPE_TYPE, path, TEXT("a string"));
  while (text_cut(rest, '|', &one, &rest)) {
    if (text_equal(one, json_text(v)))
      return true;
  }
  return text_equal(rest, json_text(v)) || refuse(w, SHAPE_NOT_CHOSEN, path, text_of(s->choices));
}

static const struct shape_member *find_member(const struct shape *s, struct text name) {
  for (const struct shape_member *m = s->members; m->name; m++) {
    if (text_equal(text_of(m->name), name))
      return m;
  }
  return NULL;
}

static bool has_required(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  for (const struct shape_member *m = s->members; m->name; m++) {
    yyjson_val *value = json_get(v, m->name);
    if (!m->required || (value && !yyjson_is_null(value)))
      continue;
    (void)refuse(w, SHAPE_MISSING, member_path(w, path, text_of(m->name)), TEXT("a value"));
    w->out->name = text_of(m->name);
    return false;
  }
  return true;
}

static bool fits_members(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  size_t i, n, given = 0;
  yyjson_val *name, *value;
  yyjson_obj_foreach (v, i, n, name, value) {
    const struct shape_member *m = find_member(s, json_text(name));
    struct text at = member_path(w, path, json_text(name));
    if (!m && s->kind == SHAPE_OPEN)
      continue;
    if (!m) {
      (void)refuse(w, SHAPE_UNKNOWN, at, TEXT("no such member"));
      w->out->name = arena_copy(w->arena, text_head(json_text(name), 80));
      return false;
    }
    if (yyjson_is_null(value))
      continue;
    given++;
    if (m->shape && !fits(w, m->shape, value, at))
      return false;
  }
  if (s->kind == SHAPE_UNION && given != 1)
    return refuse(w, SHAPE_NOT_ONE, path, TEXT("exactly one member"));
  return has_required(w, s, v, path);
}

static bool fits_list(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  size_t i, n;
  yyjson_val *item;
  if (!yyjson_is_arr(v))
    return refuse(w, SHAPE_TYPE, path, TEXT("an array"));
  if (!fits_size(w, s, (double)yyjson_arr_size(v), path, "a length"))
    return false;
  yyjson_arr_foreach (v, i, n, item) {
    if (s->of && !fits(w, s->of, item, item_path(w, path, i)))
      return false;
  }
  return true;
}

static bool fits(struct walk *w, const struct shape *s, yyjson_val *v, struct text path) {
  switch (s->kind) {
  case SHAPE_ANY: break;
  case SHAPE_TEXT:
  case SHAPE_BASE64: return fits_text(w, s, v, path);
  case SHAPE_NUMBER:
  case SHAPE_WHOLE: return fits_number(w, s, v, path);
  case SHAPE_BOOL: return yyjson_is_bool(v) || refuse(w, SHAPE_TYPE, path, TEXT("a boolean"));
  case SHAPE_CHOICE: return fits_choice(w, s, v, path);
  case SHAPE_FREE: return yyjson_is_obj(v) || refuse(w, SHAPE_TYPE, path, TEXT("an object"));
  case SHAPE_OBJECT:
  case SHAPE_OPEN:
  case SHAPE_UNION:
    return yyjson_is_obj(v) ? fits_members(w, s, v, path) : refuse(w, SHAPE_TYPE, path, TEXT("an object"));
  case SHAPE_LIST: return fits_list(w, s, v, path);
  }
  return true;
}

bool shape_fits(const struct shape *s, yyjson_val *v, struct arena *a, struct text path, bool brackets,
                struct shape_refusal *out) {
  struct walk w = {a, brackets, out};
  return fits(&w, s, v, path);
}
