/* permessage-deflate: the examples of RFC 7692, windows, pools, bombs, garbage, no memory. */
#include "unit/codec/bytes.h"

#include <stdio.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "unit/base/prng.h"
#include "ws/ws_deflate.h"

enum { LIMIT = 1 << 20, MEM_LEVEL = 8, LEVEL = 6, LARGE = 200000 };

static pl_ws_deflate_pool *pool;

static int open_pool(void **state)
{
	(void)state;
	pool = pl_ws_deflate_pool_new(MEM_LEVEL, LEVEL);
	return pool ? 0 : -1;
}

static int free_pool(void **state)
{
	(void)state;
	pl_ws_deflate_pool_free(pool);
	return 0;
}

static pl_ws_deflate_terms terms_of(uint8_t window, bool fresh)
{
	return (pl_ws_deflate_terms){ .server_window = window,
				      .client_window = window,
				      .server_fresh = fresh,
				      .client_fresh = fresh };
}

static pl_ws_deflate *side(uint8_t window, bool fresh, bool server)
{
	pl_ws_deflate_terms terms = terms_of(window, fresh);
	pl_ws_deflate *deflate = pl_ws_deflate_new(pool, &terms, server);

	assert_non_null(deflate);
	return deflate;
}

static int decode(pl_ws_deflate *deflate, pl_slice bytes, size_t limit, pl_slice *out)
{
	void *copy = bytes_copy(bytes.at, bytes.len);
	int status = pl_ws_deflate_decode(deflate, copy, bytes.len, limit, out);

	free(copy);
	return status;
}

static void assert_slice(pl_slice got, pl_slice wanted)
{
	assert_int_equal(got.len, wanted.len);
	assert_memory_equal(got.at, wanted.at, wanted.len);
}

static void encodes(pl_ws_deflate *deflate, pl_slice text, pl_slice wanted)
{
	pl_slice out;

	assert_int_equal(pl_ws_deflate_encode(deflate, text.at, text.len, &out), PL_OK);
	assert_slice(out, wanted);
}

static void decodes(pl_ws_deflate *deflate, pl_slice bytes, pl_slice wanted)
{
	pl_slice out;

	assert_int_equal(decode(deflate, bytes, LIMIT, &out), PL_OK);
	assert_slice(out, wanted);
}

/* One message from one side to the other. */
static void passes(pl_ws_deflate *from, pl_ws_deflate *to, pl_slice text)
{
	pl_slice out;

	assert_int_equal(pl_ws_deflate_encode(from, text.at, text.len, &out), PL_OK);
	decodes(to, out, text);
}

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

/* 7.2.3.1, 7.2.3.2, 7.2.3.6 */
static void it_writes_what_the_rfc_shows(void **state)
{
	pl_ws_deflate *own = side(15, false, true);
	pl_ws_deflate *fresh = side(15, true, true);

	(void)state;
	encodes(own, PL_SLICE("Hello"), PL_SLICE(HELLO));
	encodes(own, PL_SLICE("Hello"), PL_SLICE("\xf2\x00\x11\x00\x00"));
	encodes(fresh, PL_SLICE("Hello"), PL_SLICE(HELLO));
	encodes(fresh, PL_SLICE("Hello"), PL_SLICE(HELLO));
	for (int i = 0; i < 3; i++) {
		encodes(fresh, PL_SLICE(""), PL_SLICE("\0"));
		encodes(own, PL_SLICE(""), PL_SLICE("\0"));
	}
	pl_ws_deflate_free(own);
	pl_ws_deflate_free(fresh);
}

