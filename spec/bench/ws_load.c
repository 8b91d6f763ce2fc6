/*
 * ws_load - measures a WebSocket echo server: one thread, one epoll loop.
 *
 * Every connection keeps `depth` equal text messages in flight: for each one that comes back, one
 * more is sent. As all messages are alike, what a connection sends and what it has to receive are
 * periodic streams of bytes; sending is a write from a prepared block, and checking every byte of
 * every answer is a comparison with one.
 *
 * The loop is closed: a slow server slows the sender. With --pid the time that the server spends
 * on the CPU is read from /proc, which tells its cost even when it was not the slower side.
 *
 * Exit code: 0; 1 when the run could not start; 2 when an answer was wrong or a connection ended.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The nonce of RFC 6455, section 1.3, and the answer to it that the section gives. */
#define NONCE "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { READ_MAX = 65536, HEAD_MAX = 14, EVENTS_MAX = 256 };

struct options {
	const char *host;
	int port;
	int connections;
	int depth;
	size_t size; /* bytes of a message */
	double seconds;
	double warmup; /* seconds before the measured window */
	int pid;       /* the server's, or 0 */
};

/* A stream of equal frames: from any place in the first, `bytes` can be read a good way on. */
struct pattern {
	uint8_t *bytes;
	size_t frame; /* bytes of one frame */
};

struct connection {
	int fd;
	size_t sent_at;	    /* place in the frame that is being sent */
	size_t received_at; /* place in the frame that is being received */
	size_t unsent;	    /* bytes that are to be sent */
	bool blocked;	    /* the socket takes no more for now */
};

struct cpu_time {
	double user;
	double system;
};

