/*
 * Sessions that outlive the process, in files that are really there.
 * covers: mqtt/mqtt_file.c
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/buffer.h"
#include "base/status.h"
#include "mqtt/mqtt_file.h"
#include "mqtt/mqtt_store.h"

typedef struct fixture {
	char folder[32];
	char path[64];
	pl_loop *loop;
	pl_mqtt_store *store;
	pl_buffer journal; /* what was told, and what was loaded */
} fixture;

static void words(fixture *fix, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_int_equal(pl_buffer_printf(&fix->journal, "%s ", text), PL_OK);
}

static void on_opened(void *owner, int status, const char *message, const pl_mqtt_loaded *loaded)
{
	fixture *fix = owner;

	if (status) {
		words(fix, "%s[%s]", pl_status_name(status), message);
		return;
	}
	words(fix, "opened:%.*s/%u/%llu", (int)loaded->client_identifier.len,
	      loaded->client_identifier.at, loaded->version, (unsigned long long)loaded->taken);
	for (size_t i = 0; i < loaded->message_count; i++) {
		const pl_mqtt_stored *stored = &loaded->messages[i];

		words(fix, "%llu#%u=%.*s", (unsigned long long)stored->number, stored->id,
		      stored->released ? 8 : (int)stored->packet->len,
		      stored->released ? "released" : (const char *)stored->packet->data);
		pl_block_unref(stored->packet);
	}
	for (size_t i = 0; i < loaded->received_count; i++)
		words(fix, "<%u", loaded->received[i]);
}

static void on_stored(void *owner, void *context, int status)
{
	words(owner, "%s:%s", (const char *)context, pl_status_name(status));
}

static void on_failed(void *owner, int status, const char *message)
{
	(void)message;
	words(owner, "failed:%s", pl_status_name(status));
}

static const pl_mqtt_store_events events = { .opened = on_opened,
					     .stored = on_stored,
					     .failed = on_failed };

static int setup(void **state)
{
	fixture *fix = calloc(1, sizeof(*fix));

	strcpy(fix->folder, "/tmp/mqtt-store-XXXXXX");
	assert_non_null(mkdtemp(fix->folder));
	snprintf(fix->path, sizeof(fix->path), "%s/session", fix->folder);
	assert_int_equal(pl_loop_new(&fix->loop), PL_OK);
	*state = fix;
	return 0;
}

/* Until nothing is being done any more. */
static void settle(fixture *fix)
{
	pl_loop_turn(fix->loop);
	while (pl_loop_held(fix->loop)) {
		pl_loop_wait(fix->loop);
		pl_loop_turn(fix->loop);
	}
}

static void expect(fixture *fix, const char *what)
{
	settle(fix);
	assert_int_equal(pl_buffer_append(&fix->journal, "", 1), PL_OK);
	assert_string_equal((char *)fix->journal.data, what);
	fix->journal.len = 0;
}

static void open_store(fixture *fix)
{
	assert_int_equal(pl_mqtt_store_open(&fix->store, fix->loop, fix->path, true, &events, fix),
			 PL_OK);
}

static void close_store(fixture *fix)
{
	pl_mqtt_store_close(fix->store);
	fix->store = NULL;
	settle(fix);
}

static int teardown(void **state)
{
	fixture *fix = *state;
	char command[64];

	if (fix->store)
		close_store(fix);
	pl_buffer_deinit(&fix->journal);
	pl_loop_free(fix->loop);
	snprintf(command, sizeof(command), "rm -rf %s", fix->folder);
	assert_int_equal(system(command), 0);
	free(fix);
	return 0;
}

static void add(fixture *fix, uint64_t number, uint16_t id, const char *packet, void *context)
{
	pl_block *block = pl_block_copy(packet, strlen(packet));

	assert_int_equal(pl_mqtt_store_add(fix->store, number, id, block, context), PL_OK);
	pl_block_unref(block);
}

static void begin(fixture *fix)
{
	open_store(fix);
	expect(fix, "opened:/0/0 ");
	assert_int_equal(pl_mqtt_store_begin(fix->store, PL_SLICE("me"), 5, NULL), PL_OK);
}

