#include "unit/codec/bytes.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "server/users.h"

/* Of "secret", as cheap as can be. */
#define HASH "$scrypt$ln=1,r=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$HASHHASHHASHHASHHASHHA"
#define OTHER "$scrypt$ln=2,r=2,p=2$AAAAAAAAAAAAAAAAAAAAAA$HASHHASHHASHHASHHASHHA"

static pl_users *make(const pl_user_entry *list, size_t count, int expected)
{
	pl_users *users = NULL;

	assert_int_equal(pl_users_new(&users, list, count), expected);
	return users;
}

static const pl_user_entry list[] = {
	{ PL_SLICE("plain"), PL_SLICE("word") },
	{ PL_SLICE("hashed"), PL_SLICE(HASH) },
	{ PL_SLICE("dear"), PL_SLICE(OTHER) },
};

static enum pl_users_answer ask(const pl_users *users, const char *name, const char *password,
				pl_users_check *check)
{
	return pl_users_check_now(users, 1000, pl_slice_make(name, strlen(name)),
				  pl_slice_make(password, strlen(password)), check);
}

static void plain_passwords_are_compared_at_once(void **state)
{
	pl_users *users = make(list, 1, PL_OK);
	pl_users_check check;

	(void)state;
	assert_int_equal(ask(users, "plain", "word", &check), PL_USERS_RIGHT);
	assert_int_equal(ask(users, "plain", "wor", &check), PL_USERS_WRONG);
	assert_int_equal(ask(users, "plain", "", &check), PL_USERS_WRONG);
	assert_int_equal(ask(users, "plai", "word", &check), PL_USERS_WRONG);
	assert_int_equal(ask(users, "", "word", &check), PL_USERS_WRONG);
	pl_users_free(users);
}

static void hashes_are_for_others_to_make(void **state)
{
	pl_users *users = make(list, 3, PL_OK);
	pl_users_check check, again;

	(void)state;
	assert_int_equal(ask(users, "hashed", "secret", &check), PL_USERS_HASH);
	assert_true(check.known);
	assert_int_equal(check.hash.log_n, 1);
	/* Only what was found right is known again, for a time, and of this user. */
	pl_users_remember(users, 1000, &check);
	assert_int_equal(ask(users, "hashed", "secret", &again), PL_USERS_RIGHT);
	assert_int_equal(ask(users, "hashed", "Secret", &again), PL_USERS_HASH);
	assert_int_equal(ask(users, "dear", "secret", &again), PL_USERS_HASH);
	assert_int_equal(pl_users_check_now(users, 1000 + PL_USERS_MEMORY, PL_SLICE("hashed"),
					    PL_SLICE("secret"), &again),
			 PL_USERS_HASH);
	pl_users_free(users);
}

/* A name that is not there costs what one that is there costs, always the same one. */
static void strangers_are_like_users(void **state)
{
	pl_users *users = make(list, 3, PL_OK);
	int seen[3] = { 0 };
	char name[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		pl_users_check check, again;
		int first;

		snprintf(name, sizeof(name), "stranger %d", i);
		first = ask(users, name, "word", &check);
		assert_int_not_equal(first, PL_USERS_RIGHT);
		assert_false(check.known);
		assert_int_equal(ask(users, name, "secret", &again), first);
		assert_int_equal(again.index, check.index);
		assert_int_equal(first, check.index == 0 ? PL_USERS_WRONG : PL_USERS_HASH);
		seen[check.index]++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 50, 150);
	pl_users_free(users);
}

/* Also when it stands in for a user whose password was right. */
static void strangers_are_not_let_in_by_what_is_remembered(void **state)
{
	pl_users *users = make(list + 1, 1, PL_OK);
	pl_users_check check;

	(void)state;
	ask(users, "hashed", "secret", &check);
	pl_users_remember(users, 1000, &check);
	assert_int_equal(ask(users, "stranger", "secret", &check), PL_USERS_HASH);
	assert_false(check.known);
	pl_users_free(users);
}

static void an_empty_list_knows_nobody(void **state)
{
	pl_users *users = make(NULL, 0, PL_OK);
	pl_users_check check;

	(void)state;
	assert_int_equal(ask(users, "a", "b", &check), PL_USERS_WRONG);
	pl_users_free(users);
	pl_users_free(NULL);
}

static void a_bad_list_is_refused(void **state)
{
	static const pl_user_entry twice[] = { { PL_SLICE("a"), PL_SLICE("b") },
					       { PL_SLICE("a"), PL_SLICE("c") } };
	static const pl_user_entry bad[] = { { PL_SLICE("a"), PL_SLICE("$scrypt$x") } };

	(void)state;
	make(twice, 2, PL_EINVAL);
	make(bad, 1, PL_EINVAL);
}

static void without_memory_there_is_none(void **state)
{
	int64_t live = pl_alloc_live();
	pl_users *users = NULL;
	long n = 0;
	int status;

	(void)state;
	do {
		pl_alloc_fail_at(++n);
		status = pl_users_new(&users, list, 3);
		pl_alloc_fail_at(0);
		if (status)
			assert_int_equal(pl_alloc_live(), live);
	} while (status && n < 10);
	assert_int_equal(status, PL_OK);
	pl_users_free(users);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_passwords_are_compared_at_once),
		cmocka_unit_test(hashes_are_for_others_to_make),
		cmocka_unit_test(strangers_are_like_users),
		cmocka_unit_test(strangers_are_not_let_in_by_what_is_remembered),
		cmocka_unit_test(an_empty_list_knows_nobody),
		cmocka_unit_test(a_bad_list_is_refused),
		cmocka_unit_test(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
