#include "worker/worker.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/status.h"
#include "crypto/random.h"

static volatile sig_atomic_t signalled;
static void (*loop_handler)(int number); /* libuv has one for all signals */

static void on_ending_signal(int number)
{
	if (signalled)
		_exit(128 + number);
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

static void prepare_process(void)
{
	uint8_t seed[16];

	/* libuv writes without MSG_NOSIGNAL: a peer that is gone must be an error, not our end. */
	signal(SIGPIPE, SIG_IGN);
	pl_random(seed, sizeof(seed));
	pl_map_seed(seed);
}

int pl_worker_run(int (*main)(pl_worker *worker, void *context), void *context)
{
	pl_worker worker = { .id = 1, .count = 1 };
	int status;
	int code;

	prepare_process();
	status = pl_loop_new(&worker.loop);
	if (status) {
		pl_log(PL_LOG_ERROR, "the event loop cannot be made: %s", pl_status_text(status));
		return 1;
	}
	code = main(&worker, context);
	pl_loop_free(worker.loop);
	return code;
}
