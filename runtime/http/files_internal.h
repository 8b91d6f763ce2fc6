/*
 * files_internal.h - what the parts of files.h share.
 *
 * files.c is an answer's way: look the file up, choose what to send. files_entry.c is what is known
 * of a file, files_cache.c keeps it, files_gzip.c compresses, files_send.c writes the answer.
 *
 * An answer lives on the stack as long as nothing has to be waited for; pl_files_keep moves it to
 * the heap. Entries and files are counted by the loop's thread alone; the pool's thread works on
 * what is not yet, or no more, changed by it.
 */
#ifndef PL_HTTP_FILES_INTERNAL_H
#define PL_HTTP_FILES_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "codec/http_coding.h"
#include "codec/http_date.h"
#include "codec/http_range.h"
#include "http/files.h"
#include "net/work.h"

enum {
	PL_FILES_MADE = PL_HTTP_CODINGS, /* the variant that was compressed here */
	PL_FILES_VARIANTS,
	PL_FILES_ETAG = 72,
	PL_FILES_RANGES = 64, /* of limits.ranges, at most */
	PL_FILES_BOUNDARY = 25,
	PL_FILES_PIECE = 65536,
	PL_FILES_OPEN = 16,	   /* files that are kept open, at most, */
	PL_FILES_OPEN_TIME = 1000, /* and for how long, in ms */
	PL_FILES_TURN = 16,	   /* pieces written in a turn of the loop */
	PL_FILES_TRIES = 8	   /* for a file that changes while it is looked at */
};

/* One of the forms in which a file can be sent. */
typedef struct pl_files_variant {
	bool there;
	uint8_t etag_len;
	uint64_t size;
	pl_file_info info;
	pl_block *bytes;  /* NULL: not kept */
	pl_file *file;	  /* open for the next ones who want it, or NULL */
	int64_t modified; /* seconds; -1: not known */
	char etag[PL_FILES_ETAG];
	char modified_text[PL_HTTP_DATE_SIZE];
} pl_files_variant;

/* What a file is looked up by: a mark, the root, NUL, the path, NUL. */
typedef struct pl_files_key {
	const char *text;
	size_t len;
	const char *root;
	const char *path;
} pl_files_key;

enum pl_files_mark { PL_FILES_BENEATH = 'b', PL_FILES_ANYWHERE = 'a', PL_FILES_BYTES = 'm' };

typedef struct pl_files_entry {
	pl_map_entry map;
	pl_list node; /* in the cache, by use */
	pl_list open; /* in files->open, when files of its variants are */
	uint32_t refs;
	bool cached;
	bool fixed; /* bytes of the program: they never change */
	bool racy;  /* changed so shortly before it was read that its times may not show the next
		       change */
	bool compressible; /* and codings of it are looked for */
	bool useless;	   /* compressing it was of no use */
	const char *type;
	uint64_t checked; /* when it was looked at, in ms */
	size_t cost;	  /* bytes */
	pl_files_variant variants[PL_FILES_VARIANTS];
	pl_files_key key;
	char key_text[];
} pl_files_entry;

struct pl_files {
	pl_loop *loop;
	pl_files_settings settings;
	pl_limits limits;
	uint32_t refs; /* the owner, and answers on the heap */
	bool closed;
	pl_map entries;
	pl_list used; /* entries, the latest used last */
	size_t held;
	pl_list gzip_queue; /* answers that wait for their entries to be compressed */
	size_t gzip_waiting;
	bool gzip_runs;
	pl_list open; /* entries with open files */
	size_t open_count;
	pl_timer close_timer;
};

