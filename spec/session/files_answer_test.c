/* How files are answered: conditions, parts, codings, the cache, and what a script orders.
 * covers: http/files_entry.c http/files_cache.c http/files_gzip.c http/files_send.c
 */
#include "session/files_peer.h"

#include <time.h>
#include <zlib.h>

#define ASK(method, path, fields) method " " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define GZIP "Accept-Encoding: gzip\r\n"

enum { TEN = 10000, STILL = 60 /* ms after which a file's times tell its changes apart */ };

static char answer_text[PEER_SENT_MAX];

static const char *ask_kept(struct peer *peer, const char *request)
{
	strcpy(answer_text, ask_raw(peer, request));
	return answer_text;
}

/* A field of the answer, "" without it. */
static const char *field(const char *answer, const char *name)
{
	static char values[8][256];
	static unsigned next;
	char *value = values[next++ % 8];
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	at = strstr(answer, line);
	value[0] = '\0';
	if (at && at < strstr(answer, "\r\n\r\n"))
		sscanf(at + strlen(line), "%255[^\r]", value);
	return value;
}

static const char *body(const char *answer)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

static int code_of(const char *answer)
{
	return atoi(answer + strlen("HTTP/1.1 "));
}

static void open_with(struct peer *peer, bool precompressed, int level)
{
	peer_init(peer);
	peer->root = root;
	peer->files_settings.precompressed = precompressed;
	peer->files_settings.gzip_level = level;
	peer->files_settings.gzip_min = 100;
	peer->files_settings.cache_control = PL_SLICE("max-age=60");
	assert_int_equal(peer_start(peer), PL_OK);
}

/* Open descriptors of the process. */
static int descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void sleep_ms(long ms)
{
	struct timespec time = { 0, ms * 1000000 };

	nanosleep(&time, NULL);
}

/* "0123456789" again and again. */
static void make_digits(const char *name, size_t len)
{
	FILE *file = fopen(at(name), "wb");

	assert_non_null(file);
	for (size_t i = 0; i < len; i++)
		putc('0' + (int)(i % 10), file);
	assert_int_equal(fclose(file), 0);
}

static int make_more(void **state)
{
	if (make_tree(state))
		return -1;
	make_digits("ten.txt", TEN);
	make_digits("ten.bin", TEN);
	make_digits("big.txt", 400000);
	make_file("app.js", "let a = 'plain'");
	make_file("app.js.br", "BROTLI");
	make_file("app.js.gz", "GZIPPED");
	make_file("only.css", "p { color: red }");
	make_file("only.css.gz", "GZ");
	make_file("a.png", "png");
	make_file("a.png.gz", "no");
	return 0;
}

/* Conditions. */

static void conditions(void **state)
{
	char request[512], etag[80], modified[80];
	const char *answer;
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	answer = ask_kept(&peer, GET("/ten.bin"));
	assert_int_equal(code_of(answer), 200);
	strcpy(etag, field(answer, "ETag"));
	strcpy(modified, field(answer, "Last-Modified"));
	assert_true(etag[0] == '"' && etag[strlen(etag) - 1] == '"');
	assert_string_equal(field(answer, "Accept-Ranges"), "bytes");
	assert_string_equal(field(answer, "Cache-Control"), "max-age=60");
	assert_string_equal(field(answer, "Vary"), "");
	snprintf(request, sizeof(request), ASK("GET", "/ten.bin", "If-None-Match: %s\r\n"), etag);
	answer = ask_kept(&peer, request);
	assert_int_equal(code_of(answer), 304);
	assert_string_equal(field(answer, "ETag"), etag);
	assert_string_equal(field(answer, "Cache-Control"), "max-age=60");
	assert_string_equal(field(answer, "Content-Length"), "");
	assert_string_equal(field(answer, "Last-Modified"), "");
	assert_string_equal(body(answer), "");
	snprintf(request, sizeof(request), ASK("HEAD", "/ten.bin", "If-Modified-Since: %s\r\n"),
		 modified);
	assert_int_equal(code_of(ask_kept(&peer, request)), 304);
	snprintf(request, sizeof(request), ASK("GET", "/ten.bin", "If-Match: %s\r\n"), etag);
	assert_int_equal(code_of(ask_kept(&peer, request)), 200);
	answer = ask_kept(&peer, ASK("GET", "/ten.bin", "If-Match: \"x\"\r\n"));
	assert_int_equal(code_of(answer), 412);
	assert_string_equal(body(answer), "Precondition Failed");
	answer = ask_kept(&peer, ASK("GET", "/ten.bin",
				     "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
	assert_int_equal(code_of(answer), 412);
	snprintf(request, sizeof(request),
		 ASK("GET", "/ten.bin", "Range: bytes=1-2\r\nIf-Range: %s\r\n"), etag);
	assert_string_equal(body(ask_kept(&peer, request)), "12");
	answer = ask_kept(&peer, ASK("GET", "/ten.bin", "Range: bytes=1-2\r\nIf-Range: \"x\"\r\n"));
	assert_int_equal(code_of(answer), 200);
	peer_close(&peer);
}

/* A file that is said to be of the future. */
static void no_date_is_ahead(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 4102444800 }, { .tv_sec = 4102444800 } };
	const char *answer;
	struct peer peer;

	(void)state;
	make_file("future.bin", "x");
	assert_int_equal(utimensat(AT_FDCWD, at("future.bin"), times, 0), 0);
	open_with(&peer, true, 6);
	answer = ask_kept(&peer, GET("/future.bin"));
	assert_string_equal(body(answer), "x");
	assert_null(strstr(field(answer, "Last-Modified"), "2100"));
	assert_string_not_equal(field(answer, "Last-Modified"), "");
	peer_close(&peer);
}

