/* Files below a root, over an HTTP/1.1 session: what may be seen, how, and what never. */
#include "session/files_peer.h"

#include <sys/resource.h>

#define FILE_HEAD(length, type)                                                                    \
	"HTTP/1.1 200 OK\r\nContent-Length: " length "\r\nContent-Type: " type                     \
	"\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n\r\n"
#define MOVED(to) "HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0\r\nLocation: " to "\r\n\r\n"

static void files_that_are_there(void **state)
{
	static const struct {
		const char *request;
		const char *answer;
	} cases[] = {
		{ GET("/a.txt"), FILE_HEAD("4", "text/plain; charset=utf-8") "text" },
		{ GET("/a.txt?query=../x"), FILE_HEAD("4", "text/plain; charset=utf-8") "text" },
		{ GET("/"), FILE_HEAD("7", "text/html; charset=utf-8") "<p>root" },
		{ GET("/dir/"), FILE_HEAD("6", "text/html; charset=utf-8") "<p>dir" },
		{ GET("/indir/"), FILE_HEAD("6", "text/html; charset=utf-8") "<p>dir" },
		{ GET("/in"), FILE_HEAD("4", "application/octet-stream") "text" },
		{ GET("/dir/up"), FILE_HEAD("4", "application/octet-stream") "text" },
		{ GET("/with%20space.txt"), FILE_HEAD("5", "text/plain; charset=utf-8") "blank" },
		{ GET("/%61.txt"), FILE_HEAD("4", "text/plain; charset=utf-8") "text" },
		{ GET("/.well-known/x"), FILE_HEAD("5", "application/octet-stream") "known" },
		{ GET("/empty.js"), FILE_HEAD("0", "text/javascript; charset=utf-8") },
		{ REQUEST("HEAD", "/a.txt"), FILE_HEAD("4", "text/plain; charset=utf-8") },
		{ REQUEST("HEAD", "/"), FILE_HEAD("7", "text/html; charset=utf-8") },
		{ GET("/dir"), MOVED("/dir/") },
		{ GET("/indir"), MOVED("/indir/") },
		{ GET("/myindex.html"), MOVED("/myindex.html/") },
		{ GET("/dir?x=1&y"), MOVED("/dir/?x=1&y") },
		{ GET("/%64ir?"), MOVED("/%64ir/?") },
		{ REQUEST("HEAD", "/dir"), MOVED("/dir/") },
		{ "GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		  FILE_HEAD("4", "text/plain; charset=utf-8") "text" },
		{ GET("/a.txt") GET("/") GET("/in"),
		  FILE_HEAD("4", "text/plain; charset=utf-8") "text" FILE_HEAD(
			  "7",
			  "text/html; charset=utf-8") "<p>root" FILE_HEAD("4",
									  "application/"
									  "octet-stream") "text" },
	};
	int64_t live = pl_alloc_live();
	struct peer peer;

	(void)state;
	open_files(&peer);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(ask(&peer, cases[i].request), cases[i].answer);
	assert_string_equal(peer_journal(&peer), "");
	peer_close(&peer);
	assert_int_equal(pl_alloc_live(), live);
}

/* D-11. */
static void files_that_are_not_shown(void **state)
{
	static const char *const targets[] = {
		"/secret.txt",
		"/../secret.txt",
		"/dir/../../secret.txt",
		"/dir/../a.txt",
		"/./a.txt",
		"/dir/.",
		"/..",
		"/%2e%2e/secret.txt",
		"/%2E%2E/secret.txt",
		"/.%2e/secret.txt",
		"/%2e%2e%2fsecret.txt",
		"/..%2fsecret.txt",
		"/%252e%252e/secret.txt",
		"/%252e%252e%252fsecret.txt",
		"/%c0%ae%c0%ae/secret.txt",
		"/dir%5c..%5c..%5csecret.txt",
		"/..%5csecret.txt",
		"/dir%2f..%2f..%2fsecret.txt",
		"/a.txt%00.html",
		"/%00",
		"/a.txt%0a",
		"/%",
		"/%2",
		"/%zz",
		"//etc/passwd",
		"/%2fetc/passwd",
		"/dir//index.html",
		"/.hidden",
		"/%2ehidden",
		"/dir/.hidden",
		"/dir/.well-known/x",
		"/.git/config",
		"/.git/",
		"/.git",
		"/out",
		"/outdir/secret.txt",
		"/outdir/served/a.txt",
		"/outdir/",
		"/outdir",
		"/absolute",
		"/magic/etc/passwd",
		"/loop",
		"/a.txt/",
		"/a.txt/x",
		"/bare/",
		"/odd/",
		"/nothing",
		"/nothing/",
	};
	struct peer peer;

	(void)state;
	open_files(&peer);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char request[256];
		const char *answer;

		snprintf(request, sizeof(request), GET("%s"), targets[i]);
		answer = ask(&peer, request);
		if (strncmp(answer, "HTTP/1.1 404 ", 13) != 0)
			fail_msg("%s: %s", targets[i], answer);
		assert_null(strstr(answer, "secret"));
		assert_string_equal(peer_journal(&peer), "missing:ENOENT ");
	}
	assert_memory_equal(ask(&peer, GET("/dir\\..\\..\\secret.txt")), "HTTP/1.1 40", 11);
	peer_close(&peer);
}