/* 7.2.3, whatever the sender does. */
static void it_reads_what_the_rfc_shows(void **state)
{
	static const struct {
		pl_slice bytes;
		pl_slice text;
	} rows[] = {
		{ BYTES(HELLO), BYTES("Hello") },
		{ BYTES("\x00\x05\x00\xfa\xffHello\x00"), BYTES("Hello") },
		{ BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), BYTES("Hello") },
		{ BYTES("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), BYTES("Hello") },
		{ BYTES("\x00"), BYTES("") },
		{ BYTES("\x02\x00"), BYTES("") },
		{ BYTES("\x01"), BYTES("") }, /* the last block is final */
		{ BYTES("\x03\x00\x03\x00\x00"), BYTES("") },
		{ BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
		  BYTES("HelloHello") },
	};
	pl_ws_deflate *own = side(15, false, true);
	pl_ws_deflate *fresh = side(15, true, true);

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			decodes(own, rows[i].bytes, rows[i].text);
			decodes(fresh, rows[i].bytes, rows[i].text);
		}
	}
	pl_ws_deflate_free(own);
	pl_ws_deflate_free(fresh);
}

static void the_window_goes_on_behind_a_final_block(void **state)
{
	pl_ws_deflate *own = side(15, false, true);

	(void)state;
	decodes(own, PL_SLICE("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), PL_SLICE("Hello"));
	decodes(own, PL_SLICE("\xf2\x00\x11\x00\x00"), PL_SLICE("Hello"));
	pl_ws_deflate_free(own);
}

static void what_starts_anew_cannot_look_back(void **state)
{
	pl_ws_deflate *fresh = side(15, true, true);
	pl_slice out;

	(void)state;
	decodes(fresh, PL_SLICE(HELLO), PL_SLICE("Hello"));
	assert_int_equal(decode(fresh, PL_SLICE("\xf2\x00\x11\x00\x00"), LIMIT, &out), PL_EPROTO);
	decodes(fresh, PL_SLICE(HELLO), PL_SLICE("Hello"));
	pl_ws_deflate_free(fresh);
}

static void garbage_is_refused(void **state)
{
	static const pl_slice rows[] = {
		BYTES("\x07"),			       /* block type 3 */
		BYTES("\x00\x05\x00\xfa\xfeHello"),    /* lengths that do not match */
		BYTES("\xff\xff\xff\xff"),	       /* */
		BYTES(""),			       /* no block */
		BYTES("\xf2\x48\xcd"),		       /* ends within a block */
		BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00"), /* nothing behind a final block */
		BYTES("\x00\x05\x00\xfa\xffHel"),      /* our tail would be its text */
		BYTES("\x00\x04\x00\xfb\xff"),	       /* */
		BYTES(HELLO "\x00\x00\xff\xff"),       /* a tail that was not left out */
		BYTES("\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int fresh = 0; fresh < 2; fresh++) {
			pl_ws_deflate *deflate = side(15, fresh, true);
			pl_slice out;
			int status = decode(deflate, rows[i], LIMIT, &out);

			if (status != PL_EPROTO)
				fail_msg("row %zu: %d", i, status);
			pl_ws_deflate_free(deflate);
		}
	}
}

/* Text of a few words, so that there is much to refer to, over any distance. */
static pl_slice words(uint64_t *seed, size_t len)
{
	static char text[LARGE];

	assert_true(len <= sizeof(text));
	for (size_t i = 0; i < len; i++)
		text[i] =
			prng_below(seed, 4) ? text[prng_below(seed, i + 1)] : (char)prng_next(seed);
	return pl_slice_make(text, len);
}

/* What a receiver with a window of so many bits, and no larger one, makes of it. */
static void inflates(z_stream *stream, pl_slice bytes, pl_slice wanted)
{
	static const uint8_t tail[4] = { 0, 0, 0xff, 0xff };
	char *out = malloc(wanted.len + 1);

	stream->next_out = (Bytef *)out;
	stream->avail_out = (uInt)wanted.len + 1;
	stream->next_in = (Bytef *)(uintptr_t)bytes.at;
	stream->avail_in = (uInt)bytes.len;
	assert_int_equal(inflate(stream, Z_SYNC_FLUSH), Z_OK);
	stream->next_in = (Bytef *)(uintptr_t)tail;
	stream->avail_in = sizeof(tail);
	inflate(stream, Z_SYNC_FLUSH);
	assert_slice(pl_slice_make(out, (size_t)((char *)stream->next_out - out)), wanted);
	free(out);
}

static void every_window_is_kept_to(void **state)
{
	(void)state;
	for (uint8_t window = 8; window <= PL_WS_WINDOW_MAX; window++) {
		for (int fresh = 0; fresh < 2; fresh++) {
			pl_ws_deflate *deflate = side(window, fresh, true);
			z_stream stream = { 0 };
			uint64_t seed = window;

			assert_int_equal(inflateInit2(&stream, -window), Z_OK);
			for (size_t len = 0; len < 70000; len = len * 3 + 7) {
				pl_slice text = words(&seed, len);
				pl_slice out;

				assert_int_equal(
					pl_ws_deflate_encode(deflate, text.at, text.len, &out),
					PL_OK);
				if (fresh)
					inflateReset(&stream);
				inflates(&stream, out, text);
			}
			inflateEnd(&stream);
			pl_ws_deflate_free(deflate);
		}
	}
}

static void both_sides_understand_each_other(void **state)
{
	(void)state;
	for (uint8_t window = 8; window <= PL_WS_WINDOW_MAX; window++) {
		for (int fresh = 0; fresh < 2; fresh++) {
			pl_ws_deflate *server = side(window, fresh, true);
			pl_ws_deflate *client = side(window, fresh, false);
			uint64_t seed = window;

			for (int i = 0; i < 8; i++) {
				passes(server, client, words(&seed, prng_below(&seed, 3000)));
				passes(client, server, words(&seed, prng_below(&seed, 70000)));
			}
			pl_ws_deflate_free(server);
			pl_ws_deflate_free(client);
		}
	}
}

/* Takeover may be agreed on for one direction only. */
static void directions_have_their_own_terms(void **state)
{
	pl_ws_deflate_terms terms = terms_of(15, false);
	pl_ws_deflate *server;
	pl_ws_deflate *client;

	(void)state;
	terms.server_fresh = true;
	server = pl_ws_deflate_new(pool, &terms, true);
	client = pl_ws_deflate_new(pool, &terms, false);
	assert_int_equal(pl_ws_deflate_sharing(server), 15);
	assert_int_equal(pl_ws_deflate_sharing(client), 0);
	encodes(server, PL_SLICE("Hello"), PL_SLICE(HELLO));
	encodes(server, PL_SLICE("Hello"), PL_SLICE(HELLO));
	encodes(client, PL_SLICE("Hello"), PL_SLICE(HELLO));
	encodes(client, PL_SLICE("Hello"), PL_SLICE("\xf2\x00\x11\x00\x00"));
	pl_ws_deflate_free(server);
	pl_ws_deflate_free(client);
}

static void connections_share_a_pool(void **state)
{
	enum { CONNECTIONS = 12 };
	pl_ws_deflate *servers[CONNECTIONS];
	pl_ws_deflate *clients[CONNECTIONS];
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++) {
		uint8_t window = (uint8_t)(8 + i % 8);

		servers[i] = side(window, i % 3 != 0, true);
		clients[i] = side(window, i % 3 != 0, false);
		assert_int_equal(pl_ws_deflate_sharing(servers[i]), i % 3 == 0	 ? 0
								    : window < 9 ? 9
										 : window);
	}
	for (int i = 0; i < 500; i++) {
		uint64_t at = prng_below(&seed, CONNECTIONS);
		pl_slice text = words(&seed, prng_below(&seed, 1000));

		if (prng_below(&seed, 2))
			passes(servers[at], clients[at], text);
		else
			passes(clients[at], servers[at], text);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		pl_ws_deflate_free(servers[i]);
		pl_ws_deflate_free(clients[i]);
	}
}

/* All sizes about the borders of the buffers, with nothing to save. */
static void sizes_do_not_matter(void **state)
{
	static const size_t sizes[] = { 4080, 4096, 8192, 16384, 65535, 65536, LARGE };
	pl_ws_deflate *server = side(15, false, true);
	pl_ws_deflate *client = side(15, false, false);
	static char noise[LARGE];
	uint64_t seed = 7;

	(void)state;
	for (size_t i = 0; i < LARGE; i++)
		noise[i] = (char)prng_next(&seed);
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t less = 0; less < 24; less++)
			passes(server, client, pl_slice_make(noise, sizes[i] - less));
	pl_ws_deflate_free(server);
	pl_ws_deflate_free(client);
}