static void fail(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("ws_load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(code);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Writes the head of a text frame and returns its length. */
static size_t encode_head(uint8_t *head, size_t size, bool masked)
{
	size_t extra = size < 126 ? 0 : size < 65536 ? 2 : 8;
	uint8_t marker = extra == 0 ? (uint8_t)size : extra == 2 ? 126 : 127;

	head[0] = 0x81;
	head[1] = (uint8_t)(marker | (masked ? 0x80 : 0));
	for (size_t i = 0; i < extra; i++)
		head[2 + i] = (uint8_t)(size >> (8 * (extra - 1 - i)));
	return 2 + extra;
}

/* Frames of `size` payload bytes, readable for `frames` frames and `bytes` bytes from any place. */
static struct pattern make_pattern(size_t size, bool masked, size_t frames, size_t bytes)
{
	static const uint8_t key[4] = { 0x9d, 0x41, 0xe6, 0x2b };
	uint8_t head[HEAD_MAX];
	size_t used = encode_head(head, size, masked);
	struct pattern result;

	if (masked) {
		memcpy(head + used, key, sizeof(key));
		used += sizeof(key);
	}
	result.frame = used + size;
	size_t length = (1 + frames) * result.frame + bytes;
	result.bytes = malloc(length);
	if (!result.bytes)
		fail(1, "out of memory");
	for (size_t i = 0; i < length; i++) {
		size_t at = i % result.frame;
		if (at < used)
			result.bytes[i] = head[at];
		else
			result.bytes[i] = (uint8_t)('a' + (at - used) % 26) ^
					  (masked ? key[(at - used) % 4] : 0);
	}
	return result;
}

static int connect_to(const struct options *options)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)options->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (inet_pton(AF_INET, options->host, &address.sin_addr) != 1)
		fail(1, "%s is no IPv4 address", options->host);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(1, "cannot connect to %s:%d: %s", options->host, options->port,
		     strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static bool has_header(const char *head, const char *line)
{
	const char *found = strcasestr(head, line);

	return found && !strncmp(found + strlen(line), "\r\n", 2);
}

/* Reads the answer byte by byte, so that nothing behind it is taken. */
static void handshake(int fd, const struct options *options)
{
	char head[4096];
	size_t length = 0;
	int asked = snprintf(
		head, sizeof(head),
		"GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: " NONCE "\r\nSec-WebSocket-Version: 13\r\n\r\n",
		options->host, options->port);

	if (send(fd, head, (size_t)asked, MSG_NOSIGNAL) != asked)
		fail(1, "cannot send the handshake: %s", strerror(errno));
	do {
		if (length == sizeof(head) - 1 || recv(fd, head + length, 1, 0) != 1)
			fail(1, "the handshake was not answered");
		head[++length] = 0;
	} while (length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0);
	if (strncmp(head, "HTTP/1.1 101 ", 13) != 0 ||
	    !has_header(head, "\r\nSec-WebSocket-Accept: " ACCEPT))
		fail(1, "the handshake was refused:\n%s", head);
}

static void watch(int poll, struct connection *connection, int operation)
{
	struct epoll_event event = { .data.ptr = connection };

	event.events = EPOLLIN | (connection->blocked ? EPOLLOUT : 0);
	if (epoll_ctl(poll, operation, connection->fd, &event) < 0)
		fail(1, "epoll_ctl: %s", strerror(errno));
}

static void flush(int poll, struct connection *connection, const struct pattern *out)
{
	bool blocked = false;

	while (connection->unsent > 0 && !blocked) {
		ssize_t sent = send(connection->fd, out->bytes + connection->sent_at,
				    connection->unsent, MSG_DONTWAIT | MSG_NOSIGNAL);
		blocked = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
		if (sent < 0 && !blocked)
			fail(2, "send: %s", strerror(errno));
		if (sent > 0) {
			connection->unsent -= (size_t)sent;
			connection->sent_at = (connection->sent_at + (size_t)sent) % out->frame;
		}
	}
	if (blocked != connection->blocked) {
		connection->blocked = blocked;
		watch(poll, connection, EPOLL_CTL_MOD);
	}
}

/* Takes what has come and returns the number of messages that it completes. */
static size_t receive(struct connection *connection, const struct pattern *in)
{
	static uint8_t bytes[READ_MAX];
	ssize_t length = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (length <= 0)
		fail(2, "a connection ended: %s",
		     length ? strerror(errno) : "closed by the server");
	if (memcmp(bytes, in->bytes + connection->received_at, (size_t)length) != 0)
		fail(2, "an answer is not the message that was sent");
	size_t place = connection->received_at + (size_t)length;
	connection->received_at = place % in->frame;
	return place / in->frame;
}

static struct cpu_time cpu_of(int pid)
{
	char path[64], line[1024];
	unsigned long user, system;
	double ticks = (double)sysconf(_SC_CLK_TCK);

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		fail(1, "cannot read %s", path);
	fclose(file);
	/* The second field is a name in brackets that may hold anything. */
	const char *rest = strrchr(line, ')');
	if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			    &system) != 2)
		fail(1, "cannot understand %s", path);
	return (struct cpu_time){ (double)user / ticks, (double)system / ticks };
}

/* Answers until the clock says `until`; returns the messages that came back. */
static uint64_t run(int poll, const struct pattern *in, const struct pattern *out, double until)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t messages = 0;

	for (double time = now(); time < until; time = now()) {
		int count = epoll_wait(poll, events, EVENTS_MAX, (int)((until - time) * 1000) + 1);
		for (int i = 0; i < count; i++) {
			struct connection *connection = events[i].data.ptr;
			size_t came = receive(connection, in);
			messages += came;
			connection->unsent += came * out->frame;
			flush(poll, connection, out);
		}
	}
	return messages;
}

static double own_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void print_result(const struct options *options, double seconds, uint64_t messages,
			 const struct cpu_time *server, double own)
{
	double rate = (double)messages / seconds;
	double busy = server->user + server->system;

	fprintf(stderr, "%d connections, %d in flight, %zu bytes: %.0f messages/s",
		options->connections, options->depth, options->size, rate);
	if (options->pid)
		fprintf(stderr, ", server %.0f %% of a core", 100 * busy / seconds);
	fprintf(stderr, ", load generator %.0f %%\n", 100 * own / seconds);
	printf("{\"connections\":%d,\"depth\":%d,\"size\":%zu,\"seconds\":%.3f,\"messages\":%llu,"
	       "\"rate\":%.0f,\"generator_cpu\":%.3f",
	       options->connections, options->depth, options->size, seconds,
	       (unsigned long long)messages, rate, own / seconds);
	if (options->pid)
		printf(",\"server_cpu\":%.3f,\"rate_per_cpu\":%.0f,\"user_ns\":%.0f",
		       busy / seconds, busy > 0 ? (double)messages / busy : 0,
		       messages ? server->user * 1e9 / (double)messages : 0);
	puts("}");
}

