/*
 * prometheus.h - metrics as lines: Prometheus' text format, version 0.0.4.
 *
 * Everything is appended to a buffer. PL_OK or PL_ENOMEM; what was appended before stays.
 */
#ifndef PL_CODEC_PROMETHEUS_H
#define PL_CODEC_PROMETHEUS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* What Content-Type says of it. */
#define PL_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

bool pl_prometheus_name_valid(pl_slice name); /* of a metric */
bool pl_prometheus_label_valid(
	pl_slice name); /* of a label; none that Prometheus keeps for itself */

/* # HELP and # TYPE: before the samples of a family, once. */
int pl_prometheus_family(pl_buffer *buffer, pl_slice name, const char *type, pl_slice help);

/* name="value", escaped; with a comma before it unless the buffer is empty. */
int pl_prometheus_label(pl_buffer *buffer, pl_slice name, pl_slice value);

/* name suffix {labels} value. Labels as pl_prometheus_label makes them, or none. */
int pl_prometheus_sample(pl_buffer *buffer, pl_slice name, const char *suffix, pl_slice labels,
			 double value);

/* A number in the fewest digits that give it back; "+Inf", "-Inf", "NaN". Returns the length. */
enum { PL_PROMETHEUS_NUMBER = 32 };
int pl_prometheus_number(char room[PL_PROMETHEUS_NUMBER], double value);

#endif
