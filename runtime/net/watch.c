#include "net/watch.h"

#include <string.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"

struct pl_watch {
	uv_fs_event_t handle;
	pl_watch_changed *changed;
	void *owner;
	bool all; /* not only `name` */
	char name[];
};

static void on_closed(uv_handle_t *handle)
{
	pl_free(handle->data);
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int error)
{
	pl_watch *self = handle->data;

	(void)events;
	if (error)
		self->changed(self->owner, NULL, pl_net_status(error));
	else if (self->all || !name || strcmp(name, self->name) == 0)
		self->changed(self->owner, name, PL_OK);
}

/* The number of watches of a user is bounded (fs.inotify.max_user_watches): ENOSPC then. */
static int status_of(int error)
{
	int status = pl_net_status(error);

	return status == PL_ENOSPC ? PL_EMFILE : status;
}

int pl_watch_start(pl_watch **result, pl_loop *loop, const char *path, const char *name,
		   pl_watch_changed *changed, void *owner)
{
	size_t size = name ? strlen(name) + 1 : 1;
	pl_watch *self = pl_calloc(1, sizeof(*self) + size);
	int error;

	if (!self)
		return PL_ENOMEM;
	error = uv_fs_event_init(&loop->uv, &self->handle);
	if (error) {
		pl_free(self);
		return pl_net_status(error);
	}
	self->handle.data = self;
	self->changed = changed;
	self->owner = owner;
	self->all = !name;
	if (name)
		memcpy(self->name, name, size);
	error = uv_fs_event_start(&self->handle, on_event, path, 0);
	if (error) {
		pl_watch_stop(self);
		return status_of(error);
	}
	*result = self;
	return PL_OK;
}

void pl_watch_stop(pl_watch *self)
{
	if (self)
		uv_close((uv_handle_t *)&self->handle, on_closed);
}
