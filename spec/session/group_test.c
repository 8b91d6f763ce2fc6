/*
 * One server in two workers: each side has a loop of its own, its clients speak over memory. Turns
 * are taken by hand, in one thread; then in threads.
 *
 * covers: server/group.c server/reach.c server/roster.c server/event_post.c
 */
#include "session/server_side.h"

#include <pthread.h>

#include "server/roster.h"

enum { WORKERS = 2, MESSAGES = 300 };

typedef struct both_sides {
	pl_groups *groups;
	server_side side[WORKERS];
	pl_address bound[WORKERS];
} both_sides;

static int listen_at(server_side *side, pl_address *bound, uint16_t port)
{
	pl_address address;

	assert_true(pl_address_parse(&address, "127.0.0.1"));
	address.port = port;
	return pl_server_listen(side->server, &address, NULL, bound);
}

static void open_client(server_side *side, int index)
{
	server_client *client = server_side_dial(side, index);

	assert_true(SERVER_FEED(client, SERVER_SIDE_HANDSHAKE("")));
	assert_string_equal(server_client_journal(client), "open ");
	assert_true(server_client_say(client, "join room"));
	server_side_turn(side);
	pl_buffer_deinit(&client->memory.sent);
}

static void open_sides(both_sides *both, int clients)
{
	both->groups = pl_groups_new(WORKERS);
	assert_non_null(both->groups);
	for (int i = 0; i < WORKERS; i++) {
		server_side *side = &both->side[i];

		server_side_init(side);
		side->settings.worker = (uint16_t)(i + 1);
		side->settings.groups = both->groups;
		side->settings.events = (pl_event_settings){ .enabled = true };
		assert_int_equal(server_side_start(side), PL_OK);
		assert_int_equal(listen_at(side, &both->bound[i], 0), PL_OK);
		for (int j = 0; j < clients; j++)
			open_client(side, j);
	}
}

static void turn(both_sides *both)
{
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < WORKERS; i++)
			server_side_turn(&both->side[i]);
}

static void close_side(both_sides *both, int i)
{
	server_side_stop(&both->side[i]);
	pl_server_free(both->side[i].server);
	both->side[i].server = NULL;
}

static void close_sides(both_sides *both)
{
	for (int i = 0; i < WORKERS; i++)
		if (both->side[i].server)
			close_side(both, i);
	for (int i = 0; i < WORKERS; i++)
		server_side_close(&both->side[i]);
	pl_groups_free(both->groups);
}

static pl_reach publish(server_side *side, const char *text, const pl_audience *audience)
{
	pl_reach reach;

	assert_int_equal(pl_server_publish(side->server, PL_KIND_TEXT,
					   pl_slice_make(text, strlen(text)), 0, audience, &reach),
			 PL_OK);
	return reach;
}

static const char *sent(both_sides *both, int side, int client)
{
	return ws_words_sent(&both->side[side].clients[client].memory.sent, false);
}

static const pl_guid *guid_of(both_sides *both, int side, int client)
{
	return &both->side[side].clients[client].conn->info->guid;
}

static void members_share_address_and_counts(void **state)
{
	both_sides both;

	(void)state;
	open_sides(&both, 2);
	assert_int_equal(both.bound[0].port, both.bound[1].port);
	assert_int_equal(pl_server_count(both.side[0].server), 4);
	assert_int_equal(pl_server_count(both.side[1].server), 4);
	assert_int_equal(both.side[0].server->admission->count, 4);
	assert_true(pl_server_announces(both.side[1].server));
	assert_false(pl_server_announces(both.side[0].server));
	close_side(&both, 0);
	assert_int_equal(pl_server_count(both.side[1].server), 2);
	assert_int_equal(both.side[1].server->admission->count, 2);
	close_sides(&both);
}

