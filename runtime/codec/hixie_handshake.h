/*
 * hixie_handshake.h - the server's side of the opening handshake of
 * draft-hixie-thewebsocketprotocol-76 (sections 1.3 and 5), which was before RFC 6455.
 *
 * Pure: looks at a decoded request and computes what proves that it was read. Behind the empty line
 * of the request follow PL_HIXIE_KEY3_SIZE bytes, of which its fields say nothing.
 */
#ifndef PL_CODEC_HIXIE_HANDSHAKE_H
#define PL_CODEC_HIXIE_HANDSHAKE_H

#include "codec/ws_handshake.h"

enum {
	PL_HIXIE_KEY3_SIZE = 8,
	PL_HIXIE_PROOF_SIZE = 16,
};

typedef struct pl_hixie_offer {
	uint32_t numbers[2]; /* of Sec-WebSocket-Key1 and Sec-WebSocket-Key2 */
	pl_slice origin;
	const char *error; /* after a failure */
} pl_hixie_offer;

/* Whether a request for a WebSocket (pl_ws_requested) is one of this draft: it has the fields
 * Sec-WebSocket-Key1 and Sec-WebSocket-Key2, and none of those that came later,
 * Sec-WebSocket-Version and Sec-WebSocket-Key. */
bool pl_hixie_requested(const pl_ws_request *request);

/* Checks such a request. PL_OK with *offer, or PL_EPROTO with `error`: method not GET, HTTP/1.0, a
 * body, a key given twice, without blanks or digits or whose number its blanks do not divide, or
 * that gives no 32 bits, no single Origin, a Sec-WebSocket-Protocol that is empty or repeated, has
 * an element that is no token or repeated, or more than PL_WS_PROTOCOLS_MAX. */
int pl_hixie_offer_decode(pl_hixie_offer *offer, const pl_ws_request *request);

/* Takes the next subprotocol that the client asks for, in its order of preference; blanks or commas
 * stand between them. Start with *rest = { NULL, 0 } and *begun = false. False at the end. */
bool pl_hixie_offer_protocol(const pl_ws_request *request, bool *begun, pl_slice *rest,
			     pl_slice *protocol);

/* The end of the answer: the MD5 of both numbers, big endian, and key3. PL_OK or PL_ENOMEM. */
int pl_hixie_prove(uint8_t proof[PL_HIXIE_PROOF_SIZE], const pl_hixie_offer *offer,
		   const uint8_t key3[PL_HIXIE_KEY3_SIZE]);

#endif
