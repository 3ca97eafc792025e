/* Who changes something in a test. */
#ifndef TESTS_SUPPORT_ACTOR_H
#define TESTS_SUPPORT_ACTOR_H

#include "ports/store_audit.h"

#define TEST_ACTOR (&(struct audit_actor){TEXT("local:tester"), TEXT("cli")})

#endif
