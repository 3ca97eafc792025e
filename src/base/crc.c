/* CRC-32C for journal records: the SSE4.2 instruction where the processor has it, a table elsewhere. Both give the same
 * value on every machine, so a journal may move between them. Called by the ledger. */
#include "base/crc.h"

#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* reflected, RFC 3720 appendix B.4 */

static uint32_t table[256];

/* Before main and before any thread, so that readers need no lock. */
__attribute__((constructor)) static void table_fill(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++)
      c = (c >> 1) ^ (c & 1 ? POLYNOMIAL : 0);
    table[i] = c;
  }
}

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t n) {
  const unsigned char *in = bytes;
  crc = ~crc;
  for (size_t i = 0; i < n; i++)
    crc = (crc >> 8) ^ table[(crc ^ in[i]) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t n) {
  const unsigned char *in = bytes;
  uint64_t c = (uint32_t)~crc, word;
  for (; n >= sizeof word; n -= sizeof word, in += sizeof word) {
    memcpy(&word, in, sizeof word);
    c = __builtin_ia32_crc32di(c, word);
  }
  uint32_t tail = (uint32_t)c;
  for (; n > 0; n--, in++)
    tail = __builtin_ia32_crc32qi(tail, *in);
  return ~tail;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n) {
  return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes, n) : crc32c_portable(crc, bytes, n);
}

#else

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n) { return crc32c_portable(crc, bytes, n); }

#endif
