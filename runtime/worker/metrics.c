#include "worker/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/map.h"
#include "base/status.h"
#include "codec/prometheus.h"
#include "codec/utf8.h"

/* A series' cells of one worker: the value; or of a histogram its buckets, what is above, the sum.
 */
struct pl_series {
	pl_list node;
	pl_map_entry entry; /* in its metric's, under the labels */
	pl_metric *metric;
	pl_slice labels; /* as they are told */
	_Atomic double cells[];
};

struct pl_metric {
	pl_list node;
	pl_map_entry entry; /* under the name */
	pl_metrics *metrics;
	pl_metric_definition definition; /* its texts are behind the struct */
	size_t cells;			 /* of a worker */
	pl_list series;
	pl_map by_labels;
};

struct pl_metrics {
	pthread_mutex_t lock; /* of everything but the cells */
	pl_list metrics;
	pl_map by_name;
	uint16_t workers;
	size_t series;
	size_t limit;
};

pl_metrics *pl_metrics_new(uint16_t workers)
{
	pl_metrics *metrics = pl_calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	pthread_mutex_init(&metrics->lock, NULL);
	pl_list_init(&metrics->metrics);
	metrics->workers = workers;
	metrics->limit = PL_METRICS_SERIES;
	return metrics;
}

static void metric_free(pl_metric *metric)
{
	while (!pl_list_empty(&metric->series)) {
		pl_series *series = PL_CONTAINER(metric->series.next, pl_series, node);

		pl_list_remove(&series->node);
		pl_free(series);
	}
	pl_map_deinit(&metric->by_labels);
	pl_free(metric);
}

void pl_metrics_free(pl_metrics *metrics)
{
	if (!metrics)
		return;
	while (!pl_list_empty(&metrics->metrics)) {
		pl_metric *metric = PL_CONTAINER(metrics->metrics.next, pl_metric, node);

		pl_list_remove(&metric->node);
		metric_free(metric);
	}
	pl_map_deinit(&metrics->by_name);
	pthread_mutex_destroy(&metrics->lock);
	pl_free(metrics);
}

void pl_metrics_set_limit(pl_metrics *metrics, size_t series)
{
	pthread_mutex_lock(&metrics->lock);
	metrics->limit = series;
	pthread_mutex_unlock(&metrics->lock);
}

/* Defining. */

static bool begins(pl_slice name, pl_slice with)
{
	return name.len >= with.len && memcmp(name.at, with.at, with.len) == 0;
}

static bool has_twice(const pl_metric_definition *asked, size_t label)
{
	size_t i;

	for (i = 0; i < label; i++)
		if (pl_slice_equal(asked->labels[i], asked->labels[label]))
			return true;
	return false;
}

static bool is_valid(const pl_metric_definition *asked)
{
	bool histogram = asked->kind == PL_METRIC_HISTOGRAM;
	size_t i;

	if (!pl_prometheus_name_valid(asked->name) || begins(asked->name, PL_SLICE("perilune_")) ||
	    begins(asked->name, PL_SLICE("process_")) || asked->label_count > PL_METRICS_LABELS ||
	    asked->bucket_count > PL_METRICS_BUCKETS || histogram != (asked->bucket_count > 0) ||
	    !pl_utf8_valid((const uint8_t *)asked->help.at, asked->help.len))
		return false;
	for (i = 0; i < asked->label_count; i++)
		if (!pl_prometheus_label_valid(asked->labels[i]) || has_twice(asked, i) ||
		    (histogram && pl_slice_equal(asked->labels[i], PL_SLICE("le"))))
			return false;
	for (i = 1; i < asked->bucket_count; i++)
		if (!(asked->buckets[i] > asked->buckets[i - 1]))
			return false;
	return true;
}

static bool is_same(const pl_metric_definition *a, const pl_metric_definition *b)
{
	size_t i;

	if (a->kind != b->kind || a->label_count != b->label_count ||
	    a->bucket_count != b->bucket_count)
		return false;
	for (i = 0; i < a->label_count; i++)
		if (!pl_slice_equal(a->labels[i], b->labels[i]))
			return false;
	for (i = 0; i < a->bucket_count; i++)
		if (a->buckets[i] < b->buckets[i] || a->buckets[i] > b->buckets[i])
			return false;
	return true;
}

static pl_slice keep(char **at, pl_slice text)
{
	pl_slice kept = { *at, text.len };

	if (text.len > 0)
		memcpy(*at, text.at, text.len);
	*at += text.len;
	return kept;
}