static void a_name_that_is_too_long(void **state)
{
	char request[8192], name[4200];
	struct peer peer;

	(void)state;
	open_files(&peer);
	for (size_t len = 250; len < sizeof(name); len += 790) {
		memset(name, 'a', len);
		name[len] = '\0';
		snprintf(request, sizeof(request), GET("/%s"), name);
		assert_memory_equal(ask(&peer, request), "HTTP/1.1 404 ", 13);
	}
	peer_close(&peer);
}

static void what_is_no_file(void **state)
{
	struct peer peer;

	(void)state;
	open_files(&peer);
	assert_memory_equal(ask(&peer, GET("/pipe")), "HTTP/1.1 403 Forbidden\r\n", 24);
	if (geteuid() != 0) {
		assert_int_equal(chmod(at("old"), 0), 0);
		assert_memory_equal(ask(&peer, GET("/old")), "HTTP/1.1 403 Forbidden\r\n", 24);
	}
	peer_close(&peer);
}

static void no_descriptor_is_left(void **state)
{
	struct rlimit all, few;
	struct peer peer;

	(void)state;
	open_files(&peer);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	peer_send(&peer, GET("/a.txt"));
	settle(&peer);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_memory_equal(peer_sent(&peer), "HTTP/1.1 503 Service Unavailable\r\n", 34);
	assert_memory_equal(ask(&peer, GET("/a.txt")), "HTTP/1.1 200 OK\r\n", 17);
	peer_close(&peer);
}

static void a_root_that_is_not_there(void **state)
{
	struct peer peer;

	(void)state;
	open_files(&peer);
	peer.root = "/nowhere/at/all";
	assert_memory_equal(ask(&peer, GET("/a.txt")), "HTTP/1.1 404 ", 13);
	peer_close(&peer);
}

static void other_methods(void **state)
{
	static const char *const requests[] = {
		REQUEST("DELETE", "/a.txt"),
		REQUEST("OPTIONS", "*"),
		"POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		REQUEST("PUT", "/bytes"),
		REQUEST("get", "/a.txt"),
	};
	struct peer peer;

	(void)state;
	open_files(&peer);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_string_equal(ask(&peer, requests[i]),
				    "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n"
				    "Allow: GET, HEAD\r\n\r\n");
	peer_close(&peer);
}

/* Large answers, a little at a time. */

struct download {
	size_t total;
	size_t most; /* ever queued */
	bool intact;
};

/* Takes what was sent, the head not counted. */
static void take_sent(struct peer *peer, struct download *download)
{
	pl_buffer *sent = &peer->memory.sent;
	size_t from = 0;

	if (download->total == 0) {
		const char *end = sent->len ? memmem(sent->data, sent->len, "\r\n\r\n", 4) : NULL;

		if (!end)
			return;
		from = (size_t)(end + 4 - (const char *)sent->data);
	}
	for (size_t i = from; i < sent->len; i++)
		if (sent->data[i] != download->total++ % 251)
			download->intact = false;
	sent->len = 0;
}

