#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/output.h"
#include "unit/base/prng.h"

typedef struct pipe_state {
	pl_output output;
	pl_chunk_pool pool;
} pipe_state;

static void put(pipe_state *self, const void *data, size_t len)
{
	uint8_t *room = pl_output_reserve(&self->output, &self->pool, len);

	assert_non_null(room);
	memcpy(room, data, len);
	pl_output_commit(&self->output, len);
}

static void put_block(pipe_state *self, const void *data, size_t len)
{
	pl_block *block = pl_block_copy(data, len);

	assert_int_equal(pl_output_append_block(&self->output, &self->pool, block), PL_OK);
	pl_block_unref(block);
}

/* Takes n bytes as a flush does, in pieces of at most `max`. */
static void take(pipe_state *self, uint8_t *out, size_t n, size_t max)
{
	while (n > 0) {
		pl_output_piece pieces[3];
		size_t len;

		assert_true(pl_output_peek(&self->output, pieces, max) > 0);
		len = pieces[0].len < n ? pieces[0].len : n;
		memcpy(out, pieces[0].data, len);
		pl_output_consume(&self->output, &self->pool, len);
		out += len;
		n -= len;
	}
}

static void end(pipe_state *self)
{
	pl_output_clear(&self->output, &self->pool);
	assert_null(self->output.first);
	assert_null(self->output.last);
	assert_int_equal(self->output.len, 0);
	pl_chunk_pool_deinit(&self->pool);
}

static void test_order(void **state)
{
	pipe_state self = { 0 };
	uint8_t got[9];
	int64_t live = pl_alloc_live();

	(void)state;
	put(&self, "abc", 3);
	put_block(&self, "def", 3);
	put(&self, "ghi", 3);
	assert_int_equal(self.output.len, 9);
	take(&self, got, 9, 1);
	assert_memory_equal(got, "abcdefghi", 9);
	assert_int_equal(self.output.len, 0);
	end(&self);
	assert_int_equal(pl_alloc_live(), live);
}

static void test_small_writes_share_a_chunk(void **state)
{
	pipe_state self = { 0 };
	pl_output_piece pieces[3];

	(void)state;
	put(&self, "abc", 3);
	put(&self, "def", 3);
	assert_int_equal(pl_output_peek(&self.output, pieces, 3), 1);
	assert_int_equal(pieces[0].len, 6);
	put_block(&self, "", 0);
	assert_int_equal(pl_output_peek(&self.output, pieces, 3), 1);
	end(&self);
}

/* A block is shared, not copied, and given back once it is sent. */
static void test_blocks(void **state)
{
	pipe_state one = { 0 };
	pipe_state two = { 0 };
	pl_block *block = pl_block_copy("shared", 6);
	pl_output_piece piece;

	(void)state;
	assert_int_equal(pl_output_append_block(&one.output, &one.pool, block), PL_OK);
	assert_int_equal(pl_output_append_block(&two.output, &two.pool, block), PL_OK);
	assert_int_equal(block->refs, 3);
	assert_int_equal(pl_output_peek(&one.output, &piece, 1), 1);
	assert_ptr_equal(piece.data, block->data);
	pl_output_consume(&one.output, &one.pool, 4);
	assert_int_equal(block->refs, 3);
	pl_output_consume(&one.output, &one.pool, 2);
	assert_int_equal(block->refs, 2);
	end(&one);
	end(&two);
	assert_int_equal(block->refs, 1);
	pl_block_unref(block);
}

/* What is reserved but not committed is not there, and a clear gives it back. */
static void test_reserve_only(void **state)
{
	pipe_state self = { 0 };
	pl_output_piece piece;
	int64_t live = pl_alloc_live();

	(void)state;
	assert_non_null(pl_output_reserve(&self.output, &self.pool, 100));
	assert_int_equal(self.output.len, 0);
	assert_int_equal(pl_output_peek(&self.output, &piece, 1), 0);
	end(&self);
	assert_int_equal(pl_alloc_live(), live);
}

/* Chunks come back from the pool: writing and sending in turns allocates once. */
static void test_pool(void **state)
{
	pipe_state self = { 0 };
	uint8_t byte;
	uint64_t calls;

	(void)state;
	put(&self, "x", 1);
	take(&self, &byte, 1, 1);
	calls = pl_alloc_calls();
	for (int i = 0; i < 1000; i++) {
		put(&self, "y", 1);
		take(&self, &byte, 1, 1);
	}
	assert_int_equal(pl_alloc_calls(), calls);
	end(&self);
}

static void test_no_memory(void **state)
{
	pipe_state self = { 0 };
	pl_block *block = pl_block_copy("x", 1);

	(void)state;
	pl_alloc_fail_at(1);
	assert_null(pl_output_reserve(&self.output, &self.pool, 1));
	assert_null(pl_output_reserve(&self.output, &self.pool, SIZE_MAX));
	assert_int_equal(pl_output_append_block(&self.output, &self.pool, block), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(block->refs, 1);
	pl_block_unref(block);
	end(&self);
}

/* Against a plain array: random writes of every size and kind, random sends. */
static void test_model(void **state)
{
	enum { BYTES = 1 << 20 };
	static uint8_t model[BYTES];
	static uint8_t got[BYTES];
	pipe_state self = { 0 };
	uint64_t random = 11;
	size_t written = 0;
	size_t read = 0;

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		model[i] = (uint8_t)(i * 31 + i / 251);
	while (read < BYTES) {
		size_t n = prng_below(&random, prng_below(&random, 4) ? 600 : 40000) + 1;

		if (prng_below(&random, 2) && written < BYTES) {
			n = n < BYTES - written ? n : BYTES - written;
			if (prng_below(&random, 3))
				put(&self, model + written, n);
			else
				put_block(&self, model + written, n);
			written += n;
		} else {
			n = n < written - read ? n : written - read;
			take(&self, got + read, n, 3);
			read += n;
		}
		assert_int_equal(self.output.len, written - read);
	}
	assert_memory_equal(model, got, BYTES);
	end(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),  cmocka_unit_test(test_small_writes_share_a_chunk),
		cmocka_unit_test(test_blocks), cmocka_unit_test(test_reserve_only),
		cmocka_unit_test(test_pool),   cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
