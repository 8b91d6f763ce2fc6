#include "worker/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/map.h"
#include "base/status.h"
#include "crypto/random.h"
#include "net/inherited.h"
#include "net/mailbox.h"
#include "net/notify.h"
#include "net/tty.h"
#include "worker/log_tail.h"
#include "worker/watch.h"

static volatile sig_atomic_t signalled;
static void (*loop_handler)(int number); /* libuv has one for all signals */

static void on_ending_signal(int number)
{
	if (signalled) {
		pl_tty_restore();
		_exit(128 + number);
	}
	signalled = 1;
	loop_handler(number);
}

static void wrap_handler(int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) || action.sa_handler == SIG_DFL ||
	    action.sa_handler == on_ending_signal)
		return;
	loop_handler = action.sa_handler;
	action.sa_handler = on_ending_signal;
	sigaction(number, &action, NULL);
}

void pl_worker_heed_second_signal(void)
{
	wrap_handler(SIGINT);
	wrap_handler(SIGTERM);
}

/* A worker as the program knows it. */
typedef struct seat {
	pl_worker worker;
	pthread_t thread;
	bool threaded;	     /* `thread` is to be joined */
	pl_mailbox *mailbox; /* NULL: not at work (yet, or any more) */
	pl_mail stop;	     /* sent at most once */
} seat;

typedef struct pl_program {
	pthread_mutex_t lock;
	int (*main)(pl_worker *worker, void *context);
	void *context;
	uint16_t count;
	uint16_t running; /* seats that are open */
	uint16_t idle;	  /* of them with nothing to do */
	uint16_t up;	  /* scripts that are */
	pl_watch watch;
	bool ended; /* nobody has */
	bool stopping;
	int code;
	seat *seats; /* by worker, from 0 */
} pl_program;

static void on_stop(pl_mail *mail, void *receiver)
{
	pl_worker *worker = receiver;

	(void)mail;
	if (worker && worker->stop)
		worker->stop(worker->context, worker->program->code);
}

/* With the lock. */

static void stop_all(pl_program *program, const pl_worker *but)
{
	uint16_t i;

	for (i = 0; i < program->count; i++) {
		seat *at = &program->seats[i];

		if (at->mailbox && &at->worker != but)
			pl_mailbox_send(at->mailbox, &at->stop);
	}
}

static void check_end(pl_program *program)
{
	uint16_t i;

	if (program->ended || program->idle < program->running)
		return;
	program->ended = true;
	for (i = 0; i < program->count; i++)
		if (program->seats[i].mailbox)
			pl_loop_wake(program->seats[i].worker.loop);
}

static void tell(const char *text)
{
	int status = pl_notify_send(text);

	if (status)
		pl_log(PL_LOG_WARN, "the supervisor cannot be told: %s", pl_status_text(status));
}

static void stop_program(pl_program *program, const pl_worker *but, int code)
{
	pthread_mutex_lock(&program->lock);
	if (!program->stopping) {
		program->stopping = true;
		program->code = code;
		tell("STOPPING=1");
		stop_all(program, but);
	}
	pthread_mutex_unlock(&program->lock);
}

void pl_worker_stop_all(pl_worker *worker, int code)
{
	stop_program(worker->program, worker, code);
}

void pl_worker_up(pl_worker *worker)
{
	pl_program *program = worker->program;
	char text[64];
	bool all;

	pthread_mutex_lock(&program->lock);
	all = ++program->up == program->count && !program->stopping;
	pthread_mutex_unlock(&program->lock);
	if (!all)
		return;
	snprintf(text, sizeof(text), "READY=1\nSTATUS=running, workers: %u", program->count);
	tell(text);
	pl_inherited_tell_unused();
}

bool pl_worker_rest(pl_worker *worker)
{
	pl_program *program = worker->program;
	bool over;

	pthread_mutex_lock(&program->lock);
	program->idle++;
	check_end(program);
	while (!(over = program->ended || program->stopping) && !pl_loop_held(worker->loop)) {
		pthread_mutex_unlock(&program->lock);
		pl_loop_wait(worker->loop);
		pthread_mutex_lock(&program->lock);
	}
	program->idle--;
	pthread_mutex_unlock(&program->lock);
	return !over;
}

/* Seats are made and cleared away by the program's own thread. */

static int seat_open(seat *self)
{
	pl_worker *worker = &self->worker;
	pl_program *program = worker->program;
	pl_mailbox *mailbox;
	int status = pl_loop_new(&worker->loop);

	if (!status)
		status = pl_mailbox_new(&mailbox, worker->loop, worker);
	if (status) {
		pl_log(PL_LOG_ERROR, "worker %d cannot begin: %s", worker->id,
		       pl_status_text(status));
		return status;
	}
	pthread_mutex_lock(&program->lock);
	self->mailbox = mailbox;
	program->running++;
	pthread_mutex_unlock(&program->lock);
	return PL_OK;
}

