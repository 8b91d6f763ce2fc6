#include "net/loop_internal.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"
#include "net/tls_internal.h"

int pl_net_status(int uv_error)
{
	switch (uv_error) {
	case 0:
		return PL_OK;
	case UV_ECANCELED:
		return PL_ECANCELED;
	case UV_EOF:
		return PL_ECLOSED;
	default:
		return uv_error > -4000 ? pl_status_from_errno(-uv_error) : PL_EIO;
	}
}

enum { LATE = 250 }; /* ms */

static void run_list(pl_list *list)
{
	pl_list now;

	pl_list_init(&now);
	pl_list_move(&now, list);
	while (!pl_list_empty(&now)) {
		pl_deferred *deferred = PL_CONTAINER(now.next, pl_deferred, node);

		pl_list_remove(&deferred->node);
		deferred->run(deferred);
	}
}

static void arm(pl_loop *loop);

/* Who was held up for so long, as a process that was stopped, first reads what has come meanwhile:
 * libuv runs timers before it polls, and a peer's answer may be there, whose time-out is due. */
static bool has_to_look(pl_loop *loop)
{
	if (loop->late || pl_loop_now(loop) <= loop->armed + LATE) {
		loop->late = false;
		return false;
	}
	loop->late = true;
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	pl_loop *loop = timer->data;

	if (has_to_look(loop)) {
		uv_timer_start(timer, on_timer, 1, 0); /* 0 would be at once */
		return;
	}
	loop->armed = UINT64_MAX;
	pl_wheel_advance(&loop->wheel, pl_loop_now(loop));
}

/* Keeps the one timer of libuv at the wheel's next due. */
static void arm(pl_loop *loop)
{
	uint64_t next = pl_wheel_next(&loop->wheel);
	uint64_t now;

	if (next == loop->armed)
		return;
	loop->armed = next;
	if (next == UINT64_MAX) {
		uv_timer_stop(&loop->timer);
		return;
	}
	now = pl_loop_now(loop);
	uv_timer_start(&loop->timer, on_timer, next > now ? next - now : 0, 0);
}

/* Deferred work first, for it writes; then every touched stream once. What both queue anew in
 * this very pass waits for the next turn, which then must not sleep. */
static void end_turn(pl_loop *loop)
{
	run_list(&loop->deferred);
	run_list(&loop->flushes);
	pl_sockets_end_turn(loop);
	if (!pl_list_empty(&loop->deferred) || !pl_list_empty(&loop->flushes))
		uv_async_send(&loop->wake);
}

static void set_busy(uint64_t since)
{
	atomic_store_explicit(&pl_counters_own->busy_since, since, memory_order_relaxed);
}

static void on_check(uv_check_t *check)
{
	pl_loop *loop = check->data;

	/* libuv's clock is that of the end of the wait, unless pl_loop_refresh has moved it. */
	loop->began = uv_now(&loop->uv) - loop->refreshed;
	set_busy(loop->began);
	end_turn(loop);
	loop->turn++;
}

/* Timers and closing handles run outside of the check phase: their work is flushed here. */
static void on_prepare(uv_prepare_t *prepare)
{
	pl_loop *loop = prepare->data;

	end_turn(loop);
	arm(loop);
	if (loop->began)
		pl_counters_turn(uv_now(&loop->uv) - loop->began);
	loop->refreshed = 0;
	set_busy(0);
}

static void on_wake(uv_async_t *wake)
{
	(void)wake;
}

static int init_handles(pl_loop *loop)
{
	int status = uv_loop_init(&loop->uv);

	if (status)
		return status;
	status = pl_sockets_init(loop);
	if (status) {
		uv_loop_close(&loop->uv);
		return status;
	}
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_check_init(&loop->uv, &loop->check);
	uv_timer_init(&loop->uv, &loop->timer);
	status = uv_async_init(&loop->uv, &loop->wake, on_wake);
	loop->prepare.data = loop->check.data = loop->timer.data = loop->wake.data = loop;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
	return status;
}

int pl_loop_new(pl_loop **result)
{
	pl_loop *loop = pl_calloc(1, sizeof(*loop));
	int status;

	if (!loop)
		return PL_ENOMEM;
	loop->read_buffer = pl_alloc(PL_LOOP_READ_BUFFER);
	if (!loop->read_buffer) {
		pl_free(loop);
		return PL_ENOMEM;
	}
	status = init_handles(loop);
	if (status) {
		pl_free(loop->read_buffer);
		pl_free(loop);
		return pl_net_status(status);
	}
	pl_list_init(&loop->deferred);
	pl_tls_turns_init(&loop->handshakes);
	pl_list_init(&loop->flushes);
	loop->armed = UINT64_MAX;
	loop->date_second = -1;
	pl_wheel_init(&loop->wheel, uv_now(&loop->uv));
	*result = loop;
	return PL_OK;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_own(pl_loop *loop)
{
	size_t i;

	for (i = 0; i < PL_LOOP_SIGNALS; i++)
		if (loop->signals[i].number)
			uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
	pl_sockets_close(loop);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->check, NULL);
	uv_close((uv_handle_t *)&loop->wake, NULL);
}

