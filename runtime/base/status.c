/* status.c - error codes as names, as words, and from errno. */
#include "base/status.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

const char *pl_status_name(int status)
{
	switch (status) {
	case PL_OK:
		return "OK";
#define X(name, text)                                                                              \
	case PL_##name:                                                                            \
		return #name;
		PL_STATUS_MAP(X)
#undef X
	default:
		return "EUNKNOWN";
	}
}

const char *pl_status_text(int status)
{
	switch (status) {
	case PL_OK:
		return "success";
#define X(name, text)                                                                              \
	case PL_##name:                                                                            \
		return text;
		PL_STATUS_MAP(X)
#undef X
	default:
		return "unknown error";
	}
}

int pl_status_find(const char *name)
{
	static const char *const names[] = {
#define X(name, text) #name,
		PL_STATUS_MAP(X)
#undef X
	};
	int i;

	for (i = 0; i < PL_STATUS_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return -1 - i;
	return PL_OK;
}

/* A table and not a switch: some of these are equal on some systems. */
static const struct {
	int error;
	int status;
} from_errno[] = {
	{ ENOMEM, PL_ENOMEM },
	{ ENOBUFS, PL_ENOMEM },
	{ EINVAL, PL_EINVAL },
	{ ENOTCONN, PL_ECLOSED },
	{ ECANCELED, PL_ECANCELED },
	{ ETIMEDOUT, PL_ETIMEDOUT },
	{ EPROTO, PL_EPROTO },
	{ EMSGSIZE, PL_ETOOBIG },
	{ EFBIG, PL_ETOOBIG },
	{ ENAMETOOLONG, PL_ETOOBIG },
	{ ENOTSUP, PL_ENOTSUP },
	{ EOPNOTSUPP, PL_ENOTSUP },
	{ ENOSYS, PL_ENOTSUP },
	{ EAFNOSUPPORT, PL_ENOTSUP },
	{ EPROTONOSUPPORT, PL_ENOTSUP },
	{ EADDRINUSE, PL_EADDRINUSE },
	{ EADDRNOTAVAIL, PL_EADDRNOTAVAIL },
	{ EACCES, PL_EACCES },
	{ EPERM, PL_EACCES },
	{ EBADF, PL_EACCES }, /* not opened for this */
	{ ENOENT, PL_ENOENT },
	{ EISDIR, PL_EISDIR },
	{ ENOTDIR, PL_ENOTDIR },
	{ ENOTEMPTY, PL_ENOTEMPTY },
	{ EEXIST, PL_EEXIST },
	{ EBUSY, PL_EBUSY },
	{ ETXTBSY, PL_EBUSY },
	{ ENOSPC, PL_ENOSPC },
	{ EDQUOT, PL_ENOSPC },
	{ EROFS, PL_EROFS },
	{ EXDEV, PL_EXDEV },
	{ ELOOP, PL_ELOOP },
	{ EMFILE, PL_EMFILE },
	{ ENFILE, PL_EMFILE },
	{ EAGAIN, PL_EAGAIN },
	{ ECONNREFUSED, PL_ECONNREFUSED },
	{ ECONNRESET, PL_ECONNRESET },
	{ ECONNABORTED, PL_ECONNRESET },
	{ EPIPE, PL_EPIPE },
};

int pl_status_from_errno(int error)
{
	for (size_t i = 0; i < sizeof(from_errno) / sizeof(from_errno[0]); i++)
		if (from_errno[i].error == error)
			return from_errno[i].status;
	return PL_EIO;
}
