/* The fiber switch for CPUs without an assembly one, on makecontext(3). Contract in switch.h; called by fiber.c.
 * Each swap costs a system call (glibc also saves the signal mask), so it is a fallback and not a choice.
 * A suspended ucontext_t lives on the stack it describes: a context stays one pointer. */
#include "fiber/switch.h"

#include <stdint.h>
#include <ucontext.h>

/* Enough to hold the ucontext_t of any CPU with room to spare; the entry's stack begins below it. */
#define UCONTEXT_ROOM ((sizeof(ucontext_t) + 63) & ~(size_t)63)
/* What makecontext is told of the stack: only its top matters, and the contract promises this much. */
#define UCONTEXT_STACK_BYTES 2048

/* makecontext passes ints only: the pointers travel in halves. */
static void begin(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low) {
  uintptr_t entry = (uintptr_t)(((uint64_t)entry_high << 32) | entry_low);
  uintptr_t arg = (uintptr_t)(((uint64_t)arg_high << 32) | arg_low);
  ((void (*)(void *))entry)((void *)arg);
  abort();
}

void switch_make(struct switch_context *c, void *top, void (*entry)(void *arg), void *arg) {
  uintptr_t at = ((uintptr_t)top & ~(uintptr_t)63) - UCONTEXT_ROOM;
  ucontext_t *u = (ucontext_t *)at;
  if (getcontext(u) != 0) {
    abort();
  }
  u->uc_link = NULL;
  u->uc_stack.ss_sp = (void *)(at - UCONTEXT_STACK_BYTES);
  u->uc_stack.ss_size = UCONTEXT_STACK_BYTES;
  uint64_t entry_bits = (uintptr_t)entry, arg_bits = (uintptr_t)arg;
  makecontext(u, (void (*)(void))begin, 4, (unsigned)(entry_bits >> 32), (unsigned)entry_bits,
              (unsigned)(arg_bits >> 32), (unsigned)arg_bits);
  c->at = u;
}

void switch_to(struct switch_context *from, const struct switch_context *to) {
  ucontext_t here;
  from->at = &here;
  if (swapcontext(&here, to->at) != 0) {
    abort();
  }
}
