/* weir openapi: the document of the control API, as the running program serves it. Called by main.c; what is in it
 * follows from the tables in control/. */
#include "control/openapi.h"

#include "cli/cli.h"

#define DOCUMENT_MAX_BYTES (4 * 1024 * 1024)

int cli_openapi(int argc, char **argv) {
  static const char usage[] = "usage: weir openapi\n"
                              "  prints the OpenAPI 3.1 document of the control API\n";
  size_t words;
  bool help;
  struct buf out;
  if (!cli_parse(argc, argv, usage, NULL, 0, NULL, 0, &words, &help))
    return help ? 0 : 2;
  buf_init(&out, DOCUMENT_MAX_BYTES);
  openapi_write(&out);
  buf_add_char(&out, '\n');
  bool whole = buf_check(&out) == ERR_OK && fwrite(out.at, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
  buf_done(&out);
  return whole ? 0 : 1;
}
