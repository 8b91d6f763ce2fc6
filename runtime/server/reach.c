#include "server/reach.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/utf8.h"

/* A publication under way to other workers. */

typedef struct parcel {
	pl_mail mail;
	struct shipment *shipment;
} parcel;

/* One block: the parcels, then the guids and texts of the audience, then the payload. */
typedef struct shipment {
	_Atomic uint32_t refs; /* parcels that are not opened yet, and the sender */
	enum pl_kind kind;
	size_t fragment;
	pl_slice payload;
	pl_audience audience;
	pl_sse_fields fields;
	parcel parcels[]; /* by worker, from 1 */
} shipment;

static void shipment_unref(shipment *self)
{
	if (atomic_fetch_sub(&self->refs, 1) == 1)
		pl_free(self);
}

static void *put(char **at, const void *from, size_t len)
{
	void *start = *at;

	if (len > 0)
		memcpy(start, from, len);
	*at += len;
	return start;
}

static pl_slice put_slice(char **at, pl_slice slice)
{
	return pl_slice_make(put(at, slice.at, slice.len), slice.len);
}

static void put_fields(char **at, shipment *self, const pl_sse_fields *fields)
{
	if (!fields)
		return;
	self->fields = *fields;
	if (fields->id.at)
		self->fields.id = put_slice(at, fields->id);
	self->fields.event = put_slice(at, fields->event);
	self->audience.fields = &self->fields;
}

static shipment *shipment_new(uint16_t workers, enum pl_kind kind, pl_slice payload,
			      size_t fragment, const pl_audience *to)
{
	size_t parcels = ((size_t)workers + 1) * sizeof(parcel);
	size_t guids = (to->include_count + to->exclude_count) * sizeof(pl_guid);
	size_t fields = to->fields ? to->fields->id.len + to->fields->event.len : 0;
	shipment *self = pl_alloc(sizeof(*self) + parcels + guids + to->channel.len + to->key.len +
				  to->protocol.len + fields + payload.len);
	char *at;

	if (!self)
		return NULL;
	at = (char *)self->parcels + parcels;
	atomic_init(&self->refs, 1);
	self->kind = kind;
	self->fragment = fragment;
	self->audience = *to;
	self->audience.include = put(&at, to->include, to->include_count * sizeof(pl_guid));
	self->audience.exclude = put(&at, to->exclude, to->exclude_count * sizeof(pl_guid));
	self->audience.channel = put_slice(&at, to->channel);
	self->audience.key = put_slice(&at, to->key);
	self->audience.protocol = put_slice(&at, to->protocol);
	put_fields(&at, self, to->fields);
	self->payload = put_slice(&at, payload);
	return self;
}

static void on_parcel(pl_mail *mail, void *receiver)
{
	shipment *self = PL_CONTAINER(mail, parcel, mail)->shipment;

	if (receiver)
		pl_publish(receiver, self->kind, self->payload, self->fragment, &self->audience);
	shipment_unref(self);
}

/* Whether a worker has anybody in the audience, as far as can be told from here. */
static bool concerns(const pl_server *server, const pl_audience *to, uint16_t worker)
{
	size_t i;

	if (worker == server->settings.worker || pl_group_sessions_of(server->group, worker) == 0)
		return false;
	if (to->include_count == 0)
		return true;
	for (i = 0; i < to->include_count; i++)
		if (pl_guid_worker(&to->include[i]) == worker)
			return true;
	return false;
}

/* What a parcel counts for. */
static size_t weight_of(const shipment *self)
{
	size_t guids = self->audience.include_count + self->audience.exclude_count;

	return sizeof(parcel) + guids * sizeof(pl_guid) + self->payload.len;
}

static void send_parcel(shipment *self, pl_mailbox *mailbox, uint16_t worker)
{
	parcel *one = &self->parcels[worker];

	one->shipment = self;
	one->mail.size = weight_of(self);
	one->mail.open = on_parcel;
	atomic_fetch_add(&self->refs, 1);
	pl_mailbox_send(mailbox, &one->mail);
}

static bool takes_more(const pl_server *server, pl_mailbox *mailbox, size_t weight)
{
	return pl_mailbox_size(mailbox) + weight <= (size_t)server->settings.limits.worker_backlog;
}

/* A worker that does not come back from its script must not keep the others from going on. */
static int send_parcels(pl_server *server, shipment *self, uint32_t *workers)
{
	uint16_t worker;
	int status = PL_OK;

	for (worker = 1; worker <= pl_group_workers(server->group); worker++) {
		pl_mailbox *mailbox = pl_group_mailbox(server->group, worker);

		if (!mailbox || !concerns(server, &self->audience, worker))
			continue;
		if (takes_more(server, mailbox, weight_of(self))) {
			send_parcel(self, mailbox, worker);
			++*workers;
		} else {
			status = PL_ELIMIT;
		}
	}
	return status;
}

/* The order of all publications is that in which the senders have the group's lock. What others
 * have sent before is delivered here before ours. */
