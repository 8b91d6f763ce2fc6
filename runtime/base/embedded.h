/*
 * embedded.h - files of the source tree's lua/ folder, taken into the program.
 */
#ifndef PL_BASE_EMBEDDED_H
#define PL_BASE_EMBEDDED_H

#include "base/slice.h"

typedef struct pl_embedded {
	const char *path; /* relative to lua/, "perilune/server.lua" */
	const unsigned char *begin;
	const unsigned char *end;
} pl_embedded;

/* The table that the build makes; ends with path == NULL. */
extern const pl_embedded pl_embedded_files[];

/* Names the table to look in. Without a call there are no files. */
void pl_embedded_use(const pl_embedded *files);

/* The file's bytes, or { NULL, 0 } when there is none with this path. */
pl_slice pl_embedded_find(pl_slice path);

#endif
