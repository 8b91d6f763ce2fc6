#include "net/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	OPEN = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	ENTER = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	DEPTH_MAX = 128,
	LINKS_MAX = 40 /* as in the kernel */
};

/* A walk keeps the folders that it came through open, so that ".." goes back to where it came from,
 * wherever that folder has been moved meanwhile. */
typedef struct walk {
	int folders[DEPTH_MAX]; /* [0] is the root, the caller's */
	int depth;		/* index of the one we are in */
	int links;
	char rest[PATH_MAX]; /* what is still to be walked */
} walk;

static int fail(int error)
{
	errno = error;
	return -1;
}

static int enter(walk *self, const char *name)
{
	int fd;

	if (self->depth + 1 == DEPTH_MAX)
		return fail(ENAMETOOLONG);
	fd = openat(self->folders[self->depth], name, ENTER);
	if (fd >= 0)
		self->folders[++self->depth] = fd;
	return fd;
}

static int leave(walk *self)
{
	if (self->depth == 0)
		return fail(EXDEV);
	return close(self->folders[self->depth--]);
}

/* Puts the target of the link `name` before what comes behind it: `behind`, or NULL. */
static int follow(walk *self, const char *name, const char *behind)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(self->folders[self->depth], name, target, sizeof(target));
	size_t more = behind ? 1 + strlen(behind) : 0;

	if (len < 0)
		return fail(errno == EINVAL ? ENOTDIR : errno);
	if (++self->links > LINKS_MAX)
		return fail(ELOOP);
	if (len > 0 && target[0] == '/')
		return fail(EXDEV);
	if ((size_t)len + more >= sizeof(target))
		return fail(ENAMETOOLONG);
	target[len] = '\0';
	if (behind) {
		target[len] = '/';
		memcpy(target + len + 1, behind, more);
	}
	memcpy(self->rest, target, (size_t)len + more + 1);
	return 0;
}

/* One step into a folder or up; `behind` is what follows, moved to the front. */
static int step(walk *self, const char *name, char *behind)
{
	if (strcmp(name, "..") == 0) {
		if (leave(self))
			return -1;
	} else if (name[0] && strcmp(name, ".") != 0 && enter(self, name) < 0) {
		return errno == ENOTDIR || errno == ELOOP ? follow(self, name, behind) : -1;
	}
	memmove(self->rest, behind, strlen(behind) + 1);
	return 0;
}

/* The last name: a descriptor; -1 and errno 0 when it was a link, and the walk goes on. */
static int open_last(walk *self, const char *name)
{
	int fd = openat(self->folders[self->depth], name, OPEN | O_NOFOLLOW);

	if (fd < 0 && errno == ELOOP && follow(self, name, NULL) == 0)
		errno = 0;
	return fd;
}

static int go(walk *self)
{
	for (;;) {
		char *slash = strchr(self->rest, '/');
		bool up = strcmp(self->rest, "..") == 0;
		int fd;

		if (!slash && !up && self->rest[0]) {
			fd = open_last(self, self->rest);
			if (fd >= 0 || errno)
				return fd;
			continue;
		}
		if (!slash && !up)
			return openat(self->folders[self->depth], ".", OPEN);
		if (slash)
			*slash = '\0';
		if (step(self, self->rest, slash ? slash + 1 : self->rest + 2))
			return -1;
	}
}

int pl_beneath_walk(int folder, const char *path)
{
	walk self = { .folders = { folder } };
	int fd, error;

	if (path[0] == '/')
		return fail(EXDEV);
	if (snprintf(self.rest, sizeof(self.rest), "%s", path) >= (int)sizeof(self.rest))
		return fail(ENAMETOOLONG);
	fd = go(&self);
	error = errno;
	while (self.depth > 0)
		close(self.folders[self.depth--]);
	errno = error;
	return fd;
}

int pl_beneath_open(const char *root, const char *path)
{
	struct open_how how = { .flags = OPEN, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd, error;

	if (folder < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, folder, path[0] ? path : ".", &how, sizeof(how));
	/* EAGAIN: folders were renamed meanwhile, and the kernel is not sure of a "..". */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		fd = pl_beneath_walk(folder, path);
	error = errno;
	close(folder);
	errno = error;
	return fd;
}
