/* Who changes something in a test. */
#ifndef TESTS_SUPPORT_ACTOR_H
#define TESTS_SUPPORT_ACTOR_H

#include "ports/store_audit.h"

static const struct audit_actor test_actor = {{"local:tester", 12}, {"cli", 3}};
#define TEST_ACTOR (&test_actor)

#endif
