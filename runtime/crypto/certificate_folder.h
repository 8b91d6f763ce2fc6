/*
 * certificate_folder.h - a folder with a server's certificate, and the authority of one's own that
 * has signed it: what `perilune cert` writes.
 */
#ifndef PL_CRYPTO_CERTIFICATE_FOLDER_H
#define PL_CRYPTO_CERTIFICATE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	PL_CERTIFICATE_FOLDER_ERROR = 512,
	PL_CERTIFICATE_CA_DAYS = 3650,
	PL_CERTIFICATE_SERVER_DAYS = 825 /* what browsers take from an authority of one's own */
};

/* Writes ca.pem, ca-key.pem, cert.pem and key.pem into the folder, which is made if it is not
 * there; keys can be read by their owner only. Self-signed: only cert.pem and key.pem, by itself.
 * Never overwrites: when one of the files is there nothing is written. `names` go into the server's
 * certificate (pl_certificate_name_valid). PL_OK, or an error with a sentence. */
int pl_certificate_folder(const char *folder, const char *const *names, size_t name_count,
			  bool self_signed, char error[PL_CERTIFICATE_FOLDER_ERROR]);

#endif
