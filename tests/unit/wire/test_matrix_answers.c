/* Every answer of tests/fixtures/answers/<provider's dialect>, plain and streamed, to a client of every dialect: what
 * that client is sent, read as it would be, is the same answer. What may differ (a stop reason that the client's
 * dialect has no word for) is written down in tests/fixtures/answers/<dialect>.json; text, reasoning and calls never
 * may. One test a cell, and one a stream that is cut at every byte. BLESS=1 writes what differs instead of comparing
 * it. */
#include "streams.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 64
#define ITEMS_MAX  4096

struct provider {
  const struct matrix_side *side;
  struct text path;      /* of the cells */
  struct json *cells;    /* NULL: none written yet */
  yyjson_mut_doc *bless; /* NULL: compare */
};

struct item {
  struct arena arena;
  struct provider *provider;
  const struct matrix_side *client; /* NULL: the stream on its own */
  struct text name, path;
  const char *form; /* "plain" or "stream" */
  struct stream_in *in;
  struct stream_out *out;
  struct stream_in *back;
};

static const char *const failure_id = "req_0123456789abcdef";

/* -- what was found, as a cell -- */

/* "blocks[3].text" -> "blocks[].text": where, not how often. */
static struct text without_index(struct arena *a, struct text path) {
  struct text before, index, after;
  if (!text_cut(path, '[', &before, &index) || !text_cut(index, ']', &index, &after))
    return path;
  return arena_format(a, "%.*s[]%.*s", TEXT_ARGS(before), TEXT_ARGS(after));
}

static void add_once(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *list, struct text path) {
  struct text name = without_index(a, path);
  yyjson_mut_val *item;
  size_t i, max;
  yyjson_mut_arr_foreach(list, i, max, item) {
    if (yyjson_mut_equals_strn(item, name.at, name.len))
      return;
  }
  (void)yyjson_mut_arr_add_strncpy(doc, list, name.at, name.len);
}

static bool same_kinds(yyjson_val *one, yyjson_val *other) {
  if (yyjson_arr_size(one) != yyjson_arr_size(other))
    return false;
  for (size_t i = 0; i < yyjson_arr_size(one); i++)
    if (!yyjson_equals(json_get(yyjson_arr_get(one, i), "kind"), json_get(yyjson_arr_get(other, i), "kind")))
      return false;
  return true;
}

static void list_differences(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *list, const char *above,
                             yyjson_val *one, yyjson_val *other);

static void compare_member(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *list, struct text path,
                           yyjson_val *one, yyjson_val *other) {
  if (yyjson_is_obj(one) && yyjson_is_obj(other)) {
    list_differences(a, doc, list, path.at, one, other);
  } else if (text_equal(path, TEXT("blocks")) && same_kinds(one, other)) {
    for (size_t i = 0; i < yyjson_arr_size(one); i++)
      list_differences(a, doc, list, "blocks[]", yyjson_arr_get(one, i), yyjson_arr_get(other, i));
  } else if (!one || !other || !yyjson_equals(one, other)) {
    add_once(a, doc, list, path);
  }
}

static void list_differences(struct arena *a, yyjson_mut_doc *doc, yyjson_mut_val *list, const char *above,
                             yyjson_val *one, yyjson_val *other) {
  yyjson_val *key, *value;
  size_t i, max;
  const char *dot = above[0] ? "." : "";
  yyjson_obj_foreach (one, i, max, key, value) {
    struct text name = json_text(key), path = arena_format(a, "%s%s%.*s", above, dot, TEXT_ARGS(name));
    compare_member(a, doc, list, path, value, yyjson_obj_getn(other, name.at, name.len));
  }
  yyjson_obj_foreach (other, i, max, key, value) {
    struct text name = json_text(key);
    if (!yyjson_obj_getn(one, name.at, name.len))
      add_once(a, doc, list, arena_format(a, "%s%s%.*s", above, dot, TEXT_ARGS(name)));
  }
}