static int ship(pl_server *server, shipment *self, uint32_t *workers)
{
	pl_mailbox *own;
	int status;

	pl_group_lock(server->group);
	status = send_parcels(server, self, workers);
	own = pl_group_mailbox(server->group, server->settings.worker);
	pl_mailbox_take(own);
	pl_group_unlock(server->group);
	pl_mailbox_open(own);
	return status;
}

static bool others_concerned(const pl_server *server, const pl_audience *audience)
{
	uint16_t worker;

	if (!server->group)
		return false;
	for (worker = 1; worker <= pl_group_workers(server->group); worker++)
		if (concerns(server, audience, worker))
			return true;
	return false;
}

static int publish_to_others(pl_server *server, enum pl_kind kind, pl_slice payload,
			     size_t fragment, const pl_audience *audience, uint32_t *workers)
{
	shipment *self =
		shipment_new(pl_group_workers(server->group), kind, payload, fragment, audience);
	int status;

	if (!self)
		return PL_ENOMEM;
	status = ship(server, self, workers);
	shipment_unref(self);
	return status;
}

int pl_server_publish(pl_server *server, enum pl_kind kind, pl_slice payload, size_t fragment,
		      const pl_audience *audience, pl_reach *reach)
{
	int status = PL_OK;

	*reach = (pl_reach){ 0 };
	if (kind == PL_KIND_TEXT && !pl_utf8_valid((const uint8_t *)payload.at, payload.len))
		return PL_EUTF8;
	if (others_concerned(server, audience))
		status = publish_to_others(server, kind, payload, fragment, audience,
					   &reach->workers);
	if (status != PL_ENOMEM)
		reach->connections = pl_publish(server, kind, payload, fragment, audience);
	return status;
}

/* Ending and pinging. */

typedef struct errand {
	pl_mail mail;
	pl_guid guid;
	uint32_t timeout; /* ms for the answer to a ping; 0: none is waited for */
	uint16_t code;
} errand;

static bool disconnect_here(pl_server *server, const pl_guid *guid, uint16_t code)
{
	pl_conn *conn = pl_server_find(server, guid);

	if (conn)
		pl_conn_disconnect(conn, code, pl_slice_make(NULL, 0));
	return conn != NULL;
}

static void disconnect_all_here(pl_server *server, uint16_t code)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		if (conn->state == PL_CONN_OPEN)
			pl_conn_disconnect(conn, code, pl_slice_make(NULL, 0));
	}
}

static void ping_all_here(pl_server *server, uint32_t timeout)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		if (timeout > 0)
			pl_conn_demand(conn, timeout);
		else
			pl_conn_ping(conn, NULL, 0);
	}
}

static void on_disconnect(pl_mail *mail, void *receiver)
{
	errand *self = PL_CONTAINER(mail, errand, mail);

	if (receiver)
		disconnect_here(receiver, &self->guid, self->code);
	pl_free(self);
}

static void on_disconnect_all(pl_mail *mail, void *receiver)
{
	errand *self = PL_CONTAINER(mail, errand, mail);

	if (receiver)
		disconnect_all_here(receiver, self->code);
	pl_free(self);
}

static void on_ping_all(pl_mail *mail, void *receiver)
{
	errand *self = PL_CONTAINER(mail, errand, mail);

	if (receiver)
		ping_all_here(receiver, self->timeout);
	pl_free(self);
}

/* False: that worker has no such server, or there is no memory. */
static bool send_errand(pl_server *server, uint16_t worker, const errand *what)
{
	errand *self = pl_alloc(sizeof(*self));
	bool sent;

	if (!self)
		return false;
	*self = *what;
	sent = pl_group_send(server->group, worker, &self->mail);
	if (!sent)
		pl_free(self);
	return sent;
}

static void send_errand_to_all(pl_server *server, const errand *what)
{
	uint16_t worker;

	if (!server->group)
		return;
	for (worker = 1; worker <= pl_group_workers(server->group); worker++)
		if (worker != server->settings.worker)
			send_errand(server, worker, what);
}

bool pl_server_disconnect(pl_server *server, const pl_guid *guid, uint16_t code)
{
	errand away = { .mail = { .open = on_disconnect }, .guid = *guid, .code = code };
	uint16_t worker = pl_guid_worker(guid);

	if (!server->group || worker == server->settings.worker)
		return disconnect_here(server, guid, code);
	return send_errand(server, worker, &away);
}

uint32_t pl_server_disconnect_all(pl_server *server, uint16_t code)
{
	errand away = { .mail = { .open = on_disconnect_all }, .code = code };
	uint32_t count = pl_server_count(server);

	send_errand_to_all(server, &away);
	disconnect_all_here(server, code);
	return count;
}

uint32_t pl_server_ping_all(pl_server *server, uint32_t timeout)
{
	errand ping = { .mail = { .open = on_ping_all }, .timeout = timeout };
	uint32_t count = pl_server_count(server);

	send_errand_to_all(server, &ping);
	ping_all_here(server, timeout);
	return count;
}
