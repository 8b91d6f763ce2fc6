/*
 * local.h - sockets that are files, for whoever is the program's user, or root, on this machine.
 *
 * The file has mode 0600 from the moment it is there. One that a process has left which is gone
 * is replaced; one at which somebody listens is not.
 */
#ifndef PL_NET_LOCAL_H
#define PL_NET_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PL_LOCAL_PATH_MAX = 107, PL_LOCAL_BACKLOG = 16 };

typedef struct pl_local {
	int fd;	  /* listens, and does not block; -1: there is none */
	int held; /* the file, so that no other gets its number */
	dev_t device;
	ino_t file;
	char path[PL_LOCAL_PATH_MAX + 1];
} pl_local;

typedef struct pl_local_peer {
	pid_t pid;
	uid_t uid;
} pl_local_peer;

/* Blocks for up to a second while another process does the same in that folder. PL_OK;
 * PL_EADDRINUSE: somebody listens there; PL_EEXIST: there is a file that is no socket; PL_ETOOBIG:
 * the path is too long; PL_EBUSY; or what the system says of the folder. */
int pl_local_open(pl_local *local, const char *path);

/* Takes the file away, if it is still the one that was made. Closes the socket unless its owner has
 * set fd to -1. */
void pl_local_close(pl_local *local);

/* *fd does not block. PL_OK, PL_ECONNREFUSED: nobody listens there (any more), PL_ENOENT,
 * PL_EACCES, PL_EAGAIN: too many wait there. */
int pl_local_connect(const char *path, int *fd);

/* Who is at the other end. Whether that is the user of this process, or root. */
bool pl_local_trusted(int fd, pl_local_peer *peer);

#endif
