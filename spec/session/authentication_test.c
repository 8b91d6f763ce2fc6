/*
 * Who is let in: hashes on the thread pool, questions to the script, and what becomes of them when
 * the client or the server goes, or memory does.
 *
 * covers: server/authentication.c server/login.c server/verdict.c
 */
#include "session/server_side.h"

#include "base/alloc.h"

/* Of "pleaseletmein" (RFC 7914 12). */
#define HASH                                                                                       \
	"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"                                               \
	"cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
/* The same, as cheap as can be. */
#define CHEAP "$scrypt$ln=1,r=1,p=1$U29kaXVtQ2hsb3JpZGU$xybw82QNEc+HBBf92qm1bahXOy7xwa4dEfgQnannTXI"
#define BASIC(path, word)                                                                          \
	"GET " path " HTTP/1.1\r\nHost: a\r\nAuthorization: Basic " word "\r\n\r\n"
#define PLAIN "YTpi"				/* a:b */
#define HASHED "aGFzaGVkOnBsZWFzZWxldG1laW4="	/* hashed:pleaseletmein */
#define HASHED_WRONG "aGFzaGVkOnBsZWFzZWxldG1l" /* hashed:pleaseletme */

static pl_users *make_users(pl_slice hash)
{
	const pl_user_entry list[] = { { PL_SLICE("a"), PL_SLICE("b") },
				       { PL_SLICE("hashed"), hash } };
	pl_users *users = NULL;

	pl_users_new(&users, list, 2);
	return users;
}

static void prepare(server_side *side, unsigned asks)
{
	server_side_init(side);
	side->asks = asks;
	side->settings.authentication = (pl_authentication_settings){
		.enabled = true,
		.ways = { true, true, true },
		.realm = PL_SLICE("test"),
		.session_lifetime = 60000,
	};
}

static server_client *begin(server_side *side, unsigned asks)
{
	prepare(side, asks);
	side->settings.authentication.users = make_users(PL_SLICE(HASH));
	assert_non_null(side->settings.authentication.users);
	assert_int_equal(server_side_start(side), PL_OK);
	return server_side_dial(side, 0);
}

/* The status of the answer; 0: there is none. */
static int status_of(server_client *client)
{
	const pl_buffer *sent = &client->memory.sent;
	const char *at = sent->len > 12 ? memmem(sent->data, sent->len - 3, "HTTP/1.1 ", 9) : NULL;
	char digits[4] = "";

	if (at)
		memcpy(digits, at + 9, 3);
	return atoi(digits);
}

/* Turns until there is an answer or nothing holds the loop any more: the pool takes real time. */
static int await(server_side *side, server_client *client)
{
	for (int i = 0; i < 100000 && !status_of(client) && !client->memory.closed; i++)
		pl_loop_turn(side->loop);
	return status_of(client);
}

static void await_pool(server_side *side)
{
	while (pl_loop_held(side->loop))
		pl_loop_wait(side->loop);
}

/* All clients do. */
static void vanish(server_side *side)
{
	pl_list *node, *next;

	for (node = side->server->conns.next; node != &side->server->conns; node = next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		next = node->next;
		conn->ops->abort(conn, PL_ECLOSED);
	}
}

static void a_password_is_hashed_on_the_pool(void **state)
{
	server_side side;
	server_client *client = begin(&side, 0);

	(void)state;
	assert_true(SERVER_FEED(client, BASIC("/", HASHED)));
	pl_loop_turn(side.loop);
	while (!status_of(client))
		pl_loop_wait(side.loop);
	assert_int_equal(status_of(client), 200);
	server_side_turn(&side);
	client->memory.sent.len = 0;
	assert_true(SERVER_FEED(client, BASIC("/", HASHED)));
	assert_int_equal(await(&side, client), 200); /* is remembered */
	server_side_turn(&side);
	client->memory.sent.len = 0;
	assert_true(SERVER_FEED(client, BASIC("/", HASHED_WRONG)));
	while (!status_of(client))
		pl_loop_wait(side.loop);
	assert_int_equal(status_of(client), 401);
	assert_int_equal(side.errors, 1);
	server_side_close(&side);
}

static void a_client_may_go_while_it_is_hashed(void **state)
{
	int64_t live = pl_alloc_live();
	server_side side;
	server_client *client = begin(&side, 0);

	(void)state;
	assert_true(SERVER_FEED(client, BASIC("/", HASHED)));
	pl_loop_turn(side.loop);
	vanish(&side);
	server_side_turn(&side);
	await_pool(&side);
	server_side_close(&side);
	assert_int_equal(pl_alloc_live(), live);
}

/* The server, too. */
static void a_server_may_go_while_it_is_hashed(void **state)
{
	int64_t live = pl_alloc_live();
	server_side side;
	server_client *client = begin(&side, 0);

	(void)state;
	side.server->settings.limits.password_hashes = 1;
	for (int i = 1; i < 4; i++) {
		client = server_side_dial(&side, i);
		assert_true(SERVER_FEED(client, BASIC("/", HASHED)));
	}
	server_side_stop(&side);
	assert_int_equal(status_of(client), 503);
	pl_server_free(side.server);
	side.server = NULL;
	await_pool(&side);
	server_side_close(&side);
	assert_int_equal(pl_alloc_live(), live);
}