static void the_second_port_0_is_another_group(void **state)
{
	both_sides both;
	pl_server *second;
	pl_address bound;
	const pl_server_settings *settings;

	(void)state;
	open_sides(&both, 1);
	settings = &both.side[0].settings;
	assert_int_equal(pl_server_new(&second, both.side[0].loop, settings, &server_side_events,
				       &both.side[0]),
			 PL_OK);
	assert_true(pl_address_parse(&bound, "127.0.0.1"));
	bound.port = 0;
	assert_int_equal(pl_server_listen(second, &bound, NULL, &bound), PL_OK);
	assert_int_not_equal(bound.port, both.bound[0].port);
	assert_int_equal(pl_server_count(second), 0);
	pl_server_unlisten(second);
	pl_server_free(second);
	close_sides(&both);
}

static void whoever_comes_back_gets_its_own_place(void **state)
{
	both_sides both;
	pl_server *second[WORKERS];
	pl_address bound[WORKERS];
	pl_address asked;

	(void)state;
	open_sides(&both, 0);
	assert_true(pl_address_parse(&asked, "127.0.0.1"));
	for (int i = 0; i < WORKERS; i++) {
		server_side *side = &both.side[i];

		assert_int_equal(pl_server_new(&second[i], side->loop, &side->settings,
					       &server_side_events, side),
				 PL_OK);
		assert_int_equal(pl_server_listen(second[i], &asked, NULL, &bound[i]), PL_OK);
	}
	assert_int_equal(bound[0].port, bound[1].port);
	/* Both of worker 1 stop; the second one starts first. */
	server_side_stop(&both.side[0]);
	pl_server_unlisten(second[0]);
	assert_int_equal(pl_server_listen(second[0], &asked, NULL, &bound[0]), PL_OK);
	assert_int_equal(bound[0].port, bound[1].port);
	assert_int_equal(listen_at(&both.side[0], &both.bound[0], 0), PL_OK);
	assert_int_equal(both.bound[0].port, both.bound[1].port);
	/* The place of one that is gone is free. */
	pl_server_unlisten(second[0]);
	pl_server_free(second[0]);
	assert_int_equal(pl_server_new(&second[0], both.side[0].loop, &both.side[0].settings,
				       &server_side_events, &both.side[0]),
			 PL_OK);
	assert_int_equal(pl_server_listen(second[0], &asked, NULL, &bound[0]), PL_OK);
	assert_int_equal(bound[0].port, bound[1].port);
	for (int i = 0; i < WORKERS; i++) {
		pl_server_unlisten(second[i]);
		pl_server_free(second[i]);
	}
	close_sides(&both);
}

static void a_failed_start_leaves_nothing(void **state)
{
	both_sides both;
	pl_address bound;

	(void)state;
	open_sides(&both, 0);
	close_side(&both, 1);
	assert_int_equal(server_side_start(&both.side[1]), PL_OK);
	/* A group of its own, at an address that the other one has. */
	assert_int_equal(listen_at(&both.side[1], &bound, both.bound[0].port), PL_EADDRINUSE);
	assert_null(both.side[1].server->group);
	assert_int_equal(listen_at(&both.side[1], &bound, 0), PL_OK);
	assert_int_equal(bound.port, both.bound[0].port);
	close_sides(&both);
}

static void what_is_published_reaches_all(void **state)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	const pl_audience room = { .channel = PL_SLICE("room") };
	const pl_audience elsewhere = { .channel = PL_SLICE("elsewhere") };
	pl_audience some;
	pl_guid guids[2];
	both_sides both;
	pl_reach reach;

	(void)state;
	open_sides(&both, 2);
	reach = publish(&both.side[0], "a", &all);
	assert_int_equal(reach.connections, 2);
	assert_int_equal(reach.workers, 1);
	publish(&both.side[1], "b", &room);
	publish(&both.side[1], "c", &elsewhere);
	guids[0] = *guid_of(&both, 0, 0);
	guids[1] = *guid_of(&both, 1, 1);
	some = (pl_audience){ .include = guids, .include_count = 2 };
	publish(&both.side[0], "d", &some);
	some = (pl_audience){ .channel = PL_SLICE("room"), .exclude = guids, .exclude_count = 2 };
	publish(&both.side[0], "e", &some);
	turn(&both);
	assert_string_equal(sent(&both, 0, 0), "text:a text:b text:d ");
	assert_string_equal(sent(&both, 0, 1), "text:a text:b text:e ");
	assert_string_equal(sent(&both, 1, 0), "text:a text:b text:e ");
	assert_string_equal(sent(&both, 1, 1), "text:a text:b text:d ");
	close_sides(&both);
}