/* Parts. */

static void parts(void **state)
{
	static const struct {
		const char *range;
		int code;
		const char *content_range;
		const char *body; /* NULL: the whole file */
	} rows[] = {
		{ "bytes=0-4", 206, "bytes 0-4/10000", "01234" },
		{ "bytes=-3", 206, "bytes 9997-9999/10000", "789" },
		{ "bytes=9998-", 206, "bytes 9998-9999/10000", "89" },
		{ "bytes=9998-99999999999999999999999", 206, "bytes 9998-9999/10000", "89" },
		{ "bytes=3-5,10000-", 206, "bytes 3-5/10000", "345" },
		{ "bytes=0-", 206, "bytes 0-9999/10000", NULL },
		{ "bytes=10000-", 416, "bytes */10000", "Range Not Satisfiable" },
		{ "bytes=-0", 416, "bytes */10000", "Range Not Satisfiable" },
		{ "bytes=5-3", 200, "", NULL },
		{ "bytes=a-b", 200, "", NULL },
		{ "items=0-1", 200, "", NULL },
		{ "bytes=0-,0-,0-", 200, "", NULL },
		{ "bytes=0-9000,0-9000,0-9000", 200, "", NULL },
		{ "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,"
		  "15-15,16-16",
		  200, "", NULL },
	};
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char request[512];
		const char *answer;

		snprintf(request, sizeof(request), ASK("GET", "/ten.bin", "Range: %s\r\n"),
			 rows[i].range);
		answer = ask_kept(&peer, request);
		print_message("%s\n", rows[i].range);
		assert_int_equal(code_of(answer), rows[i].code);
		assert_string_equal(field(answer, "Content-Range"), rows[i].content_range);
		if (rows[i].body)
			assert_string_equal(body(answer), rows[i].body);
		else
			assert_int_equal(strlen(body(answer)), TEN);
		assert_int_equal(atoi(field(answer, "Content-Length")), strlen(body(answer)));
	}
	peer_close(&peer);
}

static void several_parts(void **state)
{
	char boundary[64], expected[1024];
	const char *answer;
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	answer = ask_kept(&peer, ASK("GET", "/ten.txt", "Range: bytes=5-7, -2,0-0\r\n"));
	assert_int_equal(code_of(answer), 206);
	assert_int_equal(sscanf(field(answer, "Content-Type"),
				"multipart/byteranges; boundary=%63s", boundary),
			 1);
	assert_string_equal(field(answer, "Content-Range"), "");
	snprintf(expected, sizeof(expected),
		 "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		 "Content-Range: bytes 5-7/10000\r\n\r\n567\r\n"
		 "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		 "Content-Range: bytes 9998-9999/10000\r\n\r\n89\r\n"
		 "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		 "Content-Range: bytes 0-0/10000\r\n\r\n0\r\n--%s--\r\n",
		 boundary, boundary, boundary, boundary);
	assert_string_equal(body(answer), expected);
	assert_int_equal(atoi(field(answer, "Content-Length")), strlen(expected));
	peer_close(&peer);
}

