/* Why a connection to a server has failed, for people. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "net/tls_internal.h"

enum { SHOWN = 64, NAMES = 3 }; /* bytes of a text that a certificate gives; names in a list */

typedef struct sentence {
	char *at;
	size_t left; /* with the NUL */
} sentence;

static void say(sentence *out, const char *text)
{
	size_t len = strlen(text);

	if (len >= out->left)
		len = out->left - 1;
	memcpy(out->at, text, len);
	out->at += len;
	out->left -= len;
	*out->at = '\0';
}

/* Bytes of the peer's: cut, and nothing that a terminal obeys. */
static void say_bytes(sentence *out, const unsigned char *bytes, int len)
{
	char text[SHOWN + 4];
	int i;

	for (i = 0; i < len && i < SHOWN; i++)
		text[i] = bytes[i] > ' ' && bytes[i] < 0x7F ? (char)bytes[i]
			  : bytes[i] == ' '		    ? ' '
							    : '?';
	strcpy(text + i, i < len ? "..." : "");
	say(out, text);
}

static void say_ip(sentence *out, const ASN1_OCTET_STRING *ip)
{
	pl_address address = { .family = ip->length == 4 ? 4 : 6 };
	char text[PL_ADDRESS_TEXT] = "?";

	if (ip->length == 4 || ip->length == 16) {
		memcpy(address.ip, ip->data, (size_t)ip->length);
		pl_address_ip(&address, text);
	}
	say(out, text);
}

static bool is_name(const GENERAL_NAME *name)
{
	return name->type == GEN_DNS || name->type == GEN_IPADD;
}

static void say_names(sentence *out, const GENERAL_NAMES *names)
{
	int said = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && said <= NAMES; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (!is_name(name))
			continue;
		if (said > 0)
			say(out, said < NAMES ? ", " : " and others");
		if (said++ == NAMES)
			break;
		if (name->type == GEN_DNS)
			say_bytes(out, name->d.dNSName->data, name->d.dNSName->length);
		else
			say_ip(out, name->d.iPAddress);
	}
	if (said == 0)
		say(out, "no host");
}

static void say_wrong_host(sentence *out, X509 *x509, const char *host)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	say(out, "the certificate is for ");
	say_names(out, names);
	say(out, ", not for ");
	say(out, host);
	GENERAL_NAMES_free(names);
}

static void say_day(sentence *out, const ASN1_TIME *time)
{
	char text[32];
	struct tm day;

	if (ASN1_TIME_to_tm(time, &day) == 1 &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &day) > 0)
		say(out, text);
}

/* The name of whom a certificate is for, or who has signed it. */
static void say_subject(sentence *out, const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *text = NULL;

	if (at < 0)
		at = X509_NAME_entry_count(name) - 1;
	if (at >= 0)
		text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	say(out, "'");
	if (text)
		say_bytes(out, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
	say(out, "'");
}

/* Of which certificate of the chain a verdict on its dates is. */
static X509 *dated(STACK_OF(X509) * chain, bool expired)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *x509 = sk_X509_value(chain, i);

		if (expired ? X509_cmp_current_time(X509_get0_notAfter(x509)) <= 0
			    : X509_cmp_current_time(X509_get0_notBefore(x509)) > 0)
			return x509;
	}
	return NULL;
}

static void say_dates(sentence *out, STACK_OF(X509) * chain, bool expired)
{
	X509 *x509 = dated(chain, expired);

	if (!x509 || x509 == sk_X509_value(chain, 0)) {
		say(out, "the certificate");
	} else {
		say(out, "the certificate of the authority ");
		say_subject(out, X509_get_subject_name(x509));
	}
	say(out, expired ? " has expired" : " is not valid yet");
	if (!x509)
		return;
	say(out, expired ? ": it was valid until " : ": it is from ");
	say_day(out, expired ? X509_get0_notAfter(x509) : X509_get0_notBefore(x509));
}

/* With the number under which OpenSSL's and others' documents explain what to do. */
static void say_unknown(sentence *out, STACK_OF(X509) * chain, long verdict)
{
	X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
	char number[16];

	snprintf(number, sizeof(number), " (%ld: ", verdict);
	say(out, "unknown authority ");
	say_subject(out, X509_get_issuer_name(last));
	say(out, number);
	say(out, X509_verify_cert_error_string(verdict));
	say(out, ")");
}

static void say_verdict(sentence *out, SSL *ssl, long verdict, const char *host)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	X509 *x509 = chain ? sk_X509_value(chain, 0) : NULL;

	switch (x509 ? verdict : X509_V_OK) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		say_wrong_host(out, x509, host);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		say_dates(out, chain, verdict == X509_V_ERR_CERT_HAS_EXPIRED);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		say(out, "the certificate is signed by itself, and not trusted");
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		say_unknown(out, chain, verdict);
		break;
	case X509_V_ERR_CERT_REVOKED:
		say(out, "the certificate has been revoked");
		break;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		say(out, "there are more authorities than verify_depth allows");
		break;
	case X509_V_ERR_APPLICATION_VERIFICATION:
		say(out, "the application refuses the certificate");
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		say(out, SSL_is_server(ssl) ? "the certificate is not for clients"
					    : "the certificate is not for servers");
		break;
	default:
		say(out, "the certificate is refused: ");
		say(out, X509_verify_cert_error_string(verdict));
	}
}

/* RFC 8446 6, where OpenSSL 3.0 has only those of TLS 1.2. */
static const char *alert_name(int alert)
{
	switch (alert) {
	case 109:
		return "missing extension";
	case SSL_AD_CERTIFICATE_REQUIRED:
		return "certificate required";
	default:
		return SSL_alert_desc_string_long(alert);
	}
}

/* OpenSSL's reason for an alert that came is its number and this. */
static void say_reason(sentence *out)
{
	int reason = ERR_GET_REASON(ERR_peek_error());

	if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) {
		say(out, "the server ends it with the alert '");
		say(out, alert_name(reason - SSL_AD_REASON_OFFSET));
		say(out, "'");
		return;
	}
	say(out, pl_tls_reason());
}

void pl_tls_verdict(char *text, size_t size, SSL *ssl, const char *host)
{
	long verdict = SSL_get_verify_result(ssl);
	sentence out = { text, size };

	*text = '\0';
	if (verdict != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
		say_verdict(&out, ssl, verdict, host);
	else
		say_reason(&out);
	ERR_clear_error();
}
