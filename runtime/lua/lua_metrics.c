#include "lua/lua_metrics.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/embedded.h"
#include "base/status.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"
#include "net/work.h"
#include "worker/log_tail.h"
#include "worker/metrics.h"
#include "worker/slow.h"

static const char METRIC[] = "perilune.metric";
static const char SERIES[] = "perilune.series";

static pl_metrics *metrics_of(lua_State *L)
{
	return pl_script_of(L)->worker->metrics;
}

/* They live as long as the process: a userdata is a pointer that no script can forge. */
static int push_pointer(lua_State *L, const char *kind, void *pointer)
{
	void **at = lua_newuserdata(L, sizeof(*at));

	*at = pointer;
	luaL_getmetatable(L, kind);
	lua_setmetatable(L, -2);
	return 1;
}

static pl_metric *check_metric(lua_State *L)
{
	return *(pl_metric **)luaL_checkudata(L, 1, METRIC);
}

static pl_series *check_series(lua_State *L)
{
	return *(pl_series **)luaL_checkudata(L, 1, SERIES);
}

static uint16_t worker_of(lua_State *L)
{
	return pl_script_of(L)->worker->id;
}

static size_t read_names(lua_State *L, int index, pl_slice *names)
{
	size_t count = lua_objlen(L, index);
	size_t i;

	luaL_argcheck(L, count <= PL_METRICS_LABELS, index, "too many labels");
	for (i = 0; i < count; i++) {
		lua_rawgeti(L, index, (int)i + 1);
		names[i] = pl_lua_check_slice(L, -1);
		lua_pop(L, 1); /* the table keeps it */
	}
	return count;
}

static size_t read_bounds(lua_State *L, int index, double *bounds)
{
	size_t count = lua_objlen(L, index);
	size_t i;

	luaL_argcheck(L, count <= PL_METRICS_BUCKETS, index, "too many buckets");
	for (i = 0; i < count; i++) {
		lua_rawgeti(L, index, (int)i + 1);
		bounds[i] = luaL_checknumber(L, -1);
		lua_pop(L, 1);
	}
	return count;
}

/* define(kind, name, help, labels, buckets) -> metric | nil, message, code */
static int metrics_define(lua_State *L)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram", NULL };
	pl_slice labels[PL_METRICS_LABELS];
	double bounds[PL_METRICS_BUCKETS];
	pl_metric_definition asked = { .labels = labels, .buckets = bounds };
	pl_metric *metric;
	int status;

	asked.kind = (enum pl_metric_kind)luaL_checkoption(L, 1, NULL, kinds);
	asked.name = pl_lua_check_slice(L, 2);
	asked.help = pl_lua_check_slice(L, 3);
	luaL_checktype(L, 4, LUA_TTABLE);
	luaL_checktype(L, 5, LUA_TTABLE);
	asked.label_count = read_names(L, 4, labels);
	asked.bucket_count = read_bounds(L, 5, bounds);
	status = pl_metrics_define(metrics_of(L), &asked, &metric);
	return status ? pl_lua_result(L, status) : push_pointer(L, METRIC, metric);
}

/* series(metric, values...) -> series | nil, message, code; numbers are values, too */
static int metrics_series(lua_State *L)
{
	pl_metric *metric = check_metric(L);
	pl_slice values[PL_METRICS_LABELS];
	pl_series *series;
	size_t i;
	int status;

	for (i = 0; i < pl_metric_label_count(metric); i++)
		values[i] = pl_lua_check_slice(L, (int)i + 2);
	status = pl_metric_series(metric, values, &series);
	return status ? pl_lua_result(L, status) : push_pointer(L, SERIES, series);
}

static int metrics_add(lua_State *L)
{
	pl_series_add(check_series(L), worker_of(L), luaL_checknumber(L, 2));
	return 0;
}

static int metrics_set(lua_State *L)
{
	pl_series_set(check_series(L), worker_of(L), luaL_checknumber(L, 2));
	return 0;
}

static int metrics_observe(lua_State *L)
{
	pl_series_observe(check_series(L), worker_of(L), luaL_checknumber(L, 2));
	return 0;
}

/* value(series) -> of all workers; of a histogram how many it has */
static int metrics_value(lua_State *L)
{
	lua_pushnumber(L, pl_series_value(check_series(L)));
	return 1;
}

/* limit(series) */
static int metrics_limit(lua_State *L)
{
	pl_metrics_set_limit(metrics_of(L), (size_t)luaL_checknumber(L, 1));
	return 0;
}

/* Asking the system, on the pool. */

typedef struct inquiry {
	pl_wait wait;
	pl_metrics *metrics;
	pl_process process;
	bool waiting;
	bool text;	   /* all of it as text, or a table of the process */
	pl_buffer written; /* here, for pushing may throw */
} inquiry;

static void on_run(void *context)
{
	pl_process_read(&((inquiry *)context)->process);
}

static int push_text(lua_State *L, inquiry *self)
{
	int status = pl_metrics_write(self->metrics, &self->process, &self->written);

	if (status)
		return pl_lua_result(L, status);
	lua_pushlstring(L, (const char *)self->written.data, self->written.len);
	return 1;
}

