#include "base/counters.h"

static pl_counters blocks[1 + PL_COUNTERS_WORKERS];

_Thread_local pl_counters *pl_counters_own = &blocks[0];

const uint32_t pl_counter_turn_bounds[PL_COUNTER_TURNS - 1] = {
	1, 2, 5, 10, 25, 50, 100, 250, 1000
};

enum family {
#define F(name, text, type, help) FAMILY_##name,
	PL_COUNTER_FAMILIES(F)
#undef F
};

static const struct {
	const char *name;
	const char *type;
	const char *help;
} families[] = {
#define F(name, text, type, help) [FAMILY_##name] = { text, type, help },
	PL_COUNTER_FAMILIES(F)
#undef F
};

static const struct {
	enum family family;
	const char *labels;
} rows[PL_COUNT_TURN] = {
#define X(name, family, labels) { FAMILY_##family, labels },
	PL_COUNTERS_MAP(X)
#undef X
};

void pl_counters_begin(uint16_t worker)
{
	pl_counters_own = &blocks[worker];
}

const pl_counters *pl_counters_of(uint16_t worker)
{
	return &blocks[worker];
}

void pl_counters_sum(int64_t sums[PL_COUNTER_COUNT])
{
	size_t block;
	size_t i;

	for (i = 0; i < PL_COUNTER_COUNT; i++)
		sums[i] = 0;
	for (block = 0; block <= PL_COUNTERS_WORKERS; block++)
		for (i = 0; i < PL_COUNTER_COUNT; i++)
			sums[i] +=
				atomic_load_explicit(&blocks[block].value[i], memory_order_relaxed);
}

enum pl_counter pl_counter_http(pl_slice method, int status)
{
	static const pl_slice methods[] = {
		{ "GET", 3 },	 { "HEAD", 4 },	 { "POST", 4 },	   { "PUT", 3 },
		{ "DELETE", 6 }, { "PATCH", 5 }, { "OPTIONS", 7 },
	};
	enum { METHODS = sizeof(methods) / sizeof(methods[0]), CLASSES = 5 };
	int class = status / 100 - 1;
	int i = 0;

	while (i < METHODS && !pl_slice_equal(methods[i], method))
		i++;
	if (class < 0 || class >= CLASSES)
		class = CLASSES - 1;
	return (enum pl_counter)(PL_COUNT_HTTP_GET_1 + i * CLASSES + class);
}

void pl_counters_turn(uint64_t ms)
{
	int i = 0;

	while (i < PL_COUNTER_TURNS - 1 && ms > pl_counter_turn_bounds[i])
		i++;
	pl_count((enum pl_counter)(PL_COUNT_TURN + i), 1);
	pl_count(PL_COUNT_TURN_MS, (int64_t)ms);
}

pl_counter_info pl_counter_info_of(enum pl_counter counter)
{
	enum family family = rows[counter].family;

	return (pl_counter_info){ families[family].name, families[family].type,
				  families[family].help, rows[counter].labels };
}
