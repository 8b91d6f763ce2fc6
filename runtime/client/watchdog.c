#include "client/watchdog.h"

void pl_watchdog_reset(pl_watchdog *watchdog, const pl_watchdog_settings *settings)
{
	watchdog->attempt = 0;
	watchdog->interval = settings->interval;
}

bool pl_watchdog_next(pl_watchdog *watchdog, const pl_watchdog_settings *settings, uint64_t up,
		      uint32_t random, uint32_t *delay)
{
	double interval;

	if (!settings->enabled)
		return false;
	if (up > 0 && up >= settings->held)
		pl_watchdog_reset(watchdog, settings);
	if (settings->attempts > 0 && watchdog->attempt >= settings->attempts)
		return false;
	watchdog->attempt++;
	interval = watchdog->interval < settings->maximum ? watchdog->interval : settings->maximum;
	watchdog->interval = interval * settings->factor;
	if (settings->jitter)
		interval = interval * random / UINT32_MAX;
	*delay = (uint32_t)interval;
	return true;
}
