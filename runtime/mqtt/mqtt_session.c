#include "mqtt/mqtt_session.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "mqtt/mqtt_internal.h"

enum { MAX_RECEIVE = 65535, MAX_PACKET = PL_MQTT_LENGTH_MAX + PL_MQTT_HEAD_MAX };

/* The end of a connection. */

static void remember(pl_mqtt_session *session, int status, uint8_t reason, const char *message)
{
	session->end = (pl_mqtt_end){ .status = status,
				      .connected = session->state == SESSION_CONNECTED,
				      .reason = reason,
				      .message = session->end_text };
	snprintf(session->end_text, sizeof(session->end_text), "%s", message);
}

static void leave_state(pl_mqtt_session *session)
{
	session->state = SESSION_ENDING;
	pl_loop_stop_timer(session->loop, &session->timer);
	pl_buffer_deinit(&session->partial);
	session->unseen = false;
}

void pl_mqtt_session_fail(pl_mqtt_session *session, int status, uint8_t reason, const char *message)
{
	if (session->state == SESSION_IDLE || session->state == SESSION_ENDING)
		return;
	pl_log(PL_LOG_DEBUG, "mqtt connection closed: %s", message);
	remember(session, status, reason, message);
	/* Before CONNACK there is nobody who would understand. */
	if (session->state == SESSION_CONNECTED && reason && session->settings.version == PL_MQTT_5)
		pl_mqtt_write_ack(session, PL_MQTT_DISCONNECT, 0, reason);
	leave_state(session);
	if (reason)
		pl_stream_finish(session->stream);
	else
		pl_stream_abort(session->stream, status);
}

void pl_mqtt_fault_found(pl_mqtt_session *session, const pl_mqtt_fault *fault)
{
	char text[160];

	snprintf(text, sizeof(text), "the server broke the protocol: %s", fault->text);
	pl_mqtt_session_fail(session, fault->status, fault->reason, text);
}

/* The owner is told with what was borrowed from the packet; the stream goes after that. */
void pl_mqtt_refused(pl_mqtt_session *session, uint8_t reason, const char *message,
		     const pl_mqtt_properties *properties)
{
	remember(session, PL_ECLOSED, reason, message);
	session->end.by_server = true;
	session->end.properties = properties;
	leave_state(session);
	pl_stream_finish(session->stream);
	pl_mqtt_tell_end(session);
}

/* Once for each connection; `told` keeps a second one from it. */
void pl_mqtt_tell_end(pl_mqtt_session *session)
{
	if (session->told)
		return;
	session->told = true;
	pl_mqtt_incoming_ended(session);
	pl_mqtt_outgoing_ended(session);
	session->events->disconnected(session->owner, &session->end);
	session->end.properties = NULL;
}

static void on_closed(void *owner, int status)
{
	pl_mqtt_session *session = owner;

	if (session->state != SESSION_ENDING) {
		remember(session, status ? status : PL_ECLOSED, 0,
			 status ? pl_status_text(status) : "the server closed the connection");
		leave_state(session);
	}
	session->stream = NULL;
	session->state = SESSION_IDLE;
	pl_deferred_cancel(&session->again);
	pl_mqtt_aliases_in_deinit(&session->aliases_in);
	pl_mqtt_aliases_out_deinit(&session->aliases_out);
	pl_mqtt_tell_end(session);
}

/* Time. */

static uint64_t now(const pl_mqtt_session *session)
{
	return pl_loop_now(session->loop);
}

/* When a ping is due: before the server counts us as gone, and when it has been silent. */
static void rest(pl_mqtt_session *session)
{
	uint64_t last = session->heard < session->said ? session->heard : session->said;
	uint64_t due = last + session->interval;

	session->pinged = false;
	if (session->interval == 0) {
		pl_loop_stop_timer(session->loop, &session->timer);
		return;
	}
	pl_loop_start(session->loop, &session->timer, due > now(session) ? due - now(session) : 1);
}

int pl_mqtt_session_ping(pl_mqtt_session *session)
{
	static const uint8_t ping[] = { PL_MQTT_PINGREQ << 4, 0 };
	int status;

	if (session->state != SESSION_CONNECTED)
		return PL_ECLOSED;
	/* It does not wait behind what is blocked: what the server must not see is a pause. */
	status = pl_stream_overtake(session->stream, 0, ping, sizeof(ping));
	if (!status)
		session->said = now(session);
	return status;
}