typedef struct pl_files_answer {
	pl_files *files;
	pl_exchange *exchange; /* NULL: the peer has gone while the pool had the answer */
	pl_files_order order;  /* begun is NULL for pl_files_serve */
	pl_files_missing missing;
	void *owner; /* of missing */
	pl_files_key key;
	pl_files_entry *entry; /* a reference, or NULL */
	pl_files_variant *variant;
	pl_file *file;	 /* of the variant, when it is not in memory */
	pl_block *piece; /* what the pool is reading, or has made */
	pl_list node;	 /* in gzip_queue */
	pl_deferred again;
	int status; /* of what the pool did */
	uint8_t tries;
	bool kept;	 /* on the heap */
	bool busy;	 /* the pool has it */
	bool queued;	 /* in gzip_queue */
	bool plain;	 /* nothing is compressed for it */
	bool told;	 /* order.begun was called */
	bool head_out;	 /* something was sent */
	bool part_begun; /* the head of this part is out */
	size_t part;	 /* the one that is being sent */
	size_t part_count;
	uint64_t part_sent;
	char boundary[PL_FILES_BOUNDARY]; /* of several parts; "" for one */
	pl_http_range parts[PL_FILES_RANGES];
} pl_files_answer;

/* files_entry.c */

/* Looks at the file of `key` and what stands beside it, reads what is to be kept. Any thread, with
 * PL_FILE_WAIT on the pool's. One reference. PL_OK, PL_EAGAIN, or as pl_file_open. */
int pl_files_entry_load(pl_files_entry **entry, const pl_files_settings *settings,
			const pl_files_key *key, unsigned flags);
int pl_files_entry_of_bytes(pl_files_entry **entry, const pl_files_key *key, pl_slice bytes,
			    const char *type);

/* PL_OK: it is as it was; PL_ESTATE: it is not; PL_EAGAIN. Any thread. */
int pl_files_entry_check(const pl_files_entry *entry, const pl_files_settings *settings,
			 unsigned flags);
void pl_files_entry_unref(pl_files_entry *entry);

/* The content of an open file. PL_ESTATE: it became shorter. Waits. */
int pl_files_read_whole(pl_file *file, pl_block **bytes);

/* Opens the file of a variant that is not kept. PL_ESTATE: it is another one by now. */
int pl_files_entry_open(const pl_files_entry *entry, const pl_files_variant *variant,
			pl_file **file, unsigned flags);

/* `block` is what became of the first variant when it was compressed. */
void pl_files_entry_set_made(pl_files_entry *entry, pl_block *block, int level);

/* files_cache.c */

pl_files_entry *pl_files_find(pl_files *files, const pl_files_key *key); /* a reference, or NULL */
void pl_files_insert(pl_files *files, pl_files_entry *entry); /* in place of an older one */
void pl_files_drop(pl_files *files, pl_files_entry *entry);
void pl_files_grown(pl_files *files, pl_files_entry *entry, size_t bytes);
void pl_files_clear(pl_files *files);

/* Keeps the open file of a variant for a moment, if there is room. */
void pl_files_keep_open(pl_files *files, pl_files_entry *entry, pl_files_variant *variant,
			pl_file *file);
pl_files *pl_files_ref(pl_files *files);
void pl_files_unref(pl_files *files);

/* files.c */

/* The answer on the heap, which owns the exchange. NULL: there was no memory, and it is over. */
pl_files_answer *pl_files_keep(pl_files_answer *answer);

/* Has the pool run `run`, then calls `done` in the loop's thread, also when the peer has gone. Of
 * an answer that is kept. */
void pl_files_work(pl_files_answer *answer, void (*run)(void *answer), void (*done)(void *answer));

/* Takes the steps of an answer until it has to wait or is over. */
void pl_files_go(pl_files_answer *answer);

/* It is over: whole; with a status and nothing sent; broken off. */
void pl_files_end(pl_files_answer *answer);
void pl_files_fail(pl_files_answer *answer, int status);
void pl_files_break(pl_files_answer *answer, int status);

/* Tells who ordered it that it has begun, or that its peer has gone. Once. */
void pl_files_tell(pl_files_answer *answer, int status);

/* files_gzip.c */

/* Whether the answer has to wait for its entry to be compressed; then it is taken over. */
bool pl_files_gzip(pl_files_answer *answer, const pl_http_codings *codings);

/* files_send.c */

/* False: the request's conditions have it answered without the file, and it is over. Else the parts
 * to be sent are known; *code is 200 or 206. */
bool pl_files_judge(pl_files_answer *answer, int *code);

void pl_files_write(pl_files_answer *answer, int code);
void pl_files_write_on(pl_files_answer *answer); /* what was blocked can go on */

#endif