/* The struct, then buckets, labels, and all texts. */
static pl_metric *metric_new(pl_metrics *metrics, const pl_metric_definition *asked)
{
	size_t texts = asked->name.len + asked->help.len;
	size_t buckets = asked->bucket_count * sizeof(double);
	size_t labels = asked->label_count * sizeof(pl_slice);
	pl_slice *names;
	double *bounds;
	pl_metric *metric;
	char *at;
	size_t i;

	for (i = 0; i < asked->label_count; i++)
		texts += asked->labels[i].len;
	metric = pl_calloc(1, sizeof(*metric) + buckets + labels + texts);
	if (!metric)
		return NULL;
	pl_list_init(&metric->series);
	metric->metrics = metrics;
	bounds = (double *)(metric + 1);
	names = (pl_slice *)(bounds + asked->bucket_count);
	at = (char *)(names + asked->label_count);
	metric->definition = *asked;
	metric->definition.name = keep(&at, asked->name);
	metric->definition.help = keep(&at, asked->help);
	for (i = 0; i < asked->label_count; i++)
		names[i] = keep(&at, asked->labels[i]);
	for (i = 0; i < asked->bucket_count; i++)
		bounds[i] = asked->buckets[i];
	metric->definition.labels = names;
	metric->definition.buckets = bounds;
	metric->cells = asked->kind == PL_METRIC_HISTOGRAM ? asked->bucket_count + 2 : 1;
	return metric;
}

enum { SUFFIXES = 3 };

static const pl_slice suffixes[SUFFIXES] = { { "_bucket", 7 }, { "_sum", 4 }, { "_count", 6 } };

/* The histogram that has lines of this name. */
static bool is_line_of_other(const pl_metrics *metrics, pl_slice name, pl_slice suffix)
{
	const pl_map_entry *entry;

	if (name.len <= suffix.len ||
	    memcmp(name.at + name.len - suffix.len, suffix.at, suffix.len) != 0)
		return false;
	entry = pl_map_find(&metrics->by_name, name.at, name.len - suffix.len);
	return entry &&
	       PL_CONTAINER(entry, pl_metric, entry)->definition.kind == PL_METRIC_HISTOGRAM;
}

static int is_line_of_mine(const pl_metrics *metrics, pl_slice name, pl_slice suffix)
{
	pl_buffer line = { 0 };
	int status = pl_buffer_append(&line, name.at, name.len);

	if (!status)
		status = pl_buffer_append(&line, suffix.at, suffix.len);
	if (!status && pl_map_find(&metrics->by_name, line.data, line.len))
		status = PL_EEXIST;
	pl_buffer_deinit(&line);
	return status;
}

/* Prometheus takes no line twice. */
static int check_lines(const pl_metrics *metrics, const pl_metric_definition *asked)
{
	int status = PL_OK;
	size_t i;

	for (i = 0; i < SUFFIXES && !status; i++) {
		if (is_line_of_other(metrics, asked->name, suffixes[i]))
			status = PL_EEXIST;
		else if (asked->kind == PL_METRIC_HISTOGRAM)
			status = is_line_of_mine(metrics, asked->name, suffixes[i]);
	}
	return status;
}

/* With the lock. */
static int define(pl_metrics *metrics, const pl_metric_definition *asked, pl_metric **result)
{
	pl_map_entry *entry = pl_map_find(&metrics->by_name, asked->name.at, asked->name.len);
	pl_metric *metric;
	int status;

	if (entry) {
		*result = PL_CONTAINER(entry, pl_metric, entry);
		return is_same(&(*result)->definition, asked) ? PL_OK : PL_ESTATE;
	}
	if (metrics->by_name.count >= metrics->limit)
		return PL_ELIMIT;
	status = check_lines(metrics, asked);
	if (status)
		return status;
	metric = metric_new(metrics, asked);
	if (!metric || pl_map_insert(&metrics->by_name, &metric->entry, metric->definition.name.at,
				     metric->definition.name.len)) {
		pl_free(metric);
		return PL_ENOMEM;
	}
	pl_list_append(&metrics->metrics, &metric->node);
	*result = metric;
	return PL_OK;
}

int pl_metrics_define(pl_metrics *metrics, const pl_metric_definition *asked, pl_metric **metric)
{
	int status;

	if (!is_valid(asked))
		return PL_EINVAL;
	pthread_mutex_lock(&metrics->lock);
	status = define(metrics, asked, metric);
	pthread_mutex_unlock(&metrics->lock);
	return status;
}

/* Series. */

size_t pl_metric_label_count(const pl_metric *metric)
{
	return metric->definition.label_count;
}

