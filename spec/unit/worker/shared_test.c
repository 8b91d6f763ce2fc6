#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "worker/shared.h"

enum { THREADS = 4, ROUNDS = 5000 };

static pl_shared *shared;
static uint64_t now = 1000;

static int set_up(void **state)
{
	(void)state;
	shared = pl_shared_new();
	now = 1000;
	return shared ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	pl_shared_free(shared);
	return 0;
}

static pl_shared_value text(const char *bytes)
{
	pl_shared_value value = { .kind = PL_SHARED_STRING };

	value.string = pl_block_copy(bytes, strlen(bytes));
	assert_non_null(value.string);
	return value;
}

static pl_slice name_of(const char *name)
{
	return pl_slice_make(name, strlen(name));
}

static int set(const char *name, const char *bytes, uint64_t lifetime)
{
	pl_shared_value value = text(bytes);
	int status = pl_shared_set(shared, now, name_of(name), &value, lifetime);

	pl_shared_value_deinit(&value);
	return status;
}

/* The text, or "-" for none. */
static const char *get(const char *name)
{
	static char bytes[64];
	pl_shared_value value;

	pl_shared_get(shared, now, name_of(name), &value);
	if (value.kind == PL_SHARED_NONE)
		return "-";
	assert_int_equal(value.kind, PL_SHARED_STRING);
	snprintf(bytes, sizeof(bytes), "%.*s", (int)value.string->len,
		 (const char *)value.string->data);
	pl_shared_value_deinit(&value);
	return bytes;
}

static size_t bytes_held(size_t *count)
{
	size_t bytes;
	size_t limit;

	pl_shared_size(shared, now, count, &bytes, &limit);
	return bytes;
}

static void values_are_set_replaced_and_taken(void **state)
{
	const pl_shared_value none = { .kind = PL_SHARED_NONE };
	const pl_shared_value yes = { .kind = PL_SHARED_BOOLEAN, .boolean = true };
	pl_shared_value value;
	size_t count;

	(void)state;
	assert_string_equal(get("a"), "-");
	assert_int_equal(set("a", "one", 0), PL_OK);
	assert_int_equal(set("b", "two", 0), PL_OK);
	assert_int_equal(set("a", "three", 0), PL_OK);
	assert_string_equal(get("a"), "three");
	assert_int_equal(bytes_held(&count), 2 * PL_SHARED_OVERHEAD + 1 + 5 + 1 + 3);
	assert_int_equal(count, 2);
	pl_shared_take(shared, now, name_of("a"), &value);
	assert_memory_equal(value.string->data, "three", 5);
	pl_shared_value_deinit(&value);
	assert_string_equal(get("a"), "-");
	pl_shared_take(shared, now, name_of("a"), &value);
	assert_int_equal(value.kind, PL_SHARED_NONE);
	assert_int_equal(pl_shared_set(shared, now, name_of("b"), &yes, 0), PL_OK);
	pl_shared_get(shared, now, name_of("b"), &value);
	assert_int_equal(value.kind, PL_SHARED_BOOLEAN);
	assert_true(value.boolean);
	assert_int_equal(pl_shared_set(shared, now, name_of("b"), &none, 0), PL_OK);
	assert_int_equal(bytes_held(&count), 0);
	assert_int_equal(count, 0);
}

static void names_are_bounded(void **state)
{
	char name[PL_SHARED_NAME_MAX + 1];
	const pl_shared_value yes = { .kind = PL_SHARED_BOOLEAN, .boolean = true };
	size_t count;

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_int_equal(set("", "x", 0), PL_EINVAL);
	assert_int_equal(pl_shared_set(shared, now, pl_slice_make(name, sizeof(name)), &yes, 0),
			 PL_EINVAL);
	assert_int_equal(bytes_held(&count), 0);
	assert_int_equal(pl_shared_set(shared, now, pl_slice_make(name, sizeof(name) - 1), &yes, 0),
			 PL_OK);
}

static void values_end(void **state)
{
	size_t count;

	(void)state;
	assert_int_equal(set("short", "x", 50), PL_OK);
	assert_int_equal(set("long", "x", 5000), PL_OK);
	assert_int_equal(set("kept", "x", 50), PL_OK);
	assert_int_equal(set("kept", "y", 0), PL_OK);
	now += 49;
	assert_string_equal(get("short"), "x");
	now += 1;
	assert_string_equal(get("short"), "-");
	assert_string_equal(get("long"), "x");
	assert_string_equal(get("kept"), "y");
	now += 5000;
	bytes_held(&count);
	assert_int_equal(count, 1);
	now -= 3000; /* another worker's clock is behind */
	assert_string_equal(get("long"), "-");
}

static bool swap(const char *name, const pl_shared_value *expected, const char *bytes)
{
	pl_shared_value value = text(bytes);
	bool done;

	assert_int_equal(pl_shared_swap(shared, now, name_of(name), expected, &value, 0, &done),
			 PL_OK);
	pl_shared_value_deinit(&value);
	return done;
}

static void a_swap_needs_the_value_that_is_expected(void **state)
{
	const pl_shared_value none = { .kind = PL_SHARED_NONE };
	const pl_shared_value number = { .kind = PL_SHARED_NUMBER, .number = 1 };
	pl_shared_value one = text("one");

	(void)state;
	assert_false(swap("a", &one, "x"));
	assert_true(swap("a", &none, "one"));
	assert_false(swap("a", &none, "x"));
	assert_false(swap("a", &number, "x"));
	assert_true(swap("a", &one, "two"));
	assert_false(swap("a", &one, "x"));
	assert_string_equal(get("a"), "two");
	pl_shared_value_deinit(&one);
}

