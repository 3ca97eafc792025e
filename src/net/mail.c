/* Writes a message of mail. What is not ASCII becomes encoded words in headers and quoted-printable in the body, which
 * every reader of mail takes; nothing else of MIME is here, and nothing is read. Called by app/mail.c before
 * smtp_send. */
#include "net/mail.h"

#include <string.h>
#include <time.h>

#define WORD_BYTES 42 /* of text in one encoded word: with its marks 75 characters at most */
#define LINE_BYTES 76
#define PLAIN_MAX  60 /* a longer header is folded, as encoded words */

bool mail_is_address(struct text t) {
  ptrdiff_t at = text_find_char(t, '@');
  if (t.len > MAIL_ADDRESS_MAX || at <= 0 || (size_t)at + 1 >= t.len || !text_is_visible_ascii(t))
    return false;
  for (size_t i = 0; i < t.len; i++)
    if ((t.at[i] == '@' && i != (size_t)at) || strchr("<>\"\\(),;:[]", t.at[i]))
      return false;
  return true;
}

static bool is_plain(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (t.at[i] < ' ' || t.at[i] > '~' || strchr("\"\\=?", t.at[i]))
      return false;
  return t.len <= PLAIN_MAX;
}

/* The longest beginning of at most WORD_BYTES that ends with a whole character. */
static struct text word_of(struct text t) {
  size_t n = 0;
  for (size_t step; n < t.len && (step = text_utf8_step(text_skip(t, n))) > 0 && n + step <= WORD_BYTES;)
    n += step;
  return text_head(t, n);
}

/* RFC 2047, section 2. */
static void put_words(struct buf *out, struct text t) {
  for (bool first = true; t.len > 0; first = false) {
    struct text word = word_of(t);
    char base64[(WORD_BYTES + 2) / 3 * 4];
    if (word.len == 0)
      return; /* not UTF-8, which has been refused */
    if (!first)
      buf_add(out, TEXT("\r\n "));
    buf_add(out, TEXT("=?utf-8?B?"));
    buf_add(out, (struct text){base64, text_base64(word.at, word.len, base64)});
    buf_add(out, TEXT("?="));
    t = text_skip(t, word.len);
  }
}

static void put_header(struct buf *out, const char *name, struct text value) {
  buf_add_format(out, "%s: ", name);
  if (is_plain(value))
    buf_add(out, value);
  else
    put_words(out, value);
  buf_add(out, TEXT("\r\n"));
}

static void put_from(struct buf *out, const struct mail_message *m) {
  buf_add(out, TEXT("From: "));
  if (m->from_name.len > 0 && is_plain(m->from_name))
    buf_add_format(out, "\"%.*s\" ", TEXT_ARGS(m->from_name));
  else if (m->from_name.len > 0) {
    put_words(out, m->from_name);
    buf_add(out, TEXT("\r\n "));
  }
  buf_add_format(out, "<%.*s>\r\n", TEXT_ARGS(m->from));
}

static void put_date(struct buf *out, int64_t now_us) {
  char date[64];
  time_t s = (time_t)(now_us / 1000000);
  struct tm tm;
  (void)gmtime_r(&s, &tm);
  if (strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) > 0)
    buf_add_format(out, "Date: %s\r\n", date);
}

static void put_quoted(struct buf *out, size_t *column, unsigned char c, bool is_last) {
  bool plain = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !is_last);
  size_t width = plain ? 1 : 3;
  if (*column + width > LINE_BYTES - 1) {
    buf_add(out, TEXT("=\r\n"));
    *column = 0;
  }
  if (plain)
    buf_add_char(out, (char)c);
  else
    buf_add_format(out, "=%02X", c);
  *column += width;
}

/* Quoted-printable, RFC 2045, section 6.7. */
static void put_body(struct buf *out, struct text body) {
  size_t column = 0;
  for (size_t i = 0; i < body.len; i++) {
    if (body.at[i] == '\n') {
      buf_add(out, TEXT("\r\n"));
      column = 0;
    } else {
      put_quoted(out, &column, (unsigned char)body.at[i], i + 1 == body.len || body.at[i + 1] == '\n');
    }
  }
  if (column > 0)
    buf_add(out, TEXT("\r\n"));
}

static bool is_sane(struct text t, size_t max) { return t.len <= max && text_is_utf8(t); }

enum err mail_write(const struct mail_message *m, struct buf *out, struct fault *f) {
  struct text name, host;
  if (!mail_is_address(m->from))
    return fault_set(f, ERR_BAD_REQUEST, "from", "mail cannot be sent from this address");
  if (!mail_is_address(m->to))
    return fault_set(f, ERR_BAD_REQUEST, "to", "mail cannot be sent to this address");
  if (!is_sane(m->subject, MAIL_SUBJECT_MAX) || !is_sane(m->from_name, MAIL_SUBJECT_MAX) ||
      !is_sane(m->body, MAIL_BODY_MAX))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "a text of the message is too long, or not UTF-8");
  (void)text_cut(m->from, '@', &name, &host);
  put_from(out, m);
  buf_add_format(out, "To: <%.*s>\r\n", TEXT_ARGS(m->to));
  put_header(out, "Subject", m->subject);
  put_date(out, m->now_us);
  buf_add_format(out, "Message-ID: <%.*s@%.*s>\r\n", TEXT_ARGS(m->id), TEXT_ARGS(host));
  buf_add(out, TEXT("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
  put_body(out, m->body);
  return buf_check(out) == ERR_OK ? ERR_OK : fault_set(f, ERR_LIMIT, NULL, "the message is too long");
}
