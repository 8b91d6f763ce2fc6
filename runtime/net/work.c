#include "net/work.h"

#include <uv.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"

struct pl_work {
	uv_work_t request;
	pl_loop *loop;
	void (*run)(void *context);
	void (*done)(void *context);
	void *context;
};

static void on_run(uv_work_t *request)
{
	pl_work *work = (pl_work *)request;

	work->run(work->context);
}

static void on_done(uv_work_t *request, int status)
{
	pl_work *work = (pl_work *)request;
	void (*done)(void *) = work->done;
	void *context = work->context;

	(void)status;
	pl_loop_release(work->loop);
	pl_free(work);
	done(context);
}

int pl_work_start(pl_loop *loop, void (*run)(void *context), void (*done)(void *context),
		  void *context)
{
	pl_work *work = pl_alloc(sizeof(*work));

	if (!work)
		return PL_ENOMEM;
	work->loop = loop;
	work->run = run;
	work->done = done;
	work->context = context;
	if (uv_queue_work(&loop->uv, &work->request, on_run, on_done)) {
		pl_free(work);
		return PL_ENOMEM;
	}
	pl_loop_hold(loop);
	return PL_OK;
}
