/* The slot of a key. The checksum is CRC-16/XMODEM (polynomial 0x1021, start 0), four bits at a time: keys are short
 * and the table of sixteen fits in a line. Called by cluster/. */
#include "net/resp_slot.h"

static unsigned crc16(struct text t) {
  static const uint16_t steps[] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                   0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
  unsigned crc = 0;
  for (size_t i = 0; i < t.len; i++) {
    unsigned byte = (unsigned char)t.at[i];
    crc = (crc << 4 & 0xffff) ^ steps[crc >> 12 ^ byte >> 4];
    crc = (crc << 4 & 0xffff) ^ steps[crc >> 12 ^ (byte & 15)];
  }
  return crc;
}

unsigned resp_slot(struct text key) {
  struct text before, behind, tag, rest;
  if (text_cut(key, '{', &before, &behind) && text_cut(behind, '}', &tag, &rest) && tag.len > 0)
    key = tag;
  return crc16(key) % RESP_SLOTS;
}
