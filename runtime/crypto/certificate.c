#include "crypto/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/address.h"
#include "base/alloc.h"
#include "base/status.h"
#include "crypto/random.h"

enum { SERIAL_SIZE = 16, NAME_LONGEST = 253, COMMON_NAME_LONGEST = 64 };

struct pl_certificate {
	X509 *x509;
	EVP_PKEY *key;
};

static bool is_address(const char *name)
{
	pl_address address;

	return pl_address_parse(&address, name);
}

/* Letters, digits, '-' and '_' in labels that are not empty; "*" only as the whole first one. */
bool pl_certificate_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_";
	size_t len = strlen(name);

	if (len == 0 || len > NAME_LONGEST)
		return false;
	if (is_address(name))
		return true;
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	for (;;) {
		size_t label = strspn(name, letters);

		if (label == 0 || label > 63)
			return false;
		name += label;
		if (*name == '\0')
			return true;
		if (*name++ != '.')
			return false;
	}
}

static bool set_serial(X509 *x509)
{
	uint8_t bytes[SERIAL_SIZE];
	BIGNUM *number;
	bool set;

	pl_random(bytes, sizeof(bytes));
	bytes[0] = (bytes[0] & 0x3F) | 0x40; /* positive, and always of one length */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
	BN_free(number);
	return set;
}

static bool set_subject(X509 *x509, const char *common_name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1, 0);
}

static bool extend(X509 *x509, X509V3_CTX *context, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool added = extension && X509_add_ext(x509, extension, -1);

	X509_EXTENSION_free(extension);
	return added;
}

/* Names are valid, so none has a comma of its own. */
static bool extend_names(X509 *x509, X509V3_CTX *context, const pl_certificate_plan *plan)
{
	pl_buffer text = { 0 };
	bool added = true;
	size_t i;

	for (i = 0; i < plan->name_count && added; i++)
		added = pl_buffer_printf(&text, "%s%s:%s", i ? "," : "",
					 is_address(plan->names[i]) ? "IP" : "DNS",
					 plan->names[i]) == PL_OK;
	if (added && text.len > 0)
		added = extend(x509, context, NID_subject_alt_name, (const char *)text.data);
	pl_buffer_deinit(&text);
	return added;
}

static bool extend_all(X509 *x509, const pl_certificate_plan *plan, X509 *issuer)
{
	X509V3_CTX context;
	bool ca = plan->authority;

	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	return extend(x509, &context, NID_basic_constraints,
		      ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	       extend(x509, &context, NID_key_usage,
		      ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	       extend(x509, &context, NID_subject_key_identifier, "hash") &&
	       (ca || (extend(x509, &context, NID_ext_key_usage, "serverAuth,clientAuth") &&
		       extend(x509, &context, NID_authority_key_identifier, "keyid"))) &&
	       extend_names(x509, &context, plan);
}

static bool fill(pl_certificate *certificate, const pl_certificate_plan *plan,
		 const pl_certificate *issuer)
{
	X509 *x509 = certificate->x509;

	return X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
	       X509_time_adj_ex(X509_getm_notBefore(x509), (int)(plan->from / 86400),
				plan->from % 86400, NULL) &&
	       X509_time_adj_ex(X509_getm_notAfter(x509), (int)(plan->until / 86400),
				plan->until % 86400, NULL) &&
	       set_subject(x509, plan->common_name) &&
	       X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509)) &&
	       X509_set_pubkey(x509, certificate->key) && extend_all(x509, plan, issuer->x509) &&
	       X509_sign(x509, issuer->key, EVP_sha256());
}

static bool plan_valid(const pl_certificate_plan *plan)
{
	size_t len = strlen(plan->common_name);
	size_t i;

	for (i = 0; i < plan->name_count; i++)
		if (!pl_certificate_name_valid(plan->names[i]))
			return false;
	return len > 0 && len <= COMMON_NAME_LONGEST;
}

int pl_certificate_new(pl_certificate **result, const pl_certificate_plan *plan,
		       const pl_certificate *issuer)
{
	pl_certificate *certificate;

	if (!plan_valid(plan))
		return PL_EINVAL;
	certificate = pl_calloc(1, sizeof(*certificate));
	if (!certificate)
		return PL_ENOMEM;
	certificate->x509 = X509_new();
	certificate->key = EVP_EC_gen("P-256");
	if (!certificate->x509 || !certificate->key ||
	    !fill(certificate, plan, issuer ? issuer : certificate)) {
		pl_certificate_free(certificate);
		return PL_EIO;
	}
	*result = certificate;
	return PL_OK;
}

void pl_certificate_free(pl_certificate *certificate)
{
	if (!certificate)
		return;
	X509_free(certificate->x509);
	EVP_PKEY_free(certificate->key);
	pl_free(certificate);
}

/* What `write` puts into a memory BIO, appended; the BIO's own copy is wiped. */
static int append(pl_buffer *out, BIO *bio, bool written)
{
	char *text = NULL;
	long len = bio ? BIO_get_mem_data(bio, &text) : 0;
	int status = written ? pl_buffer_append(out, text, (size_t)len) : PL_EIO;

	if (len > 0)
		OPENSSL_cleanse(text, (size_t)len);
	BIO_free(bio);
	return status;
}

int pl_certificate_pem(const pl_certificate *certificate, pl_buffer *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return append(out, bio, bio && PEM_write_bio_X509(bio, certificate->x509));
}

int pl_certificate_key_pem(const pl_certificate *certificate, const char *password, pl_buffer *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = password ? EVP_aes_256_cbc() : NULL;

	return append(out, bio,
		      bio && PEM_write_bio_PKCS8PrivateKey(bio, certificate->key, cipher, password,
							   password ? (int)strlen(password) : 0,
							   NULL, NULL));
}