/* Compares with what is written down, or writes it down. cell belongs to doc, which ends here. */
static void settle(struct item *it, yyjson_mut_doc *doc, yyjson_mut_val *cell) {
  size_t len = 0;
  char *json = yyjson_mut_val_write(cell, 0, &len);
  struct text got = arena_copy(&it->arena, (struct text){json, len});
  free(json);
  yyjson_mut_doc *bless = it->provider->bless;
  if (bless) {
    yyjson_mut_val *at = yyjson_mut_doc_get_root(bless);
    const char *const names[] = {it->name.at, it->form};
    for (size_t i = 0; i < 2; i++) {
      yyjson_mut_val *next = yyjson_mut_obj_get(at, names[i]);
      if (!next) {
        next = yyjson_mut_obj(bless);
        (void)yyjson_mut_obj_add_val(bless, at, names[i], next);
      }
      at = next;
    }
    (void)yyjson_mut_obj_remove_key(at, it->client->name);
    (void)yyjson_mut_obj_add_val(bless, at, it->client->name, yyjson_mut_val_mut_copy(bless, cell));
  }
  yyjson_mut_doc_free(doc);
  if (bless)
    return;
  yyjson_val *fixture = it->provider->cells ? json_get(it->provider->cells->root, it->name.at) : NULL;
  yyjson_val *want = json_get(json_get(fixture, it->form), it->client->name);
  if (!want)
    fail_msg("nothing is written down for %s; found %.*s; run with BLESS=1 and read it", it->client->name,
             TEXT_ARGS(got));
  struct json *found = matrix_parse(&it->arena, got, it->name);
  struct text difference = matrix_difference(&it->arena, found->root, want);
  if (difference.len)
    fail_msg("%.*s", TEXT_ARGS(difference));
}

static void settle_error(struct item *it, enum err err) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *cell = yyjson_mut_obj(doc);
  (void)yyjson_mut_obj_add_str(doc, cell, "is", "failed");
  (void)yyjson_mut_obj_add_str(doc, cell, "error", err_name(err));
  settle(it, doc, cell);
}

static void settle_answers(struct item *it, const struct llm_answer *sent, const struct llm_answer *back) {
  struct arena *a = &it->arena;
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *cell = yyjson_mut_obj(doc), *differs = yyjson_mut_arr(doc), *notes = yyjson_mut_arr(doc);
  struct json *one = matrix_parse(a, answer_json(a, sent), it->name),
              *other = matrix_parse(a, answer_json(a, back), it->name);
  list_differences(a, doc, differs, "", one->root, other->root);
  for (size_t i = 0; i < sent->notes.count; i++)
    (void)yyjson_mut_arr_add_str(doc, notes, sent->notes.at[i]);
  bool same = yyjson_mut_arr_size(differs) == 0 && sent->notes.count == 0;
  (void)yyjson_mut_obj_add_str(doc, cell, "is", same ? "passed" : "translated");
  if (yyjson_mut_arr_size(differs) > 0)
    (void)yyjson_mut_obj_add_val(doc, cell, "differs", differs);
  if (sent->notes.count > 0)
    (void)yyjson_mut_obj_add_val(doc, cell, "notes", notes);
  settle(it, doc, cell);
}

static void expect_same_content(struct item *it, const struct llm_block *sent, size_t sent_count,
                                const struct llm_block *back, size_t back_count, const char *what) {
  struct arena *a = &it->arena;
  struct json *one = matrix_parse(a, content_json(a, sent, sent_count), it->name);
  struct json *other = matrix_parse(a, content_json(a, back, back_count), it->name);
  struct text difference = matrix_difference(a, other->root, one->root);
  if (difference.len)
    fail_msg("%s: %.*s", what, TEXT_ARGS(difference));
}

/* -- plain answers -- */

static struct text written(struct item *it, const struct llm_answer *answer) {
  struct buf out;
  buf_init(&out, STREAM_MAX_BYTES);
  it->client->dialect->write_answer(answer, &stream_echo, &out);
  assert_int_equal(buf_check(&out), ERR_OK);
  struct text body = arena_copy(&it->arena, buf_text(&out));
  buf_done(&out);
  return body;
}

/* What the client got may go back to the provider, and says there what the provider said. */
static void expect_can_be_sent_back(struct item *it, struct text body, const struct llm_answer *answer) {
  static struct llm_tool defined = {.name = TEXT("weather"), .schema = TEXT("{\"type\":\"object\"}")};
  struct arena *a = &it->arena;
  if (answer->block_count == 0)
    return;
  struct llm_request *rq = ARENA_NEW(a, struct llm_request);
  struct llm_echo echo = {0};
  rq->arena = a;
  struct fault f = {0};
  struct text next = next_request(a, it->client, matrix_parse(a, body, it->name)->root, answer);
  enum err e = it->client->dialect->read_request(matrix_parse(a, next, it->name), rq, &echo, &f);
  if (e)
    fail_msg("cannot be sent back: %s: %s, in %.*s", err_name(e), fault_text(&f), TEXT_ARGS(text_head(next, 600)));
  struct llm_block *said = arena_zalloc(a, BLOCKS_MAX * sizeof(*said));
  size_t count = 0;
  for (size_t i = 0; i < rq->message_count; i++)
    for (size_t k = 0; rq->messages[i].role == LLM_ASSISTANT && k < rq->messages[i].count && count < BLOCKS_MAX; k++)
      said[count++] = rq->messages[i].blocks[k];
  expect_same_content(it, answer->blocks, answer->block_count, said, count, "sent back");
  struct buf out;
  buf_init(&out, STREAM_MAX_BYTES);
  rq->model = TEXT("some-model");
  rq->default_max_tokens = 4096;
  rq->tools = &defined; /* Converse wants to know the tools that are called */
  rq->tool_count = 1;
  e = it->provider->side->dialect->write_request(rq, &out, &f);
  struct text upstream = arena_copy(a, buf_text(&out));
  buf_done(&out);
  if (e)
    fail_msg("cannot go back to its provider: %s: %s", err_name(e), fault_text(&f));
  struct text lost = matrix_lost_mark(a, next, upstream);
  if (lost.len)
    fail_msg("%.*s is lost on the way back, in %.*s", TEXT_ARGS(lost), TEXT_ARGS(text_head(upstream, 600)));
}

