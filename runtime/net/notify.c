#include "net/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/slice.h"
#include "base/status.h"

/* Microseconds: who is asked looks four times as often, in whole milliseconds. */
enum { LEAST_WATCHDOG = 4000 };

static int fd = -1;
static struct sockaddr_un address;
static socklen_t address_len;
static uint64_t watchdog; /* ms */

static pl_slice variable(const char *name)
{
	const char *text = getenv(name);

	return pl_slice_make(text, text ? strlen(text) : 0);
}

/* A path, or with "@" a name of the abstract kind. */
static bool read_address(pl_slice text)
{
	if (text.len < 2 || text.len > sizeof(address.sun_path) - (text.at[0] == '/' ? 1 : 0) ||
	    (text.at[0] != '/' && text.at[0] != '@'))
		return false;
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, text.at, text.len);
	address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + text.len);
	if (text.at[0] == '@')
		address.sun_path[0] = '\0';
	else
		address_len++;
	return true;
}

/* WATCHDOG_PID names another process when the variable was inherited. */
static void read_watchdog(void)
{
	pl_slice time = variable("WATCHDOG_USEC");
	pl_slice pid = variable("WATCHDOG_PID");
	uint64_t value;

	watchdog = 0;
	if (!time.at ||
	    (pid.at && (!pl_slice_to_u64(pid, INT32_MAX, &value) || value != (uint64_t)getpid())))
		return;
	if (!pl_slice_to_u64(time, UINT64_MAX / 1000, &value) || value < LEAST_WATCHDOG)
		pl_log(PL_LOG_WARN, "WATCHDOG_USEC is no time of 4 ms or more: it is not heeded");
	else
		watchdog = value / 1000;
}

void pl_notify_begin(void)
{
	pl_slice text = variable("NOTIFY_SOCKET");

	if (text.len > 0) {
		if (read_address(text))
			fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			pl_log(PL_LOG_WARN, "NOTIFY_SOCKET cannot be used: nobody is told");
		else
			read_watchdog();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void pl_notify_end(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	watchdog = 0;
}

bool pl_notify_wanted(void)
{
	return fd >= 0;
}

int pl_notify_send(const char *text)
{
	ssize_t sent;

	if (fd < 0)
		return PL_OK;
	do
		sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
			      (const struct sockaddr *)&address, address_len);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return PL_OK;
	return errno == EWOULDBLOCK || errno == ENOBUFS ? PL_EAGAIN : pl_status_from_errno(errno);
}

uint64_t pl_notify_watchdog(void)
{
	return watchdog;
}
