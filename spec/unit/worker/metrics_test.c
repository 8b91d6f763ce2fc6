#include "worker/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"

static const pl_slice LABELS[] = { { "kind", 4 }, { "paid", 4 } };
static const pl_slice TWICE[] = { { "kind", 4 }, { "kind", 4 } };
static const double BOUNDS[] = { 1, 2.5 };

static const pl_metric_definition COUNTER = { .kind = PL_METRIC_COUNTER,
					      .name = { "orders_total", 12 },
					      .help = { "Orders.", 7 },
					      .labels = LABELS,
					      .label_count = 2 };
static const pl_metric_definition HISTOGRAM = { .kind = PL_METRIC_HISTOGRAM,
						.name = { "seconds", 7 },
						.help = { "", 0 },
						.buckets = BOUNDS,
						.bucket_count = 2 };

static bool has(const pl_buffer *text, const char *line)
{
	return memmem(text->data, text->len, line, strlen(line)) != NULL;
}

static void workers_add_up(void **state)
{
	pl_metrics *metrics = pl_metrics_new(3);
	const pl_slice values[] = { PL_SLICE("a\"b"), PL_SLICE("") };
	const pl_process process = { .files = 12 };
	pl_buffer text = { 0 };
	pl_metric *metric;
	pl_series *series;
	pl_series *again;

	(void)state;
	assert_int_equal(pl_metrics_define(metrics, &COUNTER, &metric), PL_OK);
	assert_int_equal(pl_metric_label_count(metric), 2);
	assert_int_equal(pl_metric_series(metric, values, &series), PL_OK);
	pl_series_add(series, 1, 1);
	pl_series_add(series, 3, 0.5);
	pl_series_set(series, 2, 40);
	assert_int_equal(pl_metric_series(metric, values, &again), PL_OK);
	assert_ptr_equal(series, again);
	assert_true(pl_series_value(series) > 41.4 && pl_series_value(series) < 41.6);
	assert_int_equal(pl_metrics_define(metrics, &HISTOGRAM, &metric), PL_OK);
	assert_int_equal(pl_metric_series(metric, NULL, &series), PL_OK);
	pl_series_observe(series, 1, 1);
	pl_series_observe(series, 2, 2);
	pl_series_observe(series, 3, 100);
	assert_true(pl_series_value(series) > 2.9 && pl_series_value(series) < 3.1);
	assert_int_equal(pl_metrics_write(metrics, &process, &text), PL_OK);
	assert_true(has(&text, "\norders_total{kind=\"a\\\"b\",paid=\"\"} 41.5\n"));
	assert_true(has(&text,
			"\nseconds_bucket{le=\"1\"} 1\nseconds_bucket{le=\"2.5\"} 2\n"
			"seconds_bucket{le=\"+Inf\"} 3\nseconds_sum 103\nseconds_count 3\n"));
	assert_true(has(&text, "\nprocess_open_fds 12\n"));
	assert_true(has(&text, "\nperilune_workers 3\n"));
	pl_buffer_deinit(&text);
	pl_metrics_free(metrics);
}

static void what_cannot_be_is_refused(void **state)
{
	pl_metrics *metrics = pl_metrics_new(1);
	pl_metric_definition asked = COUNTER;
	char long_text[PL_METRICS_VALUE_MAX + 1];
	pl_slice values[] = { PL_SLICE("a"), PL_SLICE("b") };
	pl_metric *metric;
	pl_series *series;

	(void)state;
	asked.name = PL_SLICE("perilune_x");
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_EINVAL);
	asked.name = PL_SLICE("a b");
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_EINVAL);
	asked = HISTOGRAM;
	asked.bucket_count = 0;
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_EINVAL);
	asked = COUNTER;
	asked.labels = TWICE;
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_EINVAL);
	assert_int_equal(pl_metrics_define(metrics, &COUNTER, &metric), PL_OK);
	asked = COUNTER;
	asked.kind = PL_METRIC_GAUGE;
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_ESTATE);
	asked = COUNTER;
	asked.label_count = 1;
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_ESTATE);
	assert_int_equal(pl_metrics_define(metrics, &COUNTER, &metric), PL_OK);
	memset(long_text, 'x', sizeof(long_text));
	values[1] = pl_slice_make(long_text, sizeof(long_text));
	assert_int_equal(pl_metric_series(metric, values, &series), PL_ETOOBIG);
	values[1] = PL_SLICE("\xff");
	assert_int_equal(pl_metric_series(metric, values, &series), PL_EUTF8);
	values[1] = PL_SLICE("b");
	pl_metrics_set_limit(metrics, 1);
	assert_int_equal(pl_metric_series(metric, values, &series), PL_OK);
	values[1] = PL_SLICE("c");
	assert_int_equal(pl_metric_series(metric, values, &series), PL_ELIMIT);
	assert_int_equal(pl_metrics_define(metrics, &HISTOGRAM, &metric), PL_ELIMIT);
	assert_int_equal(pl_counters_of(0)->value[PL_COUNT_SERIES_REFUSED], 1);
	pl_metrics_free(metrics);
}

static void no_line_is_told_twice(void **state)
{
	pl_metrics *metrics = pl_metrics_new(1);
	pl_metric_definition asked = COUNTER;
	pl_metric *metric;

	(void)state;
	assert_int_equal(pl_metrics_define(metrics, &HISTOGRAM, &metric), PL_OK);
	asked.name = PL_SLICE("seconds_sum");
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_EEXIST);
	asked.name = PL_SLICE("orders_bucket");
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_OK);
	asked = HISTOGRAM;
	asked.name = PL_SLICE("orders");
	assert_int_equal(pl_metrics_define(metrics, &asked, &metric), PL_EEXIST);
	pl_metrics_free(metrics);
}

/* Every allocation fails once: nothing is lost, nothing leaks. */
static void without_memory(void **state)
{
	const pl_slice values[] = { PL_SLICE("a"), PL_SLICE("b") };
	const pl_process process = { .files = 1 };
	size_t live = pl_alloc_live();
	size_t n;

	(void)state;
	for (n = 1; n < 1000; n++) {
		pl_metrics *metrics = pl_metrics_new(2);
		pl_buffer text = { 0 };
		pl_metric *metric;
		pl_series *series;
		int status;

		pl_alloc_fail_at(n);
		status = pl_metrics_define(metrics, &COUNTER, &metric);
		if (!status)
			status = pl_metric_series(metric, values, &series);
		if (!status)
			status = pl_metrics_write(metrics, &process, &text);
		pl_alloc_fail_at(0);
		pl_buffer_deinit(&text);
		pl_metrics_free(metrics);
		assert_int_equal(pl_alloc_live(), live);
		if (!status)
			break;
		assert_int_equal(status, PL_ENOMEM);
	}
	assert_true(n > 4 && n < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_add_up),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(no_line_is_told_twice),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
