/* fs_name.c - what names stand for: links, whole paths, names that are free. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "net/fs_internal.h"

enum {
	LINK_MAX_BYTES = 4096,
	PLACES_COUNTED = 100, /* names that are tried in order, */
	PLACES = 120	      /* and then at random */
};

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

int pl_fs_temporary_file(char *path, size_t ending, int *fd)
{
	*fd = mkostemps(path, (int)ending, O_CLOEXEC);
	return pl_fs_status(*fd);
}

int pl_fs_temporary_folder(char *path)
{
	return mkdtemp(path) ? PL_OK : pl_status_from_errno(errno);
}

/* Placing. */

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "folder/name.txt", "folder/name-2.txt", or with eight digits that nobody guesses. */
static int print_place(pl_buffer *out, const char *to, uint32_t number)
{
	const char *name = name_of(to);
	const char *dot = strrchr(name, '.');
	int stem = (int)(dot && dot != name ? (size_t)(dot - to) : strlen(to));

	out->len = 0;
	if (number == 1)
		return pl_buffer_printf(out, "%s%c", to, 0);
	return pl_buffer_printf(out, "%.*s-%u%s%c", stem, to, number, to + stem, 0);
}

/* An empty file that holds the name. */
static int take_place(pl_buffer *out, const char *to, mode_t *mode)
{
	struct stat info;
	int fd = -1;
	int status;

	for (uint32_t i = 1; i <= PLACES; i++) {
		uint32_t number = i;

		if (i > PLACES_COUNTED) {
			pl_random(&number, sizeof(number));
			number = number % 90000000 + 10000000;
		}
		status = print_place(out, to, number);
		if (status)
			return status;
		fd = open((const char *)out->data, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	if (fd < 0)
		return errno == EEXIST ? PL_ELIMIT : pl_status_from_errno(errno);
	status = pl_fs_status(fstat(fd, &info));
	*mode = info.st_mode & 0777;
	close(fd);
	if (status)
		unlink((const char *)out->data);
	return status;
}

/* Copies beside the place, so that nobody sees half of it. */
static int place_copy(const char *from, const char *place, mode_t mode)
{
	static const char name[] = "upload-XXXXXX.sgc_ps";
	pl_buffer path = { 0 };
	int folder = (int)(name_of(place) - place);
	int status = pl_buffer_printf(&path, "%.*s%s%c", folder, place, name, 0);
	char *to = (char *)path.data;
	int fd;

	if (!status)
		status = pl_fs_temporary_file(to, 7, &fd);
	if (!status) {
		close(fd);
		status = pl_fs_copy(from, to, true); /* which keeps the permissions of `to` */
		if (!status)
			status = pl_fs_status(chmod(to, mode));
		if (!status)
			status = pl_fs_status(rename(to, place));
		if (status)
			unlink(to);
	}
	pl_buffer_deinit(&path);
	return status;
}

int pl_fs_place(const char *from, const char *wanted, pl_buffer *out)
{
	pl_buffer place = { 0 };
	mode_t mode = 0;
	int status = take_place(&place, wanted, &mode);
	const char *to = (const char *)place.data;

	if (status) {
		pl_buffer_deinit(&place);
		return status;
	}
	status = pl_fs_status(chmod(from, mode));
	if (!status && rename(from, to) != 0)
		status = errno == EXDEV ? place_copy(from, to, mode) : pl_status_from_errno(errno);
	if (!status)
		status = pl_buffer_append(out, to, strlen(to));
	if (status)
		unlink(to);
	else
		unlink(from); /* if it was copied */
	pl_buffer_deinit(&place);
	return status;
}
