/*
 * beneath.h - opening a file below a folder, and never outside of it.
 *
 * Every way out is refused: "..", absolute links, links that lead outside, /proc's magic links,
 * also while the tree is being changed. Links that stay below are followed. Blocks: for the thread
 * pool.
 */
#ifndef PL_NET_BENEATH_H
#define PL_NET_BENEATH_H

/* Opens `path`, relative to `root`, for reading; "" is the root itself. A descriptor, or -1 and
 * errno: EXDEV for a way out, ELOOP for more than 40 links, and those of open(2). */
int pl_beneath_open(const char *root, const char *path);

/* The same by our own steps and not the kernel's: for systems whose kernel does not know openat2,
 * or where a filter hides it, as RestrictSUIDSGID= of systemd does. `folder` is a descriptor of the
 * root. */
int pl_beneath_walk(int folder, const char *path);

#endif
