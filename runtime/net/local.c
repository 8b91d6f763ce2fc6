#include "net/local.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"

enum { LOCK_TRIES = 100, LOCK_PAUSE = 10 }; /* ms */

static int name_of(const char *path, struct sockaddr_un *name)
{
	size_t len = strlen(path);

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	if (len == 0)
		return PL_ENOENT;
	if (len > PL_LOCAL_PATH_MAX)
		return PL_ETOOBIG;
	memcpy(name->sun_path, path, len);
	return PL_OK;
}

static int connect_to(const struct sockaddr_un *name, int *fd)
{
	int status = PL_OK;

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return pl_status_from_errno(errno);
	if (connect(*fd, (const struct sockaddr *)name, sizeof(*name)))
		status = pl_status_from_errno(errno);
	if (status)
		close(*fd);
	return status;
}

int pl_local_connect(const char *path, int *fd)
{
	struct sockaddr_un name;
	int status = name_of(path, &name);

	return status ? status : connect_to(&name, fd);
}

/* Whoever looks whether a file is stale, and replaces it, is alone in the folder meanwhile. *fd
 * holds the lock. */
static int lock_folder(const char *path, int *fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE * 1000000L };
	char copy[PL_LOCAL_PATH_MAX + 1];
	int tries = LOCK_TRIES;

	strcpy(copy, path); /* its length was checked */
	*fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return pl_status_from_errno(errno);
	while (flock(*fd, LOCK_EX | LOCK_NB)) {
		if (errno != EINTR && (errno != EWOULDBLOCK || --tries == 0)) {
			int status = errno == EWOULDBLOCK ? PL_EBUSY : pl_status_from_errno(errno);

			close(*fd);
			return status;
		}
		nanosleep(&pause, NULL);
	}
	return PL_OK;
}

/* Takes away what a process has left that is gone. */
static int clear_way(const struct sockaddr_un *name)
{
	struct stat info;
	int status;
	int fd;

	if (lstat(name->sun_path, &info))
		return errno == ENOENT ? PL_OK : pl_status_from_errno(errno);
	if (!S_ISSOCK(info.st_mode))
		return PL_EEXIST;
	status = connect_to(name, &fd);
	if (!status)
		close(fd);
	if (!status || status == PL_EAGAIN) /* its backlog is full */
		return PL_EADDRINUSE;
	if (status != PL_ECONNREFUSED)
		return status;
	return unlink(name->sun_path) ? pl_status_from_errno(errno) : PL_OK;
}

/* The file gets the mode that the socket has before (unix(7)): there is no moment at which others
 * could connect. */
static int bind_to(pl_local *self, const struct sockaddr_un *name)
{
	struct stat info;
	int error;

	self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (self->fd < 0)
		return pl_status_from_errno(errno);
	if (fchmod(self->fd, S_IRUSR | S_IWUSR) == 0 &&
	    bind(self->fd, (const struct sockaddr *)name, sizeof(*name)) == 0) {
		self->held = open(name->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (self->held >= 0 && fstat(self->held, &info) == 0 &&
		    listen(self->fd, PL_LOCAL_BACKLOG) == 0) {
			self->device = info.st_dev;
			self->file = info.st_ino;
			return PL_OK;
		}
		error = errno;
		unlink(name->sun_path);
		errno = error;
	}
	return pl_status_from_errno(errno);
}

static void close_both(pl_local *self)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->held >= 0)
		close(self->held);
	self->fd = self->held = -1;
}

int pl_local_open(pl_local *self, const char *path)
{
	struct sockaddr_un name;
	int status = name_of(path, &name);
	int lock;

	self->fd = self->held = -1;
	self->path[0] = '\0';
	if (!status)
		status = lock_folder(path, &lock);
	if (status)
		return status;
	status = clear_way(&name);
	if (!status)
		status = bind_to(self, &name);
	close(lock);
	if (!status) {
		strcpy(self->path, path);
	} else {
		close_both(self);
	}
	return status;
}

void pl_local_close(pl_local *self)
{
	struct stat info;

	if (self->path[0] && lstat(self->path, &info) == 0 && info.st_dev == self->device &&
	    info.st_ino == self->file)
		unlink(self->path);
	close_both(self);
	self->path[0] = '\0';
}

bool pl_local_trusted(int fd, pl_local_peer *peer)
{
	struct ucred found;
	socklen_t len = sizeof(found);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &len))
		return false;
	peer->pid = found.pid;
	peer->uid = found.uid;
	return found.uid == geteuid() || found.uid == 0;
}