static void check_plain(struct item *it) {
  struct arena *a = &it->arena;
  struct llm_answer sent = {0}, back = {0};
  struct fault f = {0};
  struct text source = matrix_read_file(a, it->path);
  enum err e = it->provider->side->dialect->read_answer(matrix_parse(a, source, it->name), a, &sent, &f);
  if (e) {
    settle_error(it, e);
    return;
  }
  struct text body = written(it, &sent);
  e = it->client->dialect->read_answer(matrix_parse(a, body, it->name), a, &back, &f);
  if (e)
    fail_msg("what was written cannot be read: %s: %s, in %.*s", err_name(e), fault_text(&f),
             TEXT_ARGS(text_head(body, 600)));
  expect_same_content(it, sent.blocks, sent.block_count, back.blocks, back.block_count, "what the client got");
  struct text lost = matrix_lost_mark(a, source, body);
  if (lost.len)
    fail_msg("%.*s is lost in %.*s", TEXT_ARGS(lost), TEXT_ARGS(text_head(body, 600)));
  expect_can_be_sent_back(it, body, &sent);
  settle_answers(it, &sent, &back);
}

/* -- streams -- */

static void feed_all(struct item *it, struct stream_in *s, struct text bytes) {
  stream_feed(s, bytes);
  stream_end(s);
  if (s->err == ERR_OK && !llm_collect_is_whole(s->collect))
    fail_msg("the stream of %.*s ends too soon", TEXT_ARGS(it->name));
}

/* The client of a broken stream learns that it is, and has what came before. */
static void expect_failure(struct item *it, const struct llm_answer *sent) {
  it->client->dialect->write_failure(it->out->writer, &stream_echo, &it->in->fault, text_of(failure_id),
                                     &it->out->bytes);
  stream_feed(it->back, buf_text(&it->out->bytes));
  stream_end(it->back);
  struct llm_answer back;
  llm_collect_answer(it->back->collect, &back);
  if (it->back->err == ERR_OK || llm_collect_is_whole(it->back->collect))
    fail_msg("the client does not learn that the stream is broken: %.*s", TEXT_ARGS(buf_text(&it->out->bytes)));
  expect_same_content(it, sent->blocks, sent->block_count, back.blocks, back.block_count, "before the failure");
  settle_error(it, it->in->err);
}

static void check_stream(struct item *it) {
  struct llm_answer sent, back;
  stream_open(&it->arena, it->in, it->provider->side);
  stream_open(&it->arena, it->back, it->client);
  stream_out_open(&it->arena, it->out, it->client);
  it->in->clients = it->out;
  it->in->client_count = 1;
  feed_all(it, it->in, stream_bytes(&it->arena, it->provider->side, it->path));
  llm_collect_answer(it->in->collect, &sent);
  sent.notes = it->in->notes;
  if (it->in->err) {
    expect_failure(it, &sent);
    return;
  }
  assert_int_equal(buf_check(&it->out->bytes), ERR_OK);
  stream_feed(it->back, buf_text(&it->out->bytes));
  stream_end(it->back);
  if (it->back->err || !llm_collect_is_whole(it->back->collect))
    fail_msg("what was written cannot be read: %s: %s, in %.*s", err_name(it->back->err), fault_text(&it->back->fault),
             TEXT_ARGS(buf_text(&it->out->bytes)));
  llm_collect_answer(it->back->collect, &back);
  expect_same_content(it, sent.blocks, sent.block_count, back.blocks, back.block_count, "what the client got");
  settle_answers(it, &sent, &back);
}

