/*
 * mqtt_wire.h - the data that MQTT packets are made of: integers, texts, variable byte integers
 * (1.5 of 5.0), read and written in order.
 *
 * Pure. For the files of the codec; the reader borrows, the writer never writes beyond its room.
 */
#ifndef PL_CODEC_MQTT_WIRE_H
#define PL_CODEC_MQTT_WIRE_H

#include "base/slice.h"
#include "codec/mqtt_head.h"

/* What is left of a body. Each of the functions takes something off its front, or fails with
 * PL_EPROTO and *fault ("Malformed Packet"), after which nothing can be read. */
typedef struct pl_mqtt_reader {
	const uint8_t *at;
	size_t left;
	pl_mqtt_fault *fault;
} pl_mqtt_reader;

int pl_mqtt_read_byte(pl_mqtt_reader *reader, uint8_t *value);
int pl_mqtt_read_two(pl_mqtt_reader *reader, uint16_t *value);
int pl_mqtt_read_four(pl_mqtt_reader *reader, uint32_t *value);
int pl_mqtt_read_varint(pl_mqtt_reader *reader, uint32_t *value); /* in its shortest form */
int pl_mqtt_read_slice(pl_mqtt_reader *reader, pl_slice *value);  /* two bytes of length first */
int pl_mqtt_read_bytes(pl_mqtt_reader *reader, size_t len, pl_slice *value);
int pl_mqtt_read_end(const pl_mqtt_reader *reader); /* whether nothing is left */

/* Sets *fault and returns status, or "Malformed Packet", "Protocol Error" with PL_EPROTO. */
int pl_mqtt_fail(pl_mqtt_fault *fault, int status, uint8_t reason, const char *text);
int pl_mqtt_malformed(pl_mqtt_fault *fault, const char *text);
int pl_mqtt_violation(pl_mqtt_fault *fault, const char *text);

/* Whether a text can be one: up to PL_MQTT_TEXT_MAX bytes of UTF-8 without U+0000 (1.5.4). PL_OK,
 * PL_EUTF8 or PL_ETOOBIG. Binary data has only its length. */
int pl_mqtt_check_text(pl_slice text, pl_mqtt_fault *fault);
int pl_mqtt_check_binary(pl_slice data, pl_mqtt_fault *fault);

/* A packet identifier is not 0 (2.2.1). */
int pl_mqtt_check_id(uint16_t id, pl_mqtt_fault *fault);

/* Counts what is written, and writes it as long as it fits. Without room it only counts. */
typedef struct pl_mqtt_writer {
	uint8_t *out;
	size_t room;
	size_t used;
} pl_mqtt_writer;

void pl_mqtt_write_byte(pl_mqtt_writer *writer, uint8_t value);
void pl_mqtt_write_two(pl_mqtt_writer *writer, uint16_t value);
void pl_mqtt_write_four(pl_mqtt_writer *writer, uint32_t value);
void pl_mqtt_write_varint(pl_mqtt_writer *writer, uint32_t value);
void pl_mqtt_write_slice(pl_mqtt_writer *writer, pl_slice value); /* two bytes of length first */
void pl_mqtt_write_bytes(pl_mqtt_writer *writer, pl_slice value);

/* The sizes of a packet with a body of this many bytes and a payload behind it; PL_ETOOBIG. */
int pl_mqtt_measure(pl_mqtt_sizes *sizes, size_t body, size_t payload, pl_mqtt_fault *fault);

/* A writer for what the sizes say, with the fixed header already written; and whether exactly that
 * much was written: PL_OK, or PL_EINVAL when the packet was changed since it was measured. */
pl_mqtt_writer pl_mqtt_write_begin(uint8_t *out, const pl_mqtt_sizes *sizes, uint8_t type,
				   uint8_t flags);
int pl_mqtt_write_end(const pl_mqtt_writer *writer);

/* What is wrong with a packet that is to be sent is no fault of a peer: PL_EINVAL for PL_EPROTO. */
int pl_mqtt_unsayable(pl_mqtt_fault *fault, int status);

#endif
