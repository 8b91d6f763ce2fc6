/*
 * mqtt_echo.c - decodes packets and encodes them again, for mqtt_packet.mjs.
 *
 * Reads lines "VERSION SENDER HEX": 4 or 5, 0 (client) or 1 (server), one packet. Answers each with
 * its bytes in hex as our codec writes them, or with "error: " and what is wrong with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "codec/mqtt_packet.h"

/* Turns hex into the bytes in its place; returns their number. */
static size_t unhex(char *text)
{
	size_t len = 0;

	while (pl_hex_digit(text[2 * len]) >= 0 && pl_hex_digit(text[2 * len + 1]) >= 0) {
		text[len] =
			(char)(pl_hex_digit(text[2 * len]) << 4 | pl_hex_digit(text[2 * len + 1]));
		len++;
	}
	return len;
}

static void put(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

static void encode(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules, pl_mqtt_fault *fault)
{
	pl_mqtt_sizes sizes = { 0 };
	uint8_t *out;

	if (pl_mqtt_packet_size(packet, rules, &sizes, fault) != 0)
		return;
	out = malloc(sizes.head);
	if (!out || pl_mqtt_packet_encode(out, packet, rules, &sizes) != 0)
		abort();
	put(out, sizes.head);
	if (packet->type == PL_MQTT_PUBLISH)
		put((const uint8_t *)packet->publish.payload.at, packet->publish.payload.len);
	free(out);
}

static void answer(const pl_mqtt_rules *rules, const uint8_t *bytes, size_t len)
{
	pl_mqtt_fault fault = { 0 };
	pl_mqtt_packet packet;
	pl_mqtt_head head;
	int used = pl_mqtt_head_decode(&head, rules, bytes, len, &fault);

	if (used > 0 && (size_t)used + head.length != len)
		fault.text = "more or less than one packet";
	else if (used > 0 &&
		 pl_mqtt_packet_decode(&packet, rules, &head, bytes + used, &fault) == 0)
		encode(&packet, rules, &fault);
	if (fault.text || used == 0)
		printf("error: %s", fault.text ? fault.text : "incomplete head");
	printf("\n");
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 4) {
		pl_mqtt_rules rules = { (uint8_t)(line[0] - '0'), (uint8_t)(line[2] - '0') };
		size_t len = unhex(line + 4);

		answer(&rules, (const uint8_t *)line + 4, len);
	}
	free(line);
	return 0;
}
