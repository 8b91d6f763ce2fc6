#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "server/tokens.h"

static pl_limits limits;
static pl_tokens tokens;

static int set_up(void **state)
{
	(void)state;
	pl_limits_init(&limits);
	pl_tokens_init(&tokens);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pl_tokens_deinit(&tokens);
	return 0;
}

static int make(uint64_t now, const char *user, char out[PL_TOKEN_SIZE])
{
	return pl_tokens_new(&tokens, &limits, now, pl_slice_make(user, strlen(user)), 100, out);
}

static const char *find(uint64_t now, const char *token, size_t len)
{
	static char user[PL_TOKEN_USER_MAX + 1];
	ptrdiff_t found = pl_tokens_find(&tokens, now, pl_slice_make(token, len), user);

	if (found < 0)
		return NULL;
	user[found] = '\0';
	return user;
}

static void a_token_says_whose_it_is(void **state)
{
	char one[PL_TOKEN_SIZE], two[PL_TOKEN_SIZE];

	(void)state;
	assert_int_equal(make(0, "admin", one), PL_OK);
	assert_int_equal(make(0, "", two), PL_OK);
	assert_memory_not_equal(one, two, PL_TOKEN_SIZE);
	assert_string_equal(find(0, one, PL_TOKEN_SIZE), "admin");
	assert_string_equal(find(99, two, PL_TOKEN_SIZE), "");
	assert_null(find(0, one, PL_TOKEN_SIZE - 1));
	one[PL_TOKEN_SIZE - 1] ^= 1;
	assert_null(find(0, one, PL_TOKEN_SIZE));
	assert_null(find(0, "", 0));
}

static void it_ends_in_time(void **state)
{
	char one[PL_TOKEN_SIZE], two[PL_TOKEN_SIZE];

	(void)state;
	make(0, "admin", one);
	make(50, "admin", two);
	assert_non_null(find(99, one, PL_TOKEN_SIZE));
	assert_null(find(100, one, PL_TOKEN_SIZE));
	assert_non_null(find(149, two, PL_TOKEN_SIZE));
	assert_null(find(150, two, PL_TOKEN_SIZE));
	assert_int_equal(tokens.by_user.count, 0);
}

static void a_users_oldest_makes_room(void **state)
{
	char one[PL_TOKEN_SIZE], two[PL_TOKEN_SIZE], three[PL_TOKEN_SIZE], other[PL_TOKEN_SIZE];

	(void)state;
	limits.login_sessions_per_user = 2;
	limits.login_sessions = 3;
	make(0, "other", other);
	make(0, "admin", one);
	make(0, "admin", two);
	assert_int_equal(make(0, "admin", three), PL_OK);
	assert_null(find(0, one, PL_TOKEN_SIZE));
	assert_non_null(find(0, two, PL_TOKEN_SIZE));
	assert_non_null(find(0, three, PL_TOKEN_SIZE));
	assert_non_null(find(0, other, PL_TOKEN_SIZE));
	assert_int_equal(make(0, "third", one), PL_ELIMIT);
	assert_int_equal(make(100, "third", one), PL_OK);
	/* One alone, over and over. */
	limits.login_sessions_per_user = 1;
	assert_int_equal(make(100, "third", two), PL_OK);
	assert_null(find(100, one, PL_TOKEN_SIZE));
	assert_string_equal(find(100, two, PL_TOKEN_SIZE), "third");
}

static void all_of_a_user_end(void **state)
{
	char one[PL_TOKEN_SIZE], two[PL_TOKEN_SIZE];

	(void)state;
	make(0, "admin", one);
	make(0, "admin", one);
	make(0, "other", two);
	assert_int_equal(pl_tokens_end(&tokens, PL_SLICE("nobody")), 0);
	assert_int_equal(pl_tokens_end(&tokens, PL_SLICE("admin")), 2);
	assert_int_equal(pl_tokens_end(&tokens, PL_SLICE("admin")), 0);
	assert_null(find(0, one, PL_TOKEN_SIZE));
	assert_non_null(find(0, two, PL_TOKEN_SIZE));
}

static void without_memory_there_is_none(void **state)
{
	char one[PL_TOKEN_SIZE];
	int64_t live = pl_alloc_live();
	long n = 0;
	int status;

	(void)state;
	do {
		pl_alloc_fail_at(++n);
		status = make(0, "admin", one);
		pl_alloc_fail_at(0);
		assert_true(status == PL_OK || status == PL_ENOMEM);
	} while (status && n < 20);
	assert_int_equal(status, PL_OK);
	assert_true(n > 3);
	assert_string_equal(find(0, one, PL_TOKEN_SIZE), "admin");
	pl_tokens_end(&tokens, PL_SLICE("admin"));
	assert_true(pl_alloc_live() <= live + 2); /* the two tables */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_token_says_whose_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_ends_in_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_users_oldest_makes_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_of_a_user_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_memory_there_is_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
