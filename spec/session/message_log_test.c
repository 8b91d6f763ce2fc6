/*
 * The log of messages: its lines, the file, what is wrong with it.
 *
 * covers: conn/conn_log.c
 */
#include "unit/net/turns.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "conn/message_log.h"

enum { MOST = 4096 };

static pl_loop *loop;
static char path[64];
static char warned[512];
static pl_message_log *log_file;
static const pl_guid guid = { { 0, 1, 0xAB } };
static pl_address peer;

static void on_log(void *context, enum pl_log_level level, const char *line, size_t len)
{
	size_t at = strlen(warned);

	(void)context, (void)level;
	snprintf(warned + at, sizeof(warned) - at, "%.*s;", (int)len, line);
}

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/message_log_XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	warned[0] = '\0';
	pl_address_parse(&peer, "127.0.0.1");
	peer.port = 7;
	pl_log_set_sink(on_log, NULL);
	return pl_loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	pl_log_set_sink(NULL, NULL);
	unlink(path);
	pl_loop_free(loop);
	return 0;
}

/* The file without the times. */
static const char *content(void)
{
	static char text[65536], line[8192];
	FILE *file = fopen(path, "r");
	size_t len = 0;

	text[0] = '\0';
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char *time = strstr(line, " 20");

		if (line[0] != ' ' && time && time[24] == 'Z')
			memmove(time, time + 25, strlen(time + 25) + 1);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", line);
	}
	fclose(file);
	return text;
}

static void open_log(bool raw)
{
	assert_int_equal(pl_message_log_open(&log_file, loop, path, raw, MOST), PL_OK);
}

static void put(enum pl_message_direction direction, const char *kind, const char *data, size_t len)
{
	enum pl_message_form form = PL_MESSAGE_BYTES;

	if (!kind || kind[0] == 't')
		form = PL_MESSAGE_TEXT;
	else if (kind[0] == 'h')
		form = PL_MESSAGE_HEAD;
	pl_message_log_put(log_file,
			   &(pl_message_line){ .peer = &peer,
					       .guid = &guid,
					       .direction = direction,
					       .form = form,
					       .kind = kind,
					       .more = form == PL_MESSAGE_TEXT && len == 1,
					       .data = pl_slice_make(data, len) });
}

static void put_text(const char *text)
{
	put(PL_MESSAGE_RECEIVED, "text", text, strlen(text));
}

#define GUID " 0001AB00000000000000000000000000 "
#define RECEIVED "127.0.0.1:7 Recv" GUID
#define SENT "127.0.0.1:7 Sent" GUID

static void a_message_is_a_line(void **state)
{
	(void)state;
	open_log(false);
	put(PL_MESSAGE_STATE, NULL, "connected", 9);
	put_text("hello");
	put(PL_MESSAGE_SENT, "text", "a\nb\\c\x1b[1m\x7f\xc2\x9b\xc3\xa4", 14);
	put(PL_MESSAGE_SENT, "binary", "\x00\xff\n", 3);
	put(PL_MESSAGE_SENT, "ping", "", 0);
	put_text("x");
	pl_loop_run(loop);
	assert_string_equal(content(),
			    "127.0.0.1:7 Stat" GUID "connected\n" RECEIVED "text: hello\n" SENT
			    "text: a\\x0ab\\x5cc\\x1b[1m\\x7f\\xc2\x9b\xc3\xa4\n" SENT
			    "binary: 00ff0a\n" SENT "ping: \n" RECEIVED "text...: x\n");
	assert_int_equal(truncate(path, 0), 0);
	put_text("more");
	pl_message_log_unref(log_file); /* is written still */
	pl_loop_run(loop);
	assert_string_equal(content(), RECEIVED "text: more\n");
	open_log(true);
	put_text("raw");
	put(PL_MESSAGE_STATE, NULL, "disconnected", 12);
	pl_loop_run(loop);
	assert_string_equal(content(),
			    RECEIVED "text: more\n" RECEIVED "text: 726177\n127.0.0.1:7 Stat" GUID
				     "disconnected\n");
	pl_message_log_unref(log_file);
	assert_string_equal(warned, "");
}

static void a_head_is_indented_and_has_no_secrets(void **state)
{
	static const char head[] = "GET /a?token=abc HTTP/1.1\r\nHost: a\r\nCookie: abc\r\n"
				   "X: \xe4\r\n127.0.0.1:7 Recv\r\n\r\n";

	(void)state;
	open_log(true);
	peer.family = 6;
	put(PL_MESSAGE_RECEIVED, "head", head, sizeof(head) - 1);
	pl_message_log_unref(log_file);
	pl_loop_run(loop);
	assert_non_null(strstr(content(), "]:7 Recv" GUID "head: \n"
					  "    GET /a?token=*** HTTP/1.1\n"
					  "    Host: a\n"
					  "    Cookie: ***\n"
					  "    X: \\xe4\n"
					  "    127.0.0.1:7 Recv\n"));
	assert_null(strstr(content(), "abc"));
}

static void it_may_end_with_the_loop(void **state)
{
	(void)state;
	open_log(false);
	put_text("one");
	pl_loop_turn(loop); /* it is under way, or written */
	put_text("two");
	pl_message_log_unref(log_file);
	pl_loop_free(loop);
	assert_string_equal(content(), RECEIVED "text: one\n" RECEIVED "text: two\n");
	assert_int_equal(pl_loop_new(&loop), PL_OK);
}