/* Zeros, deflated: a thousandth of them. */
static pl_slice bomb(size_t len)
{
	static char bytes[20000];
	char *zeros = calloc(1, len);
	pl_ws_deflate *deflate = side(15, true, true);
	pl_slice out;

	assert_int_equal(pl_ws_deflate_encode(deflate, zeros, len, &out), PL_OK);
	assert_true(out.len <= sizeof(bytes));
	memcpy(bytes, out.at, out.len);
	pl_ws_deflate_free(deflate);
	free(zeros);
	return pl_slice_make(bytes, out.len);
}

static void the_limit_is_exact(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 65536, LIMIT };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		pl_ws_deflate *deflate = side(15, true, true);
		pl_slice message = bomb(sizes[i]);
		pl_slice out;

		assert_int_equal(decode(deflate, message, sizes[i], &out), PL_OK);
		assert_int_equal(out.len, sizes[i]);
		if (sizes[i] > 0)
			assert_int_equal(decode(deflate, message, sizes[i] - 1, &out), PL_ETOOBIG);
		pl_ws_deflate_free(deflate);
	}
}

/* 16 MiB from 16 KiB: no more room is made than for the limit and once that by doubling. */
static void a_bomb_costs_the_limit_at_most(void **state)
{
	pl_slice message = bomb(16 << 20);
	pl_ws_deflate *deflate = side(15, false, true);
	uint64_t calls;
	pl_slice out;

	(void)state;
	free_pool(state);
	open_pool(state);
	pl_ws_deflate_free(deflate);
	deflate = side(15, false, true);
	decodes(deflate, PL_SLICE(HELLO), PL_SLICE("Hello"));
	calls = pl_alloc_calls();
	assert_int_equal(decode(deflate, message, 32768, &out), PL_ETOOBIG);
	assert_in_range(pl_alloc_calls() - calls, 1, 4); /* from 4 KiB to 64 KiB */
	assert_int_equal(out.len, 0);
	pl_ws_deflate_free(deflate);
}

