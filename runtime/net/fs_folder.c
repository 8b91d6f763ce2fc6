/* fs_folder.c - folders: making, listing, removing. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/fs_internal.h"

/* Making. */

static int make_one(const char *path, int mode)
{
	return pl_fs_status(mkdir(path, (mode_t)mode));
}

static bool is_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Each beginning of `path` that ends at a slash. */
static int make_parents(char *path)
{
	char *slash = path;
	int status = PL_OK;

	while (!status && (slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		status = make_one(path, 0777);
		if (status == PL_EEXIST || (status && is_folder(path)))
			status = PL_OK;
		*slash = '/';
	}
	return status;
}

int pl_fs_make_folder(const char *path, int mode, bool parents)
{
	size_t size = strlen(path) + 1;
	char *copy;
	int status = make_one(path, mode < 0 ? 0777 : mode);

	if (!parents || !status)
		return status;
	if (status == PL_EEXIST)
		return is_folder(path) ? PL_OK : PL_EEXIST;
	if (status != PL_ENOENT)
		return status;
	copy = pl_alloc(size);
	if (!copy)
		return PL_ENOMEM;
	memcpy(copy, path, size);
	status = make_parents(copy);
	pl_free(copy);
	if (!status)
		status = make_one(path, mode < 0 ? 0777 : mode);
	return status == PL_EEXIST && is_folder(path) ? PL_OK : status;
}

/* Listing. */

enum pl_fs_type pl_fs_type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return PL_FS_FILE;
	case S_IFDIR:
		return PL_FS_FOLDER;
	case S_IFLNK:
		return PL_FS_LINK;
	case S_IFIFO:
		return PL_FS_FIFO;
	case S_IFSOCK:
		return PL_FS_SOCKET;
	case S_IFBLK:
		return PL_FS_BLOCK;
	case S_IFCHR:
		return PL_FS_CHARACTER;
	default:
		return PL_FS_UNKNOWN;
	}
}

/* Some file systems leave the type out of the entry. */
static enum pl_fs_type type_of_entry(int folder, const struct dirent *entry)
{
	struct stat info;

	if (entry->d_type != DT_UNKNOWN)
		return pl_fs_type_of(DTTOIF(entry->d_type));
	if (fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW))
		return PL_FS_UNKNOWN;
	return pl_fs_type_of(info.st_mode);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int add_entry(pl_buffer *out, enum pl_fs_type type, const char *name)
{
	char letter = (char)type;
	int status = pl_buffer_append(out, &letter, 1);

	return status ? status : pl_buffer_append(out, name, strlen(name) + 1);
}

static int read_entries(DIR *folder, size_t max, pl_buffer *out, size_t *count)
{
	const struct dirent *entry;
	int status = PL_OK;

	*count = 0;
	errno = 0;
	while (!status && (entry = readdir(folder)) != NULL) {
		if (!is_dots(entry->d_name)) {
			status = (*count)++ == max
					 ? PL_ELIMIT
					 : add_entry(out, type_of_entry(dirfd(folder), entry),
						     entry->d_name);
		}
		errno = 0;
	}
	return status || !errno ? status : pl_status_from_errno(errno);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

static int sort_entries(pl_buffer *entries, size_t count, pl_buffer *out)
{
	const char **order = pl_calloc(count + 1, sizeof(*order));
	const char *at = (const char *)entries->data;
	int status = order ? PL_OK : PL_ENOMEM;
	size_t i;

	for (i = 0; !status && i < count; i++) {
		order[i] = at;
		at += strlen(at) + 1;
	}
	if (!status)
		qsort(order, count, sizeof(*order), compare);
	for (i = 0; !status && i < count; i++)
		status = pl_buffer_append(out, order[i], strlen(order[i]) + 1);
	pl_free(order);
	return status;
}

int pl_fs_list(const char *path, size_t max, pl_buffer *out)
{
	DIR *folder = opendir(path);
	pl_buffer entries = { 0 };
	size_t count;
	int status;

	if (!folder)
		return pl_status_from_errno(errno);
	status = read_entries(folder, max, &entries, &count);
	closedir(folder);
	if (!status)
		status = sort_entries(&entries, count, out);
	pl_buffer_deinit(&entries);
	return status;
}

/* Removing: by descriptors and names within them, so that nobody can put a link in the way. */

static int remove_at(int parent, const char *name, int depth);

static int remove_contents(DIR *folder, int depth)
{
	const struct dirent *entry;
	int status = PL_OK;

	errno = 0;
	while (!status && (entry = readdir(folder)) != NULL) {
		if (!is_dots(entry->d_name))
			status = remove_at(dirfd(folder), entry->d_name, depth);
		errno = 0;
	}
	return status || !errno ? status : pl_status_from_errno(errno);
}

static int remove_folder(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	int status;

	if (!folder) {
		status = pl_status_from_errno(errno);
		if (fd >= 0)
			close(fd);
		return status;
	}
	status = depth == PL_FS_DEPTH ? PL_ELIMIT : remove_contents(folder, depth + 1);
	closedir(folder);
	return status ? status : pl_fs_status(unlinkat(parent, name, AT_REMOVEDIR));
}

/* What another has removed meanwhile is gone as it should be. */
static int remove_at(int parent, const char *name, int depth)
{
	if (unlinkat(parent, name, 0) == 0 || (errno == ENOENT && depth > 0))
		return PL_OK;
	if (errno != EISDIR)
		return pl_status_from_errno(errno);
	return remove_folder(parent, name, depth);
}

int pl_fs_remove(const char *path, bool recursive)
{
	if (recursive)
		return remove_at(AT_FDCWD, path, 0);
	if (unlink(path) == 0)
		return PL_OK;
	if (errno != EISDIR)
		return pl_status_from_errno(errno);
	return pl_fs_status(rmdir(path));
}
