/*
 * files.h - answers an exchange with a file below a root, or with bytes in memory.
 *
 * What is served is kept (limits.file_cache): what is known of a file, its content up to
 * limits.cached_file, and what became of it when it was compressed. It is looked at again when
 * PL_FILES_FRESH has passed. Larger files go from the page cache to the socket where that is
 * possible, else piece by piece. Nothing blocks the loop: what the kernel cannot answer from its
 * caches is asked by the thread pool.
 */
#ifndef PL_HTTP_FILES_H
#define PL_HTTP_FILES_H

#include "base/limits.h"
#include "http/exchange.h"

typedef struct pl_files pl_files;

enum { PL_FILES_FRESH = 10 }; /* ms for which what is known of a file is taken to be true */

typedef struct pl_files_settings {
	const pl_limits *limits; /* file_cache, cached_file, gzip_file, ranges */
	pl_slice cache_control;	 /* Cache-Control of files; empty: none */
	bool precompressed;	 /* "a.js.br" and "a.js.gz" stand for "a.js" */
	int gzip_level;		 /* 1 to 9: text is compressed; 0: it is not */
	int64_t gzip_min;	 /* bytes from which on it is */
} pl_files_settings;

/* Settings and limits are copied; cache_control must outlive it. NULL without memory. */
pl_files *pl_files_new(pl_loop *loop, const pl_files_settings *settings);
void pl_files_free(pl_files *files); /* answers under way go on to their end; NULL is allowed */

/* Bytes that the cache holds now. */
size_t pl_files_held(const pl_files *files);

/*
 * How GET and HEAD are answered (RFC 9110): ETag (8.8.3; strong: inode, size and modification time,
 * another one for each coding), Last-Modified, the conditions of 13 in the order of 13.2.2, Range
 * (14.2) as one part or as multipart/byteranges, 416; but the whole file where the parts would be
 * more than twice of it, or are more than limits.ranges. Accept-Encoding (12.5.3) chooses between
 * the file, what stands beside it, and what is compressed here; 406 when it refuses all of them.
 * HEAD gets the head that GET would, without parts (14.2). X-Content-Type-Options: nosniff. Other
 * methods: 405 with Allow. A request body is discarded.
 */

/* Called once when the answer cannot be given by this file (PL_ENOENT: no such file, or a name that
 * may not be asked for): the exchange is the callee's again, with nothing sent; it owns the
 * exchange anew or answers it. May come before pl_files_serve returns. The request's body up to
 * now is discarded; exchange->received tells whether `end` is still to come. */
typedef void (*pl_files_missing)(void *owner, pl_exchange *exchange, int status);

/* The file that the request's path names below `root` (a folder): "/" and "/dir/" mean index.html
 * there; "/dir" of a folder redirects (301) to "/dir/". Takes the exchange over. An unreadable file
 * answers 403, out of descriptors 503, an I/O failure 500 or, when bytes are out, an abort. */
void pl_files_serve(pl_files *files, pl_exchange *exchange, const char *root,
		    pl_files_missing missing, void *owner);

/* These bytes, which must live until the program ends. Their ETag is of their content. */
void pl_files_serve_bytes(pl_files *files, pl_exchange *exchange, pl_slice bytes,
			  const char *media_type);

/* What a script wants to be sent. */
typedef struct pl_files_order {
	const char *root; /* absolute */
	pl_slice path;	  /* below root, without NUL and not beginning with '/' */
	bool confined;	  /* links do not lead out of root */
	int status;	  /* 0: what the request comes to; else this, and the whole file */
	const pl_http_field *fields; /* more fields of the answer, instead of ours of that name; */
	size_t field_count;	     /* they live until `begun`; at most PL_FILES_FIELDS */
	/* The answer has begun, and the exchange is gone (PL_OK); or it cannot be given: PL_ENOENT,
	 * PL_EISDIR, PL_EACCES, PL_EMFILE, PL_ENOMEM or PL_EIO, and the exchange is the callee's
	 * again; or the exchange is NULL: the peer has gone. Once; may come before pl_files_send
	 * returns. */
	void (*begun)(void *owner, pl_exchange *exchange, int status);
	void *owner;
} pl_files_order;

enum { PL_FILES_FIELDS = 100 };

/* Takes the exchange over, whatever its method. */
void pl_files_send(pl_files *files, pl_exchange *exchange, const pl_files_order *order);

#endif