/* Attacks D-12: whatever is asked for, never more than the file twice over. */
static void never_more_than_twice(void **state)
{
	char request[1024];
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	for (int parts_asked = 1; parts_asked <= 20; parts_asked++)
		for (int len = 1; len <= 4; len++) {
			size_t used = (size_t)snprintf(request, sizeof(request),
						       "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: "
						       "bytes=");

			for (int i = 0; i < parts_asked; i++)
				used += (size_t)snprintf(request + used, sizeof(request) - used,
							 "%s0-%d", i ? "," : "", len - 1);
			snprintf(request + used, sizeof(request) - used, "\r\n\r\n");
			assert_true(strlen(body(ask_kept(&peer, request))) <= 8);
		}
	peer_close(&peer);
}

static void a_limit_of_ranges(void **state)
{
	struct peer peer;

	(void)state;
	peer_init(&peer);
	peer.root = root;
	peer.limits.ranges = 0;
	assert_int_equal(peer_start(&peer), PL_OK);
	assert_int_equal(code_of(ask_kept(&peer, ASK("GET", "/ten.bin", "Range: bytes=0-1\r\n"))),
			 200);
	peer_close(&peer);
}

static void parts_of_nothing(void **state)
{
	const char *answer;
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	answer = ask_kept(&peer, ASK("GET", "/empty.js", "Range: bytes=0-\r\n"));
	assert_int_equal(code_of(answer), 416);
	assert_string_equal(field(answer, "Content-Range"), "bytes */0");
	answer = ask_kept(&peer, ASK("GET", "/empty.js", "Range: bytes=-1\r\n"));
	assert_int_equal(code_of(answer), 200);
	peer_close(&peer);
}

/* Of a file that is not kept in memory, and read piece by piece. */
static void parts_of_a_large_file(void **state)
{
	const char *answer;
	char *text;
	struct peer peer;

	(void)state;
	open_with(&peer, true, 0);
	answer = ask_kept(&peer, ASK("GET", "/large.bin", "Range: bytes=300000-400000\r\n"));
	assert_int_equal(code_of(answer), 206);
	assert_int_equal(atoi(field(answer, "Content-Length")), 100001);
	text = strdup(ask_raw(&peer, ASK("GET", "/big.txt", "Range: bytes=10-90009,-5\r\n")));
	assert_int_equal(atoi(field(text, "Content-Length")), strlen(body(text)));
	assert_non_null(strstr(text, "\r\n\r\n01234567890123"));
	assert_non_null(strstr(text, "\r\n\r\n56789\r\n--"));
	free(text);
	peer_close(&peer);
}

/* HEAD. */

static void head_is_the_head_of_get(void **state)
{
	static const char *const requests[][2] = {
		{ ASK("GET", "/ten.txt", GZIP), ASK("HEAD", "/ten.txt", GZIP) },
		{ ASK("GET", "/ten.txt", ""), ASK("HEAD", "/ten.txt", "") },
		{ ASK("GET", "/app.js", GZIP), ASK("HEAD", "/app.js", GZIP) },
		{ ASK("GET", "/ten.bin", ""), ASK("HEAD", "/ten.bin", "Range: bytes=0-1\r\n") },
		{ ASK("GET", "/ten.bin", "If-Match: \"x\"\r\n"),
		  ASK("HEAD", "/ten.bin", "If-Match: \"x\"\r\n") },
		{ ASK("GET", "/dir", ""), ASK("HEAD", "/dir", "") },
		{ ASK("GET", "/ten.txt", "Accept-Encoding: *;q=0\r\n"),
		  ASK("HEAD", "/ten.txt", "Accept-Encoding: *;q=0\r\n") },
	};
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		char *head = strdup(ask_raw(&peer, requests[i][1]));
		const char *get = ask_kept(&peer, requests[i][0]);

		assert_string_equal(body(head), "");
		assert_memory_equal(get, head, strlen(head));
		free(head);
	}
	peer_close(&peer);
}

/* Codings. */

