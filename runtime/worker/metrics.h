/*
 * metrics.h - the numbers of the program as text for Prometheus: those of the runtime
 * (base/counters), of the process, and those that scripts make.
 *
 * A metric of a script is a family of series that differ in the values of its labels. Each worker
 * counts in a cell of its own, so that a script's counter costs no more than an addition; what is
 * told is their sum. Metrics live as long as the process, hence the limit on series.
 */
#ifndef PL_WORKER_METRICS_H
#define PL_WORKER_METRICS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "worker/process.h"

/* Series of scripts at first; labels of a metric, buckets of a histogram; bytes of a label's value.
 */
enum {
	PL_METRICS_SERIES = 10000,
	PL_METRICS_LABELS = 10,
	PL_METRICS_BUCKETS = 50,
	PL_METRICS_VALUE_MAX = 200
};

enum pl_metric_kind { PL_METRIC_COUNTER, PL_METRIC_GAUGE, PL_METRIC_HISTOGRAM };

typedef struct pl_metrics pl_metrics; /* of the process */
typedef struct pl_metric pl_metric;
typedef struct pl_series pl_series;

typedef struct pl_metric_definition {
	enum pl_metric_kind kind;
	pl_slice name;
	pl_slice help;
	const pl_slice *labels;
	size_t label_count;
	const double *buckets; /* of a histogram: bounds, rising */
	size_t bucket_count;
} pl_metric_definition;

pl_metrics *pl_metrics_new(uint16_t workers); /* NULL: no memory */
void pl_metrics_free(pl_metrics *metrics);

void pl_metrics_set_limit(pl_metrics *metrics, size_t series);

/* The metric of that name; the first one who defines it makes it. PL_EINVAL: a name of it cannot be
 * (those that begin with "perilune_" or "process_" are ours); PL_ESTATE: it was defined otherwise;
 * PL_ELIMIT; PL_ENOMEM. */
int pl_metrics_define(pl_metrics *metrics, const pl_metric_definition *definition,
		      pl_metric **metric);

/* The series with these values, one for each label. PL_ELIMIT, which is counted; PL_ETOOBIG: a
 * value is too long; PL_EUTF8; PL_ENOMEM. */
int pl_metric_series(pl_metric *metric, const pl_slice *values, pl_series **series);
size_t pl_metric_label_count(const pl_metric *metric);

/* By the worker's own thread. A gauge that several workers set is the sum of what they set. */
void pl_series_add(pl_series *series, uint16_t worker, double amount);
void pl_series_set(pl_series *series, uint16_t worker, double value);
void pl_series_observe(pl_series *series, uint16_t worker, double value);
double pl_series_value(pl_series *series); /* of all workers; of a histogram how many it has */

/* All of it as text. PL_OK or PL_ENOMEM. */
int pl_metrics_write(pl_metrics *metrics, const pl_process *process, pl_buffer *text);

#endif
