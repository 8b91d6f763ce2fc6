/*
 * tty.h - the terminal behind standard input: its size, and modes that are undone at the end.
 *
 * The mode belongs to the terminal and not to the process, so whoever changes it has to put it
 * back: when the program ends, also by a signal or a crash (SIGKILL excepted), and while it is
 * stopped. Modes are of the whole process; one thread sets them.
 */
#ifndef PL_NET_TTY_H
#define PL_NET_TTY_H

#include <stdbool.h>

enum pl_tty_mode {
	PL_TTY_NORMAL,	/* as the program found it */
	PL_TTY_KEYS,	/* each key at once, without echo; Ctrl-C, Ctrl-Z and Ctrl-\ still signal */
	PL_TTY_RAW,	/* the same, and these are keys too */
	PL_TTY_NO_ECHO, /* whole lines, unseen */
};

bool pl_tty_is(int fd);

/* PL_OK, or PL_ENOTSUP when fd is no terminal or does not know. */
int pl_tty_size(int fd, int *columns, int *rows);

/* Sets the mode of standard input's terminal. PL_OK; PL_ENOTSUP when it is none; PL_EIO. */
int pl_tty_set_mode(enum pl_tty_mode mode);

/* Puts it back, if it was changed; for whoever ends the process at once. Safe in signal handlers.
 */
void pl_tty_restore(void);

#endif