static void what_stands_beside(void **state)
{
	static const struct {
		const char *request;
		const char *coding;
		const char *vary;
		const char *body;
	} rows[] = {
		{ ASK("GET", "/app.js", ""), "", "Accept-Encoding", "let a = 'plain'" },
		{ ASK("GET", "/app.js", GZIP), "gzip", "Accept-Encoding", "GZIPPED" },
		{ ASK("GET", "/app.js", "Accept-Encoding: gzip, br\r\n"), "br", "Accept-Encoding",
		  "BROTLI" },
		{ ASK("GET", "/app.js", "Accept-Encoding: br;q=0.1, gzip;q=0.2\r\n"), "gzip",
		  "Accept-Encoding", "GZIPPED" },
		{ ASK("GET", "/app.js", "Accept-Encoding: identity, gzip;q=0.5\r\n"), "",
		  "Accept-Encoding", "let a = 'plain'" },
		{ ASK("GET", "/app.js", "Accept-Encoding: identity;q=0, br\r\n"), "br",
		  "Accept-Encoding", "BROTLI" },
		{ ASK("GET", "/only.css", "Accept-Encoding: br, gzip;q=0.1\r\n"), "gzip",
		  "Accept-Encoding", "GZ" },
		{ ASK("GET", "/only.css", "Accept-Encoding: br\r\n"), "", "Accept-Encoding",
		  "p { color: red }" },
		{ ASK("GET", "/a.png", GZIP), "", "", "png" },
		{ ASK("GET", "/app.js", GZIP "Range: bytes=0-1\r\n"), "gzip", "Accept-Encoding",
		  "GZ" },
	};
	char etags[3][80];
	struct peer peer;

	(void)state;
	open_with(&peer, true, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *answer = ask_kept(&peer, rows[i].request);

		assert_string_equal(field(answer, "Content-Encoding"), rows[i].coding);
		assert_string_equal(field(answer, "Vary"), rows[i].vary);
		assert_string_equal(body(answer), rows[i].body);
		if (i < 3)
			strcpy(etags[i], field(answer, "ETag"));
		assert_null(strstr(field(answer, "Content-Type"), "gzip"));
	}
	assert_string_not_equal(etags[0], etags[1]);
	assert_string_not_equal(etags[1], etags[2]);
	peer_close(&peer);
	open_with(&peer, false, 0);
	assert_string_equal(body(ask_kept(&peer, ASK("GET", "/app.js", GZIP))), "let a = 'plain'");
	assert_string_equal(field(answer_text, "Vary"), "");
	peer_close(&peer);
}

static void nothing_acceptable(void **state)
{
	struct peer peer;

	(void)state;
	open_with(&peer, true, 0);
	assert_int_equal(
		code_of(ask_kept(&peer, ASK("GET", "/ten.txt", "Accept-Encoding: *;q=0\r\n"))),
		406);
	assert_string_equal(field(answer_text, "Vary"), "Accept-Encoding");
	peer_close(&peer);
}

/* What was sent last, inflated, is the digits of ten.txt. */
static void inflates(struct peer *peer, const char *request, size_t expected)
{
	static uint8_t out[500000];
	pl_buffer *sent = &peer->memory.sent;
	z_stream stream = { 0 };
	const uint8_t *from;

	peer_send(peer, request);
	settle(peer);
	assert_non_null(memmem(sent->data, sent->len, "Content-Encoding: gzip\r\n", 24));
	from = (uint8_t *)memmem(sent->data, sent->len, "\r\n\r\n", 4) + 4;
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_in = (uint8_t *)(uintptr_t)from;
	stream.avail_in = (unsigned)(sent->data + sent->len - from);
	stream.next_out = out;
	stream.avail_out = sizeof(out);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, expected);
	for (size_t i = 0; i < expected; i++)
		assert_int_equal(out[i], '0' + i % 10);
	inflateEnd(&stream);
	peer_sent(peer);
}

static void compressed_here(void **state)
{
	char plain[80], made[80];
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	strcpy(plain, field(ask_kept(&peer, GET("/ten.txt")), "ETag"));
	inflates(&peer, ASK("GET", "/ten.txt", GZIP), TEN);
	inflates(&peer, ASK("GET", "/ten.txt", GZIP), TEN);
	inflates(&peer, ASK("GET", "/big.txt", GZIP), 400000); /* which itself is not kept */
	strcpy(made, field(ask_kept(&peer, ASK("HEAD", "/ten.txt", GZIP)), "ETag"));
	assert_string_not_equal(plain, made);
	assert_memory_equal(plain, made, strlen(plain) - 1);
	assert_string_equal(
		field(ask_kept(&peer, ASK("HEAD", "/ten.bin", GZIP)), "Content-Encoding"), "");
	assert_string_equal(field(ask_kept(&peer, ASK("HEAD", "/a.txt", GZIP)), "Content-Encoding"),
			    ""); /* too short */
	peer_close(&peer);
}

static void what_gets_no_smaller_stays(void **state)
{
	uint64_t seed = 1;
	struct peer peer;
	FILE *file = fopen(at("noise.txt"), "wb");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 5000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		putc((int)(seed >> 56), file);
	}
	fclose(file);
	open_with(&peer, true, 6);
	for (int i = 0; i < 2; i++) {
		const char *answer = ask_kept(&peer, ASK("HEAD", "/noise.txt", GZIP));

		assert_string_equal(field(answer, "Content-Encoding"), "");
		assert_string_equal(field(answer, "Content-Length"), "5000");
	}
	peer_close(&peer);
}