static void usage(FILE *file)
{
	fputs("Usage: ws_load -p PORT [options]\n"
	      "Measures a WebSocket echo server; a line to read goes to standard error, JSON to "
	      "standard "
	      "output.\n"
	      "  -h HOST     IPv4 address (127.0.0.1)\n"
	      "  -c NUMBER   connections (64)\n"
	      "  -d NUMBER   messages in flight on each (1)\n"
	      "  -s BYTES    size of a message (20)\n"
	      "  -t SECONDS  measured time (3)\n"
	      "  -w SECONDS  time before it (1)\n"
	      "  --pid PID   the server's process, for its CPU time\n",
	      file);
}

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "pid", required_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	struct options result = {
		.host = "127.0.0.1",
		.connections = 64,
		.depth = 1,
		.size = 20,
		.seconds = 3,
		.warmup = 1,
	};
	int name;

	while ((name = getopt_long(argc, argv, "h:p:c:d:s:t:w:", names, NULL)) != -1) {
		switch (name) {
		case 'h':
			result.host = optarg;
			break;
		case 'p':
			result.port = (int)strtol(optarg, NULL, 10);
			break;
		case 'c':
			result.connections = (int)strtol(optarg, NULL, 10);
			break;
		case 'd':
			result.depth = (int)strtol(optarg, NULL, 10);
			break;
		case 's':
			result.size = strtoul(optarg, NULL, 10);
			break;
		case 't':
			result.seconds = strtod(optarg, NULL);
			break;
		case 'w':
			result.warmup = strtod(optarg, NULL);
			break;
		case 'P':
			result.pid = (int)strtol(optarg, NULL, 10);
			break;
		case 'H':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(1);
		}
	}
	if (optind < argc || result.port <= 0 || result.connections <= 0 || result.depth <= 0 ||
	    result.size == 0 || !(result.seconds > 0)) {
		usage(stderr);
		exit(1);
	}
	return result;
}

int main(int argc, char **argv)
{
	struct options options = parse(argc, argv);
	struct pattern in = make_pattern(options.size, false, 0, READ_MAX);
	struct pattern out = make_pattern(options.size, true, (size_t)options.depth, 0);
	struct connection *connections = calloc((size_t)options.connections, sizeof(*connections));
	int poll = epoll_create1(EPOLL_CLOEXEC);

	if (!connections || poll < 0)
		fail(1, "cannot prepare %d connections", options.connections);
	for (int i = 0; i < options.connections; i++) {
		connections[i].fd = connect_to(&options);
		handshake(connections[i].fd, &options);
		watch(poll, &connections[i], EPOLL_CTL_ADD);
	}
	for (int i = 0; i < options.connections; i++) {
		connections[i].unsent = (size_t)options.depth * out.frame;
		flush(poll, &connections[i], &out);
	}
	run(poll, &in, &out, now() + options.warmup);

	struct cpu_time before = { 0 }, after = { 0 };
	if (options.pid)
		before = cpu_of(options.pid);
	double own = own_cpu(), start = now();
	uint64_t messages = run(poll, &in, &out, start + options.seconds);
	double seconds = now() - start;
	if (options.pid)
		after = cpu_of(options.pid);

	struct cpu_time used = { after.user - before.user, after.system - before.system };
	print_result(&options, seconds, messages, &used, own_cpu() - own);
	if (messages == 0)
		fail(2, "no message came back");
	for (int i = 0; i < options.connections; i++)
		close(connections[i].fd);
	free(connections);
	free(in.bytes);
	free(out.bytes);
	return 0;
}
