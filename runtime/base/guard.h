/*
 * guard.h - which addresses are the world's, and which are somebody's own: for whoever connects to
 * where a peer or a user has sent him.
 *
 * The question is asked of the address that is really connected to, never of a name. IPv4 that is
 * written within IPv6 counts as what it leads to.
 */
#ifndef PL_BASE_GUARD_H
#define PL_BASE_GUARD_H

#include "base/address.h"

/* Of the registries for special purposes (RFC 6890, IANA). */
enum pl_address_kind {
	PL_ADDRESS_PUBLIC,	/* unicast of the internet */
	PL_ADDRESS_LOOPBACK,	/* 127/8, ::1 */
	PL_ADDRESS_PRIVATE,	/* RFC 1918, 100.64/10 (RFC 6598), fc00::/7, fec0::/10 */
	PL_ADDRESS_LINK_LOCAL,	/* 169.254/16, fe80::/10 */
	PL_ADDRESS_UNSPECIFIED, /* 0/8, :: */
	PL_ADDRESS_MULTICAST,	/* 224/4, ff00::/8 */
	PL_ADDRESS_RESERVED	/* documentation, tests, protocols' own, the future, broadcast; no
				 * address at all */
};

/* IPv4 in IPv6, of which the kind is that of the IPv4 address: mapped (::ffff/96, also translated,
 * ::ffff:0/96), compatible (::/96), NAT64 (64:ff9b::/96; 64:ff9b:1::/48 is private), 6to4
 * (2002::/16), Teredo's server and client (2001::/32), ISATAP (…:0:5efe:… and …:200:5efe:…); the
 * worse of two. */
enum pl_address_kind pl_address_kind(const pl_address *address);

/* "public", "loopback", "private", "link-local", "unspecified", "multicast", "reserved". */
const char *pl_address_kind_name(enum pl_address_kind kind);

#endif
