/* The house check:  house [ROOT]  looks at the sources of the repository at ROOT (default: here) and prints every break
 * of a house rule as "path:line: [rule] text", then how many there were. Exit status 0 when there is none, 1 otherwise,
 * 2 for wrong use. An exception stands in a comment on the line or above it, or for a whole file in its opening
 * comment: house: allow RULE -- REASON and one that is not needed is itself reported. `make lint` calls it. */
#include "rules.h"

#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (4 << 20)

/* Folders with data, or with other people's files. */
static const char skipped_folders[] = " corpus fixtures node_modules results generated ";
static const char text_endings[] = " c h S sh def build sql ts mjs ";

static bool has_entry(const char *list, const char *word) {
  char padded[280];
  int n = snprintf(padded, sizeof(padded), " %s ", word);
  return n > 0 && (size_t)n < sizeof(padded) && strstr(list, padded) != NULL;
}

static bool is_ours(const FTSENT *entry) {
  const char *ending = strrchr(entry->fts_name, '.');
  return entry->fts_info == FTS_F && ending != NULL && has_entry(text_endings, ending + 1);
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *text = malloc(FILE_BYTES_MAX + 1);
  if (text == NULL)
    abort();
  *length = file != NULL ? fread(text, 1, FILE_BYTES_MAX, file) : 0;
  text[*length] = '\0';
  if (file != NULL)
    (void)fclose(file);
  return text;
}

static void check_file(struct house *h, const char *path) {
  struct source s;
  size_t length;
  char *text = read_file(path, &length);
  source_init(&s, h, path + strlen(h->root) + 1, text, length);
  rule_text(h, &s);
  if (s.is_c) {
    rule_includes(h, &s);
    rule_sizes(h, &s);
    rule_calls(h, &s);
    rule_secrets(h, &s);
    rule_contracts(h, &s);
    rule_mirror(h, &s);
    rule_unused_exceptions(h, &s);
  }
  source_done(&s);
}

static int by_name(const FTSENT **a, const FTSENT **b) { return strcmp((*a)->fts_name, (*b)->fts_name); }

/* Every file of ours below one folder, in the order of the names. Returns how many. */
static size_t check_folder(struct house *h, const char *folder) {
  char path[2048];
  size_t files = 0;
  (void)snprintf(path, sizeof(path), "%s/%s", h->root, folder);
  char *const roots[] = {path, NULL};
  FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
  if (tree == NULL)
    return 0;
  for (FTSENT *entry = fts_read(tree); entry != NULL; entry = fts_read(tree)) {
    if (entry->fts_info == FTS_D && has_entry(skipped_folders, entry->fts_name)) {
      (void)fts_set(tree, entry, FTS_SKIP);
    } else if (is_ours(entry)) {
      check_file(h, entry->fts_path);
      files++;
    }
  }
  (void)fts_close(tree);
  return files;
}

int main(int argc, char **argv) {
  struct house h = {.root = argc == 2 ? argv[1] : "."};
  if (argc > 2) {
    (void)fprintf(stderr, "usage: house [ROOT]\n");
    return 2;
  }
  const char *const folders[] = {"bench", "src", "tests", "tools"};
  size_t files = 0;
  for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
    files += check_folder(&h, folders[i]);
  printf("house: %zu files, %zu findings\n", files, h.findings);
  if (files == 0)
    return 2;
  return h.findings > 0 ? 1 : 0;
}
