/*
 * A script that serves, and calls itself for that, in which the Nth allocation and all after it
 * fail while a client speaks to it, for N = 1, 2, 3, …: an answer may be missing and a connection
 * may close, but the program lives, and serves the next client as ever.
 *
 * covers: lua/lua_task.c lua/lua_events.c lua/lua_conn_events.c lua/lua_http.c lua/lua_http_call.c
 * covers: lua/lua_client.c lua/lua_client_ask.c lua/lua_client_events.c lua/lua_client_answer.c
 */
#include "oom/lua/script_side.h"

enum { ATTEMPTS = 150 };

/* Without the JIT: an error for want of memory in a trace that it has compiled is beyond pcall, and
 * ends the program, whatever the script does. */
static const char source[] =
	"require('jit').off()\n"
	"local server = require('perilune.server').new { port = tonumber(arg[1]) }\n"
	"local timer, task = require 'perilune.timer', require 'perilune.task'\n"
	"function server.OnConnect(conn) conn.data.from = conn.url end\n"
	"function server.OnMessage(conn, text)\n"
	"  timer.sleep(0)\n"
	"  conn:write(text .. conn.data.from)\n"
	"end\n"
	"function server.OnDisconnect(conn, code, reason) last = reason .. code end\n"
	"function server.OnException(conn, message) last = message end\n"
	"local pool = require('perilune.core.http').pool {}\n"
	"local up = { method = 'POST', host = '127.0.0.1', port = tonumber(arg[1]), target = '/',\n"
	"  body = true, decode = true, fields = { { 'A', 'b' } }, timeouts = { total = 5 } }\n"
	"function server.OnCommandGet(conn, request, response)\n"
	"  response.content_text = request.command .. (request.body or '')\n"
	"end\n"
	"local client = require 'perilune.client'\n"
	"local function repeated()\n"
	"  local one = client.new { url = 'ws://127.0.0.1:' .. arg[1], connect_timeout = 5,\n"
	"    redirects = false }\n"
	"  function one.OnBeforeConnect() timer.sleep(0) end\n"
	"  function one.OnHandshake(_, headers) headers.a = 'b' return headers end\n"
	"  function one.OnConnect(c) c.data.a = 'b' end\n"
	"  function one.OnDisconnect() one.OnDisconnect = nil end\n"
	"  function one.OnError(_, message) last = message end\n"
	"  local answer = one:connect() and one:write_and_wait('we', 5)\n"
	"  one:disconnect(5)\n"
	"  return answer\n"
	"end\n"
	"function server.OnCommandOther(conn, request, response)\n"
	"  if request.command == 'DELETE' then response.content_text = repeated() return end\n"
	"  local call = assert(pool:open(up))\n"
	"  assert(call:write 'up')\n"
	"  assert(call:finish())\n"
	"  response.content_text = call:head().reason .. assert(call:read(100))\n"
	"end\n"
	"timer.every(0.002, function() task.start(function(x) return x end, {}):wait() end)\n"
	"assert(server:start())\n";

static char script_path[] = "/tmp/perilune-oom-script-XXXXXX";
static int wrong; /* attempts after which the server did not serve as ever */

static const char handshake[] = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
				"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char hello[] = "\x81\x85\0\0\0\0hello";
static const char request[] = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
			      "Connection: close\r\n\r\nhello";

static const char through[] =
	"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static const char around[] =
	"DELETE / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/* A WebSocket that says something, and requests. */
static bool converse(int microseconds, uint64_t nth)
{
	int fd = dial(microseconds);
	bool right;

	if (fd < 0)
		return false;
	pl_alloc_fail_at(nth);
	right = say(fd, handshake, sizeof(handshake) - 1, "\r\n\r\n");
	right = right && say(fd, hello, sizeof(hello) - 1, "hello/chat");
	right = right && say(fd, "\x88\x82\0\0\0\0\x03\xe8", 8, "\x88");
	pl_alloc_fail_at(0);
	close(fd);
	right = ask(microseconds, nth, request, "POSThello") && right;
	right = ask(microseconds, nth, around, "we/") && right;
	return ask(microseconds, nth, through, "OKPOSTup") && right;
}

/* The same on a connection that is there already, so that little but events allocates. */
static void converse_later(uint64_t nth)
{
	int fd = dial(SHORT);

	if (fd >= 0 && say(fd, handshake, sizeof(handshake) - 1, "\r\n\r\n")) {
		pl_alloc_fail_at(nth);
		say(fd, hello, sizeof(hello) - 1, "hello/chat");
		pl_alloc_fail_at(0);
	}
	if (fd >= 0)
		close(fd);
}

static void *client(void *unused)
{
	uint64_t nth;
	int i;

	(void)unused;
	for (i = 0; i < 1000 && !converse(PATIENCE * 1000000, 0); i++)
		usleep(10000);
	for (nth = 1; nth <= ATTEMPTS; nth++) {
		converse(SHORT, nth);
		converse_later(nth);
		if (!converse(PATIENCE * 1000000, 0)) {
			wrong++;
			break;
		}
	}
	kill(getpid(), SIGTERM);
	return NULL;
}

static int run(pl_worker *worker, void *options)
{
	return pl_script_run(worker, options);
}

static void a_script_lives_on(void **state)
{
	char *arguments[] = { port_text };
	pl_script_options options = { .path = script_path, .argc = 1, .argv = arguments };
	int64_t live = pl_alloc_live();
	pthread_t thread;

	(void)state;
	pl_embedded_use(pl_embedded_files);
	assert_int_equal(pthread_create(&thread, NULL, client, NULL), 0);
	assert_int_equal(pl_worker_run(1, run, &options), 0);
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(pl_alloc_live(), live);
}

static int write_script(void **state)
{
	int fd = mkstemp(script_path);

	(void)state;
	if (fd < 0 || choose_port())
		return -1;
	if (write(fd, source, sizeof(source) - 1) != sizeof(source) - 1)
		return -1;
	return close(fd);
}

static int remove_script(void **state)
{
	(void)state;
	return unlink(script_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_lives_on),
	};

	return cmocka_run_group_tests(tests, write_script, remove_script);
}
