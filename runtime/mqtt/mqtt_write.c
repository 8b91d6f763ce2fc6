/* Packets, written to the stream of a session's connection. */
#include <string.h>

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "mqtt/mqtt_internal.h"

/* A payload of so many bytes is sent from where it lies. */
enum { BY_REFERENCE = 1024 };

pl_mqtt_rules pl_mqtt_our_rules(const pl_mqtt_session *session)
{
	return (pl_mqtt_rules){ .version = session->settings.version, .sender = PL_MQTT_CLIENT };
}

static int put(pl_mqtt_session *session, pl_stream *stream, const pl_mqtt_packet *packet)
{
	const pl_mqtt_rules rules = pl_mqtt_our_rules(session);
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault;
	uint8_t *out;
	int status = pl_mqtt_packet_size(packet, &rules, &sizes, &fault);

	if (!status && sizes.total > session->packet_size)
		status = PL_ETOOBIG;
	if (status)
		return status;
	out = pl_stream_reserve(stream, sizes.total);
	if (!out)
		return stream->closing ? PL_ECLOSED : PL_ENOMEM;
	status = pl_mqtt_packet_encode(out, packet, &rules, &sizes);
	pl_stream_commit(stream, status ? 0 : sizes.total);
	session->said = pl_loop_now(session->loop);
	return status;
}

int pl_mqtt_write_connect(pl_mqtt_session *session, pl_stream *stream,
			  const pl_mqtt_connect *connect)
{
	const pl_mqtt_packet packet = { .type = PL_MQTT_CONNECT, .connect = *connect };

	return put(session, stream, &packet);
}

int pl_mqtt_write(pl_mqtt_session *session, const pl_mqtt_packet *packet)
{
	return put(session, session->stream, packet);
}

void pl_mqtt_write_ack(pl_mqtt_session *session, uint8_t type, uint16_t id, uint8_t reason)
{
	uint8_t *out = pl_stream_reserve(session->stream, 6);
	size_t len = 0;

	if (!out) {
		if (!session->stream->closing)
			pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
		return;
	}
	out[len++] = (uint8_t)(type << 4 | (type == PL_MQTT_PUBREL ? 2 : 0));
	len++;
	if (type != PL_MQTT_DISCONNECT) {
		out[len++] = (uint8_t)(id >> 8);
		out[len++] = (uint8_t)id;
	}
	if (reason && session->settings.version == PL_MQTT_5)
		out[len++] = reason;
	out[1] = (uint8_t)(len - 2);
	pl_stream_commit(session->stream, len);
	session->said = pl_loop_now(session->loop);
}

/* A packet that is there: its first byte may have to say DUP. */
static int put_block(pl_mqtt_session *session, pl_block *block, bool dup)
{
	pl_stream *stream = session->stream;
	uint8_t *out;

	if (block->len <= BY_REFERENCE) {
		out = pl_stream_reserve(stream, block->len);
		if (!out)
			return stream->closing ? PL_ECLOSED : PL_ENOMEM;
		memcpy(out, block->data, block->len);
		out[0] |= dup ? PL_MQTT_DUP : 0;
		pl_stream_commit(stream, block->len);
		return PL_OK;
	}
	out = pl_stream_reserve(stream, 1);
	if (!out)
		return stream->closing ? PL_ECLOSED : PL_ENOMEM;
	out[0] = (uint8_t)(block->data[0] | (dup ? PL_MQTT_DUP : 0));
	pl_stream_commit(stream, 1);
	return pl_stream_write_block(stream, block, 1, block->len - 1);
}

static int put_encoded(pl_mqtt_session *session, const pl_mqtt_publish *publish)
{
	const pl_mqtt_rules rules = pl_mqtt_our_rules(session);
	pl_stream *stream = session->stream;
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault;
	uint8_t *out;
	int status = pl_mqtt_publish_size(publish, &rules, &sizes, &fault);

	if (!status && sizes.total > session->packet_size)
		status = PL_ETOOBIG;
	if (status)
		return status;
	out = pl_stream_reserve(stream, sizes.total);
	if (!out)
		return stream->closing ? PL_ECLOSED : PL_ENOMEM;
	status = pl_mqtt_publish_encode(out, publish, &rules, &sizes);
	if (!status && publish->payload.len > 0)
		memcpy(out + sizes.head, publish->payload.at, publish->payload.len);
	pl_stream_commit(stream, status ? 0 : sizes.total);
	return status;
}

int pl_mqtt_write_publish(pl_mqtt_session *session, const pl_mqtt_publish *publish, pl_block *whole)
{
	int status =
		whole ? put_block(session, whole, publish->dup) : put_encoded(session, publish);

	if (!status)
		session->said = pl_loop_now(session->loop);
	return status;
}
