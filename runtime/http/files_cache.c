#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "http/files_internal.h"

/* Only those that are cached have files open. */
static void close_files(pl_files *files, pl_files_entry *entry)
{
	pl_list_remove(&entry->open);
	for (unsigned i = 0; i < PL_FILES_VARIANTS; i++) {
		if (entry->variants[i].file)
			files->open_count--;
		pl_file_unref(entry->variants[i].file);
		entry->variants[i].file = NULL;
	}
}

static void on_close_timer(pl_timer *timer)
{
	pl_files *files = PL_CONTAINER(timer, pl_files, close_timer);

	while (!pl_list_empty(&files->open))
		close_files(files, PL_CONTAINER(files->open.next, pl_files_entry, open));
}

void pl_files_keep_open(pl_files *files, pl_files_entry *entry, pl_files_variant *variant,
			pl_file *file)
{
	if (!entry->cached || variant->file || files->open_count == PL_FILES_OPEN)
		return;
	if (pl_list_empty(&files->open))
		pl_loop_start(files->loop, &files->close_timer, PL_FILES_OPEN_TIME);
	if (pl_list_empty(&entry->open))
		pl_list_append(&files->open, &entry->open);
	variant->file = pl_file_ref(file);
	files->open_count++;
}

static void remove_entry(pl_files *files, pl_files_entry *entry)
{
	close_files(files, entry);
	entry->cached = false;
	files->held -= entry->cost;
	pl_map_remove(&files->entries, &entry->map);
	pl_list_remove(&entry->node);
	pl_files_entry_unref(entry);
}

static pl_files_entry *look_up(const pl_files *files, const pl_files_key *key)
{
	pl_map_entry *found = pl_map_find(&files->entries, key->text, key->len);

	return found ? PL_CONTAINER(found, pl_files_entry, map) : NULL;
}

pl_files_entry *pl_files_find(pl_files *files, const pl_files_key *key)
{
	pl_files_entry *entry = look_up(files, key);

	if (!entry)
		return NULL;
	pl_list_remove(&entry->node);
	pl_list_append(&files->used, &entry->node);
	entry->refs++;
	return entry;
}

/* The least lately used make room. */
static void shrink(pl_files *files)
{
	while (files->held > (size_t)files->settings.limits->file_cache)
		remove_entry(files, PL_CONTAINER(files->used.next, pl_files_entry, node));
}

void pl_files_insert(pl_files *files, pl_files_entry *entry)
{
	pl_files_entry *older = look_up(files, &entry->key);

	if (older)
		remove_entry(files, older);
	if (files->closed || entry->cost > (size_t)files->settings.limits->file_cache ||
	    pl_map_insert(&files->entries, &entry->map, entry->key.text, entry->key.len))
		return; /* it serves the one who asked */
	entry->refs++;
	entry->cached = true;
	files->held += entry->cost;
	pl_list_append(&files->used, &entry->node);
	shrink(files);
}

void pl_files_drop(pl_files *files, pl_files_entry *entry)
{
	if (entry->cached)
		remove_entry(files, entry);
}

void pl_files_grown(pl_files *files, pl_files_entry *entry, size_t bytes)
{
	entry->cost += bytes;
	if (!entry->cached)
		return;
	files->held += bytes;
	shrink(files);
}

void pl_files_clear(pl_files *files)
{
	while (!pl_list_empty(&files->used))
		remove_entry(files, PL_CONTAINER(files->used.next, pl_files_entry, node));
	pl_map_deinit(&files->entries);
}

pl_files *pl_files_new(pl_loop *loop, const pl_files_settings *settings)
{
	pl_files *files = pl_calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->loop = loop;
	files->settings = *settings;
	files->limits = *settings->limits;
	files->settings.limits = &files->limits;
	files->refs = 1;
	pl_list_init(&files->used);
	pl_list_init(&files->gzip_queue);
	pl_list_init(&files->open);
	pl_timer_init(&files->close_timer, on_close_timer);
	return files;
}

pl_files *pl_files_ref(pl_files *files)
{
	files->refs++;
	return files;
}

void pl_files_unref(pl_files *files)
{
	if (--files->refs == 0)
		pl_free(files);
}

void pl_files_free(pl_files *files)
{
	if (!files)
		return;
	files->closed = true;
	pl_loop_stop_timer(files->loop, &files->close_timer);
	pl_files_clear(files);
	pl_files_unref(files);
}

size_t pl_files_held(const pl_files *files)
{
	return files->held;
}
