#include "codec/mqtt_wire.h"

#include <string.h>

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/utf8.h"

int pl_mqtt_fail(pl_mqtt_fault *fault, int status, uint8_t reason, const char *text)
{
	*fault = (pl_mqtt_fault){ status, reason, text };
	return status;
}

int pl_mqtt_malformed(pl_mqtt_fault *fault, const char *text)
{
	return pl_mqtt_fail(fault, PL_EPROTO, PL_MQTT_MALFORMED_PACKET, text);
}

int pl_mqtt_violation(pl_mqtt_fault *fault, const char *text)
{
	return pl_mqtt_fail(fault, PL_EPROTO, PL_MQTT_PROTOCOL_ERROR, text);
}

static const uint8_t *take(pl_mqtt_reader *reader, size_t len)
{
	const uint8_t *at = reader->at;

	if (reader->left < len) {
		pl_mqtt_malformed(reader->fault, "packet ends within a field");
		reader->left = 0;
		return NULL;
	}
	reader->at += len;
	reader->left -= len;
	return at;
}

int pl_mqtt_read_byte(pl_mqtt_reader *reader, uint8_t *value)
{
	const uint8_t *at = take(reader, 1);

	if (!at)
		return PL_EPROTO;
	*value = at[0];
	return PL_OK;
}

int pl_mqtt_read_two(pl_mqtt_reader *reader, uint16_t *value)
{
	const uint8_t *at = take(reader, 2);

	if (!at)
		return PL_EPROTO;
	*value = (uint16_t)(at[0] << 8 | at[1]);
	return PL_OK;
}

int pl_mqtt_read_four(pl_mqtt_reader *reader, uint32_t *value)
{
	const uint8_t *at = take(reader, 4);

	if (!at)
		return PL_EPROTO;
	*value = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	return PL_OK;
}

int pl_mqtt_read_varint(pl_mqtt_reader *reader, uint32_t *value)
{
	int used = pl_mqtt_varint_decode(value, reader->at, reader->left);

	if (used < 0)
		return pl_mqtt_malformed(reader->fault, "integer of more than four bytes");
	if (used == 0)
		return pl_mqtt_malformed(reader->fault, "packet ends within an integer");
	if ((size_t)used != pl_mqtt_varint_size(*value))
		return pl_mqtt_malformed(reader->fault, "integer is not in its shortest form");
	take(reader, (size_t)used);
	return PL_OK;
}

int pl_mqtt_read_bytes(pl_mqtt_reader *reader, size_t len, pl_slice *value)
{
	const uint8_t *at = take(reader, len);

	if (!at)
		return PL_EPROTO;
	*value = pl_slice_make((const char *)at, len);
	return PL_OK;
}

int pl_mqtt_read_slice(pl_mqtt_reader *reader, pl_slice *value)
{
	uint16_t len;
	int status = pl_mqtt_read_two(reader, &len);

	return status == PL_OK ? pl_mqtt_read_bytes(reader, len, value) : status;
}

int pl_mqtt_read_end(const pl_mqtt_reader *reader)
{
	if (reader->left == 0)
		return PL_OK;
	return pl_mqtt_malformed(reader->fault, "bytes behind the end of the packet");
}

int pl_mqtt_check_binary(pl_slice data, pl_mqtt_fault *fault)
{
	if (data.len <= PL_MQTT_TEXT_MAX)
		return PL_OK;
	return pl_mqtt_fail(fault, PL_ETOOBIG, PL_MQTT_MALFORMED_PACKET, "longer than 65535 bytes");
}

int pl_mqtt_check_text(pl_slice text, pl_mqtt_fault *fault)
{
	int status = pl_mqtt_check_binary(text, fault);

	if (status != PL_OK || text.len == 0)
		return status;
	if (!pl_utf8_valid((const uint8_t *)text.at, text.len))
		return pl_mqtt_fail(fault, PL_EUTF8, PL_MQTT_MALFORMED_PACKET,
				    "text is not valid UTF-8");
	if (memchr(text.at, 0, text.len))
		return pl_mqtt_fail(fault, PL_EUTF8, PL_MQTT_MALFORMED_PACKET, "U+0000 in a text");
	return PL_OK;
}

int pl_mqtt_check_id(uint16_t id, pl_mqtt_fault *fault)
{
	return id != 0 ? PL_OK : pl_mqtt_violation(fault, "packet identifier 0");
}

static uint8_t *give(pl_mqtt_writer *writer, size_t len)
{
	size_t at = writer->used;

	writer->used += len;
	return writer->used <= writer->room ? writer->out + at : NULL;
}

void pl_mqtt_write_byte(pl_mqtt_writer *writer, uint8_t value)
{
	uint8_t *at = give(writer, 1);

	if (at)
		at[0] = value;
}

void pl_mqtt_write_two(pl_mqtt_writer *writer, uint16_t value)
{
	uint8_t *at = give(writer, 2);

	if (at) {
		at[0] = (uint8_t)(value >> 8);
		at[1] = (uint8_t)value;
	}
}

void pl_mqtt_write_four(pl_mqtt_writer *writer, uint32_t value)
{
	pl_mqtt_write_two(writer, (uint16_t)(value >> 16));
	pl_mqtt_write_two(writer, (uint16_t)value);
}

void pl_mqtt_write_varint(pl_mqtt_writer *writer, uint32_t value)
{
	uint8_t *at = give(writer, pl_mqtt_varint_size(value));

	if (at)
		pl_mqtt_varint_encode(at, value);
}

void pl_mqtt_write_bytes(pl_mqtt_writer *writer, pl_slice value)
{
	uint8_t *at = give(writer, value.len);

	if (at && value.len > 0)
		memcpy(at, value.at, value.len);
}

void pl_mqtt_write_slice(pl_mqtt_writer *writer, pl_slice value)
{
	pl_mqtt_write_two(writer, (uint16_t)value.len);
	pl_mqtt_write_bytes(writer, value);
}

int pl_mqtt_measure(pl_mqtt_sizes *sizes, size_t body, size_t payload, pl_mqtt_fault *fault)
{
	if (body > PL_MQTT_LENGTH_MAX || payload > PL_MQTT_LENGTH_MAX - body)
		return pl_mqtt_fail(fault, PL_ETOOBIG, PL_MQTT_PACKET_TOO_LARGE,
				    "packet is longer than a packet can be");
	sizes->length = (uint32_t)(body + payload);
	sizes->head = 1 + pl_mqtt_varint_size(sizes->length) + body;
	sizes->total = sizes->head + payload;
	return PL_OK;
}

pl_mqtt_writer pl_mqtt_write_begin(uint8_t *out, const pl_mqtt_sizes *sizes, uint8_t type,
				   uint8_t flags)
{
	pl_mqtt_writer writer = { out, sizes->head, 0 };

	pl_mqtt_write_byte(&writer, (uint8_t)(type << 4 | flags));
	pl_mqtt_write_varint(&writer, sizes->length);
	return writer;
}

int pl_mqtt_write_end(const pl_mqtt_writer *writer)
{
	return writer->used == writer->room ? PL_OK : PL_EINVAL;
}

int pl_mqtt_unsayable(pl_mqtt_fault *fault, int status)
{
	if (status == PL_EPROTO)
		status = fault->status = PL_EINVAL;
	return status;
}