/* Nobody can have the same file compressed again and again. */
static void nothing_is_compressed_that_is_not_kept(void **state)
{
	struct peer peer;

	(void)state;
	peer_init(&peer);
	peer.root = root;
	peer.files_settings.gzip_level = 6;
	peer.files_settings.gzip_min = 1;
	peer.limits.file_cache = 0;
	assert_int_equal(peer_start(&peer), PL_OK);
	assert_string_equal(
		field(ask_kept(&peer, ASK("GET", "/ten.txt", GZIP)), "Content-Encoding"), "");
	assert_int_equal(strlen(body(answer_text)), TEN);
	assert_int_equal(pl_files_held(peer.files), 0);
	peer_close(&peer);
	peer_init(&peer);
	peer.root = root;
	peer.files_settings.gzip_level = 6;
	peer.limits.gzip_file = TEN - 1;
	assert_int_equal(peer_start(&peer), PL_OK);
	assert_string_equal(
		field(ask_kept(&peer, ASK("GET", "/ten.txt", GZIP)), "Content-Encoding"), "");
	peer_close(&peer);
}

/* Several sessions on one set of files: all want what is being compressed, some lose patience. */
static void many_wait_for_one(void **state)
{
	enum { PEERS = 6 };
	int64_t live = pl_alloc_live();
	struct peer peers[PEERS];
	pl_files *files;

	(void)state;
	open_with(&peers[0], true, 6);
	files = peers[0].files;
	for (int i = 1; i < PEERS; i++) {
		struct peer *peer = &peers[i];

		peer_init(peer);
		pl_loop_free(peer->loop);
		peer->loop = peers[0].loop;
		pl_memory_init(&peer->memory, peer->loop);
		peer->root = root;
		assert_int_equal(peer_start(peer), PL_OK);
		pl_files_free(peer->files);
		peer->files = files;
	}
	for (int i = 0; i < PEERS; i++) {
		const char *request =
			i % 2 ? ASK("GET", "/ten.txt", GZIP) : ASK("GET", "/big.txt", GZIP);

		assert_true(pl_memory_feed(&peers[i].memory, request, strlen(request)));
	}
	pl_stream_abort(&peers[0].memory.stream, PL_ECONNRESET);
	pl_stream_abort(&peers[3].memory.stream, PL_ECONNRESET);
	settle(&peers[0]);
	for (int i = 1; i < PEERS; i++)
		if (i != 3)
			assert_non_null(memmem(peers[i].memory.sent.data, peers[i].memory.sent.len,
					       "Content-Encoding: gzip", 22));
	for (int i = PEERS - 1; i >= 0; i--) {
		struct peer *peer = &peers[i];

		if (peer->http1)
			pl_http1_abort(peer->http1, PL_ECANCELED);
		peer_turn(peer);
		peer_turn(peer);
		assert_null(peer->http1);
		pl_memory_deinit(&peer->memory);
		pl_buffer_deinit(&peer->journal);
	}
	pl_files_free(files);
	pl_loop_free(peers[0].loop);
	assert_int_equal(pl_alloc_live(), live);
}

/* The cache. */

static void a_change_is_seen(void **state)
{
	char etag[80];
	struct peer peer;

	(void)state;
	make_file("changing.txt", "one");
	open_with(&peer, true, 6);
	assert_string_equal(body(ask_kept(&peer, GET("/changing.txt"))), "one");
	strcpy(etag, field(answer_text, "ETag"));
	make_file("changing.txt", "two"); /* as long, and at once */
	peer_skip(&peer, PL_FILES_FRESH);
	assert_string_equal(body(ask_kept(&peer, GET("/changing.txt"))), "two");
	assert_string_not_equal(field(answer_text, "ETag"), etag);
	sleep_ms(STILL);
	peer_skip(&peer, PL_FILES_FRESH);
	assert_string_equal(body(ask_kept(&peer, GET("/changing.txt"))), "two");
	make_file("changing.txt.gz", "beside");
	peer_skip(&peer, PL_FILES_FRESH);
	assert_string_equal(body(ask_kept(&peer, ASK("GET", "/changing.txt", GZIP))), "beside");
	assert_int_equal(unlink(at("changing.txt.gz")), 0);
	peer_skip(&peer, PL_FILES_FRESH);
	assert_string_equal(body(ask_kept(&peer, ASK("GET", "/changing.txt", GZIP))), "two");
	assert_int_equal(unlink(at("changing.txt")), 0);
	peer_skip(&peer, PL_FILES_FRESH);
	assert_int_equal(code_of(ask_kept(&peer, GET("/changing.txt"))), 404);
	assert_int_equal(mkdir(at("changing.txt"), 0755), 0);
	peer_skip(&peer, PL_FILES_FRESH);
	assert_int_equal(code_of(ask_kept(&peer, GET("/changing.txt"))), 301);
	peer_close(&peer);
}

