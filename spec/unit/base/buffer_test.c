#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "unit/base/prng.h"

static int fail_at_end(void **state)
{
	(void)state;
	pl_alloc_fail_at(0);
	return 0;
}

static void an_empty_buffer_owns_nothing(void **state)
{
	int64_t live = pl_alloc_live();
	pl_buffer buffer = { 0 };

	(void)state;
	assert_int_equal(pl_buffer_reserve(&buffer, 0), PL_OK);
	assert_int_equal(pl_buffer_append(&buffer, NULL, 0), PL_OK);
	pl_buffer_consume(&buffer, 0);
	assert_null(buffer.data);
	assert_int_equal(pl_alloc_live(), live);
	pl_buffer_deinit(&buffer);
	pl_buffer_deinit(&buffer);
}

static void growth_is_by_doubling(void **state)
{
	uint64_t calls = pl_alloc_calls();
	pl_buffer buffer = { 0 };

	(void)state;
	for (int i = 0; i < 1 << 20; i++)
		assert_int_equal(pl_buffer_append(&buffer, "x", 1), PL_OK);
	assert_int_equal(buffer.len, 1 << 20);
	assert_int_equal(buffer.cap, 1 << 20);
	assert_true(pl_alloc_calls() - calls <= 16);
	pl_buffer_deinit(&buffer);
	assert_int_equal(buffer.len + buffer.cap, 0);
	assert_null(buffer.data);
}

static void reserve_keeps_the_bytes_and_makes_the_room(void **state)
{
	pl_buffer buffer = { 0 };

	(void)state;
	assert_int_equal(pl_buffer_append(&buffer, "head", 4), PL_OK);
	assert_int_equal(pl_buffer_reserve(&buffer, 100000), PL_OK);
	assert_true(buffer.cap - buffer.len >= 100000);
	assert_int_equal(buffer.len, 4);
	memset(buffer.data + buffer.len, 'x', 100000);
	assert_memory_equal(buffer.data, "head", 4);
	pl_buffer_deinit(&buffer);
}

static void assert_refused(pl_buffer *buffer, size_t extra)
{
	pl_buffer before = *buffer;
	uint64_t calls = pl_alloc_calls();

	assert_int_equal(pl_buffer_reserve(buffer, extra), PL_ENOMEM);
	assert_memory_equal(buffer, &before, sizeof(before));
	assert_int_equal(pl_alloc_calls(), calls);
}

static void sizes_that_no_object_can_have_are_refused(void **state)
{
	uint8_t byte = 0;
	pl_buffer empty = { 0 };
	pl_buffer huge = { &byte, PTRDIFF_MAX - 5, PTRDIFF_MAX - 5 };

	(void)state;
	assert_refused(&empty, SIZE_MAX);
	assert_refused(&empty, (size_t)PTRDIFF_MAX + 1);
	assert_refused(&huge, 6);
	assert_refused(&huge, SIZE_MAX);
	assert_refused(&huge, SIZE_MAX - huge.len);
	assert_refused(&huge, SIZE_MAX - huge.len + 1);
	assert_int_equal(pl_buffer_append(&huge, &byte, SIZE_MAX - 10), PL_ENOMEM);
}

static void without_memory_nothing_changes(void **state)
{
	pl_buffer buffer = { 0 };

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(pl_buffer_append(&buffer, "x", 1), PL_ENOMEM);
	assert_int_equal(pl_buffer_printf(&buffer, "%d", 1), PL_ENOMEM);
	assert_null(buffer.data);
	pl_alloc_fail_at(0);
	assert_int_equal(pl_buffer_append(&buffer, "abc", 3), PL_OK);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_buffer_reserve(&buffer, 10000), PL_ENOMEM);
	assert_int_equal(pl_buffer_printf(&buffer, "%10000d", 1), PL_ENOMEM);
	assert_int_equal(buffer.len, 3);
	assert_memory_equal(buffer.data, "abc", 3);
	pl_buffer_deinit(&buffer);
}