static void read_on(struct peer *peer, struct download *download, size_t step, size_t until)
{
	while (download->total < until && !peer->memory.closed) {
		size_t queued;

		pl_memory_open(&peer->memory, step);
		settle(peer);
		take_sent(peer, download);
		queued = pl_stream_queued(&peer->memory.stream);
		if (queued > download->most)
			download->most = queued;
	}
}

static void start_download(struct peer *peer, const char *request, pl_slice bytes)
{
	peer_init(peer);
	peer->root = root;
	peer->bytes = bytes;
	peer->memory.room = 0;
	peer->limits.high_water = 262144;
	assert_int_equal(peer_start(peer), PL_OK);
	peer_send(peer, request);
	settle(peer);
}

static void a_large_file_in_flat_memory(void **state)
{
	struct download got = { .intact = true };
	struct peer peer;
	int64_t live;

	(void)state;
	start_download(&peer, GET("/large.bin"), PL_SLICE(""));
	live = pl_alloc_live();
	read_on(&peer, &got, 100000, LARGE);
	assert_int_equal(got.total, LARGE);
	assert_true(got.intact);
	assert_in_range(got.most, 1, 262144 + 65536 + 1024);
	assert_in_range(pl_alloc_live(), 0, live + 8);
	peer.memory.room = SIZE_MAX;
	settle(&peer);
	assert_string_equal(ask(&peer, GET("/a.txt")),
			    FILE_HEAD("4", "text/plain; charset=utf-8") "text");
	peer_close(&peer);
}

static void a_large_file_at_once(void **state)
{
	struct download got = { .intact = true };
	struct peer peer;

	(void)state;
	open_files(&peer);
	peer_send(&peer, GET("/large.bin"));
	while (got.total < LARGE && !peer.memory.closed) {
		settle(&peer);
		take_sent(&peer, &got);
	}
	assert_int_equal(got.total, LARGE);
	assert_true(got.intact);
	peer_close(&peer);
}

static void a_file_that_shrinks(void **state)
{
	struct download got = { .intact = true };
	struct peer peer;

	(void)state;
	start_download(&peer, GET("/large.bin"), PL_SLICE(""));
	read_on(&peer, &got, 1 << 20, 2 << 20);
	assert_int_equal(truncate(at("large.bin"), 5 << 20), 0);
	read_on(&peer, &got, 1 << 20, LARGE);
	assert_true(peer.memory.closed);
	assert_int_equal(peer.memory.status, PL_EIO);
	assert_in_range(got.total, 2 << 20, 5 << 20);
	assert_true(got.intact);
	peer_close(&peer);
	make_large();
}

static void a_file_that_grows(void **state)
{
	struct download got = { .intact = true };
	struct peer peer;
	FILE *file;

	(void)state;
	start_download(&peer, GET("/large.bin"), PL_SLICE(""));
	read_on(&peer, &got, 1 << 20, 2 << 20);
	file = fopen(at("large.bin"), "ab");
	assert_non_null(file);
	for (int i = 0; i < 100000; i++)
		putc('x', file);
	fclose(file);
	read_on(&peer, &got, 1 << 20, LARGE);
	peer.memory.room = SIZE_MAX;
	settle(&peer);
	take_sent(&peer, &got);
	assert_int_equal(got.total, LARGE);
	assert_true(got.intact);
	assert_false(peer.memory.stream.closing);
	peer_close(&peer);
	make_large();
}

