/* Who may call, by the configuration: declared keys and external issuers, handed to identity/ as it wants them. */
#ifndef APP_CALLERS_H
#define APP_CALLERS_H

struct app;
struct config;

/* Puts the keys and issuers of c in force; a's identity and tokens exist. Main thread. */
void callers_declare(struct app *a, const struct config *c);

#endif