static int write_labels(const pl_metric *metric, const pl_slice *values, pl_buffer *text)
{
	size_t i;

	for (i = 0; i < metric->definition.label_count; i++) {
		if (values[i].len > PL_METRICS_VALUE_MAX)
			return PL_ETOOBIG;
		if (!pl_utf8_valid((const uint8_t *)values[i].at, values[i].len))
			return PL_EUTF8;
		if (pl_prometheus_label(text, metric->definition.labels[i], values[i]))
			return PL_ENOMEM;
	}
	return PL_OK;
}

/* With the lock. */
static int find_or_make(pl_metric *metric, const pl_buffer *labels, pl_series **result)
{
	pl_metrics *metrics = metric->metrics;
	pl_map_entry *entry = pl_map_find(&metric->by_labels, labels->data, labels->len);
	size_t cells = metric->cells * metrics->workers * sizeof(_Atomic double);
	pl_series *series;

	if (entry) {
		*result = PL_CONTAINER(entry, pl_series, entry);
		return PL_OK;
	}
	if (metrics->series >= metrics->limit)
		return PL_ELIMIT;
	series = pl_calloc(1, sizeof(*series) + cells + labels->len);
	if (!series)
		return PL_ENOMEM;
	series->metric = metric;
	series->labels = pl_slice_make((char *)(series + 1) + cells, labels->len);
	if (labels->len > 0)
		memcpy((char *)(series + 1) + cells, labels->data, labels->len);
	if (pl_map_insert(&metric->by_labels, &series->entry, series->labels.at, labels->len)) {
		pl_free(series);
		return PL_ENOMEM;
	}
	pl_list_append(&metric->series, &series->node);
	metrics->series++;
	*result = series;
	return PL_OK;
}

int pl_metric_series(pl_metric *metric, const pl_slice *values, pl_series **series)
{
	pl_buffer labels = { 0 };
	int status = write_labels(metric, values, &labels);

	if (!status) {
		pthread_mutex_lock(&metric->metrics->lock);
		status = find_or_make(metric, &labels, series);
		pthread_mutex_unlock(&metric->metrics->lock);
	}
	pl_buffer_deinit(&labels);
	if (status == PL_ELIMIT)
		pl_count(PL_COUNT_SERIES_REFUSED, 1);
	return status;
}

static _Atomic double *cell(pl_series *series, uint16_t worker, size_t index)
{
	return &series->cells[(worker - 1) * series->metric->cells + index];
}

static double load(const _Atomic double *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static void add(_Atomic double *at, double amount)
{
	atomic_store_explicit(at, load(at) + amount, memory_order_relaxed);
}

void pl_series_add(pl_series *series, uint16_t worker, double amount)
{
	add(cell(series, worker, 0), amount);
}

void pl_series_set(pl_series *series, uint16_t worker, double value)
{
	atomic_store_explicit(cell(series, worker, 0), value, memory_order_relaxed);
}

void pl_series_observe(pl_series *series, uint16_t worker, double value)
{
	const pl_metric_definition *definition = &series->metric->definition;
	size_t i = 0;

	while (i < definition->bucket_count && value > definition->buckets[i])
		i++;
	add(cell(series, worker, i), 1);
	add(cell(series, worker, definition->bucket_count + 1), value);
}

/* One cell, of all workers. */
static double total(pl_series *series, size_t index)
{
	double sum = 0;
	uint16_t worker;

	for (worker = 1; worker <= series->metric->metrics->workers; worker++)
		sum += load(cell(series, worker, index));
	return sum;
}

double pl_series_value(pl_series *series)
{
	size_t cells = series->metric->cells;
	double sum = 0;
	size_t i;

	for (i = 0; i + 1 < cells || i == 0; i++)
		sum += total(series, i);
	return sum;
}

/* Telling. */

typedef struct writer {
	pl_buffer *text;
	int status;
} writer;

static void put_family(writer *to, pl_slice name, const char *type, pl_slice help)
{
	if (!to->status)
		to->status = pl_prometheus_family(to->text, name, type, help);
}

static void put(writer *to, pl_slice name, const char *suffix, pl_slice labels, double value)
{
	if (!to->status)
		to->status = pl_prometheus_sample(to->text, name, suffix, labels, value);
}

static pl_slice slice_of(const char *text)
{
	return pl_slice_make(text, strlen(text));
}

/* A bucket: the labels, and `le`. */
static void put_bucket(writer *to, pl_slice name, pl_slice labels, double bound, double value)
{
	char number[PL_PROMETHEUS_NUMBER];
	pl_buffer text = { 0 };

	if (labels.len > 0 && pl_buffer_append(&text, labels.at, labels.len))
		to->status = PL_ENOMEM;
	pl_prometheus_number(number, bound);
	if (pl_prometheus_label(&text, PL_SLICE("le"), slice_of(number)))
		to->status = PL_ENOMEM;
	put(to, name, "_bucket", pl_slice_make((const char *)text.data, text.len), value);
	pl_buffer_deinit(&text);
}

static void put_histogram(writer *to, pl_series *series)
{
	const pl_metric_definition *definition = &series->metric->definition;
	double count = 0;
	size_t i;

	for (i = 0; i <= definition->bucket_count; i++) {
		double bound =
			i < definition->bucket_count ? definition->buckets[i] : (double)INFINITY;

		count += total(series, i);
		put_bucket(to, definition->name, series->labels, bound, count);
	}
	put(to, definition->name, "_sum", series->labels, total(series, i));
	put(to, definition->name, "_count", series->labels, count);
}

static void put_metric(writer *to, const pl_metric *metric)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	const pl_metric_definition *definition = &metric->definition;
	const pl_list *node;

	put_family(to, definition->name, types[definition->kind], definition->help);
	for (node = metric->series.next; node != &metric->series; node = node->next) {
		pl_series *series = PL_CONTAINER(node, pl_series, node);

		if (definition->kind == PL_METRIC_HISTOGRAM)
			put_histogram(to, series);
		else
			put(to, definition->name, "", series->labels, total(series, 0));
	}
}

