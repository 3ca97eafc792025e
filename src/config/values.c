/* Scalars: text, names, secrets, numbers, durations, money, choices, times. Every refusal says what would be allowed.
 * Called by section.c for each row, with what the file says or with the row's default. */
#include "config/values.h"

#include <stdarg.h>

#define NANO_DIGITS 9
#define NANO        INT64_C(1000000000)

static enum err bad(struct fault *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static enum err bad(struct fault *f, const char *fmt, ...) {
  char text[256];
  va_list args;
  va_start(args, fmt);
  if (vsnprintf(text, sizeof text, fmt, args) < 0)
    text[0] = '\0';
  va_end(args);
  return fault_set(f, ERR_CONFIG, NULL, "%s", text);
}

static bool has_control(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.at[i] < 0x20 || t.at[i] == 0x7F)
      return true;
  return false;
}

static enum err bad_choice(const struct key *row, struct fault *f) {
  char list[200];
  size_t used = 0;
  struct text rest = text_of(row->choices), choice;
  bool available;
  while (keys_next_choice(&rest, &choice, &available)) {
    if (choice.len == 0 || !available)
      continue;
    int n = snprintf(list + used, sizeof list - used, "%s`%.*s`", used > 0 ? ", " : "", TEXT_ARGS(choice));
    if (n < 0 || (size_t)n >= sizeof list - used)
      break;
    used += (size_t)n;
  }
  list[used] = '\0';
  return bad(f, "must be one of %s", list);
}

static enum err find_choice(const struct key *row, struct text t, int *out, struct fault *f) {
  struct text rest = text_of(row->choices), choice;
  bool available;
  for (int i = 0; keys_next_choice(&rest, &choice, &available); i++) {
    bool is_glob = !available || (row->type == KEY_ADDRESS && text_ends(choice, TEXT("*")));
    if (is_glob ? text_glob(choice, t, NULL) : text_equal(choice, t)) {
      /* A glob stands for more than its name (an address with a password, say): only the name is shown. */
      if (!available)
        return bad(f, "cannot be `%.*s`: not available in this version", TEXT_ARGS(choice));
      *out = i;
      return ERR_OK;
    }
  }
  return bad_choice(row, f);
}

static enum err read_text(const struct key *row, struct text t, struct arena *a, struct text *out, struct fault *f) {
  int place;
  if (row->choices != NULL && find_choice(row, t, &place, f) != ERR_OK)
    return ERR_CONFIG;
  if (t.len < (size_t)row->min)
    return bad(f, "must not be empty");
  if (t.len > (size_t)row->max)
    return bad(f, "must have at most %lld bytes", (long long)row->max);
  if (has_control(t) || !text_is_utf8(t))
    return bad(f, "must not hold control characters");
  *out = arena_copy(a, t);
  return ERR_OK;
}

static enum err read_name(struct text t, struct arena *a, struct text *out, struct fault *f) {
  bool good = t.len > 0 && t.len <= 64;
  for (size_t i = 0; i < t.len && good; i++) {
    char c = t.at[i];
    good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  }
  if (!good)
    return bad(f, "must be 1 to 64 letters, digits, `.`, `_` or `-`");
  *out = arena_copy(a, t);
  return ERR_OK;
}

static void secret_end(void *data) { secret_free(data); }

/* An address may hold a password: it is kept as one, and not shown when it is refused. */
static enum err read_address(const struct key *row, struct text t, struct arena *a, char *at, struct fault *f) {
  struct secret **address = (struct secret **)(void *)(at + row->count_offset);
  int place = 0;
  if (find_choice(row, t, &place, f) != ERR_OK)
    return ERR_CONFIG;
  if (t.len > (size_t)row->max || !text_is_visible_ascii(t))
    return bad(f, "must be at most %lld visible ASCII characters without spaces", (long long)row->max);
  memcpy(at + row->offset, &place, sizeof place);
  *address = NULL;
  if (text_find_char(t, ':') >= 0) {
    *address = secret_new(t);
    arena_defer(a, secret_end, *address);
  }
  return ERR_OK;
}

/* Visible ASCII, because it travels in a header; an end of line that came along would split it. */
static enum err read_secret(const struct key *row, const struct node *n, struct arena *a, struct secret **out,
                            struct fault *f) {
  if (n->expanded && n->text.len == 0)
    return bad(f, "is empty: the environment variable it names is set but has no value");
  if (n->text.len < (size_t)row->min || n->text.len > (size_t)row->max || !text_is_visible_ascii(n->text))
    return bad(f, "must be %lld to %lld visible ASCII characters without spaces", (long long)row->min,
               (long long)row->max);
  *out = secret_new(n->text);
  arena_defer(a, secret_end, *out);
  return ERR_OK;
}

static enum err read_number(const struct key *row, struct text t, int64_t *out, struct fault *f) {
  int64_t n;
  if (!text_to_i64(t, &n) || n < row->min || n > row->max)
    return bad(f, "must be a whole number from %lld to %lld", (long long)row->min, (long long)row->max);
  *out = n;
  return ERR_OK;
}

static enum err read_duration(const struct key *row, struct text t, int64_t *out, struct fault *f) {
  int64_t ms;
  if (!text_to_duration_ms(t, &ms) || ms < row->min || ms > row->max)
    return bad(f, "must be a duration such as `250ms`, `5s`, `2m` or `1h`, from %lldms to %llds", (long long)row->min,
               (long long)(row->max / 1000));
  *out = ms;
  return ERR_OK;
}

