#include "net/tcp_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/status.h"

int pl_tcp_options_set(int fd, const pl_tcp_options *options)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int on = 1;

	if (options->keepalive_time > 0 &&
	    (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) ||
	     setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &options->keepalive_time, sizeof(int)) ||
	     setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &options->keepalive_interval,
			sizeof(int)) ||
	     setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &options->keepalive_count, sizeof(int))))
		return pl_status_from_errno(errno);
	if (options->reset && setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		return pl_status_from_errno(errno);
	return PL_OK;
}
