#include "worker/control.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "net/local.h"

struct pl_control {
	uint16_t workers; /* whose sockets are there */
	pl_local sockets[];
};

static int open_socket(pl_local *local, const char *path, uint16_t worker)
{
	char own[PL_LOCAL_PATH_MAX + 1];
	int len;

	if (worker == 1)
		return pl_local_open(local, path);
	len = snprintf(own, sizeof(own), "%s.%u", path, worker);
	return len < (int)sizeof(own) ? pl_local_open(local, own) : PL_ETOOBIG;
}

static void complain(const char *path, uint16_t worker, int status)
{
	const char *why = status == PL_EADDRINUSE ? "another program listens there"
			  : status == PL_EEXIST	  ? "there is a file that is no socket"
			  : status == PL_ETOOBIG  ? "the path is too long"
						  : pl_status_text(status);

	pl_log(PL_LOG_ERROR, "the control socket %s of worker %u cannot be made: %s", path, worker,
	       why);
}

pl_control *pl_control_new(const char *path, uint16_t workers)
{
	pl_control *self = pl_calloc(1, sizeof(*self) + workers * sizeof(self->sockets[0]));
	int status = self ? PL_OK : PL_ENOMEM;

	while (!status && self->workers < workers) {
		status = open_socket(&self->sockets[self->workers], path,
				     (uint16_t)(self->workers + 1));
		if (!status)
			self->workers++;
	}
	if (!status)
		return self;
	complain(path, self ? (uint16_t)(self->workers + 1) : 1, status);
	pl_control_free(self);
	return NULL;
}

int pl_control_take(pl_control *self, uint16_t worker)
{
	pl_local *local = &self->sockets[worker - 1];
	int fd = local->fd;

	local->fd = -1;
	return fd;
}

void pl_control_free(pl_control *self)
{
	uint16_t i;

	for (i = 0; self && i < self->workers; i++)
		pl_local_close(&self->sockets[i]);
	pl_free(self);
}