static enum err read_money(const struct key *row, struct text t, int64_t *out, struct fault *f) {
  int64_t nano;
  if (!text_to_scaled(t, NANO_DIGITS, &nano) || nano < 0 || nano > row->max * NANO)
    return bad(f, "must be an amount in USD from 0 to %lld with at most %d digits after the point", (long long)row->max,
               NANO_DIGITS);
  *out = nano;
  return ERR_OK;
}

static enum err read_bool(struct text t, bool *out, struct fault *f) {
  bool yes = text_equal(t, TEXT("true"));
  if (!yes && !text_equal(t, TEXT("false")))
    return bad(f, "must be true or false");
  *out = yes;
  return ERR_OK;
}

static bool digits(struct text *t, size_t n, int *out) {
  uint64_t value;
  if (t->len < n || !text_to_u64(text_head(*t, n), &value))
    return false;
  *out = (int)value;
  *t = text_skip(*t, n);
  return true;
}

static bool skip_char(struct text *t, char upper, char lower) {
  if (t->len == 0 || (t->at[0] != upper && t->at[0] != lower))
    return false;
  *t = text_skip(*t, 1);
  return true;
}

static bool read_date(struct text *t, struct tm *tm) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year, month, day;
  if (!digits(t, 4, &year) || !skip_char(t, '-', '-') || !digits(t, 2, &month) || !skip_char(t, '-', '-') ||
      !digits(t, 2, &day) || month < 1 || month > 12)
    return false;
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day < 1 || day > days[month - 1] + (month == 2 && leap))
    return false;
  tm->tm_year = year - 1900;
  tm->tm_mon = month - 1;
  tm->tm_mday = day;
  return true;
}

static bool read_clock(struct text *t, struct tm *tm, int *out_us) {
  if (!digits(t, 2, &tm->tm_hour) || !skip_char(t, ':', ':') || !digits(t, 2, &tm->tm_min) || !skip_char(t, ':', ':') ||
      !digits(t, 2, &tm->tm_sec) || tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
    return false;
  *out_us = 0;
  if (!skip_char(t, '.', '.'))
    return true;
  int digit, place = 100000;
  bool any = false;
  for (; digits(t, 1, &digit); place /= 10, any = true)
    *out_us += digit * place;
  return any;
}

static bool read_offset(struct text *t, int *out_minutes) {
  int hours, minutes;
  *out_minutes = 0;
  if (skip_char(t, 'Z', 'z'))
    return true;
  bool west = t->len > 0 && t->at[0] == '-';
  if (!skip_char(t, '+', '-') || !digits(t, 2, &hours) || !skip_char(t, ':', ':') || !digits(t, 2, &minutes) ||
      hours > 23 || minutes > 59)
    return false;
  *out_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
  return true;
}

bool value_time(struct text t, int64_t *out_us) {
  struct tm tm = {0};
  int us, offset;
  if (!read_date(&t, &tm) || !skip_char(&t, 'T', 't') || !read_clock(&t, &tm, &us) || !read_offset(&t, &offset) ||
      t.len > 0)
    return false;
  *out_us = ((int64_t)timegm(&tm) - offset * 60) * 1000000 + us;
  return true;
}

static enum err read_time(struct text t, int64_t *out, struct fault *f) {
  int64_t us = 0;
  if (t.len > 0 && (!value_time(t, &us) || us <= 0))
    return bad(f, "must be a time such as `2027-01-31T00:00:00Z`");
  *out = us;
  return ERR_OK;
}

static enum err read_workers(const struct key *row, struct text t, unsigned *out, struct fault *f) {
  int64_t n = 0;
  if (!text_equal(t, TEXT("auto")) && read_number(row, t, &n, NULL) != ERR_OK)
    return bad(f, "must be `auto` or a whole number from %lld to %lld", (long long)row->min, (long long)row->max);
  *out = (unsigned)n;
  return ERR_OK;
}

static enum err read_size(const struct key *row, struct text t, size_t *out, struct fault *f) {
  int64_t n = 0;
  if (read_number(row, t, &n, f) != ERR_OK)
    return ERR_CONFIG;
  *out = (size_t)n;
  return ERR_OK;
}

enum err value_read(const struct key *row, const struct node *n, struct arena *a, void *at, struct fault *f) {
  void *member = (char *)at + row->offset;
  switch (row->type) {
  case KEY_TEXT: return read_text(row, n->text, a, member, f);
  case KEY_NAME: return read_name(n->text, a, member, f);
  case KEY_SECRET: return read_secret(row, n, a, member, f);
  case KEY_SIZE: return read_size(row, n->text, member, f);
  case KEY_COUNT: return read_number(row, n->text, member, f);
  case KEY_DURATION: return read_duration(row, n->text, member, f);
  case KEY_MONEY: return read_money(row, n->text, member, f);
  case KEY_BOOL: return read_bool(n->text, member, f);
  case KEY_CHOICE: return find_choice(row, n->text, member, f);
  case KEY_ADDRESS: return read_address(row, n->text, a, at, f);
  case KEY_TIME: return read_time(n->text, member, f);
  case KEY_WORKERS: return read_workers(row, n->text, member, f);
  default: return bad(f, "cannot be read as one value");
  }
}
