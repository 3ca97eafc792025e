/* Messages to a loop from any thread: the only way into a loop from outside. */
#ifndef FIBER_MAILBOX_H
#define FIBER_MAILBOX_H

#include "fiber/loop.h"

/* Embedded in its owner, who must not reuse it before run was called. */
struct mailbox_message {
  void (*run)(struct mailbox_message *m); /* on the loop's thread, outside any fiber */
  struct mailbox_message *next;           /* internal */
};
/* Queues m for the loop and wakes it. Lock-free, any thread, never fails. Messages of one sender arrive in order. */
void mailbox_post(struct loop *loop, struct mailbox_message *m);

#endif
