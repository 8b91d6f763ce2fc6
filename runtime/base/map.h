/*
 * map.h - hash table from bytes to members that embed their own entry.
 *
 * The key's bytes belong to the member and must not change while it is in the
 * map. Hashing is SipHash-1-3 with a key drawn per process (pl_map_seed), so
 * that peers who choose keys cannot choose collisions.
 */
#ifndef PL_BASE_MAP_H
#define PL_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct pl_map_entry {
	struct pl_map_entry *next;
	const void *key;
	uint32_t key_len;
	uint32_t hash;
} pl_map_entry;

typedef struct pl_map {
	pl_map_entry **buckets; /* NULL until the first insert */
	uint32_t mask;
	uint32_t count;
} pl_map;

/* All zero is a valid empty map. */
void pl_map_deinit(pl_map *map); /* frees the table; members are the caller's */

/* Sets the process's hash key. Call before the first insert, once. */
void pl_map_seed(const uint8_t key[16]);

/* Puts entry in under key. PL_OK; PL_ENOMEM; PL_EINVAL when the key is there already;
 * PL_ETOOBIG when it is longer than UINT32_MAX. */
int pl_map_insert(pl_map *map, pl_map_entry *entry, const void *key, size_t key_len);
pl_map_entry *pl_map_find(const pl_map *map, const void *key, size_t key_len);
void pl_map_remove(pl_map *map, pl_map_entry *entry); /* entry must be in the map */

/* Walks all members: start with NULL, ends with NULL. The member just returned
 * may be removed before the next call only if its successor was fetched first.
 * An insert may reorder the members: none during a walk. */
pl_map_entry *pl_map_next(const pl_map *map, const pl_map_entry *entry);

#endif
