/*
 * upload.h - a request's body that is received in parts: the fields of a form and its files, which
 * stay in memory or go to disk as they come (attacks D-28).
 *
 * Memory stays flat however large a file is: bytes go from the exchange to the thread pool, and the
 * exchange is paused while the disk is behind. A file that is being received has a name that ends
 * in
 * ".sgc_ps", in the folder of the settings. Whoever takes such a file gives it another name; what
 * is left when the upload is freed is removed.
 */
#ifndef PL_HTTP_UPLOAD_H
#define PL_HTTP_UPLOAD_H

#include "base/buffer.h"
#include "base/limits.h"
#include "base/list.h"
#include "http/exchange.h"

typedef struct pl_upload pl_upload;

typedef struct pl_upload_settings {
	const char *directory; /* NULL: everything stays in memory */
	int64_t min_size;      /* smaller files stay in memory */
	bool raw;	       /* a form is kept as it comes, as one file */
	const pl_limits *limits;
} pl_upload_settings;

/* A field of a form, or a file. Texts lie behind it. */
typedef struct pl_upload_item {
	pl_list node;
	pl_slice name;	       /* of the field; at == NULL: the body is no form */
	pl_slice filename;     /* a safe one (file_name.h); at == NULL: it is no file */
	pl_slice content_type; /* at == NULL: none was said */
	int64_t size;
	pl_buffer bytes;  /* all of it, of one in memory */
	const char *path; /* of one on disk; NULL: it is in memory */
	/* upload.c's: */
	char *room; /* of the path */
	int fd;
	bool to_disk;
	bool ended;
	bool closed;
} pl_upload_item;

/* Whether this request's body is for an upload: a form of parts; with a directory also any other
 * body of min_size bytes or of unknown length, but for application/x-www-form-urlencoded. */
bool pl_upload_wants(const pl_upload_settings *settings, const pl_exchange_request *request);

/* All has come, or it failed: then `exchange` is NULL, the client was answered if it is there, and
 * status says why: PL_EPROTO, PL_ETOOBIG, PL_ENOSPC and so on. Once, and not from within
 * pl_upload_begin. The owner then frees the upload. */
typedef void pl_upload_over(void *owner, pl_exchange *exchange, int status);

/* Takes the exchange of such a request. The settings and limits have to stay. NULL: no memory, and
 * the exchange is still the caller's. */
pl_upload *pl_upload_begin(const pl_upload_settings *settings, pl_exchange *exchange,
			   pl_upload_over *over, void *owner);

/* In the order in which they came; the list's nodes are those of pl_upload_item. */
const pl_list *pl_upload_items(const pl_upload *upload);

/* Removes the files that nobody has given another name, on the thread pool. Also while it is going
 * on. */
void pl_upload_free(pl_upload *upload);

#endif
