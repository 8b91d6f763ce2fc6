#include "net/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

void pl_sockaddr_read(const struct sockaddr_storage *from, pl_address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(address, 0, sizeof(*address));
	if (from->ss_family == AF_INET) {
		address->family = 4;
		address->port = ntohs(v4->sin_port);
		memcpy(address->ip, &v4->sin_addr, 4);
	} else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		address->family = 4;
		address->port = ntohs(v6->sin6_port);
		memcpy(address->ip, &v6->sin6_addr.s6_addr[12], 4);
	} else if (from->ss_family == AF_INET6) {
		address->family = 6;
		address->port = ntohs(v6->sin6_port);
		address->scope = v6->sin6_scope_id;
		memcpy(address->ip, &v6->sin6_addr, 16);
	}
}

socklen_t pl_sockaddr_write(const pl_address *address, struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (address->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(address->port);
		memcpy(&v4->sin_addr, address->ip, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(address->port);
	v6->sin6_scope_id = address->scope;
	memcpy(&v6->sin6_addr, address->ip, 16);
	return sizeof(*v6);
}
