#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/status.h"
#include "unit/base/prng.h"

typedef struct member {
	pl_map_entry entry; /* first: an entry's address is its member's */
	char key[24];
	size_t key_len;
	int held;
	int seen;
} member;

enum { MEMBERS = 3000 };

static member members[MEMBERS];

static int make_members(void **state)
{
	(void)state;
	memset(members, 0, sizeof(members));
	for (int i = 0; i < MEMBERS; i++)
		members[i].key_len =
			(size_t)snprintf(members[i].key, sizeof(members[i].key), "key-%d", i);
	return 0;
}

static int fail_at_end(void **state)
{
	(void)state;
	pl_alloc_fail_at(0);
	return 0;
}

static int insert(pl_map *map, member *one)
{
	return pl_map_insert(map, &one->entry, one->key, one->key_len);
}

static void *find(const pl_map *map, const member *one)
{
	char copy[sizeof(one->key)];

	memcpy(copy, one->key, sizeof(copy));
	return pl_map_find(map, copy, one->key_len);
}

static void an_empty_map_owns_nothing(void **state)
{
	int64_t live = pl_alloc_live();
	pl_map map = { 0 };

	(void)state;
	assert_null(find(&map, &members[0]));
	assert_null(pl_map_next(&map, NULL));
	pl_map_deinit(&map);
	assert_int_equal(pl_alloc_live(), live);
}

/* What the walk shows is what the model holds, each member once. */
static void assert_walk(const pl_map *map)
{
	size_t count = 0;

	for (int i = 0; i < MEMBERS; i++)
		members[i].seen = 0;
	for (pl_map_entry *at = pl_map_next(map, NULL); at; at = pl_map_next(map, at)) {
		((member *)at)->seen++;
		count++;
	}
	assert_int_equal(count, map->count);
	for (int i = 0; i < MEMBERS; i++)
		assert_int_equal(members[i].seen, members[i].held);
}

static void step(pl_map *map, uint64_t *random, unsigned inserts)
{
	member *some = &members[prng_below(random, MEMBERS)];

	assert_ptr_equal(find(map, some), some->held ? some : NULL);
	if (prng_below(random, 100) < inserts) {
		assert_int_equal(insert(map, some), some->held ? PL_EINVAL : PL_OK);
		some->held = 1;
	} else if (some->held) {
		pl_map_remove(map, &some->entry);
		some->held = 0;
	}
}

static void random_use_agrees_with_a_model(void **state)
{
	static const unsigned inserts[] = { 80, 50, 20, 95, 3 };
	uint64_t random = 1;
	pl_map map = { 0 };

	(void)state;
	for (int phase = 0; phase < 5; phase++) {
		for (int i = 0; i < 20000; i++)
			step(&map, &random, inserts[phase]);
		assert_walk(&map);
		assert_true(map.count <= map.mask + 1);
	}
	pl_map_deinit(&map);
}

static void a_refused_insert_changes_nothing(void **state)
{
	pl_map map = { 0 };
	member twin = members[1];

	(void)state;
	assert_int_equal(insert(&map, &members[1]), PL_OK);
	assert_int_equal(insert(&map, &twin), PL_EINVAL);
	assert_int_equal(insert(&map, &members[1]), PL_EINVAL);
	assert_ptr_equal(find(&map, &twin), &members[1]);
	assert_int_equal(map.count, 1);
	pl_map_deinit(&map);
}

static void keys_are_any_bytes(void **state)
{
	static const struct {
		const char *key;
		size_t len;
	} keys[] = { { NULL, 0 },  { "\0", 1 }, { "\0\0", 2 },	   { "a", 1 },
		     { "a\0", 2 }, { "A", 1 },	{ "aaaaaaaa", 8 }, { "aaaaaaaa\0", 9 } };
	pl_map_entry entries[8];
	pl_map map = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(pl_map_insert(&map, &entries[i], keys[i].key, keys[i].len), PL_OK);
	for (int i = 0; i < 8; i++)
		assert_ptr_equal(pl_map_find(&map, keys[i].key, keys[i].len), &entries[i]);
	assert_ptr_equal(pl_map_find(&map, "", 0), &entries[0]);
	pl_map_deinit(&map);
}

static void members_may_leave_during_a_walk(void **state)
{
	pl_map map = { 0 };
	pl_map_entry *next;
	size_t walked = 0;

	(void)state;
	for (int i = 0; i < MEMBERS; i++)
		assert_int_equal(insert(&map, &members[i]), PL_OK);
	for (pl_map_entry *at = pl_map_next(&map, NULL); at; at = next) {
		next = pl_map_next(&map, at);
		if (walked++ % 3 != 0)
			pl_map_remove(&map, at);
		else
			((member *)at)->held = 1;
	}
	assert_int_equal(walked, MEMBERS);
	assert_int_equal(map.count, MEMBERS / 3);
	assert_walk(&map);
	pl_map_deinit(&map);
}