/* Slow receivers of another worker get the latest of a channel and a key, too. */
static void a_key_goes_along(void **state)
{
	static const pl_overflow_rule rule = { PL_SLICE("room"), { PL_OVERFLOW_CONFLATE, 0 } };
	both_sides both;
	pl_memory *memory;

	(void)state;
	open_sides(&both, 1);
	both.side[1].server->settings.overflow_rules = &rule;
	both.side[1].server->settings.overflow_rule_count = 1;
	memory = &both.side[1].clients[0].memory;
	memory->room = 0;
	for (int i = 0; i < 3; i++) {
		char texts[2][3] = { { 'a', (char)('0' + i) }, { 'b', (char)('0' + i) } };
		char keys[2][2] = { "a", "b" };

		for (int j = 0; j < 2; j++) {
			pl_audience room = { .channel = PL_SLICE("room"),
					     .key = pl_slice_make(keys[j], 1) };

			publish(&both.side[0], texts[j], &room);
			keys[j][0] = '?'; /* it was the caller's */
			turn(&both);
		}
	}
	pl_memory_open(memory, SIZE_MAX);
	turn(&both);
	assert_string_equal(sent(&both, 0, 0), "text:a0 text:b0 text:a1 text:b1 text:a2 text:b2 ");
	assert_string_equal(sent(&both, 1, 0), "text:a0 text:b2 text:a2 ");
	close_sides(&both);
}

static void all_workers_see_one_order(void **state)
{
	const pl_audience room = { .channel = PL_SLICE("room") };
	both_sides both;

	(void)state;
	open_sides(&both, 1);
	publish(&both.side[0], "a", &room);
	publish(&both.side[1], "b", &room); /* "a" has not been opened here yet */
	publish(&both.side[0], "c", &room);
	turn(&both);
	assert_string_equal(sent(&both, 0, 0), "text:a text:b text:c ");
	assert_string_equal(sent(&both, 1, 0), "text:a text:b text:c ");
	close_sides(&both);
}

static void only_workers_with_receivers_are_asked(void **state)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	pl_audience one;
	both_sides both;
	pl_guid guid;

	(void)state;
	open_sides(&both, 1);
	guid = *guid_of(&both, 1, 0);
	one = (pl_audience){ .include = &guid, .include_count = 1 };
	assert_int_equal(publish(&both.side[1], "x", &one).workers, 0);
	assert_int_equal(publish(&both.side[0], "x", &one).workers, 1);
	close_side(&both, 1);
	assert_int_equal(publish(&both.side[0], "x", &all).workers, 0);
	assert_int_equal(publish(&both.side[0], "x", &one).workers, 0);
	close_sides(&both);
}

static void a_worker_that_hangs_is_bounded(void **state)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	char text[1000];
	both_sides both;
	pl_reach reach;
	int taken = 0;
	int status = PL_OK;

	(void)state;
	memset(text, 'x', sizeof(text));
	open_sides(&both, 1);
	both.side[0].server->settings.limits.worker_backlog = 10000;
	while (status == PL_OK && taken < 100) {
		status = pl_server_publish(both.side[0].server, PL_KIND_TEXT,
					   pl_slice_make(text, sizeof(text)), 0, &all, &reach);
		taken++;
	}
	assert_int_equal(status, PL_ELIMIT);
	assert_in_range(taken, 8, 11);
	assert_int_equal(reach.connections, 1); /* here it went on */
	assert_int_equal(reach.workers, 0);
	turn(&both); /* it comes back */
	publish(&both.side[0], "on", &all);
	close_sides(&both);
}

