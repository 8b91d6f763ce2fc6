#include "net/tls_certificate.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/address.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "net/tls_internal.h"

enum { PARTS = 5 }; /* subject, issuer, serial, fingerprint, pem */

/* The texts one behind the other, and where each ends: the parts, then the names. */
typedef struct writing {
	pl_buffer text;
	pl_buffer ends; /* size_t */
	bool failed;
} writing;

static void put(writing *out, const void *data, size_t len)
{
	if (pl_buffer_append(&out->text, data, len))
		out->failed = true;
}

static void end(writing *out)
{
	size_t at = out->text.len;

	if (pl_buffer_append(&out->ends, &at, sizeof(at)))
		out->failed = true;
}

static void put_bio(writing *out, BIO *bio)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);

	if (len > 0)
		put(out, bytes, (size_t)len);
	else
		out->failed = true;
}

static void put_name(writing *out, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0)
		out->failed = true;
	else if (X509_NAME_entry_count(name) > 0)
		put_bio(out, bio);
	BIO_free(bio);
	end(out);
}

static void put_hex(writing *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && !out->failed; i++)
		if (pl_buffer_printf(&out->text, "%02x", bytes[i]))
			out->failed = true;
}

static void put_serial(writing *out, const X509 *x509)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);

	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
		put(out, "-", 1);
	put_hex(out, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
	end(out);
}

static void put_fingerprint(writing *out, const X509 *x509)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(x509, EVP_sha256(), digest, &len) == 1)
		put_hex(out, digest, len);
	else
		out->failed = true;
	end(out);
}

static void put_pem(writing *out, X509 *x509)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio && PEM_write_bio_X509(bio, x509) == 1)
		put_bio(out, bio);
	else
		out->failed = true;
	BIO_free(bio);
	end(out);
}

static void put_host(writing *out, const GENERAL_NAME *name)
{
	pl_address address = { .family = 4 };
	char text[PL_ADDRESS_TEXT];

	if (name->type == GEN_DNS) {
		put(out, name->d.dNSName->data, (size_t)name->d.dNSName->length);
		end(out);
	} else if (name->type == GEN_IPADD &&
		   (name->d.iPAddress->length == 4 || name->d.iPAddress->length == 16)) {
		address.family = name->d.iPAddress->length == 4 ? 4 : 6;
		memcpy(address.ip, name->d.iPAddress->data, (size_t)name->d.iPAddress->length);
		pl_address_ip(&address, text);
		put(out, text, strlen(text));
		end(out);
	}
}

static void put_hosts(writing *out, const X509 *x509)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		put_host(out, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm day;

	return ASN1_TIME_to_tm(time, &day) == 1 ? (int64_t)timegm(&day) : 0;
}

/* The structure, its slices, and the texts that they point into, in one block. */
static pl_tls_certificate *assemble(const writing *out, const X509 *x509)
{
	size_t count = out->ends.len / sizeof(size_t), names = count - PARTS, began = 0;
	size_t slices = names * sizeof(pl_slice);
	pl_tls_certificate *made = pl_calloc(1, sizeof(*made) + slices + out->text.len);
	pl_slice *const parts[PARTS] = { made ? &made->subject : NULL, made ? &made->issuer : NULL,
					 made ? &made->serial : NULL,
					 made ? &made->fingerprint : NULL,
					 made ? &made->pem : NULL };
	char *text;

	if (!made)
		return NULL;
	text = (char *)&made->names[names];
	memcpy(text, out->text.data, out->text.len);
	for (size_t i = 0; i < count; i++) {
		size_t at;

		memcpy(&at, out->ends.data + i * sizeof(at), sizeof(at));
		*(i < PARTS ? parts[i] : &made->names[i - PARTS]) =
			pl_slice_make(text + began, at - began);
		began = at;
	}
	made->name_count = names;
	made->not_before = seconds_of(X509_get0_notBefore(x509));
	made->not_after = seconds_of(X509_get0_notAfter(x509));
	return made;
}

pl_tls_certificate *pl_tls_certificate_of(X509 *x509)
{
	pl_tls_certificate *made = NULL;
	writing out = { .failed = false };

	put_name(&out, X509_get_subject_name(x509));
	put_name(&out, X509_get_issuer_name(x509));
	put_serial(&out, x509);
	put_fingerprint(&out, x509);
	put_pem(&out, x509);
	put_hosts(&out, x509);
	if (!out.failed)
		made = assemble(&out, x509);
	pl_buffer_deinit(&out.text);
	pl_buffer_deinit(&out.ends);
	ERR_clear_error();
	return made;
}

void pl_tls_certificate_free(pl_tls_certificate *certificate)
{
	pl_free(certificate);
}