/* The first allocation is the first table, the second the table it grows into. */
static void without_memory_the_map_stays_as_it_was(void **state)
{
	pl_map map = { 0 };
	int held = 0;

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(insert(&map, &members[0]), PL_ENOMEM);
	assert_null(map.buckets);
	pl_alloc_fail_at(2);
	while (insert(&map, &members[held]) == PL_OK)
		members[held++].held = 1;
	assert_int_equal(held, map.mask + 1);
	assert_walk(&map);
	assert_null(find(&map, &members[held]));
	pl_alloc_fail_at(0);
	assert_int_equal(insert(&map, &members[held]), PL_OK);
	members[held].held = 1;
	assert_walk(&map);
	pl_map_deinit(&map);
}

static uint32_t hash(const void *key, size_t len)
{
	pl_map map = { 0 };
	pl_map_entry entry;

	assert_int_equal(pl_map_insert(&map, &entry, key, len), PL_OK);
	pl_map_deinit(&map);
	return entry.hash;
}

static void seed_with(uint8_t first)
{
	uint8_t key[16];

	for (int i = 0; i < 16; i++)
		key[i] = (uint8_t)(first + i);
	pl_map_seed(key);
}

/* The low halves of what OpenSSL's SIPHASH gives with c-rounds 1 and d-rounds 3. */
static void the_hash_is_siphash_1_3(void **state)
{
	static const struct {
		size_t len;
		uint32_t hash;
	} cases[] = {
		{ 0, 0x050fc4dc }, { 1, 0x7d57ca93 },  { 7, 0x9bb11140 },  { 8, 0x8d299a8e },
		{ 9, 0x6c063de4 }, { 15, 0x2a519956 }, { 16, 0x7d908b66 }, { 63, 0xb7bbb3a8 }
	};
	uint8_t message[64];

	(void)state;
	for (int i = 0; i < 64; i++)
		message[i] = (uint8_t)i;
	seed_with(0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(hash(message, cases[i].len), cases[i].hash);
}

/* Found by search: with seed 0, 1, ... 15 both have the hash 8df6e65b. */
static void keys_of_one_hash_are_told_apart(void **state)
{
	static const char text[] = "kqnmfxed";
	pl_map_entry longer, shorter;
	pl_map map = { 0 };

	(void)state;
	seed_with(0);
	assert_int_equal(hash(text, 1), hash(text, 8));
	assert_int_equal(pl_map_insert(&map, &longer, text, 8), PL_OK);
	assert_null(pl_map_find(&map, text, 1));
	assert_int_equal(pl_map_insert(&map, &shorter, text, 1), PL_OK);
	assert_ptr_equal(pl_map_find(&map, text, 8), &longer);
	assert_ptr_equal(pl_map_find(&map, text, 1), &shorter);
	pl_map_remove(&map, &longer);
	assert_null(pl_map_find(&map, text, 8));
	assert_ptr_equal(pl_map_find(&map, text, 1), &shorter);
	pl_map_deinit(&map);
}

static void another_seed_is_another_hash(void **state)
{
	uint32_t before;

	(void)state;
	seed_with(1);
	before = hash("perilune", 8);
	seed_with(2);
	assert_int_not_equal(hash("perilune", 8), before);
}

/* As many buckets as members, by chance: 1/e of them empty, no long chains. */
static void similar_keys_spread(void **state)
{
	enum { BUCKETS = 2048 };
	uint8_t used[BUCKETS] = { 0 };
	int empty = 0;

	(void)state;
	for (int i = 0; i < BUCKETS; i++)
		used[hash(members[i].key, members[i].key_len) % BUCKETS]++;
	for (int i = 0; i < BUCKETS; i++) {
		empty += used[i] == 0;
		assert_true(used[i] <= 9);
	}
	assert_in_range(empty, BUCKETS * 33 / 100, BUCKETS * 41 / 100);
}

static void *find_all(void *context)
{
	const pl_map *map = context;

	for (int i = 0; i < MEMBERS; i++)
		if (find(map, &members[i]) != &members[i])
			return NULL;
	return context;
}

static void readers_do_not_disturb_each_other(void **state)
{
	pl_map map = { 0 };
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < MEMBERS; i++)
		assert_int_equal(insert(&map, &members[i]), PL_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, find_all, &map), 0);
	for (int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		assert_non_null(result);
	}
	pl_map_deinit(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_owns_nothing),
		cmocka_unit_test_setup(random_use_agrees_with_a_model, make_members),
		cmocka_unit_test_setup(a_refused_insert_changes_nothing, make_members),
		cmocka_unit_test(keys_are_any_bytes),
		cmocka_unit_test_setup(members_may_leave_during_a_walk, make_members),
		cmocka_unit_test_setup_teardown(without_memory_the_map_stays_as_it_was,
						make_members, fail_at_end),
		cmocka_unit_test(the_hash_is_siphash_1_3),
		cmocka_unit_test(keys_of_one_hash_are_told_apart),
		cmocka_unit_test(another_seed_is_another_hash),
		cmocka_unit_test_setup(similar_keys_spread, make_members),
		cmocka_unit_test_setup(readers_do_not_disturb_each_other, make_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
