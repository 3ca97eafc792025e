/* The parts of the fidelity page that know nothing of fixtures: its columns, cells of Markdown tables, and the sorted
 * names of a folder. Called by fidelity.c. */
#include "table.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

const struct column columns[] = {
    {"anthropic", "Anthropic Messages", NULL, true, true},
    {"invoke", "Bedrock InvokeModel", "anthropic", false, true},
    {"converse", "Bedrock Converse", NULL, true, true},
    {"openai_chat", "OpenAI Chat Completions", NULL, true, true},
    {"openrouter", "OpenRouter", "openai_chat", false, false},
    {"openai_responses", "OpenAI Responses", NULL, true, true},
};
const size_t column_count = sizeof(columns) / sizeof(columns[0]);

void table_text(FILE *out, const char *text) {
  for (; text && *text; text++) {
    if (*text == '|')
      fputc('\\', out);
    fputc(*text == '\n' ? ' ' : *text, out);
  }
}

void table_code(FILE *out, const char *text) {
  fputc('`', out);
  table_text(out, text);
  fputc('`', out);
}

static int by_name(const void *left, const void *right) {
  const char *const *a = left, *const *b = right;
  return strcmp(*a, *b);
}

static bool ends_with(const char *text, const char *ending) {
  size_t length = strlen(text), tail = strlen(ending);
  return length > tail && strcmp(text + length - tail, ending) == 0;
}

struct files files_list(const char *folder, const char *ending) {
  struct files files = {0};
  DIR *dir = opendir(folder);
  if (!dir)
    return files;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!ends_with(entry->d_name, ending))
      continue;
    size_t room = strlen(folder) + strlen(entry->d_name) + 2;
    char **grown = realloc(files.paths, (files.count + 1) * sizeof(*grown));
    char *path = malloc(room);
    if (!grown || !path)
      abort();
    (void)snprintf(path, room, "%s/%s", folder, entry->d_name);
    files.paths = grown;
    files.paths[files.count++] = path;
  }
  (void)closedir(dir);
  if (files.count > 1)
    qsort(files.paths, files.count, sizeof(files.paths[0]), by_name);
  return files;
}

void files_done(struct files *f) {
  for (size_t i = 0; i < f->count; i++)
    free(f->paths[i]);
  free(f->paths);
}