static void keeps_what_is_under_way(void **state)
{
	fixture *fix = *state;
	struct stat file;

	begin(fix);
	add(fix, 1, 7, "one", "a");
	add(fix, 2, 8, "two", "b");
	add(fix, 3, 9, "three", NULL);
	expect(fix, "a:OK b:OK ");
	assert_int_equal(stat(fix->path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	pl_mqtt_store_remove(fix->store, 1, "gone");
	pl_mqtt_store_release(fix->store, 3, "released");
	pl_mqtt_store_receive(fix->store, 500, "received");
	pl_mqtt_store_receive(fix->store, 500, NULL);
	pl_mqtt_store_receive(fix->store, 501, NULL);
	pl_mqtt_store_forget(fix->store, 501, NULL);
	expect(fix, "gone:OK released:OK received:OK ");
	close_store(fix);
	open_store(fix);
	expect(fix, "opened:me/5/3 2#8=two 3#9=released <500 ");
}

static void a_new_session_leaves_nothing_of_the_old(void **state)
{
	fixture *fix = *state;

	begin(fix);
	add(fix, 1, 7, "one", NULL);
	pl_mqtt_store_receive(fix->store, 5, NULL);
	assert_int_equal(pl_mqtt_store_begin(fix->store, PL_SLICE("you"), 4, "begun"), PL_OK);
	add(fix, 2, 3, "two", NULL);
	expect(fix, "begun:OK ");
	close_store(fix);
	open_store(fix);
	expect(fix, "opened:you/4/2 2#3=two ");
}

static void closing_makes_what_is_queued(void **state)
{
	fixture *fix = *state;

	begin(fix);
	add(fix, 1, 7, "one", "not told");
	close_store(fix);
	expect(fix, "");
	open_store(fix);
	expect(fix, "opened:me/5/1 1#7=one ");
	/* And while it is being opened nothing is lost either. */
	close_store(fix);
	open_store(fix);
	close_store(fix);
	expect(fix, "");
}

static void one_program_at_a_time(void **state)
{
	fixture *fix = *state;
	pl_mqtt_store *store = NULL;
	char expected[256];

	begin(fix);
	settle(fix);
	store = fix->store;
	open_store(fix);
	snprintf(expected, sizeof(expected), "EBUSY[%s: is in use by another program] ", fix->path);
	expect(fix, expected);
	close_store(fix);
	fix->store = store;
}

static void leaves_other_files_alone(void **state)
{
	fixture *fix = *state;
	char expected[256];
	sqlite3 *db;
	FILE *file = fopen(fix->path, "w");

	fputs("This has been written by somebody else, and he wants to keep it. ", file);
	for (int i = 0; i < 100; i++)
		fputs("all of it ", file);
	fclose(file);
	open_store(fix);
	snprintf(expected, sizeof(expected), "EINVAL[%s: is no stored session, or is damaged] ",
		 fix->path);
	expect(fix, expected);
	close_store(fix);
	unlink(fix->path);
	assert_int_equal(sqlite3_open(fix->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE outgoing (a)", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	open_store(fix);
	snprintf(expected, sizeof(expected), "EINVAL[%s: is no stored session of MQTT] ",
		 fix->path);
	expect(fix, expected);
	close_store(fix);
	snprintf(fix->path, sizeof(fix->path), "%s/none/session", fix->folder);
	open_store(fix);
	snprintf(expected, sizeof(expected), "ENOENT[%s: no such file or directory] ", fix->path);
	expect(fix, expected);
}

/* New messages are refused; what has happened to the others is made when there is room again. */
static void a_full_disk_loses_nothing(void **state)
{
	fixture *fix = *state;
	struct rlimit former, full;
	char *large = malloc(200001);

	memset(large, 'x', 200000);
	large[200000] = '\0';
	begin(fix);
	add(fix, 1, 1, "one", NULL);
	add(fix, 2, 2, "two", "a");
	expect(fix, "a:OK ");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &former), 0);
	full = former;
	full.rlim_cur = 65536;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	signal(SIGXFSZ, SIG_IGN);
	add(fix, 3, 3, large, "b");
	pl_mqtt_store_remove(fix->store, 1, "c");
	settle(fix);
	assert_non_null(strstr((char *)fix->journal.data, "b:E"));
	assert_non_null(strstr((char *)fix->journal.data, "failed:E"));
	assert_null(strstr((char *)fix->journal.data, "c:"));
	fix->journal.len = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &former), 0);
	add(fix, 4, 4, "four", "d");
	pl_loop_skip(fix->loop, 1000);
	expect(fix, "c:OK d:OK ");
	close_store(fix);
	open_store(fix);
	expect(fix, "opened:me/5/4 2#2=two 4#4=four ");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_what_is_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_session_leaves_nothing_of_the_old, setup,
						teardown),
		cmocka_unit_test_setup_teardown(closing_makes_what_is_queued, setup, teardown),
		cmocka_unit_test_setup_teardown(one_program_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_other_files_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
