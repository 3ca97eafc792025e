/* Messages from other threads to a loop: a lock-free stack that the loop takes whole and turns round, so the oldest
 * runs first. A poster pays a system call only when the loop may be asleep. It does not wait for answers; see offload.c
 * for a call and its result.
 *
 * The loop says `asleep` and then looks at the stack; a poster pushes and then looks at `asleep`. Both orders are
 * sequentially consistent, so one of the two sees the other. */
#include "fiber/mailbox.h"

#include "fiber/loop_private.h"

#include <unistd.h>

void mailbox_post(struct loop *loop, struct mailbox_message *m) {
  /* As soon as m is pushed the loop may run it, end and be freed; loop_free waits for visitors. */
  atomic_fetch_add(&loop->visitors, 1);
  struct mailbox_message *newest = atomic_load_explicit(&loop->mail, memory_order_relaxed);
  do {
    m->next = newest;
  } while (!atomic_compare_exchange_weak(&loop->mail, &newest, m));
  if (atomic_exchange(&loop->asleep, false)) {
    /* Fails only when the counter is full, and then the loop has been told already. */
    ssize_t ignored = write(loop->event_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
  }
  atomic_fetch_sub(&loop->visitors, 1);
}

bool mailbox_is_empty(struct loop *loop) { return atomic_load(&loop->mail) == NULL; }

void mailbox_drain(struct loop *loop) {
  if (atomic_load_explicit(&loop->mail, memory_order_relaxed) == NULL) {
    return;
  }
  struct mailbox_message *newest = atomic_exchange(&loop->mail, NULL);
  struct mailbox_message *oldest = NULL;
  while (newest != NULL) {
    struct mailbox_message *m = newest;
    newest = m->next;
    m->next = oldest;
    oldest = m;
  }
  while (oldest != NULL) {
    struct mailbox_message *m = oldest;
    oldest = m->next; /* before run: it may free m or post it again */
    m->run(m);
  }
}
