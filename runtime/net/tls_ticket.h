/*
 * tls_ticket.h - the keys that session tickets are encrypted under (RFC 5077 4).
 *
 * A ring is the process's, one for each lifetime that contexts ask for, so that a ticket from one
 * worker resumes at another. The newest key encrypts; once it is `lifetime` old the next ticket
 * brings a new one, and the one before decrypts for as long again. Keys are random and never leave
 * the process: who reads its memory later finds no key of tickets that have run out, once another
 * connection has come. Thread-safe.
 */
#ifndef PL_NET_TLS_TICKET_H
#define PL_NET_TLS_TICKET_H

#include <stdint.h>

enum { PL_TLS_TICKET_NAME = 16, PL_TLS_TICKET_SECRET = 32 };

typedef struct pl_tls_ticket_key {
	uint8_t name[PL_TLS_TICKET_NAME]; /* in the clear in each ticket */
	uint8_t cipher[PL_TLS_TICKET_SECRET];
	uint8_t mac[PL_TLS_TICKET_SECRET];
	uint64_t born; /* ms of the loop's clock */
} pl_tls_ticket_key;

typedef struct pl_tls_ticket_ring pl_tls_ticket_ring;

enum pl_tls_ticket_age { PL_TLS_TICKET_UNKNOWN, PL_TLS_TICKET_NEWEST, PL_TLS_TICKET_OLD };

/* The process's ring for this lifetime in ms, which lives as long as the process; NULL: no
 * memory. */
pl_tls_ticket_ring *pl_tls_ticket_ring_get(uint64_t lifetime);

/* A copy of the key for new tickets; whoever takes one cleanses it. `now` is ms. */
void pl_tls_ticket_newest(pl_tls_ticket_ring *ring, uint64_t now, pl_tls_ticket_key *key);

/* A copy of the key with this name. OLD: it decrypts, but the client should get a new ticket. */
enum pl_tls_ticket_age pl_tls_ticket_find(pl_tls_ticket_ring *ring, uint64_t now,
					  const uint8_t name[PL_TLS_TICKET_NAME],
					  pl_tls_ticket_key *key);

#endif
