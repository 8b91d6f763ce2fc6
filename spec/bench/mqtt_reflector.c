/*
 * mqtt_reflector - a broker of MQTT 3.1.1 that costs its clients no time.
 *
 * Every PUBLISH goes back to the client that it came from, with the packets of its QoS. There are
 * no topics and no sessions, one client is served at a time, and what answers one read is one
 * write: beside it the client is what limits the rate. It trusts its clients, which are those of
 * this folder.
 *
 * Prints "listening on PORT".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT = 1 << 20, OUTPUT = 2 * INPUT };
enum { CONNECT = 1, PUBLISH = 3, PUBREC = 5, PUBREL, SUBSCRIBE = 8, PINGREQ = 12 };

static uint8_t input[INPUT], output[OUTPUT];
static size_t output_len;

static void put(const void *bytes, size_t len)
{
	if (len > sizeof(output) - output_len)
		abort();
	memcpy(output + output_len, bytes, len);
	output_len += len;
}

static void put_acknowledgement(uint8_t type, const uint8_t *id)
{
	put((uint8_t[]){ type, 2, id[0], id[1] }, 4);
}

/* `packet` of `len` bytes, whose body begins at `body`. */
static void reflect(const uint8_t *packet, size_t len, const uint8_t *body)
{
	const uint8_t *id = body + 2 + (body[0] << 8 | body[1]);
	int qos = packet[0] >> 1 & 3;

	if (qos > 0)
		put_acknowledgement(qos == 1 ? 0x40 : 0x50, id);
	put(packet, len);
}

static void answer(const uint8_t *packet, size_t len, const uint8_t *body)
{
	switch (packet[0] >> 4) {
	case CONNECT:
		put("\x20\x02\0\0", 4);
		break;
	case PUBLISH:
		reflect(packet, len, body);
		break;
	case PUBREC:
		put_acknowledgement(0x62, body);
		break;
	case PUBREL:
		put_acknowledgement(0x70, body);
		break;
	case SUBSCRIBE: /* of one filter: its QoS is the last byte */
		put((uint8_t[]){ 0x90, 3, body[0], body[1], packet[len - 1] }, 5);
		break;
	case PINGREQ:
		put("\xd0\0", 2);
		break;
	default:
		break;
	}
}

/* The bytes of the packet at the beginning, and where its body is; 0: not all of it is there. */
static size_t packet_len(const uint8_t *bytes, size_t len, size_t *body)
{
	size_t length = 0;

	for (size_t at = 1; at < len && at < 5; at++) {
		length |= (size_t)(bytes[at] & 0x7f) << 7 * (at - 1);
		if (bytes[at] & 0x80)
			continue;
		*body = at + 1;
		return at + 1 + length <= len ? at + 1 + length : 0;
	}
	return 0;
}

static bool flush(int fd)
{
	size_t done = 0;

	while (done < output_len) {
		ssize_t written = write(fd, output + done, output_len - done);

		if (written <= 0)
			return false;
		done += (size_t)written;
	}
	output_len = 0;
	return true;
}

static void serve(int fd)
{
	size_t len = 0;

	output_len = 0;
	for (;;) {
		ssize_t got = read(fd, input + len, sizeof(input) - len);
		size_t at = 0, body = 0, size;

		if (got <= 0)
			return;
		len += (size_t)got;
		while ((size = packet_len(input + at, len - at, &body)) > 0) {
			answer(input + at, size, input + at + body);
			at += size;
		}
		len -= at;
		memmove(input, input + at, len);
		if (!flush(fd))
			return;
	}
}

static int listening(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
		perror("mqtt_reflector");
		exit(1);
	}
	printf("listening on %d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(void)
{
	int listener = listening(), one = 1;

	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve(fd);
		close(fd);
	}
}
