/* What of the address space a provider that was named over the network must not lead to. Names are not its matter: who
 * looks one up asks for what it means. Called by config/stored_body.c and net/dial.c. */
#include "base/link_local.h"

#include <stddef.h>
#include <string.h>

bool link_local_has_v4(uint32_t address) {
  return address >> 16 == 0xa9fe || address == 0x646464c8 || address == 0xa83f8110 || address == 0xc00000c0;
}

static uint32_t v4_at(const uint8_t *b) {
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

bool link_local_has_v6(const uint8_t address[16]) {
  static const uint8_t holders[][12] = {
      {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, {0}, {0, 0x64, 0xff, 0x9b}}; /* mapped, compatible, translated */
  static const uint8_t clouds[][4] = {{0xfd, 0, 0x0e, 0xc2}, {0xfd, 0x20, 0, 0xce}};
  if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
    return true;
  for (size_t i = 0; i < sizeof clouds / sizeof clouds[0]; i++)
    if (memcmp(address, clouds[i], sizeof clouds[i]) == 0)
      return true;
  for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++)
    if (memcmp(address, holders[i], sizeof holders[i]) == 0 && link_local_has_v4(v4_at(address + 12)))
      return true;
  return address[0] == 0x20 && address[1] == 0x02 && link_local_has_v4(v4_at(address + 2));
}
