#include "codec/prometheus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"

static void assert_text(const pl_buffer *buffer, const char *expected)
{
	assert_int_equal(buffer->len, strlen(expected));
	assert_memory_equal(buffer->data, expected, buffer->len);
}

static void names(void **state)
{
	(void)state;
	assert_true(pl_prometheus_name_valid(PL_SLICE("http_requests:rate5m")));
	assert_true(pl_prometheus_name_valid(PL_SLICE("_x9")));
	assert_false(pl_prometheus_name_valid(PL_SLICE("")));
	assert_false(pl_prometheus_name_valid(PL_SLICE("9x")));
	assert_false(pl_prometheus_name_valid(PL_SLICE("a-b")));
	assert_false(pl_prometheus_name_valid(PL_SLICE("a\n")));
	assert_false(pl_prometheus_name_valid(PL_SLICE("\xc3\xa9")));
	assert_true(pl_prometheus_label_valid(PL_SLICE("kind")));
	assert_true(pl_prometheus_label_valid(PL_SLICE("_")));
	assert_false(pl_prometheus_label_valid(PL_SLICE("a:b")));
	assert_false(pl_prometheus_label_valid(PL_SLICE("__name__")));
	assert_false(pl_prometheus_label_valid(PL_SLICE("")));
}

static void families(void **state)
{
	pl_buffer text = { 0 };

	(void)state;
	assert_int_equal(pl_prometheus_family(&text, PL_SLICE("a_total"), "counter",
					      PL_SLICE("one \\ two\nthree \"four\"")),
			 PL_OK);
	assert_text(&text,
		    "# HELP a_total one \\\\ two\\nthree \"four\"\n# TYPE a_total counter\n");
	pl_buffer_deinit(&text);
}

static void samples(void **state)
{
	pl_buffer labels = { 0 };
	pl_buffer text = { 0 };

	(void)state;
	pl_prometheus_label(&labels, PL_SLICE("a"), PL_SLICE("x\"\\\ny"));
	pl_prometheus_label(&labels, PL_SLICE("b"), PL_SLICE(""));
	assert_text(&labels, "a=\"x\\\"\\\\\\ny\",b=\"\"");
	pl_prometheus_sample(&text, PL_SLICE("n"), "", pl_slice_make(NULL, 0), 3);
	pl_prometheus_sample(&text, PL_SLICE("n"), "_sum",
			     pl_slice_make((const char *)labels.data, labels.len), 0.25);
	assert_text(&text, "n 3\nn_sum{a=\"x\\\"\\\\\\ny\",b=\"\"} 0.25\n");
	pl_buffer_deinit(&labels);
	pl_buffer_deinit(&text);
}

static void numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ -1, "-1" },
		{ 0.1, "0.1" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 9007199254740991, "9007199254740991" },
		{ 1e300, "1e+300" },
		{ (double)INFINITY, "+Inf" },
		{ -(double)INFINITY, "-Inf" },
		{ (double)NAN, "NaN" },
	};
	char room[PL_PROMETHEUS_NUMBER];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int len = pl_prometheus_number(room, cases[i].value);

		assert_string_equal(room, cases[i].text);
		assert_int_equal(len, strlen(cases[i].text));
	}
}

/* Every allocation fails once. */
static void without_memory(void **state)
{
	size_t n;

	(void)state;
	for (n = 1; n < 100; n++) {
		pl_buffer text = { 0 };
		int status;

		pl_alloc_fail_at(n);
		status = pl_prometheus_family(&text, PL_SLICE("a"), "gauge", PL_SLICE("help"));
		if (!status)
			status = pl_prometheus_label(&text, PL_SLICE("l"), PL_SLICE("v"));
		if (!status)
			status = pl_prometheus_sample(&text, PL_SLICE("a"), "",
						      pl_slice_make(NULL, 0), 1);
		pl_alloc_fail_at(0);
		pl_buffer_deinit(&text);
		if (!status)
			break;
		assert_int_equal(status, PL_ENOMEM);
	}
	assert_true(n > 1 && n < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	  cmocka_unit_test(families),
		cmocka_unit_test(samples),	  cmocka_unit_test(numbers),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
