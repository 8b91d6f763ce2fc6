#include "server/publish.h"

#include "base/alloc.h"

/* What the receivers of one protocol get. */
typedef struct translation {
	pl_message message;
	pl_buffer text;
	int status;
} translation;

typedef struct publication {
	pl_message message;
	translation *translations[PL_PROTOCOLS_MAX]; /* by protocol; NULL: nobody needs it yet */
	const pl_audience *audience;
	uint32_t mark; /* subscribers with this mark are left out; 0: nobody is */
	uint32_t count;
} publication;

/* NULL: no memory. */
static translation *translate(publication *self, const pl_protocol *protocol)
{
	translation *made = pl_calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->status = protocol->dialect(&made->text, self->message.channel, self->message.payload);
	made->message.kind = PL_KIND_TEXT;
	made->message.payload = pl_slice_make((char *)made->text.data, made->text.len);
	made->message.channel = self->message.channel;
	made->message.key = self->message.key;
	made->message.overflow = self->message.overflow;
	made->message.fragment = self->message.fragment;
	return made;
}

static void drop_translations(publication *self)
{
	for (size_t i = 0; i < PL_PROTOCOLS_MAX; i++) {
		translation *made = self->translations[i];

		if (!made)
			continue;
		pl_message_deinit(&made->message);
		pl_buffer_deinit(&made->text);
		pl_free(made);
	}
}

/* As a receiver gets it; NULL: it does not. */
static pl_message *message_for(publication *self, const pl_conn *conn)
{
	const pl_protocols *protocols = &pl_server_of(conn)->protocols;
	const pl_protocol *protocol;
	translation **made;

	if (protocols->dialects == 0 || self->message.kind != PL_KIND_TEXT)
		return &self->message;
	protocol = pl_protocols_find(protocols, pl_conn_info_protocol(conn->info));
	if (!protocol || !protocol->dialect)
		return &self->message;
	made = &self->translations[protocol - protocols->list];
	if (!*made)
		*made = translate(self, protocol);
	return *made && !(*made)->status ? &(*made)->message : NULL;
}

static void send_to(publication *self, pl_conn *conn)
{
	pl_slice protocol = self->audience->protocol;
	pl_message *message;

	if (!pl_conn_is_open(conn))
		return;
	if (self->mark && conn->subscriber.mark == self->mark)
		return;
	if (protocol.len > 0 && !pl_slice_equal(pl_conn_info_protocol(conn->info), protocol))
		return;
	message = message_for(self, conn);
	if (message && pl_conn_publish(conn, message) >= 0)
		self->count++;
}

static void to_channel(publication *self, pl_server *server)
{
	pl_channel *channel = pl_channels_find(&server->channels, self->message.channel);
	pl_list *node;

	if (!channel)
		return;
	for (node = channel->subscriptions.next; node != &channel->subscriptions;
	     node = node->next) {
		pl_subscription *subscription = PL_CONTAINER(node, pl_subscription, in_channel);

		send_to(self, PL_CONTAINER(subscription->subscriber, pl_conn, subscriber));
	}
}

static void to_all(publication *self, pl_server *server)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next)
		send_to(self, PL_CONTAINER(node, pl_conn, node));
}

static bool subscribed(const pl_conn *conn, pl_slice channel)
{
	const pl_list *head = &conn->subscriber.subscriptions;
	const pl_list *node;

	for (node = head->next; node != head; node = node->next) {
		const pl_channel *at = PL_CONTAINER(node, pl_subscription, in_subscriber)->channel;

		if (pl_slice_equal(pl_slice_make(at->name, at->name_len), channel))
			return true;
	}
	return false;
}

static uint32_t next_mark(pl_server *server)
{
	server->mark++;
	return server->mark ? server->mark : ++server->mark;
}

/* Each once, however often it is named. */
static void to_included(publication *self, pl_server *server)
{
	uint32_t seen = next_mark(server);
	size_t i;

	for (i = 0; i < self->audience->include_count; i++) {
		pl_conn *conn = pl_server_find(server, &self->audience->include[i]);

		if (!conn || conn->subscriber.mark == seen)
			continue;
		if (self->message.channel.len == 0 || subscribed(conn, self->message.channel))
			send_to(self, conn);
		conn->subscriber.mark = seen;
	}
}

static void mark_excluded(publication *self, pl_server *server)
{
	size_t i;

	self->mark = next_mark(server);
	for (i = 0; i < self->audience->exclude_count; i++) {
		pl_conn *conn = pl_server_find(server, &self->audience->exclude[i]);

		if (conn)
			conn->subscriber.mark = self->mark;
	}
}

uint32_t pl_publish(pl_server *server, enum pl_kind kind, pl_slice payload, size_t fragment,
		    const pl_audience *audience)
{
	const pl_server_settings *settings = &server->settings;
	publication self = { .message = { .kind = kind,
					  .payload = payload,
					  .channel = audience->channel,
					  .key = audience->key,
					  .overflow = pl_overflow_rule_find(
						  settings->overflow_rules,
						  settings->overflow_rule_count, audience->channel),
					  .fragment = fragment,
					  .fields = audience->fields },
			     .audience = audience };

	if (audience->exclude_count > 0)
		mark_excluded(&self, server);
	if (audience->include_count > 0)
		to_included(&self, server);
	else if (audience->channel.len > 0)
		to_channel(&self, server);
	else
		to_all(&self, server);
	pl_message_deinit(&self.message);
	drop_translations(&self);
	return self.count;
}