static void it_is_bounded(void **state)
{
	struct peer peer;
	char request[128];

	(void)state;
	for (int i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many%d.bin", i);
		make_digits(name, 1000);
	}
	peer_init(&peer);
	peer.root = root;
	peer.limits.file_cache = 20000;
	assert_int_equal(peer_start(&peer), PL_OK);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 50; i++) {
			snprintf(request, sizeof(request), GET("/many%d.bin"), i);
			assert_int_equal(strlen(body(ask_kept(&peer, request))), 1000);
			assert_in_range(pl_files_held(peer.files), 1000, 20000);
		}
	peer_close(&peer);
}

/* The pages of a file are not in memory: the pool reads them. */
/* The file itself and what was made of it; open for a moment only. */
static void files_are_open_for_a_moment(void **state)
{
	struct peer peer;
	int before, after = 0;

	(void)state;
	open_with(&peer, true, 6);
	ask_raw(&peer, ASK("GET", "/a.txt", ""));
	before = descriptors();
	for (int i = 0; i < 2; i++) {
		ask_raw(&peer, ASK("GET", "/big.txt", "Range: bytes=0-1\r\n"));
		after = descriptors();
		assert_int_equal(after, before + 1);
	}
	inflates(&peer, ASK("GET", "/big.txt", GZIP), 400000);
	assert_int_equal(descriptors(), after);
	peer_skip(&peer, 1000);
	assert_int_equal(descriptors(), before);
	ask_raw(&peer, ASK("GET", "/big.txt", "Range: bytes=0-1\r\n"));
	assert_int_equal(descriptors(), before + 1);
	peer_close(&peer);
}

/* However many there are. */
static void few_files_are_open(void **state)
{
	char request[128];
	struct peer peer;
	int before;

	(void)state;
	peer_init(&peer);
	peer.root = root;
	peer.limits.cached_file = 10;
	assert_int_equal(peer_start(&peer), PL_OK);
	before = descriptors();
	for (int i = 0; i < 30; i++) {
		char name[32];

		snprintf(name, sizeof(name), "few%d.bin", i);
		make_digits(name, 1000);
		snprintf(request, sizeof(request), GET("/few%d.bin"), i);
		assert_int_equal(strlen(body(ask_kept(&peer, request))), 1000);
		assert_in_range(descriptors(), before, before + 16);
	}
	assert_int_equal(descriptors(), before + 16);
	peer_close(&peer);
}

/* More than the loop's thread should read at a time. */
static void what_is_kept_may_be_large(void **state)
{
	struct peer peer;

	(void)state;
	peer_init(&peer);
	peer.root = root;
	peer.limits.cached_file = 1 << 30;
	assert_int_equal(peer_start(&peer), PL_OK);
	ask_raw(&peer, ASK("HEAD", "/big.txt", ""));
	assert_true(pl_files_held(peer.files) > 400000);
	assert_int_equal(
		strlen(body(ask_raw(&peer, ASK("GET", "/big.txt", "Range: bytes=-99999\r\n")))),
		99999);
	peer_close(&peer);
}

static void what_is_cold_is_read_by_the_pool(void **state)
{
	struct peer peer;
	int fd;

	(void)state;
	open_with(&peer, true, 6);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "big.txt" : "ten.bin";
		const char *answer;

		fd = open(at(name), O_RDWR);
		assert_true(fd >= 0);
		assert_int_equal(fsync(fd), 0);
		assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
		close(fd);
		answer = ask_raw(&peer, i ? ASK("GET", "/big.txt", "Range: bytes=0-199999\r\n")
					  : GET("/ten.bin"));
		assert_int_equal(strlen(body(answer)), i ? 200000 : TEN);
	}
	peer_close(&peer);
}

/* Orders: pl_files_send. */

struct ordered {
	int calls;
	int status;
	bool given_back;
};

static void on_begun(void *owner, pl_exchange *exchange, int status)
{
	struct ordered *ordered = owner;

	ordered->calls++;
	ordered->status = status;
	ordered->given_back = exchange != NULL;
	if (exchange)
		pl_exchange_answer(exchange, 418, "no");
}

