#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "http/files_internal.h"
#include "http/gzip.h"

enum { WAITING = 16 }; /* answers that may wait; more are sent as they are */

static void run_gzip(void *context)
{
	pl_files_answer *answer = context;
	const pl_files_entry *entry = answer->entry;
	const pl_files_variant *plain = &entry->variants[PL_HTTP_IDENTITY];
	pl_block *bytes = plain->bytes ? pl_block_ref(plain->bytes) : NULL;
	pl_file *file = NULL;

	answer->status = PL_OK;
	if (!bytes) {
		answer->status = pl_files_entry_open(entry, plain, &file, PL_FILE_WAIT);
		if (!answer->status)
			answer->status = pl_files_read_whole(file, &bytes);
		pl_file_unref(file);
	}
	if (!answer->status)
		answer->status = pl_gzip(&answer->piece, bytes->data, bytes->len,
					 answer->files->settings.gzip_level);
	pl_block_unref(bytes);
}

static bool settled(const pl_files_answer *answer)
{
	const pl_files_entry *entry = answer->entry;

	return entry->useless || entry->variants[PL_FILES_MADE].there;
}

static void start(pl_files_answer *answer);

/* Those that waited for this entry go on, and the next one gets its turn. */
static void next(pl_files *files)
{
	pl_list waiting;

	pl_list_init(&waiting);
	pl_list_move(&waiting, &files->gzip_queue);
	while (!pl_list_empty(&waiting)) {
		pl_files_answer *answer = PL_CONTAINER(waiting.next, pl_files_answer, node);

		pl_list_remove(&answer->node);
		if (files->gzip_runs && !settled(answer)) {
			pl_list_append(&files->gzip_queue, &answer->node);
			continue;
		}
		answer->queued = false;
		files->gzip_waiting--;
		if (settled(answer))
			pl_files_go(answer);
		else
			start(answer);
	}
}

/* Also when the peer has gone: others may wait. */
static void done_gzip(void *context)
{
	pl_files_answer *answer = context;
	pl_files *files = pl_files_ref(answer->files);
	pl_files_entry *entry = answer->entry;

	files->gzip_runs = false;
	if (answer->status == PL_OK) {
		pl_files_entry_set_made(entry, answer->piece, files->settings.gzip_level);
		pl_files_grown(files, entry, answer->piece->len);
		answer->piece = NULL;
	} else {
		entry->useless = answer->status == PL_ETOOBIG;
		answer->plain = true;
	}
	if (answer->status == PL_ESTATE) { /* it is another file by now */
		pl_files_drop(files, entry);
		pl_files_entry_unref(entry);
		answer->entry = NULL;
	}
	pl_files_go(answer);
	next(files);
	pl_files_unref(files);
}

static void start(pl_files_answer *answer)
{
	answer->files->gzip_runs = true;
	pl_files_work(answer, run_gzip, done_gzip);
}

/* Only what the cache keeps: nobody can have the same file compressed again and again. */
static bool worthwhile(const pl_files_answer *answer, const pl_http_codings *codings)
{
	const pl_files_settings *settings = &answer->files->settings;
	const pl_files_entry *entry = answer->entry;
	int64_t size = (int64_t)entry->variants[PL_HTTP_IDENTITY].size;
	unsigned there = 1U << PL_HTTP_IDENTITY | 1U << PL_HTTP_GZIP |
			 (entry->variants[PL_HTTP_BR].there ? 1U << PL_HTTP_BR : 0);

	return settings->gzip_level > 0 && entry->cached && entry->compressible &&
	       !entry->variants[PL_HTTP_GZIP].there && !settled(answer) &&
	       size >= settings->gzip_min && size <= settings->limits->gzip_file &&
	       pl_http_codings_choose(codings, there) == PL_HTTP_GZIP;
}

bool pl_files_gzip(pl_files_answer *answer, const pl_http_codings *codings)
{
	pl_files *files = answer->files;

	if (answer->plain || !worthwhile(answer, codings) || files->gzip_waiting >= WAITING)
		return false;
	answer = pl_files_keep(answer);
	if (!answer)
		return true;
	if (files->gzip_runs) {
		answer->queued = true;
		files->gzip_waiting++;
		pl_list_append(&files->gzip_queue, &answer->node);
	} else {
		start(answer);
	}
	return true;
}
