#include "server/roster.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

/* An entry as it stands in the buffer; the bytes of both texts follow. */
typedef struct entry_head {
	pl_guid guid;
	pl_address peer;
	size_t url_len;
	size_t protocol_len;
} entry_head;

static int append_entry(pl_buffer *entries, const pl_conn_info *info)
{
	pl_slice url = pl_conn_info_url(info);
	pl_slice protocol = pl_conn_info_protocol(info);
	entry_head head = { .guid = info->guid,
			    .peer = info->peer,
			    .url_len = url.len,
			    .protocol_len = protocol.len };

	if (pl_buffer_append(entries, &head, sizeof(head)) ||
	    pl_buffer_append(entries, url.at, url.len) ||
	    pl_buffer_append(entries, protocol.at, protocol.len))
		return PL_ENOMEM;
	return PL_OK;
}

int pl_roster_describe(const pl_server *server, pl_buffer *entries)
{
	const pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next) {
		const pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		if (conn->state == PL_CONN_OPEN && append_entry(entries, conn->info))
			return PL_ENOMEM;
	}
	return PL_OK;
}

bool pl_roster_next(const pl_buffer *entries, size_t *offset, pl_roster_entry *entry)
{
	const char *at = (const char *)entries->data + *offset;
	entry_head head;

	if (*offset >= entries->len)
		return false;
	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	entry->guid = head.guid;
	entry->peer = head.peer;
	entry->url = pl_slice_make(at, head.url_len);
	entry->protocol = pl_slice_make(at + head.url_len, head.protocol_len);
	*offset += sizeof(head) + head.url_len + head.protocol_len;
	return true;
}

/* Goes to a worker as a question and comes back as the answer. */
typedef struct question {
	pl_mail mail;
	pl_group *group; /* of which the asked one is a member for as long as it has this */
	uint16_t asker;
	uint32_t serial;
	int status;
	pl_buffer entries;
} question;

static void question_free(question *self)
{
	pl_buffer_deinit(&self->entries);
	pl_free(self);
}

static void run_finish(pl_deferred *deferred)
{
	pl_roster *roster = PL_CONTAINER(deferred, pl_roster, finish);

	pl_loop_stop_timer(roster->server->loop, &roster->timer);
	pl_list_remove(&roster->node);
	roster->done(roster, roster->status);
}

static void finish(pl_roster *roster, int status)
{
	roster->missing = 0;
	roster->status = status;
	pl_loop_defer(roster->server->loop, &roster->finish);
}

static void on_timer(pl_timer *timer)
{
	finish(PL_CONTAINER(timer, pl_roster, timer), PL_ETIMEDOUT);
}

static pl_roster *find(const pl_server *server, uint32_t serial)
{
	const pl_list *node;

	for (node = server->rosters.next; node != &server->rosters; node = node->next) {
		pl_roster *roster = PL_CONTAINER(node, pl_roster, node);

		if (roster->serial == serial)
			return roster;
	}
	return NULL;
}

static void take_answer(pl_roster *roster, const question *answer)
{
	int status = answer->status;

	if (roster->missing == 0) /* it is over already */
		return;
	if (!status)
		status = pl_buffer_append(&roster->entries, answer->entries.data,
					  answer->entries.len);
	if (status)
		roster->status = status;
	if (--roster->missing == 0)
		finish(roster, roster->status);
}

static void on_answer(pl_mail *mail, void *receiver)
{
	question *answer = PL_CONTAINER(mail, question, mail);
	pl_roster *roster = receiver ? find(receiver, answer->serial) : NULL;

	if (roster)
		take_answer(roster, answer);
	question_free(answer);
}

static void on_question(pl_mail *mail, void *receiver)
{
	question *self = PL_CONTAINER(mail, question, mail);

	if (receiver)
		self->status = pl_roster_describe(receiver, &self->entries);
	mail->open = on_answer;
	if (!pl_group_send(self->group, self->asker, mail))
		question_free(self);
}

static int ask(pl_roster *roster, uint16_t worker)
{
	pl_server *server = roster->server;
	question *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return PL_ENOMEM;
	self->mail.open = on_question;
	self->group = server->group;
	self->asker = server->settings.worker;
	self->serial = roster->serial;
	if (pl_group_send(server->group, worker, &self->mail))
		roster->missing++;
	else
		question_free(self);
	return PL_OK;
}

static int ask_all(pl_roster *roster)
{
	const pl_server *server = roster->server;
	uint16_t worker;
	int status = PL_OK;

	for (worker = 1; worker <= pl_group_workers(server->group) && !status; worker++)
		if (worker != server->settings.worker)
			status = ask(roster, worker);
	return status;
}

int pl_roster_collect(pl_roster **result, pl_server *server,
		      void (*done)(pl_roster *roster, int status), void *context)
{
	pl_roster *roster = pl_calloc(1, sizeof(*roster));
	int status;

	if (!roster)
		return PL_ENOMEM;
	roster->server = server;
	roster->serial = ++server->roster_serial;
	roster->done = done;
	roster->context = context;
	pl_timer_init(&roster->timer, on_timer);
	pl_deferred_init(&roster->finish, run_finish);
	pl_list_append(&server->rosters, &roster->node);
	status = pl_roster_describe(server, &roster->entries);
	if (!status && server->group)
		status = ask_all(roster);
	if (status) {
		pl_roster_free(roster);
		return status;
	}
	if (roster->missing == 0)
		finish(roster, PL_OK);
	else
		pl_loop_start(server->loop, &roster->timer, PL_ROSTER_TIMEOUT);
	*result = roster;
	return PL_OK;
}

void pl_roster_free(pl_roster *roster)
{
	pl_loop_stop_timer(roster->server->loop, &roster->timer);
	pl_deferred_cancel(&roster->finish);
	pl_list_remove(&roster->node);
	pl_buffer_deinit(&roster->entries);
	pl_free(roster);
}

void pl_roster_cancel_all(pl_server *server)
{
	pl_list *node;

	for (node = server->rosters.next; node != &server->rosters; node = node->next)
		finish(PL_CONTAINER(node, pl_roster, node), PL_ECANCELED);
}
