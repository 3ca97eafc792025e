/* weir version, and weir reference: what this program is and which configuration keys it knows.
 * Both print and end. Called by main.c. */
#include "cli/cli.h"

int cli_version(int argc, char **argv) {
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, "usage: weir version\n", NULL, 0, NULL, 0, &words, &help))
    return help ? 0 : 2;
  printf("weir %s\n", WEIR_VERSION);
  return 0;
}

int cli_reference(int argc, char **argv) {
  size_t words;
  bool help;
  struct buf out;
  if (!cli_parse(argc, argv, "usage: weir reference\n  prints every configuration key as Markdown\n", NULL, 0, NULL, 0,
                 &words, &help))
    return help ? 0 : 2;
  buf_init(&out, 1024 * 1024);
  config_write_reference(&out);
  fwrite(out.at, 1, out.len, stdout);
  buf_done(&out);
  return 0;
}