/* Streams and listeners must have been closed by their owners before; their last
 * callbacks come here. */
void pl_loop_free(pl_loop *loop)
{
	if (!loop)
		return;
	end_turn(loop);
	close_own(loop);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	run_list(&loop->deferred);
	pl_sockets_end_turn(loop);
	uv_walk(&loop->uv, close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	pl_chunk_pool_deinit(&loop->chunks);
	pl_free(loop->tls_plain);
	pl_free(loop->tls_record);
	pl_tls_wire_free(loop->tls_wire);
	pl_free(loop->read_buffer);
	pl_free(loop);
}

void pl_loop_run(pl_loop *loop)
{
	uv_update_time(&loop->uv);
	while (!loop->stopped && loop->holds > 0)
		uv_run(&loop->uv, UV_RUN_ONCE);
	loop->stopped = false;
}

void pl_loop_wait(pl_loop *loop)
{
	uv_run(&loop->uv, UV_RUN_ONCE);
}

void pl_loop_turn(pl_loop *loop)
{
	uv_update_time(&loop->uv);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void pl_loop_skip(pl_loop *loop, uint64_t ms)
{
	loop->skipped += ms;
	pl_wheel_advance(&loop->wheel, pl_loop_now(loop));
}

void pl_loop_still(pl_loop *loop)
{
	loop->stood = uv_now(&loop->uv);
}

/* uv_stop keeps the turn from sleeping: it may have passed its last chance to look at us. */
void pl_loop_stop(pl_loop *loop)
{
	loop->stopped = true;
	uv_stop(&loop->uv);
}

void pl_loop_hold(pl_loop *loop)
{
	loop->holds++;
}

void pl_loop_release(pl_loop *loop)
{
	if (--loop->holds == 0)
		uv_stop(&loop->uv);
}

bool pl_loop_held(const pl_loop *loop)
{
	return loop->holds > 0;
}

uint64_t pl_loop_now(const pl_loop *loop)
{
	return (loop->stood ? loop->stood : uv_now(&loop->uv)) + loop->skipped;
}

void pl_loop_refresh(pl_loop *loop)
{
	uint64_t before = uv_now(&loop->uv);

	uv_update_time(&loop->uv);
	loop->refreshed += uv_now(&loop->uv) - before;
}

const char *pl_loop_date(pl_loop *loop)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t second = (int64_t)time(NULL);
	time_t stamp = (time_t)second;
	struct tm tm;

	if (second == loop->date_second)
		return loop->date;
	gmtime_r(&stamp, &tm);
	snprintf(loop->date, sizeof(loop->date), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		 days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	loop->date_second = second;
	return loop->date;
}

void pl_loop_start(pl_loop *loop, pl_timer *timer, uint64_t delay)
{
	pl_wheel_start(&loop->wheel, timer, pl_loop_now(loop) + delay);
}

void pl_loop_stop_timer(pl_loop *loop, pl_timer *timer)
{
	pl_wheel_stop(&loop->wheel, timer);
}

void pl_deferred_init(pl_deferred *deferred, void (*run)(pl_deferred *deferred))
{
	pl_list_init(&deferred->node);
	deferred->run = run;
}

void pl_loop_defer(pl_loop *loop, pl_deferred *deferred)
{
	if (pl_list_empty(&deferred->node))
		pl_list_append(&loop->deferred, &deferred->node);
}

void pl_loop_flush(pl_loop *loop, pl_deferred *deferred)
{
	if (pl_list_empty(&deferred->node))
		pl_list_append(&loop->flushes, &deferred->node);
}

void pl_deferred_cancel(pl_deferred *deferred)
{
	pl_list_remove(&deferred->node);
}

void pl_loop_wake(pl_loop *loop)
{
	uv_async_send(&loop->wake);
}

static void on_signal(uv_signal_t *handle, int number)
{
	pl_loop_signal *signal = handle->data;

	signal->callback(signal->context, number);
}

static pl_loop_signal *find_signal(pl_loop *loop, int number)
{
	size_t i;

	for (i = 0; i < PL_LOOP_SIGNALS; i++)
		if (loop->signals[i].number == number)
			return &loop->signals[i];
	return NULL;
}

int pl_loop_on_signal(pl_loop *loop, int number, void (*callback)(void *context, int number),
		      void *context)
{
	pl_loop_signal *signal = find_signal(loop, number);
	int status;

	if (!signal) {
		signal = find_signal(loop, 0);
		if (!signal)
			return PL_ELIMIT;
		status = uv_signal_init(&loop->uv, &signal->handle);
		if (status)
			return pl_net_status(status);
		signal->number = number;
		signal->handle.data = signal;
		uv_unref((uv_handle_t *)&signal->handle);
	}
	signal->callback = callback;
	signal->context = context;
	return pl_net_status(uv_signal_start(&signal->handle, on_signal, number));
}
