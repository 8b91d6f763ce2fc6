#include "worker/watch.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/notify.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t since_of(uint16_t worker)
{
	return atomic_load_explicit(&pl_counters_of(worker)->busy_since, memory_order_relaxed);
}

/* How long its turn has taken, in ms. */
static uint64_t busy_for(uint64_t since)
{
	uint64_t now = now_ms();

	return since > 0 && now > since ? now - since : 0;
}

bool pl_watch_alive(uint16_t first, uint16_t last, uint64_t limit)
{
	uint16_t worker;

	for (worker = first; worker <= last; worker++)
		if (busy_for(since_of(worker)) > limit)
			return false;
	return true;
}

/* The supervisor. */

/* A worker that is stuck for less than the supervisor allows is forgiven: that takes two looks in
 * half of the time. Worker 1 itself gets on, as this timer shows. */
static void on_timer(pl_timer *timer)
{
	pl_watch *watch = PL_CONTAINER(timer, pl_watch, timer);

	if (pl_watch_alive(2, watch->workers, watch->interval / 2))
		pl_notify_send("WATCHDOG=1");
	pl_loop_start(watch->loop, timer, watch->interval / 4);
}

void pl_watch_begin(pl_watch *watch, pl_loop *loop, uint16_t workers)
{
	watch->loop = loop;
	watch->workers = workers;
	watch->interval = pl_notify_watchdog();
	pl_timer_init(&watch->timer, on_timer);
	if (watch->interval > 0)
		pl_loop_start(loop, &watch->timer, watch->interval / 4);
}

void pl_watch_end(pl_watch *watch)
{
	if (watch->loop)
		pl_loop_stop_timer(watch->loop, &watch->timer);
}

/* The looking thread. */

struct pl_looker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ends;
	bool ended;
	uint16_t workers;
	uint64_t told[]; /* since when the turn goes on that was told of, by worker */
};

static void look_at(pl_looker *looker, uint16_t worker)
{
	const char *running;
	uint64_t since = since_of(worker);
	uint64_t *told = &looker->told[worker - 1];

	if (*told && *told != since) {
		pl_log(PL_LOG_WARN, "worker %u goes on", worker);
		*told = 0;
	}
	if (*told || busy_for(since) < PL_WATCH_STUCK)
		return;
	*told = since;
	running = atomic_load_explicit(&pl_counters_of(worker)->running, memory_order_acquire);
	pl_log(PL_LOG_ERROR, "worker %u is stuck: for %llu s it has been in %s", worker,
	       (unsigned long long)(busy_for(since) / 1000),
	       running ? running : "code that is not a handler");
}

static void *look(void *context)
{
	pl_looker *looker = context;
	struct timespec at;
	uint16_t worker;

	pthread_mutex_lock(&looker->lock);
	while (!looker->ended) {
		for (worker = 1; worker <= looker->workers; worker++)
			look_at(looker, worker);
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_nsec += PL_WATCH_LOOK * 1000000L;
		at.tv_sec += at.tv_nsec / 1000000000L;
		at.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&looker->ends, &looker->lock, &at);
	}
	pthread_mutex_unlock(&looker->lock);
	return NULL;
}

static int begin(pl_looker *looker)
{
	sigset_t all;
	sigset_t before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&looker->thread, NULL, look, looker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static void deinit(pl_looker *looker)
{
	pthread_cond_destroy(&looker->ends);
	pthread_mutex_destroy(&looker->lock);
	pl_free(looker);
}

pl_looker *pl_looker_new(uint16_t workers)
{
	pl_looker *looker = pl_calloc(1, sizeof(*looker) + workers * sizeof(uint64_t));
	pthread_condattr_t clock;

	if (looker) {
		looker->workers = workers;
		pthread_mutex_init(&looker->lock, NULL);
		pthread_condattr_init(&clock);
		pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
		pthread_cond_init(&looker->ends, &clock);
		pthread_condattr_destroy(&clock);
		if (begin(looker) == 0)
			return looker;
		deinit(looker);
	}
	pl_log(PL_LOG_WARN, "nobody looks after the workers: out of memory");
	return NULL;
}

void pl_looker_free(pl_looker *looker)
{
	if (!looker)
		return;
	pthread_mutex_lock(&looker->lock);
	looker->ended = true;
	pthread_cond_signal(&looker->ends);
	pthread_mutex_unlock(&looker->lock);
	pthread_join(looker->thread, NULL);
	deinit(looker);
}
