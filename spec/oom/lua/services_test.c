/*
 * What servers do beside answering: sessions of HTTP, authentication, uploads, forwarding, the
 * dashboard, and who attaches. In each the Nth allocation and all after it fail, for every N until
 * all comes out right: an answer may be missing, but the program lives, keeps no half of an upload,
 * and serves the next one as ever.
 *
 * covers: lua/lua_upload.c lua/lua_forward.c lua/lua_control.c lua/lua_metrics.c
 */
#include "oom/lua/script_side.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { ATTEMPTS_MAX = 1500, ENOUGH = 3 };

/* Without the JIT: see script_test.c. */
static const char source[] =
	"require('jit').off()\n"
	"local server = require('perilune.server').new {\n"
	"  port = tonumber(arg[1]), dashboard = { port = tonumber(arg[2]) }, metrics = true,\n"
	"  session_state = true, authentication = { auth_users = { 'a=b' } },\n"
	"  http_upload_files = { stream_type = 'file', save_directory = arg[3] },\n"
	"  forward = { { path = '/f', url = 'http://127.0.0.1:' .. arg[1], strip_path = true } },\n"
	"  limits = { failed_logins = 1000000, connections_per_address = 10000 },\n"
	"}\n"
	"function server.OnCommandGet(conn, request, response)\n"
	"  local data = request.session.data\n"
	"  data.count = (data.count or 0) + 1\n"
	"  for _, file in ipairs(request.files or {}) do os.remove(file.path) end\n"
	"  response.content_text = 'by ' .. conn.user .. ' ' .. data.count .. ' '\n"
	"    .. #(request.files or {})\n"
	"end\n"
	"assert(server:start())\n";

#define AS_A "Authorization: Basic YTpi\r\n"
#define CLOSES "Connection: close\r\n\r\n"
#define FORM                                                                                       \
	"--B\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\nhello\r\n"               \
	"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--\r\n"

typedef struct scenario {
	const char *name;
	const char *text;   /* %s: Host */
	const char *answer; /* what it has */
	enum { SERVER, DASHBOARD, CONTROL } to;
} scenario;

static const scenario scenarios[] = {
	{ "a session", "GET / HTTP/1.1\r\nHost: %s\r\n" AS_A CLOSES, "by a 1 0", SERVER },
	{ "nobody", "GET / HTTP/1.1\r\nHost: %s\r\n" CLOSES, " 401 ", SERVER },
	{ "a token", "GET /sgc/req/auth/session/a/b HTTP/1.1\r\nHost: %s\r\n" CLOSES, " 200 OK",
	  SERVER },
	{ "an upload",
	  "POST / HTTP/1.1\r\nHost: %s\r\n" AS_A
	  "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 123\r\n" CLOSES FORM,
	  "by a 1 1", SERVER },
	{ "forwarding", "GET /f/ HTTP/1.1\r\nHost: %s\r\n" AS_A CLOSES, "by a 1 0", SERVER },
	{ "the numbers", "GET /metrics HTTP/1.1\r\nHost: %s\r\n" AS_A CLOSES, "perilune_", SERVER },
	{ "the dashboard", "GET / HTTP/1.1\r\nHost: %s\r\n" CLOSES, "<!", DASHBOARD },
	{ "its data", "GET /data HTTP/1.1\r\nHost: %s\r\n" CLOSES, " 200 OK", DASHBOARD },
	{ "its clients", "GET /clients HTTP/1.1\r\nHost: %s\r\n" CLOSES, "\"count\"", DASHBOARD },
	{ "attaching", "{\"lua\":\"print(1) return servers[1]:count(), {1}\"}\n", "\"values\"",
	  CONTROL },
};

static char folder[] = "/tmp/perilune-oom-services-XXXXXX";
static char script_path[sizeof(folder) + 16];
static char upload_path[sizeof(folder) + 16];
static char control_path[sizeof(folder) + 16];
static char dashboard_text[8];
static uint16_t ports[2];
static const scenario *wrong; /* after it the server did not serve as ever */

