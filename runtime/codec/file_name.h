/*
 * file_name.h - a name that a stranger has given to a file, made safe to be one (attacks D-28).
 *
 * Pure.
 */
#ifndef PL_CODEC_FILE_NAME_H
#define PL_CODEC_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Room is left in the 255 bytes of file systems for what makes a name the only one. */
enum { PL_FILE_NAME_MAX = 200 };

/* Writes a name that means a file in any folder and nothing else, of 1 to PL_FILE_NAME_MAX bytes,
 * and returns its length:
 *   - only what is behind the last '/' or '\';
 *   - '_' for control bytes, for < > : " | ? *, for what is not UTF-8, for characters that turn the
 *     direction of writing, and for a dot or '~' in front;
 *   - no blanks in front, no dots and blanks at the end;
 *   - '_' before the names of devices (CON, NUL, COM1 and so on, with any ending), and behind
 *     ".sgc_ps", which files have that are being received;
 *   - a long one is cut between characters, and keeps its ending;
 *   - "upload", when nothing is left. */
size_t pl_file_name_safe(char out[PL_FILE_NAME_MAX], pl_slice name);

/* Whether a name that was not made here is good to be one: 1 to 255 bytes, no '/', no NUL, neither
 * "." nor "..". */
bool pl_file_name_valid(pl_slice name);

#endif
