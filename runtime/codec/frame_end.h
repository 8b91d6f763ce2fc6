/*
 * frame_end.h - where a frame ends in a flow of bytes that has no lengths: at bytes that end it.
 *
 * Pure: no I/O, no clock, no allocation.
 */
#ifndef PL_CODEC_FRAME_END_H
#define PL_CODEC_FRAME_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { PL_FRAME_END_MAX = 32 };

enum pl_frame_scan {
	PL_FRAME_SCAN_NONE,   /* no frames: whatever arrives together */
	PL_FRAME_SCAN_LATEST, /* when the last bytes that have arrived are the end: all so far */
	PL_FRAME_SCAN_ALL     /* at each end, wherever it is */
};

typedef struct pl_frame_end {
	uint8_t scan;
	uint8_t len;
	bool strip; /* frames are given out without their end */
	uint8_t bytes[PL_FRAME_END_MAX];
} pl_frame_end;

/* False: the bytes are none or more than PL_FRAME_END_MAX. With PL_FRAME_SCAN_NONE there are none.
 */
bool pl_frame_end_set(pl_frame_end *end, enum pl_frame_scan scan, pl_slice bytes);

/* `before` is what has arrived of a frame so far, and does not end it. Returns how many bytes of
 * `data`, which follow it, complete the frame; 0: more are needed. */
size_t pl_frame_end_find(const pl_frame_end *end, const uint8_t *before, size_t before_len,
			 const uint8_t *data, size_t len);

/* How much of a frame, which has its end, is given out. */
static inline size_t pl_frame_end_payload(const pl_frame_end *end, size_t frame_len)
{
	return end->strip ? frame_len - end->len : frame_len;
}

#endif