static void beat(pl_mqtt_session *session)
{
	uint32_t timeout = session->settings.ping_timeout;
	uint64_t time = now(session);
	uint64_t left;

	if (pl_mqtt_session_ping(session) != PL_OK) {
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
		return;
	}
	/* Who does not read cannot hear; the ping is for the keep alive then. */
	if (timeout == 0 || session->paused) {
		session->heard = time;
		rest(session);
		return;
	}
	if (!session->pinged || session->heard >= session->asked)
		session->asked = time;
	session->pinged = true;
	/* A keep alive that is shorter than the timeout goes on meanwhile (3.1.2.10). */
	left = session->asked + timeout - time;
	pl_loop_start(session->loop, &session->timer,
		      left < session->interval ? left : session->interval);
}

static void on_timer(pl_timer *timer)
{
	pl_mqtt_session *session = PL_CONTAINER(timer, pl_mqtt_session, timer);
	uint64_t last = session->heard < session->said ? session->heard : session->said;

	if (session->state == SESSION_CONNECTING)
		pl_mqtt_session_fail(session, PL_ETIMEDOUT, 0,
				     "the server did not answer CONNECT in time");
	else if (session->pinged && session->heard < session->asked && !session->paused &&
		 now(session) >= session->asked + session->settings.ping_timeout)
		pl_mqtt_session_fail(session, PL_ETIMEDOUT, 0,
				     "the server did not answer a ping in time");
	else if (now(session) < last + session->interval)
		rest(session);
	else
		beat(session);
}

/* The smaller of what was asked for and of what the server will have (3.2.2.3.14). */
void pl_mqtt_begin_beating(pl_mqtt_session *session)
{
	uint32_t alive = session->keep_alive * 1000;
	uint32_t interval = session->settings.ping_interval;

	if (interval == 0 || (alive > 0 && alive < interval))
		interval = alive;
	session->interval = interval;
	rest(session);
}

/* A connection. */

static void on_end(void *owner)
{
	pl_mqtt_session *session = owner;

	pl_mqtt_session_fail(session, PL_ECLOSED, 0, "the server closed the connection");
}

static void on_drain(void *owner)
{
	pl_mqtt_session *session = owner;

	pl_mqtt_send_on(session);
}

static const pl_stream_events stream_events = {
	.data = pl_mqtt_received, .end = on_end, .drain = on_drain, .closed = on_closed
};

/* Until CONNACK says otherwise (3.2.2.3). */
static void forget_server(pl_mqtt_session *session)
{
	session->receive_maximum = MAX_RECEIVE;
	session->packet_size = MAX_PACKET;
	session->maximum_qos = 2;
	session->retain = session->wildcards = session->identifiers = session->shared = true;
}

static int remember_connect(pl_mqtt_session *session, const pl_mqtt_connect *connect)
{
	const pl_mqtt_properties *properties = &connect->properties;
	size_t limit = (size_t)session->settings.limits->message;

	session->clean = connect->clean;
	session->keep_alive = connect->keep_alive;
	session->our_receive_maximum = PL_MQTT_HAS(properties, receive_maximum)
					       ? properties->receive_maximum
					       : MAX_RECEIVE;
	session->our_packet_size = (uint32_t)(limit < MAX_PACKET ? limit : MAX_PACKET);
	if (PL_MQTT_HAS(properties, maximum_packet_size) &&
	    properties->maximum_packet_size < session->our_packet_size)
		session->our_packet_size = properties->maximum_packet_size;
	session->aliases_in.size = PL_MQTT_HAS(properties, topic_alias_maximum)
					   ? (uint16_t)properties->topic_alias_maximum
					   : 0;
	session->method.len = 0;
	if (PL_MQTT_HAS(properties, authentication_method))
		return pl_buffer_append(&session->method, properties->authentication_method.at,
					properties->authentication_method.len);
	return PL_OK;
}

