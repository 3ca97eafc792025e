/* Reading C just closely enough for the house check: what is code and what comment, which functions stand where. Not a
 * parser: it follows quotes, comments, directives and braces, which is all the rules need. */
#ifndef HOUSE_SCAN_H
#define HOUSE_SCAN_H

#include "source.h"

/* Fills code and comments: both as long as the text, line ends kept, everything of the other kind blanked. Characters
 * between quotes are blanked too, but for those of #include lines. */
void scan_views(struct source *s);
/* Fills includes, then blanks all directives in code. After scan_views. */
void scan_includes(struct source *s);
/* Fills functions and braces_match. After scan_includes. */
void scan_functions(struct source *s);

/* Where the word stands as a whole word in the code at or after `from`; NULL when nowhere. */
const char *scan_word(const char *from, const char *word);
bool scan_is_word_char(char c);

#endif