static void check_split(struct item *it) {
  struct text bytes = stream_bytes(&it->arena, it->provider->side, it->path);
  stream_open(&it->arena, it->in, it->provider->side);
  feed_all(it, it->in, bytes);
  for (size_t at = 0; at <= bytes.len; at++) {
    struct arena a;
    arena_init(&a);
    stream_open(&a, it->back, it->provider->side);
    if (at < bytes.len) {
      stream_feed(it->back, text_head(bytes, at));
      stream_feed(it->back, text_skip(bytes, at));
    }
    for (size_t i = 0; at == bytes.len && i < bytes.len; i++)
      stream_feed(it->back, text_head(text_skip(bytes, i), 1));
    stream_end(it->back);
    bool same = it->back->err == it->in->err && text_equal(buf_text(&it->back->trace), buf_text(&it->in->trace));
    stream_close(it->back);
    arena_done(&a);
    if (!same)
      fail_msg("cut at byte %zu of %zu it says something else", at, bytes.len);
  }
}

/* -- the table of tests -- */

static void an_item(void **state) {
  struct item *it = *state;
  if (!it->client)
    check_split(it);
  else if (strcmp(it->form, "plain") == 0)
    check_plain(it);
  else
    check_stream(it);
}

struct matrix {
  const char *names[ITEMS_MAX];
  void *items[ITEMS_MAX];
  size_t count;
};

static void add_item(struct arena *a, struct matrix *m, struct provider *p, struct text path, const char *form,
                     const struct matrix_side *client) {
  struct item *it = ARENA_NEW(a, struct item);
  assert_true(m->count < ITEMS_MAX);
  *it = (struct item){.provider = p, .client = client, .name = matrix_stem(path), .path = path, .form = form};
  it->name = arena_copy(a, it->name);
  it->in = ARENA_NEW(a, struct stream_in);
  it->back = ARENA_NEW(a, struct stream_in);
  it->out = ARENA_NEW(a, struct stream_out);
  arena_init(&it->arena);
  m->items[m->count] = it;
  m->names[m->count++] = client ? arena_format(a, "%s/%s %s -> %s", p->side->name, it->name.at, form, client->name).at
                                : arena_format(a, "%s/%s cut at every byte", p->side->name, it->name.at).at;
}

static void add_files(struct arena *a, struct matrix *m, struct provider *p, const char *ending, const char *form) {
  struct text folder = arena_format(a, "answers/%s", p->side->name);
  struct matrix_files files = matrix_list(a, folder.at, ending);
  for (size_t i = 0; i < files.count; i++) {
    for (size_t k = 0; k < MATRIX_SIDES; k++)
      if (matrix_sides[k].accent == LLM_ACCENT_NONE && !matrix_is_same_wire(p->side, &matrix_sides[k]))
        add_item(a, m, p, files.paths[i], form, &matrix_sides[k]);
    if (strcmp(form, "stream") == 0)
      add_item(a, m, p, files.paths[i], form, NULL);
  }
}

static void load(struct arena *a, struct provider *p, const struct matrix_side *side) {
  *p = (struct provider){.side = side, .path = arena_format(a, "%s/answers/%s.json", TEST_FIXTURES, side->name)};
  if (matrix_is_blessing()) {
    p->bless = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(p->bless, yyjson_mut_obj(p->bless));
    return;
  }
  struct text name = arena_format(a, "%s.json", side->name);
  struct matrix_files files = matrix_list(a, "answers", name.at);
  for (size_t i = 0; i < files.count; i++)
    if (text_equal(files.paths[i], p->path))
      p->cells = matrix_parse(a, matrix_read_file(a, p->path), p->path);
}

static void save(struct arena *a, struct provider *p) {
  size_t len = 0;
  char *json = yyjson_mut_write(p->bless, YYJSON_WRITE_PRETTY_TWO_SPACES, &len);
  if (json && yyjson_mut_obj_size(yyjson_mut_doc_get_root(p->bless)) > 0)
    matrix_write_file(p->path, arena_format(a, "%.*s\n", (int)len, json));
  free(json);
  yyjson_mut_doc_free(p->bless);
}

static void item_done(struct item *it) {
  stream_close(it->in);
  stream_close(it->back);
  stream_out_close(it->out);
  arena_done(&it->arena);
}

int main(void) {
  struct arena a;
  struct provider providers[MATRIX_SOURCES];
  arena_init(&a);
  struct matrix *m = ARENA_NEW(&a, struct matrix);
  for (size_t i = 0; i < MATRIX_SOURCES; i++) {
    load(&a, &providers[i], &matrix_sides[i]);
    add_files(&a, m, &providers[i], ".json", "plain");
    add_files(&a, m, &providers[i], matrix_sides[i].is_eventstream ? ".events" : ".sse", "stream");
  }
  int failed = matrix_run(&a, an_item, m->names, m->items, m->count);
  for (size_t i = 0; i < m->count; i++)
    item_done(m->items[i]);
  for (size_t i = 0; i < MATRIX_SOURCES; i++)
    if (providers[i].bless)
      save(&a, &providers[i]);
  arena_done(&a);
  return failed;
}
