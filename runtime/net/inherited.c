#include "net/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/slice.h"
#include "net/sockaddr.h"

enum { FIRST = 3 };

typedef struct inherited {
	pl_address address;
	int fd;
	bool both; /* all addresses of IPv6, and of IPv4 */
	atomic_bool used;
} inherited;

static inherited sockets[PL_INHERITED_MAX];
static size_t count;

static bool has_number(const char *name, uint64_t max, uint64_t *value)
{
	const char *text = getenv(name);

	return text && pl_slice_to_u64(pl_slice_make(text, strlen(text)), max, value);
}

static int option_of(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

static bool is_any(const pl_address *address)
{
	static const uint8_t none[sizeof(address->ip)];

	return memcmp(address->ip, none, address->family == 6 ? 16 : 4) == 0;
}

/* What is no TCP socket that listens is somebody else's, and stays open. */
static void enter(int fd)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);
	inherited *one = &sockets[count];
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) ||
	    getsockname(fd, (struct sockaddr *)&name, &len) ||
	    (name.ss_family != AF_INET && name.ss_family != AF_INET6) ||
	    option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
		pl_log(PL_LOG_WARN, "descriptor %d of LISTEN_FDS is no TCP socket that listens",
		       fd);
		return;
	}
	pl_sockaddr_read(&name, &one->address);
	one->fd = fd;
	one->both = name.ss_family == AF_INET6 && is_any(&one->address) &&
		    option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
	atomic_store(&one->used, false);
	count++;
}

/* How many there are for us. */
static int given_to_us(void)
{
	uint64_t pid;
	uint64_t given;

	if (!has_number("LISTEN_PID", INT32_MAX, &pid) || pid != (uint64_t)getpid() ||
	    !getenv("LISTEN_FDS"))
		return 0;
	if (has_number("LISTEN_FDS", PL_INHERITED_MAX, &given))
		return (int)given;
	pl_log(PL_LOG_WARN, "LISTEN_FDS is no number up to %d: it is not heeded", PL_INHERITED_MAX);
	return 0;
}

void pl_inherited_begin(void)
{
	int given = given_to_us();
	int fd;

	count = 0;
	for (fd = FIRST; fd < FIRST + given; fd++)
		enter(fd);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

static bool is_for(const inherited *one, const pl_address *asked)
{
	if (one->address.port != asked->port)
		return false;
	if (one->both && is_any(asked))
		return true;
	return one->address.family == asked->family &&
	       memcmp(one->address.ip, asked->ip, asked->family == 6 ? 16 : 4) == 0;
}

int pl_inherited_take(const pl_address *address)
{
	size_t i;
	int fd;

	for (i = 0; i < count; i++) {
		if (!is_for(&sockets[i], address))
			continue;
		fd = fcntl(sockets[i].fd, F_DUPFD_CLOEXEC, FIRST);
		if (fd < 0)
			return -1;
		atomic_store(&sockets[i].used, true);
		return fd;
	}
	return -1;
}

void pl_inherited_tell_unused(void)
{
	char ip[PL_ADDRESS_TEXT];
	size_t i;

	for (i = 0; i < count; i++) {
		if (atomic_load(&sockets[i].used))
			continue;
		pl_address_ip(&sockets[i].address, ip);
		pl_log(PL_LOG_WARN, "no server listens on the socket that was given for %s port %u",
		       ip, sockets[i].address.port);
	}
}