/* A pool keeps no buffer of the size that one message had. */
static void large_buffers_are_given_back(void **state)
{
	static const char noise[2 << 20] = "moon";
	pl_ws_deflate *deflate = side(15, true, true);
	int64_t live;
	pl_slice out;

	(void)state;
	assert_int_equal(decode(deflate, bomb(sizeof(noise)), sizeof(noise), &out), PL_OK);
	live = pl_alloc_live();
	pl_ws_deflate_release(deflate, noise);
	assert_int_equal(pl_alloc_live(), live);
	pl_ws_deflate_release(deflate, out.at);
	assert_int_equal(pl_alloc_live(), live - 1);
	assert_int_equal(decode(deflate, bomb(sizeof(noise)), sizeof(noise) - 1, &out), PL_ETOOBIG);
	assert_int_equal(pl_alloc_live(), live - 1);
	decodes(deflate, PL_SLICE(HELLO), PL_SLICE("Hello"));
	live = pl_alloc_live();
	decodes(deflate, PL_SLICE(HELLO), PL_SLICE("Hello"));
	assert_int_equal(pl_alloc_live(), live);
	pl_ws_deflate_free(deflate);
}

/* Blocks cost time, also when nothing is in them. */
static void a_message_of_empty_blocks_is_refused(void **state)
{
	enum { BLOCKS = 1 << 20 };
	char *bytes = malloc(BLOCKS * 2 + 1);
	pl_ws_deflate *deflate = side(15, true, true);
	pl_slice out;

	(void)state;
	for (size_t i = 0; i < BLOCKS; i++)
		memcpy(bytes + i * 2, "\x03\x00", 2);
	bytes[BLOCKS * 2] = 0;
	assert_int_equal(pl_ws_deflate_decode(deflate, bytes, BLOCKS * 2 + 1, LIMIT, &out),
			 PL_ETOOBIG);
	/* A sender that flushes a lot is none. */
	memset(bytes, 0, 5000 * 5 + 1);
	for (size_t i = 0; i < 5000; i++)
		memcpy(bytes + i * 5, "\x00\x00\x00\xff\xff", 5);
	decodes(deflate, pl_slice_make(bytes, 5000 * 5 + 1), PL_SLICE(""));
	pl_ws_deflate_free(deflate);
	free(bytes);
}