static void set_number(lua_State *L, const char *name, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, name);
}

static int push_answer(lua_State *L, void *context)
{
	inquiry *self = context;

	if (self->text)
		return push_text(L, self);
	lua_createtable(L, 0, 6);
	set_number(L, "cpu", self->process.cpu);
	set_number(L, "started", self->process.started);
	set_number(L, "resident", (double)self->process.resident);
	set_number(L, "files", (double)self->process.files);
	set_number(L, "files_max", (double)self->process.files_max);
	return 1;
}

static void on_done(void *context)
{
	inquiry *self = context;
	pl_task *task = NULL;

	if (self->waiting)
		task = pl_wait_end_with(&self->wait, push_answer, self);
	pl_buffer_deinit(&self->written);
	pl_free(self);
	if (task)
		pl_wait_go(task);
}

/* The pool still has it. */
static void cancel_inquiry(pl_wait *wait)
{
	PL_CONTAINER(wait, inquiry, wait)->waiting = false;
}

static int inquire(lua_State *L, bool text)
{
	inquiry *self;

	pl_wait_check(L);
	self = pl_calloc(1, sizeof(*self));
	if (!self)
		return pl_lua_result(L, PL_ENOMEM);
	self->metrics = metrics_of(L);
	self->text = text;
	if (pl_work_start(pl_script_of(L)->loop, on_run, on_done, self)) {
		pl_free(self);
		return pl_lua_result(L, PL_ENOMEM);
	}
	self->waiting = true;
	pl_wait_begin(L, &self->wait, cancel_inquiry);
	return pl_wait_yield(L);
}

/* ~text() -> what Prometheus reads */
static int metrics_text(lua_State *L)
{
	return inquire(L, true);
}

/* ~process() -> { cpu, started, resident, files, files_max } */
static int metrics_process(lua_State *L)
{
	return inquire(L, false);
}

/* counters() -> { ["connections{transport=\"http\"}"] = 3, … } */
static int metrics_counters(lua_State *L)
{
	int64_t sums[PL_COUNTER_COUNT];
	int i;

	pl_counters_sum(sums);
	lua_createtable(L, 0, PL_COUNT_TURN);
	for (i = 0; i < PL_COUNT_TURN; i++) {
		pl_counter_info info = pl_counter_info_of((enum pl_counter)i);
		const char *format = info.labels[0] ? "%s{%s}" : "%s%s";

		lua_pushfstring(L, format, info.family, info.labels);
		lua_pushnumber(L, (double)sums[i]);
		lua_rawset(L, -3);
	}
	return 1;
}

/* keep_log(): from now on the last lines are there for log_lines */
static int metrics_keep_log(lua_State *L)
{
	return pl_lua_result(L, pl_log_tail_begin());
}

#define NUMBERS 9007199254740992.0 /* 2^53: those that a lua_Number tells apart */

/* log_lines(after) -> { "line", … }, the number of the last one; all lines for what is no number of
 * one */
static int metrics_log_lines(lua_State *L)
{
	lua_Number given = luaL_checknumber(L, 1);
	uint64_t after = given >= 0 && given < NUMBERS ? (uint64_t)given : 0;
	pl_log_tail_line line;
	int count = 0;

	lua_newtable(L);
	while (count < PL_LOG_TAIL_LINES && pl_log_tail_next(after, &line)) {
		lua_pushlstring(L, line.text, line.len);
		lua_rawseti(L, -2, ++count);
		after = line.number;
	}
	lua_pushnumber(L, (lua_Number)after);
	return 2;
}

/* slow() -> { { place, count, total, most }, … } in seconds */
static int metrics_slow(lua_State *L)
{
	pl_slow list[PL_SLOW_KEPT];
	size_t count = pl_slow_list(list);
	size_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		lua_createtable(L, 0, 4);
		lua_pushstring(L, list[i].place);
		lua_setfield(L, -2, "place");
		set_number(L, "count", (double)list[i].count);
		set_number(L, "total", (double)list[i].total / 1000);
		set_number(L, "most", (double)list[i].most / 1000);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

/* page(name) -> a file of the program, or nil */
static int metrics_page(lua_State *L)
{
	pl_slice file = pl_embedded_find(pl_lua_check_slice(L, 1));

	if (file.at)
		pl_lua_push(L, file);
	else
		lua_pushnil(L);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "keep_log", metrics_keep_log },
	{ "log_lines", metrics_log_lines },
	{ "slow", metrics_slow },
	{ "define", metrics_define },
	{ "series", metrics_series },
	{ "add", metrics_add },
	{ "set", metrics_set },
	{ "observe", metrics_observe },
	{ "value", metrics_value },
	{ "limit", metrics_limit },
	{ "text", metrics_text },
	{ "process", metrics_process },
	{ "counters", metrics_counters },
	{ "page", metrics_page },
	{ NULL, NULL },
};

int pl_lua_open_metrics(lua_State *L)
{
	luaL_newmetatable(L, METRIC);
	luaL_newmetatable(L, SERIES);
	lua_pop(L, 2);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
