/*
 * address.h - an IP address with a port, as text and back.
 */
#ifndef PL_BASE_ADDRESS_H
#define PL_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PL_ADDRESS_TEXT = 48 };

typedef struct pl_address {
	uint8_t ip[16]; /* network order; IPv4 in the first four bytes, the rest zero */
	uint32_t scope; /* IPv6 interface index, or 0 */
	uint16_t port;	/* host order */
	uint8_t family; /* 4, 6, or 0 for none */
} pl_address;

/* Reads "127.0.0.1", "::1" or "fe80::1%2". False when text is no IP address. Port becomes 0. */
bool pl_address_parse(pl_address *address, const char *text);

/* Writes the IP alone, NUL-terminated; "" for family 0. IPv4 inside IPv6
 * (::ffff:1.2.3.4) is written as IPv4. Returns the length. */
size_t pl_address_ip(const pl_address *address, char out[PL_ADDRESS_TEXT]);

#endif
