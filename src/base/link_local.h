/* Addresses that belong to the machine's own link, and those under which clouds tell their machines secrets (instance
 * metadata). Whoever may name a host over the network must not reach them through Weir. Pure. */
#ifndef BASE_LINK_LOCAL_H
#define BASE_LINK_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

/* 169.254.0.0/16 (RFC 3927), and the metadata of Alibaba Cloud (100.100.100.200), Azure (168.63.129.16) and Oracle
 * (192.0.0.192). In the host's byte order. */
bool link_local_has_v4(uint32_t address);
/* fe80::/10 (RFC 4291), Amazon's fd00:ec2::/32 and Google's fd20:ce::/32, and every way to write an IPv4 address above
 * as one of IPv6: mapped, compatible, translated (64:ff9b::/96, RFC 6052) or 6to4 (RFC 3056). */
bool link_local_has_v6(const uint8_t address[16]);

#endif
