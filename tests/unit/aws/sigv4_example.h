/* The credentials, time and place of AWS's published signature examples. */
#ifndef SIGV4_EXAMPLE_H
#define SIGV4_EXAMPLE_H

#include "aws/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EXAMPLE_ID     TEXT("AKIDEXAMPLE")
#define EXAMPLE_SECRET TEXT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
#define EXAMPLE_TIME_S INT64_C(1440938160) /* 2015-08-30T12:36:00Z */
#define EXAMPLE_HOST   TEXT("example.amazonaws.com")
#define EXAMPLE_TOKEN  TEXT("AQoDYXdzEPT//////////wEXAMPLE==")

#define HEADER(name, value)                                                                                            \
  {                                                                                                                    \
    {(name), sizeof(name) - 1}, { (value), sizeof(value) - 1 }                                                         \
  }

static inline void assert_text(struct text got, struct text expected) {
  if (!text_equal(got, expected))
    fail_msg("got \"%.*s\", expected \"%.*s\"", TEXT_ARGS(got), TEXT_ARGS(expected));
}

#endif
