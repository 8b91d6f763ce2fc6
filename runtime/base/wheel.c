/*
 * wheel.c - a timer sits on the level of the highest digit (base 64) in which its
 * due differs from now, in the slot that this digit of its due names.
 *
 * So every slot in use is ahead of now's own digit, all of a level come before all
 * of the level above, and the first bit set names the next thing to happen. When
 * now enters a slot, its timers agree with now in that digit and move down. The
 * top level alone is a ring: what lies further ahead than its slots waits in the
 * last of them and is looked at again from there.
 */
#include "base/wheel.h"

#include <stddef.h>

enum { DIGIT_BITS = 6, TOP = PL_WHEEL_LEVELS - 1 };

void pl_wheel_init(pl_wheel *wheel, uint64_t now)
{
	wheel->now = now;
	for (unsigned level = 0; level < PL_WHEEL_LEVELS; level++) {
		wheel->used[level] = 0;
		for (unsigned index = 0; index < PL_WHEEL_SLOTS; index++)
			pl_list_init(&wheel->slots[level][index]);
	}
}

void pl_timer_init(pl_timer *timer, void (*fire)(pl_timer *timer))
{
	*timer = (pl_timer){ .fire = fire };
	pl_list_init(&timer->node);
}

bool pl_timer_active(const pl_timer *timer)
{
	return !pl_list_empty(&timer->node);
}

static unsigned level_of(uint64_t difference)
{
	unsigned highest = 63 - (unsigned)__builtin_clzll(difference | 1);
	unsigned level = highest / DIGIT_BITS;

	return level < TOP ? level : TOP;
}

static void place(pl_wheel *wheel, pl_timer *timer)
{
	unsigned level = level_of(wheel->now ^ timer->due);
	unsigned shift = level * DIGIT_BITS;
	uint64_t block = wheel->now >> shift;
	uint64_t ahead = (timer->due >> shift) - block;
	uint64_t last = PL_WHEEL_SLOTS - 1;
	unsigned index = (block + (ahead < last ? ahead : last)) % PL_WHEEL_SLOTS;

	timer->slot = (uint16_t)(level * PL_WHEEL_SLOTS + index);
	wheel->used[level] |= UINT64_C(1) << index;
	pl_list_append(&wheel->slots[level][index], &timer->node);
}

void pl_wheel_start(pl_wheel *wheel, pl_timer *timer, uint64_t due)
{
	pl_wheel_stop(wheel, timer);
	timer->due = due > wheel->now ? due : wheel->now;
	place(wheel, timer);
}

/* A timer that waits in advance's list of due ones has left its slot already;
 * looking at the slot is right for it too. */
void pl_wheel_stop(pl_wheel *wheel, pl_timer *timer)
{
	unsigned level = timer->slot / PL_WHEEL_SLOTS;
	unsigned index = timer->slot % PL_WHEEL_SLOTS;

	pl_list_remove(&timer->node);
	if (pl_list_empty(&wheel->slots[level][index]))
		wheel->used[level] &= ~(UINT64_C(1) << index);
}

static uint64_t rotate_right(uint64_t x, unsigned bits)
{
	return x >> bits | x << (-bits % 64);
}

/* The lowest level in use, PL_WHEEL_LEVELS when none is; *begins receives the time
 * at which its first slot begins. */
static unsigned first_level(const pl_wheel *wheel, uint64_t *begins)
{
	for (unsigned level = 0; level < PL_WHEEL_LEVELS; level++) {
		unsigned shift = level * DIGIT_BITS;
		uint64_t block = wheel->now >> shift;
		uint64_t ahead;

		if (wheel->used[level] == 0)
			continue;
		ahead = rotate_right(wheel->used[level], block % PL_WHEEL_SLOTS);
		*begins = (block + (unsigned)__builtin_ctzll(ahead)) << shift;
		return level;
	}
	return PL_WHEEL_LEVELS;
}

static void empty_slot(pl_wheel *wheel, unsigned level, pl_list *into)
{
	unsigned index = (wheel->now >> level * DIGIT_BITS) % PL_WHEEL_SLOTS;

	pl_list_move(into, &wheel->slots[level][index]);
	wheel->used[level] &= ~(UINT64_C(1) << index);
}

static void move_down(pl_wheel *wheel, unsigned level)
{
	pl_list moving;

	pl_list_init(&moving);
	empty_slot(wheel, level, &moving);
	while (!pl_list_empty(&moving)) {
		pl_timer *timer = PL_CONTAINER(moving.next, pl_timer, node);

		pl_list_remove(&timer->node);
		place(wheel, timer);
	}
}

/* Brings the wheel to now and what is due on the way into `due`, earliest first. */
static void collect(pl_wheel *wheel, uint64_t now, pl_list *due)
{
	uint64_t begins = 0;
	unsigned level;

	while ((level = first_level(wheel, &begins)) < PL_WHEEL_LEVELS && begins <= now) {
		wheel->now = begins;
		if (level == 0)
			empty_slot(wheel, level, due);
		else
			move_down(wheel, level);
	}
	wheel->now = now;
}

void pl_wheel_advance(pl_wheel *wheel, uint64_t now)
{
	pl_list due;

	pl_list_init(&due);
	collect(wheel, now > wheel->now ? now : wheel->now, &due);
	while (!pl_list_empty(&due)) {
		pl_timer *timer = PL_CONTAINER(due.next, pl_timer, node);

		pl_list_remove(&timer->node);
		timer->fire(timer);
	}
}

uint64_t pl_wheel_next(const pl_wheel *wheel)
{
	uint64_t begins = UINT64_MAX;

	first_level(wheel, &begins);
	return begins;
}