/* Without memory for a message; the next one is understood. */
static bool survives(uint64_t nth, bool fresh)
{
	static char text[LARGE];
	pl_ws_deflate *server;
	pl_ws_deflate *client;
	uint64_t seed = 3;
	pl_slice out;
	bool whole;

	free_pool(NULL);
	open_pool(NULL);
	server = side(15, fresh, true);
	client = side(15, fresh, false);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + prng_below(&seed, 4));
	pl_alloc_fail_at(nth);
	whole = pl_ws_deflate_encode(server, text, sizeof(text), &out) == PL_OK;
	pl_alloc_fail_at(0);
	if (whole)
		decodes(client, out, pl_slice_make(text, sizeof(text)));
	passes(server, client, pl_slice_make(text, 100));
	passes(server, client, PL_SLICE("Hello"));
	pl_ws_deflate_free(server);
	pl_ws_deflate_free(client);
	return whole;
}

static void encoding_fails_as_a_whole(void **state)
{
	(void)state;
	for (int fresh = 0; fresh < 2; fresh++) {
		uint64_t nth = 1;

		while (!survives(nth, fresh))
			nth++;
		assert_true(nth > 5);
	}
}

static void decoding_without_memory_is_told(void **state)
{
	pl_slice message = bomb(LARGE);
	int64_t live;
	int status;

	(void)state;
	free_pool(state);
	live = pl_alloc_live();
	for (uint64_t nth = 1;; nth++) {
		pl_ws_deflate_terms terms = terms_of(15, nth & 1);
		pl_ws_deflate *deflate = NULL;
		pl_slice out;

		pl_alloc_fail_at((nth + 1) / 2);
		pool = pl_ws_deflate_pool_new(MEM_LEVEL, LEVEL);
		if (pool)
			deflate = pl_ws_deflate_new(pool, &terms, true);
		status = deflate ? decode(deflate, message, LIMIT, &out) : PL_ENOMEM;
		pl_alloc_fail_at(0);
		pl_ws_deflate_free(deflate);
		pl_ws_deflate_pool_free(pool);
		assert_int_equal(pl_alloc_live(), live);
		if (status == PL_OK)
			break;
		assert_int_equal(status, PL_ENOMEM);
	}
	open_pool(state);
}

/* A message that was deflated and then not sent must leave no trace. */
static void what_is_not_sent_is_forgotten(void **state)
{
	pl_ws_deflate *server = side(15, false, true);
	pl_ws_deflate *client = side(15, false, false);
	pl_slice out;

	(void)state;
	passes(server, client, PL_SLICE("Hello"));
	assert_int_equal(pl_ws_deflate_encode(server, "moonlight", 9, &out), PL_OK);
	pl_ws_deflate_forget(server);
	passes(server, client, PL_SLICE("moonlight"));
	passes(server, client, PL_SLICE("Hello"));
	pl_ws_deflate_free(server);
	pl_ws_deflate_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_writes_what_the_rfc_shows),
		cmocka_unit_test(it_reads_what_the_rfc_shows),
		cmocka_unit_test(the_window_goes_on_behind_a_final_block),
		cmocka_unit_test(what_starts_anew_cannot_look_back),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(every_window_is_kept_to),
		cmocka_unit_test(both_sides_understand_each_other),
		cmocka_unit_test(directions_have_their_own_terms),
		cmocka_unit_test(connections_share_a_pool),
		cmocka_unit_test(sizes_do_not_matter),
		cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(a_bomb_costs_the_limit_at_most),
		cmocka_unit_test(large_buffers_are_given_back),
		cmocka_unit_test(a_message_of_empty_blocks_is_refused),
		cmocka_unit_test(encoding_fails_as_a_whole),
		cmocka_unit_test(decoding_without_memory_is_told),
		cmocka_unit_test(what_is_not_sent_is_forgotten),
	};

	return cmocka_run_group_tests(tests, open_pool, free_pool);
}
