/*
 * What an idle connection holds: real servers on 127.0.0.1, whose clients are another process. Heap
 * is what the allocator has given out, its own overhead included, to whom ever: the runtime, libuv,
 * zlib, OpenSSL. docs/internals/memory.md has the figures that are printed here.
 */
#include "session/tls_peer.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "server/server.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
size_t __sanitizer_get_current_allocated_bytes(void);
#define ALLOCATED __sanitizer_get_current_allocated_bytes()
#else
#define ALLOCATED mallinfo2().uordblks
#endif

enum { WARM = 100, COUNT = 400, PATIENCE = 60 }; /* connections; seconds */

#define UPGRADE                                                                                    \
	"GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"  \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static const char http[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n";
static const char plain[] = UPGRADE "\r\n";
static const char deflated[] = UPGRADE "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
static const char browser[] =
	"GET /chat HTTP/1.1\r\nHost: chat.example:8080\r\nConnection: Upgrade\r\n"
	"Pragma: no-cache\r\nCache-Control: no-cache\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/126.0.0.0 Safari/537.36\r\n"
	"Upgrade: websocket\r\nOrigin: https://chat.example\r\nSec-WebSocket-Version: 13\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef\r\n"
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/* A client, in the other process. */

static void must(bool good)
{
	if (!good)
		_exit(1);
}

static void exchange_plain(int fd, const char *request)
{
	char answer[2048];
	size_t len = 0;

	must(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
	do {
		ssize_t n = read(fd, answer + len, sizeof(answer) - 1 - len);

		must(n > 0);
		len += (size_t)n;
		answer[len] = '\0';
	} while (!strstr(answer, "\r\n\r\n"));
}

static void exchange_tls(SSL_CTX *context, int fd, const char *request)
{
	SSL *ssl = SSL_new(context);
	char answer[2048];

	SSL_set_fd(ssl, fd);
	must(SSL_connect(ssl) == 1);
	must(SSL_write(ssl, request, (int)strlen(request)) > 0);
	must(SSL_read(ssl, answer, sizeof(answer)) > 0);
}

static void dial(uint16_t port, SSL_CTX *context, const char *request, int count)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
		if (context)
			exchange_tls(context, fd, request);
		else
			exchange_plain(fd, request);
	}
}

/* Connects WARM times, and COUNT more when it is told to; lives until it is killed. */
static void be_clients(uint16_t port, bool tls, const char *request, int told, int done)
{
	SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
	char byte = 0;

	alarm(PATIENCE);
	dial(port, context, request, WARM);
	must(write(done, &byte, 1) == 1 && read(told, &byte, 1) == 1);
	dial(port, context, request, COUNT);
	must(write(done, &byte, 1) == 1);
	pause();
}

/* The server. */

static void on_connect(pl_conn *conn)
{
	(void)conn;
}

static void on_disconnect(pl_conn *conn, bool session, uint16_t code, pl_slice reason)
{
	(void)conn, (void)session, (void)code, (void)reason;
}

static void on_request(pl_conn *conn, pl_exchange *exchange)
{
	pl_server_serve(pl_server_of(conn), exchange);
}

static void on_stopped(pl_server *server)
{
	*(bool *)server->binding = true;
}

static const pl_server_events server_events = { .connect = on_connect,
						.disconnect = on_disconnect,
						.request = on_request,
						.stopped = on_stopped };

/* Runs the loop until the clients have written a byte. */
static void run_until(pl_loop *loop, int done)
{
	struct pollfd poll_done = { .fd = done, .events = POLLIN };
	char byte;

	while (poll(&poll_done, 1, 1) == 0)
		pl_loop_turn(loop);
	assert_int_equal(read(done, &byte, 1), 1);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(loop);
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	char line[256] = "";
	char *second;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	strtoul(line, &second, 10);
	return strtoul(second, NULL, 10) * 4096;
}

static pl_server *start(pl_loop *loop, pl_tls_context *tls, bool *stopped, uint16_t *port)
{
	pl_server_settings settings = {
		.software = PL_SLICE("Perilune"),
		.deflate = { .enabled = true,
			     .terms = { .server_window = 15,
					.client_window = 15,
					.server_fresh = true,
					.client_fresh = true },
			     .mem_level = 8,
			     .level = 6 },
		.heartbeat = { .interval = 25000, .timeout = 25000 },
	};
	pl_address address = { .family = 4, .ip = { 127, 0, 0, 1 } };
	pl_server *server;

	pl_limits_init(&settings.limits);
	assert_int_equal(pl_server_new(&server, loop, &settings, &server_events, stopped), PL_OK);
	assert_int_equal(pl_server_listen(server, &address, tls, &address), PL_OK);
	*port = address.port;
	return server;
}

static void stop(pl_loop *loop, pl_server *server, const bool *stopped, pid_t clients)
{
	kill(clients, SIGKILL);
	assert_int_equal(waitpid(clients, NULL, 0), clients);
	pl_server_stop(server);
	while (!*stopped)
		pl_loop_turn(loop);
	pl_server_free(server);
}

/* Heap bytes a connection, in idleness. */
static size_t measure(const char *name, const char *request, bool tls)
{
	pl_tls_settings tls_settings = peer_settings();
	pl_tls_context *context = tls ? peer_context(&tls_settings) : NULL;
	int told[2], done[2];
	pl_server *server;
	pl_loop *loop;
	bool stopped = false;
	uint16_t port;
	size_t heap, pages;
	pid_t clients;

	assert_int_equal(pl_loop_new(&loop), PL_OK);
	server = start(loop, context, &stopped, &port);
	assert_int_equal(pipe(told) | pipe(done), 0);
	clients = fork();
	if (clients == 0)
		be_clients(port, tls, request, told[0], done[1]);
	close(told[0]);
	close(done[1]); /* so that its end is seen */
	run_until(loop, done[0]);
	malloc_trim(0); /* what others have freed is not there to be used again */
	heap = ALLOCATED;
	pages = resident();
	assert_int_equal(write(told[1], "", 1), 1);
	run_until(loop, done[0]);
	heap = (ALLOCATED - heap) / COUNT;
	pages = (resident() - pages) / COUNT;
	assert_int_equal(server->admission->count, WARM + COUNT);
	print_message("%-32s %6zu bytes of heap, %6zu resident\n", name, heap, pages);
	stop(loop, server, &stopped, clients);
	pl_tls_context_unref(context);
	pl_loop_free(loop);
	close(told[1]);
	close(done[0]);
	return heap;
}

static const struct {
	const char *name;
	const char *request;
	bool tls;
	size_t most;
} rows[] = {
	{ "HTTP, between requests", http, false, 750 },
	{ "WebSocket", plain, false, 710 },
	{ "WebSocket, deflate shared", deflated, false, 760 },
	{ "WebSocket, a browser's head", browser, false, 850 },
	{ "WebSocket over TLS", plain, true, 16000 },
};

static void an_idle_connection_holds_little(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_in_range(measure(rows[i].name, rows[i].request, rows[i].tls), 1,
				rows[i].most);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_connection_holds_little),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