static int dial_control(int microseconds)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { microseconds / 1000000, microseconds % 1000000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, control_path, sizeof(control_path));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* True: it came out right, though memory failed from the nth allocation on. 0: it does not fail. */
static bool play(const scenario *row, int microseconds, uint64_t nth)
{
	char host[24];
	char text[1024];
	bool right;
	int fd;

	port = ports[row->to == DASHBOARD];
	fd = row->to == CONTROL ? dial_control(microseconds) : dial(microseconds);
	if (fd < 0)
		return false;
	snprintf(host, sizeof(host), "127.0.0.1:%u", port);
	snprintf(text, sizeof(text), row->text, host);
	pl_alloc_fail_at(nth);
	right = say(fd, text, strlen(text), row->answer);
	pl_alloc_fail_at(0);
	close(fd);
	return right;
}

static bool survives(const scenario *row)
{
	int right = 0;
	uint64_t nth;

	for (nth = 1; nth <= ATTEMPTS_MAX && right < ENOUGH; nth++) {
		right = play(row, SHORT, nth) ? right + 1 : 0;
		if (!play(row, PATIENCE * 1000000, 0))
			return false;
	}
	print_message("%s: right from the %llu. allocation on\n", row->name,
		      (unsigned long long)nth - ENOUGH);
	return right == ENOUGH;
}

static void *client(void *unused)
{
	size_t i;

	(void)unused;
	for (i = 0; i < 1000 && !play(&scenarios[0], PATIENCE * 1000000, 0); i++)
		usleep(10000);
	for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]) && !wrong; i++)
		if (!survives(&scenarios[i]))
			wrong = &scenarios[i];
	kill(getpid(), SIGTERM);
	return NULL;
}

static int run(pl_worker *worker, void *context)
{
	pl_script_options *options = context;

	options->control = pl_control_new(control_path, 1);
	return options->control ? pl_script_run(worker, options) : EXIT_FAILURE;
}

/* Uploads that did not become whole. */
static int halves(void)
{
	DIR *open = opendir(upload_path);
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(open)))
		if (strstr(entry->d_name, ".sgc_ps"))
			count++;
	closedir(open);
	return count;
}

static void all_of_them_live_on(void **state)
{
	char *arguments[] = { port_text, dashboard_text, upload_path };
	pl_script_options options = { .path = script_path, .argc = 3, .argv = arguments };
	int64_t live = pl_alloc_live();
	pthread_t thread;

	(void)state;
	pl_embedded_use(pl_embedded_files);
	assert_int_equal(pthread_create(&thread, NULL, client, NULL), 0);
	assert_int_equal(pl_worker_run(1, run, &options), 0);
	pthread_join(thread, NULL);
	pl_control_free(options.control);
	if (wrong)
		fail_msg("%s: it does not come out right any more", wrong->name);
	assert_int_equal(halves(), 0);
	assert_int_equal(pl_alloc_live(), live);
}

static int choose_ports(void)
{
	if (choose_port())
		return -1;
	ports[1] = port;
	memcpy(dashboard_text, port_text, sizeof(port_text));
	if (choose_port())
		return -1;
	ports[0] = port;
	return ports[0] == ports[1];
}

static int write_script(void **state)
{
	FILE *file;

	(void)state;
	if (!mkdtemp(folder) || choose_ports())
		return -1;
	snprintf(script_path, sizeof(script_path), "%s/main.lua", folder);
	snprintf(upload_path, sizeof(upload_path), "%s/uploads", folder);
	snprintf(control_path, sizeof(control_path), "%s/control", folder);
	if (mkdir(upload_path, 0700))
		return -1;
	file = fopen(script_path, "w");
	if (!file)
		return -1;
	fputs(source, file);
	return fclose(file);
}

static int remove_folder(void **state)
{
	char command[sizeof(folder) + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_them_live_on),
	};

	return cmocka_run_group_tests(tests, write_script, remove_folder);
}
