/*
 * fs_internal.h - shared by the files of fs.h: contents, folders, names.
 */
#ifndef PL_NET_FS_INTERNAL_H
#define PL_NET_FS_INTERNAL_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/status.h"
#include "net/fs.h"

/* What a system call that gave `result` comes to. */
static inline int pl_fs_status(int result)
{
	return result < 0 ? pl_status_from_errno(errno) : PL_OK;
}

#endif