int pl_mqtt_session_connect(pl_mqtt_session *session, pl_stream *stream,
			    const pl_mqtt_connect *connect)
{
	int status;

	if (session->stream)
		return PL_ESTATE;
	forget_server(session);
	status = remember_connect(session, connect);
	if (!status)
		status = pl_mqtt_write_connect(session, stream, connect);
	if (status)
		return status;
	session->stream = stream;
	session->state = SESSION_CONNECTING;
	session->told = false;
	session->link++;
	session->heard = session->said = now(session);
	session->unacknowledged = 0;
	pl_loop_start(session->loop, &session->timer,
		      (uint64_t)session->settings.limits->handshake_timeout);
	pl_stream_own(stream, &stream_events, session);
	if (session->paused)
		pl_stream_pause(stream);
	else
		pl_stream_resume(stream);
	return PL_OK;
}

int pl_mqtt_session_disconnect(pl_mqtt_session *session, uint8_t reason,
			       const pl_mqtt_properties *properties)
{
	const pl_mqtt_packet last = { .type = PL_MQTT_DISCONNECT,
				      .ack = { .reason = reason, .properties = *properties } };

	int status = PL_OK;

	if (session->state == SESSION_IDLE || session->state == SESSION_ENDING)
		return PL_ECLOSED;
	if (session->state == SESSION_CONNECTED)
		status = pl_mqtt_write(session, &last);
	if (status)
		return status;
	remember(session, PL_OK, reason, "disconnected");
	leave_state(session);
	pl_stream_finish(session->stream);
	return PL_OK;
}

void pl_mqtt_session_abort(pl_mqtt_session *session, int status, const char *message)
{
	pl_mqtt_session_fail(session, status, 0, message);
}

/* AUTH (4.12). */

int pl_mqtt_session_auth(pl_mqtt_session *session, uint8_t reason,
			 const pl_mqtt_properties *properties)
{
	pl_mqtt_packet auth = { .type = PL_MQTT_AUTH,
				.ack = { .reason = reason, .properties = *properties } };
	pl_slice method = { (const char *)session->method.data, session->method.len };

	if (session->settings.version != PL_MQTT_5 || method.len == 0)
		return PL_ENOTSUP;
	if (session->state != SESSION_CONNECTED &&
	    (session->state != SESSION_CONNECTING || reason == PL_MQTT_RE_AUTHENTICATE))
		return session->state == SESSION_CONNECTING ? PL_ESTATE : PL_ECLOSED;
	PL_MQTT_SET(&auth.ack.properties, authentication_method, method);
	return pl_mqtt_write(session, &auth);
}

/* Life. */

static void on_again(pl_deferred *deferred)
{
	pl_mqtt_read_on(PL_CONTAINER(deferred, pl_mqtt_session, again));
}

int pl_mqtt_session_new(pl_mqtt_session **result, pl_loop *loop,
			const pl_mqtt_session_settings *settings,
			const pl_mqtt_session_events *events, void *owner)
{
	pl_mqtt_session *session = pl_calloc(1, sizeof(*session));

	if (!session)
		return PL_ENOMEM;
	session->loop = loop;
	session->settings = *settings;
	session->events = events;
	session->owner = owner;
	pl_timer_init(&session->timer, on_timer);
	pl_deferred_init(&session->again, on_again);
	pl_list_init(&session->exchanges);
	pl_list_init(&session->asks);
	pl_list_init(&session->notes);
	session->next = &session->exchanges;
	*result = session;
	return PL_OK;
}

void pl_mqtt_session_free(pl_mqtt_session *session)
{
	pl_loop_stop_timer(session->loop, &session->timer);
	pl_deferred_cancel(&session->again);
	pl_mqtt_outgoing_deinit(session);
	pl_mqtt_incoming_deinit(session);
	pl_buffer_deinit(&session->partial);
	pl_buffer_deinit(&session->method);
	pl_free(session);
}

bool pl_mqtt_session_connected(const pl_mqtt_session *session)
{
	return session->state == SESSION_CONNECTED;
}

int pl_mqtt_session_restore(pl_mqtt_session *session, pl_mqtt_store *store,
			    const pl_mqtt_loaded *loaded)
{
	int status = pl_mqtt_outgoing_restore(session, loaded);

	if (!status)
		status =
			pl_mqtt_incoming_restore(session, loaded->received, loaded->received_count);
	if (!status)
		session->store = store;
	return status;
}