/* Blocks are read one after the other: what one worker gave away another may not seem to have yet.
 */
static double settled(int64_t value)
{
	return value < 0 ? 0 : (double)value;
}

static void put_counters(writer *to, const int64_t *sums)
{
	char name[64] = "";
	const char *family = "";
	int i;

	for (i = 0; i < PL_COUNT_TURN; i++) {
		pl_counter_info info = pl_counter_info_of((enum pl_counter)i);

		if (strcmp(info.family, family) != 0) {
			family = info.family;
			snprintf(name, sizeof(name), "perilune_%s", family);
			put_family(to, slice_of(name), info.type, slice_of(info.help));
		}
		put(to, slice_of(name), "", slice_of(info.labels), settled(sums[i]));
	}
}

static void put_turns(writer *to, const int64_t *sums)
{
	const pl_slice name = PL_SLICE("perilune_loop_turn_seconds");
	const pl_slice none = pl_slice_make(NULL, 0);
	double count = 0;
	int i;

	put_family(to, name, "histogram",
		   PL_SLICE("How long turns of the workers' loops took: what comes has to wait."));
	for (i = 0; i < PL_COUNTER_TURNS; i++) {
		double bound = i + 1 < PL_COUNTER_TURNS ? pl_counter_turn_bounds[i] / 1000.0
							: (double)INFINITY;

		count += (double)sums[PL_COUNT_TURN + i];
		put_bucket(to, name, none, bound, count);
	}
	put(to, name, "_sum", none, (double)sums[PL_COUNT_TURN_MS] / 1000);
	put(to, name, "_count", none, count);
}

static void put_one(writer *to, const char *name, const char *type, const char *help, double value)
{
	put_family(to, slice_of(name), type, slice_of(help));
	put(to, slice_of(name), "", pl_slice_make(NULL, 0), value);
}

static void put_process(writer *to, const pl_process *process)
{
	put_one(to, "process_cpu_seconds_total", "counter", "Processor time of all threads.",
		process->cpu);
	put_one(to, "process_resident_memory_bytes", "gauge", "Memory that is resident.",
		(double)process->resident);
	put_one(to, "process_virtual_memory_bytes", "gauge", "Address space in use.",
		(double)process->virtual);
	put_one(to, "process_open_fds", "gauge", "Descriptors that are open.",
		(double)process->files);
	put_one(to, "process_max_fds", "gauge", "Descriptors that may be open; -1: any number.",
		(double)process->files_max);
	put_one(to, "process_start_time_seconds", "gauge", "When the process began, since 1970.",
		process->started);
}

int pl_metrics_write(pl_metrics *metrics, const pl_process *process, pl_buffer *text)
{
	int64_t sums[PL_COUNTER_COUNT];
	writer to = { text, PL_OK };
	const pl_list *node;

	pl_counters_sum(sums);
	put_counters(&to, sums);
	put_turns(&to, sums);
	put_one(&to, "perilune_workers", "gauge", "Threads that run the script.", metrics->workers);
	put_process(&to, process);
	pthread_mutex_lock(&metrics->lock);
	for (node = metrics->metrics.next; node != &metrics->metrics; node = node->next)
		put_metric(&to, PL_CONTAINER(node, pl_metric, node));
	pthread_mutex_unlock(&metrics->lock);
	return to.status;
}
