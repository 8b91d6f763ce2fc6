/*
 * network.h - ranges of IP addresses: "10.0.0.0/8", "fd00::/8", or one address.
 */
#ifndef PL_BASE_NETWORK_H
#define PL_BASE_NETWORK_H

#include "base/address.h"

typedef struct pl_network {
	pl_address address;
	uint8_t bits; /* of it that count */
} pl_network;

/* False when text is none: no address, a length that is no number or too much, or bits behind the
 * length that are set, which would mislead who reads it. */
bool pl_network_parse(pl_network *network, const char *text);

/* IPv4 within IPv6 (::ffff:1.2.3.4) is IPv4. */
bool pl_network_has(const pl_network *network, const pl_address *address);

#endif
