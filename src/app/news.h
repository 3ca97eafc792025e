/* What other processes on the same store have changed (cluster/events.h), and what this one does about it: it forgets a
 * key that was changed, reads its configuration anew when somebody said so, looks for jobs, and takes a list of models
 * that another replica has fetched. */
#ifndef APP_NEWS_H
#define APP_NEWS_H

#include "base/json.h"

struct app;
struct local_call;

/* Makes a->events and says who is told of what; others may add to it until news_start. Identity, the
 * lists of models and the runner of jobs, if there is to be one, must exist. */
void news_open(struct app *a);
/* From now on this process is told. Blocks for a question to the store; its errors. */
enum err news_start(struct app *a, struct fault *f) MUST_CHECK;
/* Nobody is told any more. Safe on what was not opened. */
void news_close(struct app *a);
/* Whether a reload was asked for since the last call. For the main thread. */
bool news_wants_reload(struct app *a);

/* POST /reload of the operator's socket (local.h): {"all": true} asks every replica. Answers when it is asked for; that
 * it is done shows in /status. Waits for the store when all are asked. */
void news_post_reload(struct local_call *c);
/* The members "events" and "replicas" of /status: how far this process is behind, and who has a seat on a shared store
 * (not there when the store does not say). Waits for the store. */
void news_put_status(struct json_writer *w, struct app *a);

#endif
