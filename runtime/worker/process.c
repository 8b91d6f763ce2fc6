#include "worker/process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The begin of a file of /proc. False: it cannot be had. */
static bool read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		return false;
	len = fread(text, 1, size - 1, file);
	fclose(file);
	text[len] = '\0';
	return len > 0;
}

/* The number that comes after so many words. 0: it is none. */
static uint64_t number_after(const char *text, int words)
{
	while (words-- > 0) {
		text += strspn(text, " ");
		text += strcspn(text, " ");
	}
	return strtoull(text, NULL, 10);
}

static void read_memory(pl_process *process)
{
	int64_t page = sysconf(_SC_PAGESIZE);
	char text[256];

	if (!read_text("/proc/self/statm", text, sizeof(text)))
		return;
	process->virtual = (int64_t)number_after(text, 0) * page;
	process->resident = (int64_t)number_after(text, 1) * page;
}

static int64_t count_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	int64_t count = -1; /* the folder's own */

	if (!folder)
		return 0;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			count++;
	closedir(folder);
	return count;
}

/* Field 22 of stat: clock ticks from the system's start. The name, field 2, may have any bytes. */
static double since_boot(void)
{
	char text[1024];
	const char *at;

	if (!read_text("/proc/self/stat", text, sizeof(text)))
		return 0;
	at = strrchr(text, ')');
	return at ? (double)number_after(at + 1, 19) / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		return 0;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void pl_process_read(pl_process *process)
{
	struct rlimit limit;

	*process = (pl_process){ .files = count_files() };
	read_memory(process);
	process->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	process->started = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + since_boot();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		process->files_max = limit.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_cur;
}
