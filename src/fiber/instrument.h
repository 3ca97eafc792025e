/* Tells AddressSanitizer, ThreadSanitizer, LeakSanitizer and Valgrind about stacks and switches. Without them
 * everything here is empty. Order of a switch: instrument_leave, switch_to, instrument_arrive (on the other side). Used
 * by fiber.c and stack.c only. sanitizer/common_interface_defs.h, sanitizer/tsan_interface.h and valgrind/memcheck.h
 * say what the calls mean. */
#ifndef FIBER_INSTRUMENT_H
#define FIBER_INSTRUMENT_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define INSTRUMENT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define INSTRUMENT_TSAN 1
#endif
#endif
#ifndef INSTRUMENT_ASAN
#define INSTRUMENT_ASAN 0
#endif
#ifndef INSTRUMENT_TSAN
#define INSTRUMENT_TSAN 0
#endif

#if INSTRUMENT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if INSTRUMENT_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#define INSTRUMENT_VALGRIND 1
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef INSTRUMENT_VALGRIND
#define INSTRUMENT_VALGRIND 0
#endif

/* One side of a switch: a fiber, or the thread's own stack. */
struct instrument {
  void *fake_stack; /* AddressSanitizer's, while suspended */
  const void *low;  /* bounds of the stack */
  size_t bytes;
  void *tsan; /* ThreadSanitizer's handle */
};

/* A new fiber on [low, low+bytes). */
static inline void instrument_init(struct instrument *self, const void *low, size_t bytes) {
  *self = (struct instrument){.low = low, .bytes = bytes};
#if INSTRUMENT_TSAN
  self->tsan = __tsan_create_fiber(0);
#endif
}

/* The fiber has left for good; called on another stack. */
static inline void instrument_done(struct instrument *self) {
#if INSTRUMENT_TSAN
  __tsan_destroy_fiber(self->tsan);
#endif
  self->tsan = NULL;
}

/* The thread's own stack, about to switch for the first time in this run of the loop. */
static inline void instrument_init_thread(struct instrument *self) {
  *self = (struct instrument){0};
#if INSTRUMENT_TSAN
  self->tsan = __tsan_get_current_fiber();
#endif
}

/* Directly before switch_to. for_good: the stack left will not run again. */
static inline void instrument_leave(struct instrument *from, const struct instrument *to, bool for_good) {
#if INSTRUMENT_ASAN
  __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->low, to->bytes);
#endif
#if INSTRUMENT_TSAN
  __tsan_switch_to_fiber(to->tsan, 0);
#endif
  (void)from, (void)to, (void)for_good;
}

/* First thing on the stack that was switched to. Learns the bounds of the stack it came from. */
static inline void instrument_arrive(struct instrument *self, struct instrument *from) {
#if INSTRUMENT_ASAN
  __sanitizer_finish_switch_fiber(self->fake_stack, &from->low, &from->bytes);
#endif
  (void)self, (void)from;
}

/* A stack was mapped; the result goes to instrument_stack_unmapped. */
static inline unsigned instrument_stack_mapped(char *low, size_t bytes) {
  unsigned id = 0;
#if INSTRUMENT_ASAN
  __lsan_register_root_region(low, bytes);
#endif
#if INSTRUMENT_VALGRIND
  id = (unsigned)VALGRIND_STACK_REGISTER(low, low + bytes);
#endif
  (void)low, (void)bytes;
  return id;
}

/* A stack is about to be unmapped; id is what instrument_stack_mapped gave. */
static inline void instrument_stack_unmapped(char *low, size_t bytes, unsigned id) {
#if INSTRUMENT_ASAN
  __lsan_unregister_root_region(low, bytes);
#endif
#if INSTRUMENT_VALGRIND
  VALGRIND_STACK_DEREGISTER(id);
#endif
  (void)low, (void)bytes, (void)id;
}

/* All of [low, low+bytes) may be written again: frames that never returned left their marks there. */
static inline void instrument_stack_clean(char *low, size_t bytes) {
#if INSTRUMENT_ASAN
  __asan_unpoison_memory_region(low, bytes);
#endif
#if INSTRUMENT_VALGRIND
  (void)VALGRIND_MAKE_MEM_DEFINED(low, bytes);
#endif
  (void)low, (void)bytes;
}

#endif