static void sessions_end_and_are_pinged_everywhere(void **state)
{
	static const pl_guid nobody;
	both_sides both;
	pl_guid lost;

	(void)state;
	open_sides(&both, 2);
	assert_int_equal(pl_server_ping_all(both.side[0].server, 0), 4);
	turn(&both);
	assert_string_equal(sent(&both, 1, 0), "ping: ");
	assert_string_equal(sent(&both, 0, 1), "ping: ");
	lost = *guid_of(&both, 1, 0);
	assert_true(pl_server_disconnect(both.side[0].server, &lost, 4000));
	turn(&both);
	assert_string_equal(server_client_journal(&both.side[1].clients[0]), "closed:4000 ");
	assert_false(pl_server_disconnect(both.side[1].server, &lost, 4000));
	assert_false(pl_server_disconnect(both.side[0].server, &nobody, 4000));
	assert_int_equal(pl_server_disconnect_all(both.side[0].server, 4001), 3);
	turn(&both);
	assert_string_equal(server_client_journal(&both.side[1].clients[1]), "closed:4001 ");
	assert_string_equal(server_client_journal(&both.side[0].clients[0]), "closed:4001 ");
	assert_int_equal(pl_server_count(both.side[0].server), 0);
	close_sides(&both);
}

/* What clients of event streams send, by way of the other worker. */

enum { STREAM = 5 }; /* the client of side 1 that has one */

static const char *open_stream(both_sides *both)
{
	static char token[64 + 1];
	server_side *side = &both->side[1];
	server_client *client = server_side_dial(side, STREAM);
	const char *begin;

	assert_true(SERVER_FEED(client, "GET /?sgc_transport=sse HTTP/1.1\r\nHost: a\r\n"
					"Accept: text/event-stream\r\n\r\n"));
	server_side_turn(side);
	begin = strstr(ws_words_take(&client->memory.sent), "data: ");
	assert_non_null(begin);
	memcpy(token, begin + 6, 64);
	assert_string_equal(server_client_journal(client), "open ");
	return token;
}

/* A client of side 0 posts so many bytes. */
static void post(both_sides *both, int index, const char *token, size_t len)
{
	server_side *side = &both->side[0];
	char request[8192];
	int head = snprintf(request, sizeof(request),
			    "POST /sgc/xhr/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
			    token, len);

	memset(request + head, 'x', len);
	server_side_dial(side, index);
	assert_true(server_client_feed(&side->clients[index], request, (size_t)head + len));
	server_side_turn(side);
}

/* 0: there is no answer yet. */
static int answer(both_sides *both, int index)
{
	pl_buffer *sent = &both->side[0].clients[index].memory.sent;

	return sent->len > 0 ? atoi(ws_words_take(sent) + 9) : 0;
}

static void a_post_goes_to_the_worker_of_its_stream(void **state)
{
	both_sides both;

	(void)state;
	open_sides(&both, 0);
	post(&both, 0, open_stream(&both), 3);
	assert_int_equal(answer(&both, 0), 0);
	turn(&both);
	assert_int_equal(answer(&both, 0), 204);
	assert_string_equal(server_client_journal(&both.side[1].clients[STREAM]), "text:xxx ");
	close_sides(&both);
}

static void posts_to_a_worker_that_hangs_are_bounded(void **state)
{
	both_sides both;
	const char *token;

	(void)state;
	open_sides(&both, 0);
	token = open_stream(&both);
	both.side[0].server->settings.limits.worker_backlog = 10000;
	for (int i = 0; i < 3; i++) {
		post(&both, i, token, 4000);
		assert_int_equal(answer(&both, i), i < 2 ? 0 : 503);
	}
	turn(&both);
	assert_int_equal(answer(&both, 0), 204);
	assert_int_equal(answer(&both, 1), 204);
	post(&both, 3, token, 4000);
	turn(&both);
	assert_int_equal(answer(&both, 3), 204);
	close_sides(&both);
}