static void several_append_to_one_file(void **state)
{
	pl_message_log *other;

	(void)state;
	open_log(false);
	other = log_file;
	open_log(false);
	for (int i = 0; i < 50; i++) {
		pl_message_log *one = log_file;

		put_text("message");
		log_file = other;
		other = one;
		if (i % 7 == 0)
			pl_loop_turn(loop);
	}
	pl_message_log_unref(log_file);
	pl_message_log_unref(pl_message_log_ref(other));
	pl_message_log_unref(other);
	pl_loop_run(loop);
	assert_int_equal(strlen(content()), 50 * strlen(RECEIVED "text: message\n"));
	assert_null(strstr(content(), "\n\n"));
}

static void what_does_not_fit_is_lost_and_told(void **state)
{
	static char large[2 * MOST];
	const char *told;

	(void)state;
	memset(large, 'a', sizeof(large));
	open_log(false);
	put(PL_MESSAGE_RECEIVED, "text", large, sizeof(large) - 1); /* finds none waiting */
	pl_loop_run(loop);
	assert_non_null(strstr(content(), "aaa\n"));
	assert_int_equal(truncate(path, 0), 0);
	put_text("fits");
	put(PL_MESSAGE_RECEIVED, "text", large, sizeof(large) - 1);
	for (int i = 0; i < 9; i++)
		put(PL_MESSAGE_RECEIVED, "binary", large, MOST / 2); /* two digits each */
	put_text("too");
	pl_loop_run(loop);
	told = "- Stat - 10 entries are missing here\n" RECEIVED "text: fits\n" RECEIVED
	       "text: too\n";
	assert_string_equal(content(), told);
	assert_non_null(strstr(warned, "10 entries are lost: the disk is too slow;"));
	put_text("again");
	pl_loop_run(loop);
	assert_non_null(strstr(content(), "text: too\n" RECEIVED "text: again\n"));
	pl_message_log_unref(log_file);
}

/* A limit on the size of files stands for a full disk. */
static void what_the_disk_does_not_take_is_told(void **state)
{
	struct rlimit before, less;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	less = (struct rlimit){ .rlim_cur = 100, .rlim_max = before.rlim_max };
	open_log(false);
	put_text("one");
	pl_loop_run(loop);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	put_text("two");
	put_text("three");
	pl_loop_run(loop);
	put_text("four");
	pl_loop_run(loop);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	put_text("five");
	pl_loop_run(loop);
	assert_non_null(strstr(content(),
			       "\n- Stat - 3 entries are missing here\n" RECEIVED "text: five\n"));
	assert_non_null(strstr(warned, "2 entries are lost: "));
	assert_null(strstr(strstr(warned, "entries") + 1, "entries")); /* once */
	pl_message_log_unref(log_file);
	pl_message_log_unref(NULL);
}

static void a_file_that_cannot_be_opened(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	assert_int_equal(pl_message_log_open(&log_file, loop, "/nowhere/at/all", false, MOST),
			 PL_ENOENT);
	assert_int_equal(pl_message_log_open(&log_file, loop, "/tmp", false, MOST), PL_EISDIR);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pl_message_log_open(&log_file, loop, path, false, MOST), PL_ENOTSUP);
	assert_int_equal(pl_alloc_live(), live);
}

static void a_new_file_is_for_our_eyes_only(void **state)
{
	struct stat info;

	(void)state;
	unlink(path);
	umask(0);
	open_log(false);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	pl_message_log_unref(log_file);
}

static void without_memory_entries_are_lost(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	for (uint64_t nth = 1;; nth++) {
		bool whole;

		assert_int_equal(truncate(path, 0), 0);
		warned[0] = '\0';
		log_file = NULL;
		pl_alloc_fail_at(nth);
		if (pl_message_log_open(&log_file, loop, path, false, MOST) == PL_OK) {
			put(PL_MESSAGE_RECEIVED, "head", "GET / HTTP/1.1\r\n", 16);
			pl_loop_run(loop);
		}
		pl_alloc_fail_at(0);
		whole = strcmp(content(), RECEIVED "head: \n    GET / HTTP/1.1\n") == 0;
		assert_true(whole || content()[0] == '\0');
		if (log_file && !whole) {
			put_text("two");
			pl_loop_run(loop);
			assert_non_null(strstr(content(),
					       "- Stat - 1 entries are missing here\n" RECEIVED
					       "text: two\n"));
			assert_non_null(strstr(warned, "1 entries are lost"));
		}
		pl_message_log_unref(log_file);
		assert_int_equal(pl_alloc_live(), live);
		if (whole)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_message_is_a_line),
		TEST(a_head_is_indented_and_has_no_secrets),
		TEST(it_may_end_with_the_loop),
		TEST(several_append_to_one_file),
		TEST(what_does_not_fit_is_lost_and_told),
		TEST(what_the_disk_does_not_take_is_told),
		TEST(a_file_that_cannot_be_opened),
		TEST(a_new_file_is_for_our_eyes_only),
		TEST(without_memory_entries_are_lost),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