/* Every length beside every amount of room: the NUL must never cost a byte. */
static void printf_fits_at_every_border(void **state)
{
	char text[256];

	(void)state;
	memset(text, 'y', sizeof(text));
	for (int before = 0; before <= 70; before++) {
		for (int len = 0; len < 140; len++) {
			pl_buffer buffer = { 0 };

			assert_int_equal(pl_buffer_append(&buffer, text, (size_t)before), PL_OK);
			assert_int_equal(pl_buffer_printf(&buffer, "%.*s", len, text), PL_OK);
			assert_int_equal(buffer.len, before + len);
			assert_memory_equal(buffer.data, text, buffer.len);
			pl_buffer_deinit(&buffer);
		}
	}
}

static void printf_appends(void **state)
{
	pl_buffer buffer = { 0 };

	(void)state;
	assert_int_equal(pl_buffer_printf(&buffer, "HTTP/1.1 %d ", 101), PL_OK);
	assert_int_equal(pl_buffer_printf(&buffer, "%s\r\n", "Switching Protocols"), PL_OK);
	assert_int_equal(buffer.len, 34);
	assert_memory_equal(buffer.data, "HTTP/1.1 101 Switching Protocols\r\n", 34);
	pl_buffer_deinit(&buffer);
}

static void what_cannot_be_formatted_is_refused(void **state)
{
	static const wchar_t unprintable[] = { (wchar_t)0x7fffffff, 0 };
	pl_buffer buffer = { 0 };

	(void)state;
	assert_int_equal(pl_buffer_printf(&buffer, "a%ls", unprintable), PL_EINVAL);
	assert_int_equal(buffer.len, 0);
	pl_buffer_deinit(&buffer);
}

static void consume_moves_the_rest_down(void **state)
{
	pl_buffer buffer = { 0 };

	(void)state;
	assert_int_equal(pl_buffer_append(&buffer, "0123456789", 10), PL_OK);
	pl_buffer_consume(&buffer, 3);
	assert_int_equal(buffer.len, 7);
	assert_memory_equal(buffer.data, "3456789", 7);
	pl_buffer_consume(&buffer, 7);
	assert_int_equal(buffer.len, 0);
	assert_non_null(buffer.data);
	pl_buffer_deinit(&buffer);
}

/* The model is a run of numbered bytes of which [first, last) are held. */
static void random_use_is_first_in_first_out(void **state)
{
	uint64_t random = 7;
	uint64_t first = 0, last = 0;
	pl_buffer buffer = { 0 };

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t chunk[300];
		size_t len = prng_below(&random, sizeof(chunk));

		for (size_t i = 0; i < len; i++)
			chunk[i] = (uint8_t)((last + i) * 31);
		assert_int_equal(pl_buffer_append(&buffer, chunk, len), PL_OK);
		last += len;
		len = prng_below(&random, buffer.len + 1);
		pl_buffer_consume(&buffer, len);
		first += len;
		assert_int_equal(buffer.len, last - first);
		for (size_t i = 0; i < buffer.len; i++)
			if (buffer.data[i] != (uint8_t)((first + i) * 31))
				fail_msg("byte %zu in round %d", i, round);
	}
	pl_buffer_deinit(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_owns_nothing),
		cmocka_unit_test(growth_is_by_doubling),
		cmocka_unit_test(reserve_keeps_the_bytes_and_makes_the_room),
		cmocka_unit_test(sizes_that_no_object_can_have_are_refused),
		cmocka_unit_test_teardown(without_memory_nothing_changes, fail_at_end),
		cmocka_unit_test(printf_fits_at_every_border),
		cmocka_unit_test(printf_appends),
		cmocka_unit_test(what_cannot_be_formatted_is_refused),
		cmocka_unit_test(consume_moves_the_rest_down),
		cmocka_unit_test(random_use_is_first_in_first_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