/* It may yet take in what it was sent: nobody is told to send it again. */
static void a_post_does_not_wait_for_ever(void **state)
{
	both_sides both;

	(void)state;
	open_sides(&both, 0);
	post(&both, 0, open_stream(&both), 3);
	pl_loop_skip(both.side[0].loop, (uint64_t)both.side[0].settings.limits.handshake_timeout);
	server_side_turn(&both.side[0]);
	assert_int_equal(answer(&both, 0), 504);
	turn(&both);
	assert_int_equal(answer(&both, 0), 0);
	assert_string_equal(server_client_journal(&both.side[1].clients[STREAM]), "text:xxx ");
	close_sides(&both);
}

static void who_posts_may_leave_before_the_answer(void **state)
{
	both_sides both;
	const char *token;

	(void)state;
	open_sides(&both, 0);
	token = open_stream(&both);
	post(&both, 0, token, 3);
	pl_stream_abort(&both.side[0].clients[0].memory.stream, PL_ECLOSED);
	server_side_turn(&both.side[0]);
	assert_true(both.side[0].clients[0].memory.closed);
	post(&both, 1, token, 3);
	turn(&both);
	assert_int_equal(answer(&both, 1), 204);
	assert_string_equal(server_client_journal(&both.side[1].clients[STREAM]),
			    "text:xxx text:xxx ");
	close_sides(&both);
}

/* Before it has seen what was sent, and when that waits to be read. */
static void the_worker_of_a_stream_may_leave_before_the_answer(void **state)
{
	both_sides both;

	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		open_sides(&both, 0);
		post(&both, 0, open_stream(&both), 3);
		if (seen)
			pl_mailbox_open(pl_group_mailbox(both.side[1].server->group, 2));
		close_side(&both, 1);
		turn(&both);
		assert_int_equal(answer(&both, 0), 404);
		assert_string_equal(server_client_journal(&both.side[1].clients[STREAM]),
				    "closed:1001 ");
		close_sides(&both);
	}
}

static void a_post_may_find_nobody_in_the_other_worker(void **state)
{
	both_sides both;
	const char *token;

	(void)state;
	open_sides(&both, 0);
	token = open_stream(&both);
	pl_memory_end(&both.side[1].clients[STREAM].memory);
	server_side_turn(&both.side[1]);
	post(&both, 0, token, 3);
	pl_server_free(both.side[1].server);
	both.side[1].server = NULL;
	turn(&both);
	assert_int_equal(answer(&both, 0), 404);
	post(&both, 1, token, 3);
	assert_int_equal(answer(&both, 1), 404);
	close_sides(&both);
}

/* Rosters. */

static int roster_status;
static int roster_sessions;
static int roster_workers; /* sum of their numbers */

static void on_roster(pl_roster *roster, int status)
{
	pl_roster_entry entry;
	size_t offset = 0;

	roster_status = status;
	roster_sessions = roster_workers = 0;
	while (pl_roster_next(&roster->entries, &offset, &entry)) {
		assert_true(pl_slice_equal(entry.url, PL_SLICE("/chat")));
		roster_sessions++;
		roster_workers += pl_guid_worker(&entry.guid);
	}
	pl_roster_free(roster);
}

static pl_roster *ask(both_sides *both, int side)
{
	pl_roster *roster;

	roster_status = 1;
	assert_int_equal(pl_roster_collect(&roster, both->side[side].server, on_roster, NULL),
			 PL_OK);
	assert_int_equal(roster_status, 1); /* never at once */
	return roster;
}

static void a_roster_has_all(void **state)
{
	both_sides both;

	(void)state;
	open_sides(&both, 3);
	ask(&both, 0);
	turn(&both);
	assert_int_equal(roster_status, PL_OK);
	assert_int_equal(roster_sessions, 6);
	assert_int_equal(roster_workers, 3 * 1 + 3 * 2);
	close_sides(&both);
}

static void a_roster_waits_only_so_long(void **state)
{
	both_sides both;

	(void)state;
	open_sides(&both, 1);
	ask(&both, 0);
	server_side_turn(&both.side[0]);
	assert_int_equal(roster_status, 1);
	pl_loop_skip(both.side[0].loop, PL_ROSTER_TIMEOUT);
	server_side_turn(&both.side[0]);
	assert_int_equal(roster_status, PL_ETIMEDOUT);
	turn(&both); /* the late answer finds nobody */
	close_sides(&both);
}

