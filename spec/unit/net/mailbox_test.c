#include "unit/net/turns.h"

#include <pthread.h>

#include "net/mailbox.h"

enum { SENDERS = 4, EACH = 2000 };

typedef struct letter {
	pl_mail mail;
	int sender;
	int number;
} letter;

typedef struct reader {
	pl_mailbox *mailbox;
	int next[SENDERS]; /* number expected of each */
	int read;
	int returned; /* without a receiver */
} reader;

static pl_loop *loop;
static reader *side; /* for letters that are opened without a receiver */

static void on_letter(pl_mail *mail, void *receiver)
{
	letter *self = PL_CONTAINER(mail, letter, mail);
	reader *to = receiver;

	if (to) {
		assert_int_equal(self->number, to->next[self->sender]++);
		to->read++;
	} else {
		side->returned++;
	}
	pl_free(self);
}

static void send(pl_mailbox *mailbox, int sender, int number)
{
	letter *self = pl_alloc(sizeof(*self));

	assert_non_null(self);
	*self = (letter){ .mail = { .size = 10, .open = on_letter },
			  .sender = sender,
			  .number = number };
	pl_mailbox_send(mailbox, &self->mail);
}

static void open_side(reader *self)
{
	*self = (reader){ .read = 0 };
	side = self;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_mailbox_new(&self->mailbox, loop, self), PL_OK);
}

typedef struct sender {
	pl_mailbox *mailbox;
	int index;
} sender;

static void *send_all(void *context)
{
	const sender *self = context;

	for (int i = 0; i < EACH; i++)
		send(self->mailbox, self->index, i);
	return NULL;
}

static void what_each_sends_is_opened_in_its_order(void **state)
{
	sender senders[SENDERS];
	pthread_t threads[SENDERS];
	reader self;

	(void)state;
	open_side(&self);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (sender){ self.mailbox, i };
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	TURN_UNTIL(loop, self.read == SENDERS * EACH);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(pl_mailbox_size(self.mailbox), 0);
	pl_mailbox_close(self.mailbox);
	pl_loop_free(loop);
}

static void it_is_opened_when_the_owner_wants(void **state)
{
	reader self;

	(void)state;
	open_side(&self);
	send(self.mailbox, 0, 0);
	send(self.mailbox, 0, 1);
	assert_int_equal(pl_mailbox_size(self.mailbox), 20);
	pl_mailbox_take(self.mailbox);
	assert_int_equal(pl_mailbox_size(self.mailbox), 0);
	send(self.mailbox, 0, 2);
	pl_mailbox_open(self.mailbox);
	assert_int_equal(self.read, 2);
	TURN_UNTIL(loop, self.read == 3);
	pl_mailbox_close(self.mailbox);
	pl_loop_free(loop);
}

static void close_within(pl_mail *mail, void *receiver)
{
	reader *self = receiver;

	pl_free(PL_CONTAINER(mail, letter, mail));
	pl_mailbox_close(self->mailbox);
}

static void what_is_left_at_the_end_is_given_back(void **state)
{
	reader self;
	letter *last;

	(void)state;
	open_side(&self);
	send(self.mailbox, 0, 0);
	last = pl_alloc(sizeof(*last));
	assert_non_null(last);
	*last = (letter){ .mail = { .open = close_within } };
	pl_mailbox_send(self.mailbox, &last->mail);
	send(self.mailbox, 0, 1);
	send(self.mailbox, 0, 2);
	TURN_UNTIL(loop, self.read == 1 && self.returned == 2);
	pl_loop_free(loop);
}

static void without_memory_there_is_none(void **state)
{
	pl_mailbox *mailbox;

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_mailbox_new(&mailbox, loop, NULL), PL_ENOMEM);
	pl_alloc_fail_at(0);
	pl_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_each_sends_is_opened_in_its_order),
		cmocka_unit_test(it_is_opened_when_the_owner_wants),
		cmocka_unit_test(what_is_left_at_the_end_is_given_back),
		cmocka_unit_test(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