static struct ordered order(struct peer *peer, pl_files_order *what, const char *request)
{
	struct ordered ordered = { 0 };
	pl_exchange *exchange;

	peer->root = NULL;
	peer_send(peer, request);
	exchange = peer->held;
	peer->held = NULL;
	assert_non_null(exchange);
	what->begun = on_begun;
	what->owner = &ordered;
	pl_files_send(peer->files, exchange, what);
	settle(peer);
	strcpy(answer_text, peer_sent(peer));
	return ordered;
}

static void what_is_ordered(void **state)
{
	const pl_http_field fields[] = {
		{ PL_SLICE("content-type"), PL_SLICE("text/x-mine") },
		{ PL_SLICE("Cache-Control"), PL_SLICE("no-store") },
		{ PL_SLICE("X-More"), PL_SLICE("1") },
	};
	pl_files_order plain = { .root = root, .path = PL_SLICE("ten.bin"), .confined = true };
	pl_files_order dressed = {
		.root = root, .path = PL_SLICE("ten.bin"), .fields = fields, .field_count = 3
	};
	struct ordered got;
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	got = order(&peer, &plain, GET("/late"));
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.status, PL_OK);
	assert_int_equal(strlen(body(answer_text)), TEN);
	got = order(&peer, &dressed, ASK("GET", "/late", "Range: bytes=1-2\r\n"));
	assert_int_equal(got.status, PL_OK);
	assert_int_equal(code_of(answer_text), 206);
	assert_string_equal(field(answer_text, "content-type"), "text/x-mine");
	assert_string_equal(field(answer_text, "Content-Type"), "");
	assert_string_equal(field(answer_text, "Cache-Control"), "no-store");
	assert_string_equal(field(answer_text, "X-More"), "1");
	order(&peer, &dressed, ASK("GET", "/late", "Range: bytes=1-2,5-6\r\n"));
	assert_non_null(strstr(answer_text, "multipart/byteranges"));
	assert_non_null(strstr(body(answer_text), "Content-Type: text/x-mine\r\n"));
	order(&peer, &plain, ASK("POST", "/late", "If-Match: \"x\"\r\nContent-Length: 0\r\n"));
	assert_int_equal(code_of(answer_text), 200);
	plain.path = PL_SLICE("large.bin");
	got = order(&peer, &plain, ASK("HEAD", "/late", ""));
	assert_int_equal(got.calls, 1);
	assert_int_equal(atoi(field(answer_text, "Content-Length")), LARGE);
	peer_close(&peer);
}

/* RFC 9110 15.4.5: a 304 says what the 200 would have said of caching. */
static void what_is_ordered_is_in_a_304_too(void **state)
{
	const pl_http_field fields[] = {
		{ PL_SLICE("Content-Type"), PL_SLICE("text/x-mine") },
		{ PL_SLICE("Content-Location"), PL_SLICE("/there") },
		{ PL_SLICE("cache-control"), PL_SLICE("private") },
		{ PL_SLICE("Vary"), PL_SLICE("Cookie") },
	};
	pl_files_order what = {
		.root = root, .path = PL_SLICE("text.txt"), .fields = fields, .field_count = 4
	};
	struct peer peer;

	(void)state;
	make_file("text.txt", "some text");
	open_with(&peer, true, 6);
	order(&peer, &what, GET("/late"));
	assert_int_equal(code_of(answer_text), 200);
	assert_non_null(strstr(answer_text, "Vary: Cookie\r\n"));
	assert_non_null(strstr(answer_text, "Vary: Accept-Encoding\r\n"));
	order(&peer, &what, ASK("GET", "/late", "If-None-Match: *\r\n"));
	assert_int_equal(code_of(answer_text), 304);
	assert_string_not_equal(field(answer_text, "ETag"), "");
	assert_string_equal(field(answer_text, "cache-control"), "private");
	assert_null(strstr(answer_text, "max-age"));
	assert_string_equal(field(answer_text, "Content-Location"), "/there");
	assert_string_equal(field(answer_text, "Content-Type"), "");
	assert_non_null(strstr(answer_text, "Vary: Cookie\r\n"));
	assert_non_null(strstr(answer_text, "Vary: Accept-Encoding\r\n"));
	peer_close(&peer);
}

