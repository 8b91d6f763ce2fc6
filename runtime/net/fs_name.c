/* fs_name.c - what names stand for: links, whole paths, names that are free. */
#include <stdlib.h>
#include <string.h>

#include "net/fs_internal.h"

enum { LINK_MAX_BYTES = 4096 };

int pl_fs_read_link(const char *path, pl_buffer *out)
{
	char target[LINK_MAX_BYTES];
	ssize_t len = readlink(path, target, sizeof(target));

	if (len < 0)
		return pl_status_from_errno(errno);
	return pl_buffer_append(out, target, (size_t)len);
}

int pl_fs_real_path(const char *path, pl_buffer *out)
{
	char *real = realpath(path, NULL);
	int status;

	if (!real)
		return pl_status_from_errno(errno);
	status = pl_buffer_append(out, real, strlen(real));
	free(real);
	return status;
}

int pl_fs_temporary_file(char *path, int *fd)
{
	*fd = mkostemp(path, O_CLOEXEC);
	return pl_fs_status(*fd);
}

int pl_fs_temporary_folder(char *path)
{
	return mkdtemp(path) ? PL_OK : pl_status_from_errno(errno);
}
