/* getaddrinfo for tests of DNS and dialling: the program's own definition is taken before the C library's. Answers come
 * from a script; a look-up can be held until the test lets it go. */
#ifndef FAKE_RESOLVER_H
#define FAKE_RESOLVER_H

#include "net/addr.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int resolver_calls;
static atomic_bool resolver_is_held;
/* "NAME ADDR ADDR ...;NAME ...": what names mean; any other name does not exist. */
static const char *resolver_script = "";
static int resolver_failure; /* an EAI_ code for every name, 0: the script */

static inline struct addrinfo *resolver_item(struct text ip) {
  struct addrinfo *item = calloc(1, sizeof(*item));
  struct addr *a = calloc(1, sizeof(*a));
  if (item == NULL || a == NULL || !addr_from_ip(ip, 0, a))
    abort();
  item->ai_family = a->as.any.sa_family;
  item->ai_socktype = SOCK_STREAM;
  item->ai_addr = &a->as.any;
  item->ai_addrlen = a->len;
  return item;
}

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict out) {
  (void)service, (void)hints;
  atomic_fetch_add(&resolver_calls, 1);
  while (atomic_load(&resolver_is_held))
    (void)sched_yield();
  if (resolver_failure != 0)
    return resolver_failure;
  struct text rest = text_of(resolver_script), line = TEXT_NONE;
  while (rest.len > 0) {
    struct text word, words;
    if (!text_cut(rest, ';', &line, &rest)) {
      line = rest;
      rest = TEXT_NONE;
    }
    if (!text_cut(line, ' ', &word, &words) || !text_equal(word, text_of(name)))
      continue;
    struct addrinfo *first = NULL, **end = &first;
    while (words.len > 0) {
      struct text ip = words;
      if (!text_cut(words, ' ', &ip, &words))
        words = TEXT_NONE;
      *end = resolver_item(ip);
      end = &(*end)->ai_next;
    }
    *out = first;
    return 0;
  }
  return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list) {
  while (list != NULL) {
    struct addrinfo *next = list->ai_next;
    free(list->ai_addr);
    free(list);
    list = next;
  }
}

#endif