/* At every stage: while it is being opened, read, or waits for the client. */
static void a_client_that_goes(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	for (int stage = 0; stage < 4; stage++) {
		struct download got = { .intact = true };
		struct peer peer;

		peer_init(&peer);
		peer.root = root;
		peer.memory.room = stage == 3 ? 0 : SIZE_MAX;
		assert_int_equal(peer_start(&peer), PL_OK);
		assert_true(peer_feed(&peer, GET("/large.bin"), strlen(GET("/large.bin"))));
		for (int turn = 0; stage == 1 && turn < 1000 && !peer.memory.sent.len; turn++)
			peer_turn(&peer);
		if (stage >= 2)
			settle(&peer);
		take_sent(&peer, &got);
		pl_stream_abort(&peer.memory.stream, PL_ECONNRESET);
		settle(&peer);
		assert_true(peer.memory.closed);
		peer_close(&peer);
		assert_int_equal(pl_alloc_live(), live);
	}
}

/* Bytes in memory. */

static void bytes_in_memory(void **state)
{
	struct peer peer;

	(void)state;
	open_files(&peer);
	peer.bytes = PL_SLICE("p {}");
	assert_string_equal(ask(&peer, GET("/bytes") GET("/bytes")),
			    FILE_HEAD("4", "text/css") "p {}" FILE_HEAD("4", "text/css") "p {}");
	assert_string_equal(ask(&peer, REQUEST("HEAD", "/bytes")), FILE_HEAD("4", "text/css"));
	peer.bytes = PL_SLICE("");
	assert_string_equal(ask(&peer, GET("/bytes")), FILE_HEAD("0", "text/css"));
	peer_close(&peer);
}

/* By reference, however many want them. */
static void many_bytes_in_flat_memory(void **state)
{
	struct download got = { .intact = true };
	char *bytes = malloc(LARGE);
	struct peer peer;
	int64_t live;

	(void)state;
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i % 251);
	start_download(&peer, GET("/bytes"), pl_slice_make(bytes, LARGE));
	live = pl_alloc_live();
	read_on(&peer, &got, 100000, LARGE);
	assert_int_equal(got.total, LARGE);
	assert_true(got.intact);
	assert_in_range(pl_alloc_live(), 0, live + 2);
	peer_send(&peer, GET("/bytes"));
	peer_close(&peer);
	free(bytes);
}

/* Memory. */

static bool attempt(uint64_t nth)
{
	static const char expected[] =
		FILE_HEAD("4", "text/plain; charset=utf-8") "text" MOVED("/dir/")
			FILE_HEAD("3", "text/css") "css";
	struct peer peer;
	char *sent;
	bool whole;

	peer_init(&peer);
	peer.root = root;
	peer.bytes = PL_SLICE("css");
	pl_alloc_fail_at(nth);
	if (peer_start(&peer) == PL_OK) {
		peer_feed(&peer, GET("/a.txt") GET("/dir") GET("/bytes"),
			  strlen(GET("/a.txt") GET("/dir") GET("/bytes")));
		settle(&peer);
	}
	pl_alloc_fail_at(0);
	sent = (char *)(uintptr_t)peer_sent(&peer);
	strip(sent, "ETag: ");
	strip(sent, "Last-Modified: ");
	assert_memory_equal(sent, expected, strlen(sent));
	whole = strcmp(sent, expected) == 0;
	peer_close(&peer);
	return whole;
}

static void every_allocation_may_fail(void **state)
{
	int64_t live = pl_alloc_live();
	uint64_t nth = 1;

	(void)state;
	while (!attempt(nth)) {
		assert_int_equal(pl_alloc_live(), live);
		assert_true(nth < 1000);
		nth++;
	}
	assert_true(nth > 10);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_are_there),
		cmocka_unit_test(files_that_are_not_shown),
		cmocka_unit_test(a_name_that_is_too_long),
		cmocka_unit_test(what_is_no_file),
		cmocka_unit_test(no_descriptor_is_left),
		cmocka_unit_test(a_root_that_is_not_there),
		cmocka_unit_test(other_methods),
		cmocka_unit_test(a_large_file_in_flat_memory),
		cmocka_unit_test(a_large_file_at_once),
		cmocka_unit_test(a_file_that_shrinks),
		cmocka_unit_test(a_file_that_grows),
		cmocka_unit_test(a_client_that_goes),
		cmocka_unit_test(bytes_in_memory),
		cmocka_unit_test(many_bytes_in_flat_memory),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
