#include "net/mailbox.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"

typedef struct mail_queue {
	pl_mail *first;
	pl_mail **last; /* where the next one goes */
} mail_queue;

struct pl_mailbox {
	uv_async_t bell;
	pthread_mutex_t lock; /* of what has arrived */
	mail_queue arrived;
	size_t size;
	mail_queue taken; /* the owner's */
	void *receiver;
};

static void queue_init(mail_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_append(mail_queue *queue, pl_mail *mail)
{
	mail->next = NULL;
	*queue->last = mail;
	queue->last = &mail->next;
}

static void queue_move(mail_queue *to, mail_queue *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	queue_init(from);
}

static pl_mail *queue_pop(mail_queue *queue)
{
	pl_mail *mail = queue->first;

	if (!mail)
		return NULL;
	queue->first = mail->next;
	if (!queue->first)
		queue->last = &queue->first;
	return mail;
}

static void on_bell(uv_async_t *bell)
{
	pl_mailbox *mailbox = bell->data;

	pl_mailbox_take(mailbox);
	pl_mailbox_open(mailbox);
}

int pl_mailbox_new(pl_mailbox **result, pl_loop *loop, void *receiver)
{
	pl_mailbox *mailbox = pl_calloc(1, sizeof(*mailbox));
	int status;

	if (!mailbox)
		return PL_ENOMEM;
	status = uv_async_init(&loop->uv, &mailbox->bell, on_bell);
	if (status) {
		pl_free(mailbox);
		return pl_net_status(status);
	}
	mailbox->bell.data = mailbox;
	pthread_mutex_init(&mailbox->lock, NULL);
	queue_init(&mailbox->arrived);
	queue_init(&mailbox->taken);
	mailbox->receiver = receiver;
	*result = mailbox;
	return PL_OK;
}

void pl_mailbox_send(pl_mailbox *mailbox, pl_mail *mail)
{
	pthread_mutex_lock(&mailbox->lock);
	if (!mailbox->arrived.first)
		uv_async_send(&mailbox->bell);
	queue_append(&mailbox->arrived, mail);
	mailbox->size += mail->size;
	pthread_mutex_unlock(&mailbox->lock);
}

size_t pl_mailbox_size(pl_mailbox *mailbox)
{
	size_t size;

	pthread_mutex_lock(&mailbox->lock);
	size = mailbox->size;
	pthread_mutex_unlock(&mailbox->lock);
	return size;
}

void pl_mailbox_take(pl_mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	queue_move(&mailbox->taken, &mailbox->arrived);
	mailbox->size = 0;
	pthread_mutex_unlock(&mailbox->lock);
}

/* What is opened may open the rest from within, or close the mailbox. */
void pl_mailbox_open(pl_mailbox *mailbox)
{
	pl_mail *mail;

	while ((mail = queue_pop(&mailbox->taken)))
		mail->open(mail, mailbox->receiver);
}

static void on_closed(uv_handle_t *bell)
{
	pl_mailbox *mailbox = bell->data;

	pthread_mutex_destroy(&mailbox->lock);
	pl_free(mailbox);
}

void pl_mailbox_close(pl_mailbox *mailbox)
{
	mailbox->receiver = NULL;
	pl_mailbox_take(mailbox);
	pl_mailbox_open(mailbox);
	uv_close((uv_handle_t *)&mailbox->bell, on_closed);
}
