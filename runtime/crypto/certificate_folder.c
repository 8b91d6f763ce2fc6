#include "crypto/certificate_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "crypto/certificate.h"
#include "crypto/random.h"

enum { PATH_LONGEST = 400, AUTHORITY = 0, SERVER = 2, FILES = 4, DAY = 86400 };

/* A clock that is behind ours by less than this takes the certificates, too. */
enum { BACKDATED = 3600 };

static const struct {
	const char *name;
	mode_t mode;
} files[FILES] = {
	{ "ca.pem", 0644 }, { "ca-key.pem", 0600 }, { "cert.pem", 0644 }, { "key.pem", 0600 }
};

typedef struct writing {
	const char *folder;
	char *error;
	char path[PATH_LONGEST];
} writing;

static int fail(const writing *self, int status, const char *what)
{
	snprintf(self->error, PL_CERTIFICATE_FOLDER_ERROR, "%s: %s", self->path, what);
	return status;
}

static int fail_errno(const writing *self)
{
	int status = pl_status_from_errno(errno);

	return fail(self, status, errno == EEXIST ? "is there already" : pl_status_text(status));
}

static void set_path(writing *self, const char *name)
{
	snprintf(self->path, sizeof(self->path), "%s/%s", self->folder, name);
}

static int check_free(writing *self, size_t first)
{
	struct stat info;
	size_t i;

	for (i = first; i < FILES; i++) {
		set_path(self, files[i].name);
		if (lstat(self->path, &info) == 0)
			return fail(self, PL_EINVAL, "is there already");
	}
	return PL_OK;
}

static int write_file(writing *self, size_t index, const pl_buffer *bytes)
{
	int fd;
	bool whole;

	set_path(self, files[index].name);
	fd = open(self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, files[index].mode);
	if (fd < 0)
		return fail_errno(self);
	whole = write(fd, bytes->data, bytes->len) == (ssize_t)bytes->len;
	if (close(fd) == 0 && whole)
		return PL_OK;
	fail_errno(self);
	unlink(self->path);
	return PL_EIO;
}

/* The certificate and its key, as the files `index` and `index` + 1. */
static int write_pair(writing *self, size_t index, const pl_certificate *certificate)
{
	pl_buffer pem = { 0 }, key = { 0 };
	int status = pl_certificate_pem(certificate, &pem);

	if (!status)
		status = pl_certificate_key_pem(certificate, NULL, &key);
	if (!status)
		status = write_file(self, index, &pem);
	if (!status)
		status = write_file(self, index + 1, &key);
	if (key.len > 0)
		OPENSSL_cleanse(key.data, key.len);
	pl_buffer_deinit(&pem);
	pl_buffer_deinit(&key);
	return status;
}

/* Authorities of one name and different keys confuse those who keep them: a number is added. */
static int make_authority(pl_certificate **authority)
{
	uint8_t number[4];
	char name[48];
	pl_certificate_plan plan = { .common_name = name,
				     .authority = true,
				     .from = -BACKDATED,
				     .until = (int64_t)PL_CERTIFICATE_CA_DAYS * DAY };

	pl_random(number, sizeof(number));
	snprintf(name, sizeof(name), "Perilune own authority %02x%02x%02x%02x", number[0],
		 number[1], number[2], number[3]);
	return pl_certificate_new(authority, &plan, NULL);
}

static int make_server(pl_certificate **server, const char *const *names, size_t count,
		       const pl_certificate *authority)
{
	const pl_certificate_plan plan = { .common_name =
						   strlen(names[0]) <= 64 ? names[0] : "Perilune",
					   .names = names,
					   .name_count = count,
					   .from = -BACKDATED,
					   .until = (int64_t)PL_CERTIFICATE_SERVER_DAYS * DAY };

	return pl_certificate_new(server, &plan, authority);
}

static int make_all(writing *self, const char *const *names, size_t count, bool self_signed)
{
	pl_certificate *authority = NULL, *server = NULL;
	int status = self_signed ? PL_OK : make_authority(&authority);

	if (!status)
		status = make_server(&server, names, count, authority);
	if (status)
		fail(self, status, "the certificates cannot be made");
	if (!status && authority)
		status = write_pair(self, AUTHORITY, authority);
	if (!status)
		status = write_pair(self, SERVER, server);
	pl_certificate_free(authority);
	pl_certificate_free(server);
	return status;
}

int pl_certificate_folder(const char *folder, const char *const *names, size_t name_count,
			  bool self_signed, char error[PL_CERTIFICATE_FOLDER_ERROR])
{
	writing self = { .folder = folder, .error = error };
	size_t i;
	int status;

	for (i = 0; i < name_count; i++) {
		snprintf(self.path, sizeof(self.path), "'%s'", names[i]);
		if (!pl_certificate_name_valid(names[i]))
			return fail(&self, PL_EINVAL, "is no host name and no IP address");
	}
	snprintf(self.path, sizeof(self.path), "%s", folder);
	if (name_count == 0 || strlen(folder) > PATH_LONGEST - 32)
		return fail(&self, PL_EINVAL, name_count ? "too long" : "no name is given");
	if (mkdir(folder, 0755) && errno != EEXIST)
		return fail_errno(&self);
	status = check_free(&self, self_signed ? SERVER : AUTHORITY);
	return status ? status : make_all(&self, names, name_count, self_signed);
}