static void a_roster_ends_with_either_server(void **state)
{
	both_sides both;

	(void)state;
	open_sides(&both, 1);
	ask(&both, 0);
	close_side(&both, 1); /* which has nobody then */
	turn(&both);
	assert_int_equal(roster_status, PL_OK);
	assert_int_equal(roster_sessions, 1);
	close_sides(&both);

	open_sides(&both, 1);
	ask(&both, 0);
	server_side_stop(&both.side[0]);
	server_side_turn(&both.side[0]);
	assert_int_equal(roster_status, PL_ECANCELED);
	pl_server_free(both.side[0].server);
	both.side[0].server = NULL;
	close_sides(&both);

	open_sides(&both, 1);
	pl_roster_free(ask(&both, 0));
	turn(&both);
	assert_int_equal(roster_status, 1);
	close_sides(&both);
}

/* In threads. */

typedef struct racer {
	both_sides *both;
	int index;
	pthread_barrier_t *barrier;
} racer;

static void *race(void *context)
{
	const pl_audience room = { .channel = PL_SLICE("room") };
	const racer *self = context;
	server_side *side = &self->both->side[self->index];
	char text[32];
	pl_reach reach;

	pthread_barrier_wait(self->barrier);
	for (int i = 0; i < MESSAGES; i++) {
		int len = snprintf(text, sizeof(text), "%d.%d", self->index, i);

		pl_server_publish(side->server, PL_KIND_TEXT, pl_slice_make(text, (size_t)len), 0,
				  &room, &reach);
		if (i % 8 == 0)
			pl_loop_turn(side->loop);
	}
	pthread_barrier_wait(self->barrier);
	server_side_turn(side);
	return NULL;
}

static void in_threads_too_all_see_one_order(void **state)
{
	pthread_t threads[WORKERS];
	racer racers[WORKERS];
	pthread_barrier_t barrier;
	both_sides both;
	pl_buffer first;

	(void)state;
	open_sides(&both, 1);
	pthread_barrier_init(&barrier, NULL, WORKERS);
	for (int i = 0; i < WORKERS; i++) {
		racers[i] = (racer){ &both, i, &barrier };
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	first = both.side[0].clients[0].memory.sent;
	assert_true(first.len > WORKERS * MESSAGES * 5);
	assert_int_equal(first.len, both.side[1].clients[0].memory.sent.len);
	assert_memory_equal(first.data, both.side[1].clients[0].memory.sent.data, first.len);
	close_sides(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_share_address_and_counts),
		cmocka_unit_test(the_second_port_0_is_another_group),
		cmocka_unit_test(whoever_comes_back_gets_its_own_place),
		cmocka_unit_test(a_failed_start_leaves_nothing),
		cmocka_unit_test(what_is_published_reaches_all),
		cmocka_unit_test(a_key_goes_along),
		cmocka_unit_test(all_workers_see_one_order),
		cmocka_unit_test(only_workers_with_receivers_are_asked),
		cmocka_unit_test(a_worker_that_hangs_is_bounded),
		cmocka_unit_test(sessions_end_and_are_pinged_everywhere),
		cmocka_unit_test(a_post_goes_to_the_worker_of_its_stream),
		cmocka_unit_test(posts_to_a_worker_that_hangs_are_bounded),
		cmocka_unit_test(a_post_does_not_wait_for_ever),
		cmocka_unit_test(who_posts_may_leave_before_the_answer),
		cmocka_unit_test(the_worker_of_a_stream_may_leave_before_the_answer),
		cmocka_unit_test(a_post_may_find_nobody_in_the_other_worker),
		cmocka_unit_test(a_roster_has_all),
		cmocka_unit_test(a_roster_waits_only_so_long),
		cmocka_unit_test(a_roster_ends_with_either_server),
		cmocka_unit_test(in_threads_too_all_see_one_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
