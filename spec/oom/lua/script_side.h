/*
 * script_side.h - a script that runs in this program, and a client in a thread beside it for which
 * memory fails.
 */
#ifndef SPEC_OOM_LUA_SCRIPT_SIDE_H
#define SPEC_OOM_LUA_SCRIPT_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/embedded.h"
#include "base/log.h"
#include "lua/lua_script.h"

enum { PATIENCE = 20, SHORT = 40000, ANSWER_MAX = 4096 };

static char port_text[8];
static uint16_t port;

static inline int dial(int microseconds)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { microseconds / 1000000, microseconds % 1000000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Reads until `end` has come: true; false at the end of the connection or of patience. */
static inline bool await(int fd, const char *end)
{
	char answer[ANSWER_MAX + 1];
	size_t len = 0;

	while (len < ANSWER_MAX) {
		ssize_t n = recv(fd, answer + len, ANSWER_MAX - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		answer[len] = '\0';
		if (memmem(answer, len, end, strlen(end)))
			return true;
	}
	return false;
}

static inline bool say(int fd, const char *text, size_t len, const char *answer)
{
	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len && await(fd, answer);
}

/* A request; memory fails from the nth allocation on. */
static inline bool ask(int microseconds, uint64_t nth, const char *text, const char *answer)
{
	int fd = dial(microseconds);
	bool right;

	if (fd < 0)
		return false;
	pl_alloc_fail_at(nth);
	right = say(fd, text, strlen(text), answer);
	pl_alloc_fail_at(0);
	close(fd);
	return right;
}

static inline int choose_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, size) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		return -1;
	port = ntohs(address.sin_port);
	snprintf(port_text, sizeof(port_text), "%u", port);
	return close(fd);
}

#endif
