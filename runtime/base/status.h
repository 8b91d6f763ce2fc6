/*
 * status.h - the one list of error codes.
 *
 * A function that can fail returns PL_OK (0) or one of these (< 0). The name
 * without the prefix ("ECLOSED") is what a Lua script sees as its code.
 */
#ifndef PL_BASE_STATUS_H
#define PL_BASE_STATUS_H

#define PL_STATUS_MAP(X)                                                                           \
	X(ENOMEM, "out of memory")                                                                 \
	X(EINVAL, "invalid argument")                                                              \
	X(ECLOSED, "the connection is closed")                                                     \
	X(ECANCELED, "cancelled")                                                                  \
	X(ETIMEDOUT, "timed out")                                                                  \
	X(ELIMIT, "a limit was reached")                                                           \
	X(EPROTO, "the peer broke the protocol")                                                   \
	X(EUTF8, "text is not valid UTF-8")                                                        \
	X(ETOOBIG, "too large")                                                                    \
	X(ENOTSUP, "not supported here")                                                           \
	X(ESTATE, "not possible in this state")                                                    \
	X(EADDRINUSE, "address already in use")                                                    \
	X(EADDRNOTAVAIL, "address is not of this machine")                                         \
	X(EACCES, "permission denied")                                                             \
	X(ENOENT, "no such file or directory")                                                     \
	X(EISDIR, "is a directory")                                                                \
	X(ENOTDIR, "is no directory")                                                              \
	X(ENOTEMPTY, "directory is not empty")                                                     \
	X(EEXIST, "exists already")                                                                \
	X(EBUSY, "in use")                                                                         \
	X(ENOSPC, "no space left on the device")                                                   \
	X(EROFS, "file system is read-only")                                                       \
	X(EXDEV, "is on another file system")                                                      \
	X(ELOOP, "too many symbolic links")                                                        \
	X(EMFILE, "too many open files")                                                           \
	X(EAGAIN, "not possible without waiting")                                                  \
	X(ECONNREFUSED, "connection refused")                                                      \
	X(ECONNRESET, "connection reset by the peer")                                              \
	X(EANSWERED, "the server has answered already")                                            \
	X(ELOST, "whether the peer has it is not known")                                           \
	X(EPIPE, "the peer no longer reads")                                                       \
	X(EHOST, "host name cannot be resolved")                                                   \
	X(EIO, "input or output failed")

enum pl_status_index {
#define X(name, text) PL_INDEX_##name,
	PL_STATUS_MAP(X)
#undef X
		PL_STATUS_COUNT
};

enum pl_status {
	PL_OK = 0,
#define X(name, text) PL_##name = -1 - PL_INDEX_##name,
	PL_STATUS_MAP(X)
#undef X
};

/* "ECLOSED" for PL_ECLOSED, "OK" for PL_OK, "EUNKNOWN" for anything else. */
const char *pl_status_name(int status);

/* One lower-case phrase without a full stop. */
const char *pl_status_text(int status);

/* PL_ECLOSED for "ECLOSED"; 0 when there is none of that name. */
int pl_status_find(const char *name);

/* The status for an errno value (positive); PL_EIO where the list has no better word. */
int pl_status_from_errno(int error);

#endif
