/*
 * tls_files.h - certificates for tests: two authorities, and in a folder of its own the files
 * that servers and clients are given.
 */
#ifndef SPEC_UNIT_NET_TLS_FILES_H
#define SPEC_UNIT_NET_TLS_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "crypto/certificate.h"

enum { TLS_FILE_PATH = 64, TLS_DAY = 86400 };

static char tls_folder[32];

/* A path in the folder. */
static inline void tls_path(char path[TLS_FILE_PATH], const char *name)
{
	snprintf(path, TLS_FILE_PATH, "%s/%s", tls_folder, name);
}

static inline void tls_write_file(const char *name, const pl_buffer *bytes)
{
	char path[TLS_FILE_PATH];
	FILE *file;

	tls_path(path, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes->data, 1, bytes->len, file), bytes->len);
	fclose(file);
}

/* NAME.pem and NAME-key.pem, and both in NAME-both.pem; an encrypted key with a password. */
static inline pl_certificate *tls_certify(const char *name, const char *host,
					  const pl_certificate *issuer, int64_t until,
					  const char *password)
{
	const pl_certificate_plan plan = { .common_name = host,
					   .names = &host,
					   .name_count = issuer ? 1 : 0,
					   .authority = !issuer,
					   .from = until - 30 * TLS_DAY,
					   .until = until };
	pl_certificate *certificate;
	pl_buffer pem = { 0 }, key = { 0 };
	char file[32];

	assert_int_equal(pl_certificate_new(&certificate, &plan, issuer), PL_OK);
	assert_int_equal(pl_certificate_pem(certificate, &pem), PL_OK);
	assert_int_equal(pl_certificate_key_pem(certificate, password, &key), PL_OK);
	snprintf(file, sizeof(file), "%s.pem", name);
	tls_write_file(file, &pem);
	snprintf(file, sizeof(file), "%s-key.pem", name);
	tls_write_file(file, &key);
	assert_int_equal(pl_buffer_append(&pem, key.data, key.len), PL_OK);
	snprintf(file, sizeof(file), "%s-both.pem", name);
	tls_write_file(file, &pem);
	pl_buffer_deinit(&pem);
	pl_buffer_deinit(&key);
	return certificate;
}

/* ca, other-ca; server, second (second.example), lasting, locked (password "sesame"); of clients:
 * client, friend, expired, and stranger, whom other-ca has signed. */
static inline int tls_make_files(void **state)
{
	pl_certificate *ca, *other;

	(void)state;
	strcpy(tls_folder, "/tmp/perilune-tls-XXXXXX");
	assert_non_null(mkdtemp(tls_folder));
	ca = tls_certify("ca", "Authority", NULL, TLS_DAY, NULL);
	other = tls_certify("other-ca", "Other authority", NULL, TLS_DAY, NULL);
	pl_certificate_free(tls_certify("server", "localhost", ca, TLS_DAY, NULL));
	pl_certificate_free(tls_certify("second", "second.example", ca, TLS_DAY, NULL));
	pl_certificate_free(tls_certify("locked", "localhost", ca, TLS_DAY, "sesame"));
	pl_certificate_free(tls_certify("client", "client", ca, TLS_DAY, NULL));
	pl_certificate_free(tls_certify("friend", "client", ca, TLS_DAY, NULL));
	pl_certificate_free(tls_certify("lasting", "localhost", ca, 20 * TLS_DAY, NULL));
	pl_certificate_free(tls_certify("expired", "client", ca, -TLS_DAY, NULL));
	pl_certificate_free(tls_certify("stranger", "client", other, TLS_DAY, NULL));
	pl_certificate_free(ca);
	pl_certificate_free(other);
	return 0;
}

static inline int tls_remove_files(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", tls_folder);
	return system(command);
}

#endif
