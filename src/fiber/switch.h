/* Leaving one stack for another. Three implementations: switch_x86_64.S, switch_aarch64.S and, for every other CPU,
 * switch_ucontext.c; the build picks one (option fiber_switch). Only fiber.c calls this. */
#ifndef FIBER_SWITCH_H
#define FIBER_SWITCH_H

/* Where a suspended stack goes on. Everything else is kept on that stack. */
struct switch_context {
  void *at;
};

/* Prepares *c so that the first switch_to it calls entry(arg) on the stack that ends at top (exclusive; at least 4 KiB
 * of room). entry must never return. The new stack starts with the floating point control words of the caller. */
void switch_make(struct switch_context *c, void *top, void (*entry)(void *arg), void *arg);
/* Suspends the caller into *from and goes on at *to. Returns when somebody switches to *from. Keeps what the calling
 * convention says a callee keeps, the floating point control words included; not the signal mask. */
void switch_to(struct switch_context *from, const struct switch_context *to);

#endif
