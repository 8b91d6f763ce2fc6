/*
 * process.h - what the system knows of this process.
 */
#ifndef PL_WORKER_PROCESS_H
#define PL_WORKER_PROCESS_H

#include <stdint.h>

typedef struct pl_process {
	double cpu;	   /* seconds, of all threads */
	double started;	   /* seconds since 1970 */
	int64_t resident;  /* bytes */
	int64_t virtual;   /* bytes */
	int64_t files;	   /* descriptors that are open */
	int64_t files_max; /* -1: no limit */
} pl_process;

/* Reads /proc, which with many descriptors takes milliseconds: call it on the thread pool. What
 * cannot be had is 0. */
void pl_process_read(pl_process *process);

#endif