static void what_cannot_be_ordered(void **state)
{
	const pl_http_field bad = { PL_SLICE("X-Bad"), PL_SLICE("a\r\nb") };
	static const struct {
		const char *path;
		bool confined;
		int status;
	} rows[] = {
		{ "none", true, PL_ENOENT }, { "dir", true, PL_EISDIR },
		{ "pipe", true, PL_EACCES }, { "../secret.txt", true, PL_ENOENT },
		{ "out", true, PL_ENOENT },  { "../secret.txt", false, PL_OK },
		{ "out", false, PL_OK },     { "a.txt", true, PL_OK },
	};
	pl_files_order what = { .root = root };
	struct ordered got;
	struct peer peer;

	(void)state;
	open_with(&peer, true, 6);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		what.path = pl_slice_make(rows[i].path, strlen(rows[i].path));
		what.confined = rows[i].confined;
		got = order(&peer, &what, GET("/late"));
		assert_int_equal(got.calls, 1);
		assert_int_equal(got.status, rows[i].status);
		assert_int_equal(got.given_back, rows[i].status != PL_OK);
		assert_int_equal(code_of(answer_text), rows[i].status ? 418 : 200);
	}
	what.fields = &bad;
	what.field_count = 1;
	got = order(&peer, &what, GET("/late"));
	assert_int_equal(got.status, PL_EINVAL);
	assert_true(got.given_back);
	peer_close(&peer);
}

/* Once, also when the peer goes while the pool or the peer is waited for. */
static void who_ordered_is_always_told(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	for (int stage = 0; stage < 2; stage++) {
		struct ordered ordered = { 0 };
		pl_files_order what = { .root = root,
					.path = stage ? PL_SLICE("large.bin") : PL_SLICE("ten.txt"),
					.begun = on_begun,
					.owner = &ordered };
		struct peer peer;

		open_with(&peer, true, 6);
		peer.root = NULL;
		peer.memory.room = 0;
		peer_send(&peer, ASK("GET", "/late", GZIP));
		pl_files_send(peer.files, peer.held, &what);
		if (stage)
			settle(&peer);
		assert_int_equal(ordered.calls, stage);
		pl_stream_abort(&peer.memory.stream, PL_ECONNRESET);
		settle(&peer);
		assert_int_equal(ordered.calls, 1);
		assert_int_equal(ordered.status, stage ? PL_OK : PL_ECONNRESET);
		assert_false(ordered.given_back);
		peer_close(&peer);
		assert_int_equal(pl_alloc_live(), live);
	}
}

/* Memory. */

static bool attempt(uint64_t nth)
{
	static const char request[] = ASK("GET", "/ten.txt", GZIP)
		ASK("GET", "/big.txt", "Range: bytes=0-1,7-8\r\n") ASK("GET", "/bytes", GZIP);
	struct peer peer;
	bool whole;

	peer_init(&peer);
	peer.root = root;
	peer.bytes = PL_SLICE("css css css css css css css css css css css css css css css css");
	peer.files_settings.precompressed = true;
	peer.files_settings.gzip_level = 6;
	peer.files_settings.gzip_min = 1;
	pl_alloc_fail_at(nth);
	if (peer_start(&peer) == PL_OK) {
		peer_feed(&peer, request, strlen(request));
		settle(&peer);
		settle(&peer);
	}
	pl_alloc_fail_at(0);
	whole = peer.memory.sent.len > 600 && !peer.memory.closed;
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
	assert_true(nth > 20);
	assert_true(attempt(0));
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions),
		cmocka_unit_test(no_date_is_ahead),
		cmocka_unit_test(parts),
		cmocka_unit_test(several_parts),
		cmocka_unit_test(never_more_than_twice),
		cmocka_unit_test(a_limit_of_ranges),
		cmocka_unit_test(parts_of_nothing),
		cmocka_unit_test(parts_of_a_large_file),
		cmocka_unit_test(head_is_the_head_of_get),
		cmocka_unit_test(what_stands_beside),
		cmocka_unit_test(nothing_acceptable),
		cmocka_unit_test(compressed_here),
		cmocka_unit_test(what_gets_no_smaller_stays),
		cmocka_unit_test(nothing_is_compressed_that_is_not_kept),
		cmocka_unit_test(many_wait_for_one),
		cmocka_unit_test(a_change_is_seen),
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(files_are_open_for_a_moment),
		cmocka_unit_test(few_files_are_open),
		cmocka_unit_test(what_is_kept_may_be_large),
		cmocka_unit_test(what_is_cold_is_read_by_the_pool),
		cmocka_unit_test(what_is_ordered),
		cmocka_unit_test(what_is_ordered_is_in_a_304_too),
		cmocka_unit_test(what_cannot_be_ordered),
		cmocka_unit_test(who_ordered_is_always_told),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, make_more, drop_tree);
}
