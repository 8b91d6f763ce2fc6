/*
 * event_token.h - what the client of an event stream shows when it sends something: its guid and a
 * proof that it has been given this token.
 *
 * Guids are no secrets: applications name connections to one another by them. The proof is a keyed
 * digest of the guid, under a key that the process makes for itself and all its workers share, so
 * that nothing is kept for it.
 */
#ifndef PL_SERVER_EVENT_TOKEN_H
#define PL_SERVER_EVENT_TOKEN_H

#include "conn/guid.h"

enum { PL_EVENT_TOKEN_SIZE = 2 * PL_GUID_TEXT }; /* hexadecimal digits */

/* PL_OK or PL_ENOMEM. No NUL is written. */
int pl_event_token_encode(char out[PL_EVENT_TOKEN_SIZE], const pl_guid *guid);

/* Whether the text is a token; then whose. */
bool pl_event_token_decode(pl_guid *guid, pl_slice text);

#endif
