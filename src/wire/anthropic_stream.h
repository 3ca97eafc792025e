/* Streams of the Anthropic Messages API: struct dialect, read_event, write_event and write_failure. Pure.
 * https://docs.anthropic.com/en/api/messages-streaming */
#ifndef WIRE_ANTHROPIC_STREAM_H
#define WIRE_ANTHROPIC_STREAM_H

#include "wire/dialect.h"

#define ANTHROPIC_STOP_SEQUENCE_MAX 256 /* longer ones are cut when they are reported back */

/* Zeroed at first; see struct dialect. */
struct anthropic_stream_reader {
  bool started, open, ended;
  bool has_input;          /* of the open tool call */
  enum llm_kind kind;      /* of the open block */
  uint32_t next;           /* number of the next block */
  uint64_t provider_index; /* what the provider calls the open one */
  struct usage usage, steps;
  enum llm_stop stop;
  struct text service_tier; /* a literal */
  size_t stop_sequence_len;
  char stop_sequence[ANTHROPIC_STOP_SEQUENCE_MAX];
};

/* One event of the provider; reader is a struct anthropic_stream_reader. */
enum err anthropic_stream_read(void *reader, struct text event, struct text data, struct llm_sink *sink,
                               struct llm_notes *notes, struct fault *f) MUST_CHECK;

#define ANTHROPIC_FORMAT_MAX 64 /* bytes of a reasoning format's name; longer ones are cut */
struct anthropic_stream_writer {
  enum llm_kind kind; /* of the open block */
  bool is_custom, has_input, has_signature;
  uint64_t output_bytes; /* of the whole answer, for a provider that counts nothing */
  size_t format_len;
  char format[ANTHROPIC_FORMAT_MAX];
};

/* As server-sent events. */
void anthropic_stream_write(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out);
void anthropic_stream_fail(void *writer, const struct llm_echo *echo, const struct fault *fault, struct text request_id,
                           struct buf *out);
/* The same events as chunks of Bedrock's event stream. */
void anthropic_stream_write_chunks(void *writer, const struct llm_echo *echo, const struct llm_event *e,
                                   struct buf *out);

#endif
