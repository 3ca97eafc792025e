/* weir version, and weir reference: what this program is, which configuration keys it knows, and how it tells failures
 * of providers apart. Both print and end. Called by main.c. */
#include "cli/cli.h"
#include "provider/failures.h"

int cli_version(int argc, char **argv) {
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, "usage: weir version\n", NULL, 0, NULL, 0, &words, &help))
    return help ? 0 : 2;
  printf("weir %s\n", WEIR_VERSION);
  return 0;
}

static const struct {
  const char *name;
  void (*write)(struct buf *out);
} pages[] = {{"configuration", config_write_reference}, {"failures", failures_write_page}};

int cli_reference(int argc, char **argv) {
  static const char usage[] = "usage: weir reference [configuration | failures]\n"
                              "  prints as Markdown: every configuration key (unless told otherwise), or what each "
                              "failure of a provider means\n";
  const char *word = "configuration";
  size_t words;
  bool help;
  struct buf out;
  if (!cli_parse(argc, argv, usage, NULL, 0, &word, 1, &words, &help))
    return help ? 0 : 2;
  for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
    if (strcmp(word, pages[i].name) != 0)
      continue;
    buf_init(&out, 1024 * 1024);
    pages[i].write(&out);
    fwrite(out.at, 1, out.len, stdout);
    buf_done(&out);
    return 0;
  }
  fputs(usage, stderr);
  return 2;
}
