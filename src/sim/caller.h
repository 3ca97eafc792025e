/* Who may call the simulated services: keys and signatures, and the version headers that some of them require. */
#ifndef SIM_CALLER_H
#define SIM_CALLER_H

#include "net/http_server.h"
#include "sim/dialect.h"

/* Any key is good but the word "invalid"; a signature must be that of one of the key pairs in signature.h. Faults carry
 * the words of the dialect's service. now_s: the time signatures are judged by. */
enum err caller_check(const struct sim_dialect *dialect, const struct http_request *rq, struct text body, int64_t now_s,
                      struct fault *f) MUST_CHECK;

#endif
