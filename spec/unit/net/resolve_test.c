#include "unit/net/turns.h"

#include "net/resolve.h"

static pl_loop *loop;
static int status;
static size_t count;
static pl_address found[PL_RESOLVE_MAX];

static void on_done(void *owner, int how, const pl_address *addresses, size_t n)
{
	(void)owner;
	status = how;
	count = n;
	if (n > 0)
		memcpy(found, addresses, n * sizeof(*addresses));
}

static int start(pl_resolve **resolve, const char *name, size_t len)
{
	status = 1;
	return pl_resolve_start(resolve, loop, pl_slice_make(name, len), 80, on_done, NULL);
}

/* The addresses as words. */
static const char *resolve(const char *name)
{
	static char words[PL_RESOLVE_MAX * PL_ADDRESS_TEXT];
	pl_resolve *at_work;
	size_t len = 0;

	assert_int_equal(start(&at_work, name, strlen(name)), PL_OK);
	assert_int_equal(status, 1);
	pl_loop_run(loop); /* which it holds */
	if (status)
		return pl_status_name(status);
	for (size_t i = 0; i < count; i++) {
		char text[PL_ADDRESS_TEXT];

		assert_int_equal(found[i].port, 80);
		pl_address_ip(&found[i], text);
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s ", text);
	}
	return words;
}

static int set_up(void **state)
{
	(void)state;
	return pl_loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	pl_loop_free(loop);
	return 0;
}

static void addresses_are_their_own_answer(void **state)
{
	(void)state;
	assert_string_equal(resolve("127.0.0.1"), "127.0.0.1 ");
	assert_string_equal(resolve("::1"), "::1 ");
	assert_string_equal(resolve("[::1]"), "::1 ");
	assert_string_equal(resolve("[127.0.0.1]"), "EHOST");
	assert_string_equal(resolve("["), "EHOST");
}

static void localhost_is_this_machine(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "localhost", "LOCALHOST.", "a.localhost",
						     "a.b.localhost." };

		assert_string_equal(resolve(names[i]), "127.0.0.1 ::1 ");
	}
}

static void what_is_no_name_is_refused(void **state)
{
	char name[PL_RESOLVE_NAME_MAX + 1];
	pl_resolve *none;

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(start(&none, "", 0), PL_EINVAL);
	assert_int_equal(start(&none, "a\0b", 3), PL_EINVAL);
	assert_int_equal(start(&none, name, sizeof(name)), PL_EINVAL);
	/* For ever unknown (RFC 6761 6.4). */
	assert_string_equal(resolve("nobody.invalid"), "EHOST");
}

static void it_can_be_cancelled(void **state)
{
	static const char *const names[] = { "127.0.0.1", "nobody.invalid" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pl_resolve *at_work;

		assert_int_equal(start(&at_work, names[i], strlen(names[i])), PL_OK);
		pl_resolve_cancel(at_work);
		pl_loop_run(loop);
		assert_int_equal(status, 1);
	}
}

static void without_memory_there_is_no_answer(void **state)
{
	pl_resolve *none;

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(start(&none, "127.0.0.1", 9), PL_ENOMEM);
	pl_alloc_fail_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(addresses_are_their_own_answer),	 TEST(localhost_is_this_machine),
		TEST(what_is_no_name_is_refused),	 TEST(it_can_be_cancelled),
		TEST(without_memory_there_is_no_answer),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