static void a_nan_is_expected_like_any_value(void **state)
{
	const pl_shared_value nan = { .kind = PL_SHARED_NUMBER, .number = NAN };

	(void)state;
	assert_int_equal(pl_shared_set(shared, now, name_of("n"), &nan, 0), PL_OK);
	assert_true(swap("n", &nan, "one"));
	assert_false(swap("n", &nan, "two"));
}

static void numbers_are_counted(void **state)
{
	double result;

	(void)state;
	assert_int_equal(pl_shared_increment(shared, now, name_of("n"), 2, 100, &result), PL_OK);
	assert_true(result == 2);
	assert_int_equal(pl_shared_increment(shared, now, name_of("n"), -3, 0, &result), PL_OK);
	assert_true(result == -1);
	now += 100; /* the second call did not change its end */
	assert_int_equal(pl_shared_increment(shared, now, name_of("n"), 1, 0, &result), PL_OK);
	assert_true(result == 1);
	assert_int_equal(set("s", "text", 0), PL_OK);
	assert_int_equal(pl_shared_increment(shared, now, name_of("s"), 1, 0, &result), PL_ESTATE);
	assert_string_equal(get("s"), "text");
}

static void no_more_is_held_than_may_be(void **state)
{
	size_t count;

	(void)state;
	pl_shared_set_limit(shared, 2 * PL_SHARED_OVERHEAD + 10);
	assert_int_equal(set("a", "1234", 0), PL_OK);
	assert_int_equal(set("b", "12345", 0), PL_ELIMIT);
	assert_int_equal(set("b", "1234", 0), PL_OK);
	assert_int_equal(set("c", "", 0), PL_ELIMIT);
	assert_int_equal(set("a", "12345", 0), PL_ELIMIT);
	assert_string_equal(get("a"), "1234");
	assert_int_equal(set("a", "1", 1), PL_OK);
	assert_int_equal(set("b", "1234567", 0), PL_OK);
	assert_int_equal(bytes_held(&count), 2 * PL_SHARED_OVERHEAD + 10);
	now += 1; /* "a" has ended, its place is free */
	bytes_held(&count);
	assert_int_equal(set("c", "1", 0), PL_OK);
}

/* The lengths of the names and the names themselves, as "1a 2bb ". */
static const char *names(const char *prefix, size_t most)
{
	static char list[256];
	pl_buffer buffer = { 0 };
	size_t len = 0;
	size_t at = 0;

	assert_int_equal(pl_shared_names(shared, now, name_of(prefix), most, &buffer), PL_OK);
	list[0] = '\0';
	while (at < buffer.len) {
		size_t name_len;

		memcpy(&name_len, buffer.data + at, sizeof(name_len));
		at += sizeof(name_len);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%.*s ", (int)name_len,
					(const char *)buffer.data + at);
		at += name_len;
	}
	pl_buffer_deinit(&buffer);
	return list;
}

static void names_are_listed(void **state)
{
	(void)state;
	assert_string_equal(names("", 10), "");
	assert_int_equal(set("room:one", "x", 0), PL_OK);
	assert_int_equal(set("ro", "x", 0), PL_OK);
	assert_int_equal(set("other", "x", 10), PL_OK);
	assert_string_equal(names("room:", 10), "room:one ");
	assert_int_equal(strlen(names("", 10)), strlen("room:one ro other "));
	assert_int_equal(strlen(names("", 1)) > 0, 1);
	now += 10;
	assert_string_equal(names("o", 10), "");
}

static void *count_up(void *unused)
{
	pl_shared_value value;
	double result;

	for (int i = 0; i < ROUNDS; i++) {
		char name[16];

		assert_int_equal(pl_shared_increment(shared, now, name_of("sum"), 1, 0, &result),
				 PL_OK);
		snprintf(name, sizeof(name), "%d", i % 100);
		set(name, name, i % 3 ? 0 : 1);
		pl_shared_get(shared, now, name_of(name), &value);
		pl_shared_value_deinit(&value);
	}
	return unused;
}

static void threads_do_not_lose_counts(void **state)
{
	pthread_t threads[THREADS];
	double result;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pl_shared_increment(shared, now, name_of("sum"), 0, 0, &result);
	assert_true(result == THREADS * ROUNDS);
}

static void without_memory_nothing_changes(void **state)
{
	pl_shared_value value = text("x");
	int status = PL_ENOMEM;
	size_t count;

	(void)state;
	for (uint64_t nth = 1; status == PL_ENOMEM; nth++) {
		pl_alloc_fail_at(nth);
		status = pl_shared_set(shared, now, name_of("a"), &value, 0);
		pl_alloc_fail_at(0);
		if (status) {
			assert_int_equal(status, PL_ENOMEM);
			assert_int_equal(bytes_held(&count), 0);
		}
	}
	assert_int_equal(status, PL_OK);
	pl_shared_value_deinit(&value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(values_are_set_replaced_and_taken),
		TEST(names_are_bounded),
		TEST(values_end),
		TEST(a_swap_needs_the_value_that_is_expected),
		TEST(a_nan_is_expected_like_any_value),
		TEST(numbers_are_counted),
		TEST(no_more_is_held_than_may_be),
		TEST(names_are_listed),
		TEST(threads_do_not_lose_counts),
		TEST(without_memory_nothing_changes),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
