#include "worker/worker.h"

#include <signal.h>

#include "base/log.h"
#include "base/map.h"
#include "base/status.h"
#include "crypto/random.h"

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
