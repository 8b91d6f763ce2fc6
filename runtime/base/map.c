/* map.c - chained hash table that doubles when it holds a member a bucket. */
#include "base/map.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

enum { FIRST_BUCKETS = 8 };
static const uint32_t LAST_MASK = UINT32_MAX >> 1;

static uint64_t seed[2];

typedef struct sip {
	uint64_t v0, v1, v2, v3;
} sip;

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

/* Words are taken in the machine's byte order: the hash never leaves the process. */
static uint32_t hash_of(const void *key, size_t len)
{
	const uint8_t *at = key;
	size_t left = len;
	uint64_t word;
	sip s = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		  seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };

	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		sip_word(&s, word);
	}
	word = 0;
	if (left > 0)
		memcpy(&word, at, left);
	sip_word(&s, word | (uint64_t)len << 56);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

void pl_map_seed(const uint8_t key[16])
{
	memcpy(seed, key, sizeof(seed));
}

void pl_map_deinit(pl_map *map)
{
	pl_free(map->buckets);
	*map = (pl_map){ 0 };
}

static inline pl_map_entry **bucket_of(const pl_map *map, uint32_t hash)
{
	return &map->buckets[hash & map->mask];
}

static bool matches(const pl_map_entry *entry, const void *key, size_t key_len, uint32_t hash)
{
	return entry->hash == hash && entry->key_len == key_len &&
	       (key_len == 0 || memcmp(entry->key, key, key_len) == 0);
}

static pl_map_entry *find_hashed(const pl_map *map, const void *key, size_t key_len, uint32_t hash)
{
	pl_map_entry *entry = map->buckets ? *bucket_of(map, hash) : NULL;

	while (entry && !matches(entry, key, key_len, hash))
		entry = entry->next;
	return entry;
}

static void push(pl_map *map, pl_map_entry *entry)
{
	pl_map_entry **bucket = bucket_of(map, entry->hash);

	entry->next = *bucket;
	*bucket = entry;
	map->count++;
}

static void rehash(pl_map *to, const pl_map *from)
{
	pl_map_entry *following;

	for (size_t i = 0; i <= from->mask; i++) {
		for (pl_map_entry *entry = from->buckets[i]; entry; entry = following) {
			following = entry->next;
			push(to, entry);
		}
	}
}

static int grow(pl_map *map)
{
	size_t buckets = map->buckets ? ((size_t)map->mask + 1) * 2 : FIRST_BUCKETS;
	pl_map grown = { .mask = (uint32_t)(buckets - 1) };

	if (map->mask >= LAST_MASK)
		return PL_ENOMEM;
	grown.buckets = pl_calloc(buckets, sizeof(*grown.buckets));
	if (!grown.buckets)
		return PL_ENOMEM;
	if (map->buckets)
		rehash(&grown, map);
	pl_free(map->buckets);
	*map = grown;
	return PL_OK;
}

int pl_map_insert(pl_map *map, pl_map_entry *entry, const void *key, size_t key_len)
{
	uint32_t hash;

	if (key_len > UINT32_MAX)
		return PL_ETOOBIG;
	hash = hash_of(key, key_len);
	if (find_hashed(map, key, key_len, hash))
		return PL_EINVAL;
	if ((!map->buckets || map->count > map->mask) && grow(map) != PL_OK)
		return PL_ENOMEM;
	entry->key = key;
	entry->key_len = (uint32_t)key_len;
	entry->hash = hash;
	push(map, entry);
	return PL_OK;
}

pl_map_entry *pl_map_find(const pl_map *map, const void *key, size_t key_len)
{
	if (map->count == 0)
		return NULL;
	return find_hashed(map, key, key_len, hash_of(key, key_len));
}

void pl_map_remove(pl_map *map, pl_map_entry *entry)
{
	pl_map_entry **link = bucket_of(map, entry->hash);

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	entry->next = NULL;
	map->count--;
}

pl_map_entry *pl_map_next(const pl_map *map, const pl_map_entry *entry)
{
	size_t i = 0;

	if (map->count == 0)
		return NULL;
	if (entry && entry->next)
		return entry->next;
	if (entry)
		i = (size_t)(entry->hash & map->mask) + 1;
	for (; i <= map->mask; i++)
		if (map->buckets[i])
			return map->buckets[i];
	return NULL;
}
