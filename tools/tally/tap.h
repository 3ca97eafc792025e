/* Reads the Test Anything Protocol, versions 12 to 14, one line at a time: results, plans, skips, nested subtests (four
 * spaces a level, as node prints them) and their YAML blocks. Counts leaves: a result that closes a subtest is not a
 * test of its own. A directive that calls a failure expected excuses nothing here. */
#ifndef TALLY_TAP_H
#define TALLY_TAP_H

#include <stdbool.h>
#include <stddef.h>

#define TAP_DEPTH_MAX 16

/* Zero-initialised is ready. */
struct tap {
  size_t passed, failed, skipped;
  size_t planned, seen; /* on the outermost level */
  bool has_plan, skips_all, bailed, in_yaml;
  size_t children[TAP_DEPTH_MAX];        /* results below the next one of the level above */
  size_t broken_children[TAP_DEPTH_MAX]; /* those of them that failed */
};

/* line is without its line end; text that is not TAP is passed over. True if the line is a leaf that failed: its name
 * is then in *name, pointing into the line. */
bool tap_read_line(struct tap *t, const char *line, const char **name);

/* What is wrong with the output as a whole (no plan, other than the plan, bailed out), or NULL. */
const char *tap_fault(const struct tap *t);

#endif
