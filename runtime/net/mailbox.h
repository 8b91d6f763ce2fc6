/*
 * mailbox.h - what other threads have to say to a loop, in the order in which they say it.
 *
 * A mailbox belongs to one loop's thread, which opens what arrives. Any thread may send, as long as
 * it can be sure that the mailbox is open: whoever closes it takes it away from the senders first.
 */
#ifndef PL_NET_MAILBOX_H
#define PL_NET_MAILBOX_H

#include "net/loop.h"

typedef struct pl_mailbox pl_mailbox;

typedef struct pl_mail {
	struct pl_mail *next;
	size_t size; /* bytes that it counts for */
	/* In the mailbox's thread, once. The mail is the function's to free. Receiver NULL: the
	 * mailbox is closed, nothing but freeing is left to do. */
	void (*open)(struct pl_mail *mail, void *receiver);
} pl_mail;

int pl_mailbox_new(pl_mailbox **mailbox, pl_loop *loop, void *receiver); /* PL_OK or an error */

/* Any thread. */
void pl_mailbox_send(pl_mailbox *mailbox, pl_mail *mail);
size_t pl_mailbox_size(pl_mailbox *mailbox); /* of what was sent and not taken yet */

/* The owner's. It happens by itself in the next turn; who cannot wait takes what has arrived up to
 * now, and opens what was taken. */
void pl_mailbox_take(pl_mailbox *mailbox);
void pl_mailbox_open(pl_mailbox *mailbox);

/* Opens what is left without a receiver. Nobody may send any more. */
void pl_mailbox_close(pl_mailbox *mailbox);

#endif