/* Nobody sends to it any more, and the program does not wait for it. */
static void seat_leave(seat *self)
{
	pl_program *program = self->worker.program;
	pl_mailbox *mailbox = self->mailbox;

	pthread_mutex_lock(&program->lock);
	self->mailbox = NULL;
	program->running--;
	check_end(program);
	pthread_mutex_unlock(&program->lock);
	self->worker.stop = NULL;
	pl_mailbox_close(mailbox);
}

static void seat_close(seat *self)
{
	if (self->threaded)
		pthread_join(self->thread, NULL);
	pl_loop_free(self->worker.loop);
}

/* A worker's life, in its thread. */
static void *work(void *context)
{
	seat *self = context;
	pl_worker *worker = &self->worker;
	pl_program *program = worker->program;
	int code;

	pl_counters_begin(worker->id);
	if (worker->id == 1)
		pl_watch_begin(&program->watch, worker->loop, program->count);
	code = program->main(worker, program->context);
	if (worker->id == 1)
		pl_watch_end(&program->watch);
	atomic_store(&pl_counters_own->busy_since, 0);

	if (code)
		pl_worker_stop_all(worker, code);
	seat_leave(self);
	return NULL;
}

/* Signals are for worker 1: a thread begins with those blocked that its maker blocks. */
static int seat_begin(seat *self)
{
	sigset_t all;
	sigset_t before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&self->thread, NULL, work, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	self->threaded = error == 0;
	if (!error)
		return PL_OK;
	pl_log(PL_LOG_ERROR, "worker %d cannot begin: %s", self->worker.id, strerror(error));
	return PL_ENOMEM;
}

/* All seats are there before anybody sits down: none may find that all others have left. */
void pl_worker_begin_others(pl_worker *worker)
{
	pl_program *program = worker->program;
	int status = PL_OK;
	uint16_t i;

	for (i = 1; i < program->count && !status; i++)
		status = seat_open(&program->seats[i]);
	for (i = 1; i < program->count && !status; i++)
		status = seat_begin(&program->seats[i]);
	for (i = 1; i < program->count && status; i++)
		if (!program->seats[i].threaded && program->seats[i].mailbox)
			seat_leave(&program->seats[i]);
	if (status)
		stop_program(program, NULL, 1);
}

/* The program. */

/* A closed standard descriptor would be given to the next file that is opened. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void prepare_process(void)
{
	uint8_t seed[16];

	fill_standard_descriptors();
	pl_inherited_begin();
	pl_notify_begin();
	/* libuv writes without MSG_NOSIGNAL: a peer that is gone must be an error, not our end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its largest is an error of the call */
	pl_random(seed, sizeof(seed));
	pl_map_seed(seed);
}

static void run(pl_program *program, pl_groups *groups, pl_shared *shared, pl_metrics *metrics)
{
	uint16_t i;

	for (i = 0; i < program->count; i++) {
		seat *at = &program->seats[i];

		at->worker = (pl_worker){ .id = (uint16_t)(i + 1),
					  .count = program->count,
					  .groups = groups,
					  .shared = shared,
					  .metrics = metrics,
					  .program = program };
		at->stop.open = on_stop;
	}
	if (seat_open(&program->seats[0]) == PL_OK)
		work(&program->seats[0]);
	else
		program->code = 1;
	for (i = 0; i < program->count; i++)
		seat_close(&program->seats[i]);
}

int pl_worker_run(uint16_t count, int (*main)(pl_worker *worker, void *context), void *context)
{
	pl_program program = { .main = main, .context = context, .count = count };
	pl_groups *groups = NULL;
	pl_metrics *metrics;
	pl_looker *looker;
	pl_shared *shared;

	prepare_process();
	pthread_mutex_init(&program.lock, NULL);
	program.seats = pl_calloc(count, sizeof(*program.seats));
	shared = pl_shared_new();
	metrics = pl_metrics_new(count);
	if (count > 1)
		groups = pl_groups_new(count);
	if (program.seats && shared && metrics && (groups || count == 1)) {
		looker = pl_looker_new(count);
		run(&program, groups, shared, metrics);
		pl_looker_free(looker);
	} else {
		pl_log(PL_LOG_ERROR, "the workers cannot be made: out of memory");
		program.code = 1;
	}
	pl_groups_free(groups);
	pl_shared_free(shared);
	pl_metrics_free(metrics);
	pl_notify_end();
	pl_log_tail_end();
	pl_free(program.seats);
	pthread_mutex_destroy(&program.lock);
	return program.code;
}
