#include "server/event_token.h"

#include <pthread.h>
#include <string.h>

#include "base/status.h"
#include "crypto/compare.h"
#include "crypto/digest.h"
#include "crypto/random.h"

enum { KEY_SIZE = 32 };

static uint8_t key[KEY_SIZE];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	pl_random(key, sizeof(key));
}

/* The digest's input has one length, and half of the digest is shown: nothing can be added to it.
 * As a guid, it has a text of hexadecimal digits. */
static int prove(pl_guid *proof, const pl_guid *guid)
{
	uint8_t input[KEY_SIZE + PL_GUID_SIZE];
	uint8_t digest[PL_SHA256_SIZE];
	int status;

	pthread_once(&key_once, make_key);
	memcpy(input, key, KEY_SIZE);
	memcpy(input + KEY_SIZE, guid->bytes, PL_GUID_SIZE);
	status = pl_sha256(input, sizeof(input), digest);
	if (!status)
		memcpy(proof->bytes, digest, PL_GUID_SIZE);
	return status;
}

int pl_event_token_encode(char out[PL_EVENT_TOKEN_SIZE], const pl_guid *guid)
{
	pl_guid proof;
	int status = prove(&proof, guid);

	if (status)
		return status;
	pl_guid_encode(out, guid);
	pl_guid_encode(out + PL_GUID_TEXT, &proof);
	return PL_OK;
}

bool pl_event_token_decode(pl_guid *guid, pl_slice text)
{
	pl_guid shown;
	pl_guid proof;

	return text.len == PL_EVENT_TOKEN_SIZE &&
	       pl_guid_decode(guid, pl_slice_make(text.at, PL_GUID_TEXT)) &&
	       pl_guid_decode(&shown, pl_slice_make(text.at + PL_GUID_TEXT, PL_GUID_TEXT)) &&
	       prove(&proof, guid) == PL_OK &&
	       pl_secret_equal(shown.bytes, PL_GUID_SIZE, proof.bytes, PL_GUID_SIZE);
}
