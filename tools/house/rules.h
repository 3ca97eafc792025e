/* The rules of the house, one function each; every one looks at one file and reports what it finds.
 * docs/ARCHITECTURE.md and CONTRIBUTING.md say why they are there. */
#ifndef HOUSE_RULES_H
#define HOUSE_RULES_H

#include "source.h"

/* include-arrow, outside-library, no-log, own-header-first. */
void rule_includes(struct house *h, struct source *s);
/* file-size, function-size. */
void rule_sizes(struct house *h, struct source *s);
/* banned-call, pure, typedef-struct. */
void rule_calls(struct house *h, struct source *s);
/* secret-comparison. */
void rule_secrets(struct house *h, struct source *s);
/* header-contract, include-guard, opening-comment. */
void rule_contracts(struct house *h, struct source *s);
/* test-mirror. */
void rule_mirror(struct house *h, struct source *s);
/* whitespace, leftover: any text file. */
void rule_text(struct house *h, struct source *s);
/* Exceptions nobody needed. Last. */
void rule_unused_exceptions(struct house *h, struct source *s);

#endif
