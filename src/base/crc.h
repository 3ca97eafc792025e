/* CRC-32C (Castagnoli), as in RFC 3720 appendix B.4; used by the journal. Hardware instruction where there is one. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues crc (0 to start) over n bytes. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);
/* The same without the instruction, on every machine. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t n);

#endif
