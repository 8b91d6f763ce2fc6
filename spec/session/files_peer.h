/*
 * files_peer.h - files below a root, over an HTTP/1.1 session, and the client that asks for them.
 */
#ifndef SPEC_SESSION_FILES_PEER_H
#define SPEC_SESSION_FILES_PEER_H

#include "session/http1_peer.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST(method, path) method " " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET(path) REQUEST("GET", path)

enum { LARGE = (10 << 20) + 1000 };

static char top[64];  /* holds secret.txt and served/ */
static char root[80]; /* what is served */

/* The tree. */

static inline const char *at(const char *path)
{
	static char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return full;
}

static inline void make_file(const char *path, const char *text)
{
	FILE *file = fopen(at(path), "wb");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline void make_large(void)
{
	FILE *file = fopen(at("large.bin"), "wb");

	assert_non_null(file);
	for (size_t i = 0; i < LARGE; i++)
		putc((int)(i % 251), file);
	fclose(file);
}

static inline int make_tree(void **state)
{
	(void)state;
	strcpy(top, "/tmp/pl_files_XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(root, sizeof(root), "%s/served", top);
	assert_int_equal(mkdir(root, 0755), 0);
	for (size_t i = 0; i < 5; i++) {
		const char *const folders[] = { "dir", "bare", ".git", ".well-known", "odd" };

		assert_int_equal(mkdir(at(folders[i]), 0755), 0);
	}
	assert_int_equal(mkdir(at("odd/index.html"), 0755), 0);
	make_file("index.html", "<p>root");
	make_file("a.txt", "text");
	make_file("empty.js", "");
	make_file("with space.txt", "blank");
	make_file("dir/index.html", "<p>dir");
	make_file("dir/.hidden", "secret");
	make_file(".hidden", "secret");
	make_file(".git/config", "secret");
	make_file(".well-known/x", "known");
	make_file("../secret.txt", "secret");
	make_file("old", "old");
	make_large();
	assert_int_equal(symlink("a.txt", at("in")), 0);
	assert_int_equal(symlink("../a.txt", at("dir/up")), 0);
	assert_int_equal(symlink("dir", at("indir")), 0);
	assert_int_equal(symlink("dir", at("myindex.html")), 0);
	assert_int_equal(symlink("../secret.txt", at("out")), 0);
	assert_int_equal(symlink("..", at("outdir")), 0);
	assert_int_equal(symlink("/etc/passwd", at("absolute")), 0);
	assert_int_equal(symlink("loop", at("loop")), 0);
	assert_int_equal(symlink("/proc/self/root", at("magic")), 0);
	assert_int_equal(mkfifo(at("pipe"), 0644), 0);
	return 0;
}

static inline int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static inline int drop_tree(void **state)
{
	(void)state;
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The client. */

static inline void open_files(struct peer *peer)
{
	peer_init(peer);
	peer->root = root;
	assert_int_equal(peer_start(peer), PL_OK);
}

/* Until nothing is left to wait for but the client. */
static inline void settle(struct peer *peer)
{
	for (int i = 0; i < 3; i++) {
		pl_loop_run(peer->loop);
		peer_turn(peer);
	}
}

/* Takes out the lines of a head that begin so. */
static inline void strip(char *text, const char *name)
{
	char *at = text;

	while ((at = strstr(at, name))) {
		char *end = strstr(at, "\r\n") + 2;

		memmove(at, end, strlen(end) + 1);
	}
}

/* The answer as it was sent. */
static inline const char *ask_raw(struct peer *peer, const char *request)
{
	peer_send(peer, request);
	settle(peer);
	return peer_sent(peer);
}

/* The answer without its validators. */
static inline const char *ask(struct peer *peer, const char *request)
{
	char *text = (char *)(uintptr_t)ask_raw(peer, request);

	strip(text, "ETag: ");
	strip(text, "Last-Modified: ");
	return text;
}

#endif
