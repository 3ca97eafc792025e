/* One record of the journal: what a reservation, a note or a settlement looks like in memory and in a segment file.
 * Every record carries its whole row, so that each can be replayed alone. A record is written in place and published by
 * storing its first word last; its CRC-32C covers everything but the `closed` mark and starts from the boot id, so that
 * no text of a request can pass for a record. Pure. */
#ifndef LEDGER_RECORD_H
#define LEDGER_RECORD_H

#include "ports/store.h"

#include <stdatomic.h>

#define RECORD_MAX_BYTES 3648 /* the largest record there is, head included */
#define RECORD_TEXT_MAX                                                                                                \
  256 /* longer texts are cut, at a character's edge; provider_metadata is left out whole when it                      \
         does not fit */

enum record_type { RECORD_RESERVE = 1, RECORD_NOTE = 2, RECORD_SETTLE = 3 };

/* As it stands in the segment, at a multiple of 8 bytes; the payload follows. Byte order is the machine's: a journal
 * does not travel. */
struct record_head {
  _Atomic uint32_t word; /* mark, type and length in units of 8 bytes; 0: nothing here yet */
  uint32_t crc;
  uint64_t sequence; /* counts the records of a journal from 1 */
  int64_t id;        /* the row's */
  _Atomic uint32_t
      closed; /* set on a reservation whose settlement is stored, for when the two lie in different segments */
  uint32_t unused;
};

/* Writes and publishes a record at `at` (8-byte aligned, RECORD_MAX_BYTES of zeros); returns its length. Texts of the
 * row longer than RECORD_TEXT_MAX are cut. */
size_t record_write(void *at, enum record_type type, uint64_t sequence, uint64_t boot, const struct ledger_row *row);
/* Whether a published, undamaged record of this boot stands at `at`, within `room` bytes. */
bool record_is_valid(const void *at, size_t room, uint64_t boot);
/* Of a valid record. */
enum record_type record_type(const struct record_head *r);
size_t record_bytes(const struct record_head *r);
/* The row of a valid record; texts point into it. ERR_STORE_CORRUPT when the payload is not one (never after
 * record_write). */
enum err record_read(const struct record_head *r, struct ledger_row *out) MUST_CHECK;
/* The same from bare payload bytes, for record_read and the fuzzer. out->id is left 0. */
enum err record_read_payload(const char *at, size_t len, struct ledger_row *out) MUST_CHECK;

/* Walks through the bytes of a segment after a crash. */
struct record_scan {
  const char *base;
  size_t bytes, at; /* at: where to look next, a multiple of 8 */
  uint64_t boot;
  uint64_t last_sequence; /* of the record returned last, 0 for none */
  uint64_t damaged;       /* records that must have stood between valid ones and cannot be read */
};
/* The next valid record, or NULL at the end. What cannot be read is skipped and counted only when a valid record
 * follows; at the end it is what a kill left half written. */
struct record_head *record_scan_next(struct record_scan *s);

#endif
