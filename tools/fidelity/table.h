/* The columns of the fidelity page, cells of Markdown tables, and folders of fixtures. */
#ifndef TOOLS_FIDELITY_TABLE_H
#define TOOLS_FIDELITY_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include <yyjson.h>

struct column {
  const char *name, *title;
  const char *variant_of; /* what a fixture says about that holds for this too, unless it says otherwise */
  bool is_source, is_client;
};
extern const struct column columns[];
extern const size_t column_count;

/* Text inside a cell; text may be NULL. */
void table_text(FILE *out, const char *text);
void table_code(FILE *out, const char *text);

struct files {
  char **paths; /* sorted by name */
  size_t count;
};
/* The files of a folder that end so; none when it is not there. */
struct files files_list(const char *folder, const char *ending);
void files_done(struct files *f);

#endif
