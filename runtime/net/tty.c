#include "net/tty.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/status.h"

static struct termios found;  /* what to put back */
static struct termios wanted; /* what is set while we run */
static volatile sig_atomic_t changed;

bool pl_tty_is(int fd)
{
	return isatty(fd) == 1;
}

int pl_tty_size(int fd, int *columns, int *rows)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || size.ws_col == 0 || size.ws_row == 0)
		return PL_ENOTSUP;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return PL_OK;
}

/* In the background the terminal is somebody else's; changing it would stop us, too. */
static void apply(const struct termios *mode)
{
	int error = errno;

	if (tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, mode);
	errno = error;
}

void pl_tty_restore(void)
{
	if (!changed)
		return;
	apply(&found);
	changed = 0;
}

/* Signals whose action is still the default one: that follows. */

static void set_handler(int number, void (*handler)(int number), int flags)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) || action.sa_handler != SIG_DFL)
		return;
	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = flags;
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

/* SA_RESETHAND: the second one, or the instruction that faults again, ends the process. */
static void on_fatal(int number)
{
	pl_tty_restore();
	raise(number);
}

static void on_continue(int number)
{
	(void)number;
	if (changed)
		apply(&wanted);
}

static void on_stop(int number)
{
	int error = errno;
	sigset_t set;

	if (changed)
		apply(&found);
	signal(number, SIG_DFL);
	raise(number);
	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* here it stops, and goes on */
	set_handler(number, on_stop, SA_RESTART);
	on_continue(number);
	errno = error;
}

static void heed_signals(void)
{
	static const int fatal[] = { SIGHUP, SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
				     SIGFPE, SIGSEGV, SIGALRM, SIGXCPU, SIGXFSZ, SIGSYS };
	static bool done;
	size_t i;

	if (done)
		return;
	done = true;
	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		set_handler(fatal[i], on_fatal, (int)SA_RESETHAND);
	set_handler(SIGTSTP, on_stop, SA_RESTART);
	set_handler(SIGCONT, on_continue, SA_RESTART);
	atexit(pl_tty_restore);
}

static struct termios mode_from(struct termios mode, enum pl_tty_mode name)
{
	if (name == PL_TTY_NO_ECHO) {
		mode.c_lflag &= ~(tcflag_t)ECHO;
		mode.c_lflag |= ICANON | ECHONL;
		return mode;
	}
	mode.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
	mode.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN);
	if (name == PL_TTY_RAW)
		mode.c_lflag &= ~(tcflag_t)ISIG;
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	return mode;
}

int pl_tty_set_mode(enum pl_tty_mode mode)
{
	if (!pl_tty_is(STDIN_FILENO))
		return PL_ENOTSUP;
	if (mode == PL_TTY_NORMAL) {
		pl_tty_restore();
		return PL_OK;
	}
	if (!changed && tcgetattr(STDIN_FILENO, &found))
		return pl_status_from_errno(errno);
	wanted = mode_from(found, mode);
	heed_signals();
	changed = 1;
	return tcsetattr(STDIN_FILENO, TCSANOW, &wanted) ? pl_status_from_errno(errno) : PL_OK;
}