static void the_script_may_answer_too_late(void **state)
{
	int64_t live = pl_alloc_live();
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_LOGIN);

	(void)state;
	assert_true(SERVER_FEED(client, SERVER_SIDE_GET("/")));
	assert_true(pl_login_pending(side.login));
	assert_int_equal(pl_login_user(side.login).len, 0);
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout);
	server_side_turn(&side);
	assert_int_equal(status_of(client), 503);
	assert_false(pl_login_pending(side.login));
	pl_login_end(side.login, true, pl_slice_make(NULL, 0));

	client = server_side_dial(&side, 1);
	assert_true(SERVER_FEED(client, BASIC("/", "YTpj")));
	assert_true(pl_slice_equal(pl_login_user(side.login), PL_SLICE("a")));
	assert_true(pl_slice_equal(pl_login_password(side.login), PL_SLICE("c")));
	vanish(&side);
	server_side_turn(&side);
	assert_false(pl_login_pending(side.login));
	pl_login_end(side.login, true, pl_slice_make(NULL, 0));
	server_side_close(&side);
	assert_int_equal(pl_alloc_live(), live);
}

/* What a client says of itself on the way to a question is not who it is. */
static void nobody_is_believed_where_nothing_is_checked(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_COMMAND);

	(void)state;
	assert_true(SERVER_FEED(client, BASIC("/late", "YTp3cm9uZw=="))); /* a:wrong */
	assert_true(pl_slice_equal(pl_login_request(side.login)->path, PL_SLICE("/late")));
	pl_login_end(side.login, true, pl_slice_make(NULL, 0));
	server_side_turn(&side);
	assert_non_null(side.late);
	for (pl_list *node = side.server->conns.next; node != &side.server->conns;
	     node = node->next)
		assert_int_equal(pl_conn_info_user(PL_CONTAINER(node, pl_conn, node)->info).len, 0);
	pl_exchange_answer(side.late, 200, NULL);
	client = server_side_dial(&side, 1);
	assert_true(SERVER_FEED(client, BASIC("/", "YTp3cm9uZw==")));
	pl_login_end(side.login, false, pl_slice_make(NULL, 0));
	assert_int_equal(await(&side, client), 401);
	server_side_close(&side);
}

/* One request after the other; what is asked is answered with yes. */
static void talk(server_side *side, const char *const *requests, const int *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		server_client *client = server_side_dial(side, (int)i);
		int status;

		side->login = NULL;
		if (server_client_feed(client, requests[i], strlen(requests[i]))) {
			for (int n = 0; n < 20 && !status_of(client); n++) {
				pl_login *asked = side->login;

				side->login = NULL;
				if (asked)
					pl_login_end(asked, true, PL_SLICE("eve"));
				if (pl_loop_held(side->loop))
					pl_loop_wait(side->loop);
				else
					pl_loop_turn(side->loop);
			}
		}
		status = status_of(client);
		if (status != 0 && status != 503 && status != 500)
			assert_int_equal(status, expected[i]);
	}
}

static void without_memory_nobody_comes_in_and_nothing_breaks(void **state)
{
	static const char *const requests[] = {
		BASIC("/", HASHED),
		BASIC("/", HASHED_WRONG),
		BASIC("/sgc/req/auth/session", PLAIN),
		SERVER_SIDE_GET("/sgc/auth/url/a/b/"),
		"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n",
		BASIC("/", "YTpj"),
	};
	static const int expected[] = { 200, 401, 200, 200, 200, 401 };
	int64_t live = pl_alloc_live();
	bool failed = true;
	uint64_t n;

	(void)state;
	for (n = 1; failed && n < 500; n++) {
		server_side side;
		uint64_t before;

		prepare(&side, 1 << PL_ASKS_OTHER_LOGIN);
		side.settings.limits.failed_logins = 10;
		before = pl_alloc_calls();
		pl_alloc_fail_at(n);
		side.settings.authentication.users = make_users(PL_SLICE(CHEAP));
		failed = !side.settings.authentication.users || server_side_start(&side);
		if (!failed) {
			talk(&side, requests, expected, 6);
			failed = pl_alloc_calls() - before >= n;
		}
		pl_alloc_fail_at(0);
		await_pool(&side);
		server_side_close(&side);
		assert_int_equal(pl_alloc_live(), live);
	}
	assert_false(failed);
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_hashed_on_the_pool),
		cmocka_unit_test(a_client_may_go_while_it_is_hashed),
		cmocka_unit_test(a_server_may_go_while_it_is_hashed),
		cmocka_unit_test(the_script_may_answer_too_late),
		cmocka_unit_test(nobody_is_believed_where_nothing_is_checked),
		cmocka_unit_test(without_memory_nobody_comes_in_and_nothing_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
