/*
 * sockaddr.h - addresses as the system's calls want them.
 */
#ifndef PL_NET_SOCKADDR_H
#define PL_NET_SOCKADDR_H

#include <sys/socket.h>

#include "base/address.h"

/* Returns the length. */
socklen_t pl_sockaddr_write(const pl_address *address, struct sockaddr_storage *to);

/* All zero for a family that is neither IPv4 nor IPv6. */
void pl_sockaddr_read(const struct sockaddr_storage *from, pl_address *address);

#endif
