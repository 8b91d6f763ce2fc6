#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/http_text.h"
#include "crypto/digest.h"
#include "http/files_internal.h"

enum {
	RACY = 50000000,  /* ns: a tick of the clock that file systems use, and more */
	ENDING = 4,	  /* ".br" */
	AT_ONCE = 262144, /* bytes that the loop's thread reads, at most */
	DIGEST = 16	  /* bytes of it that make an ETag */
};

/* By coding: what stands beside the file. */
static const char *const endings[] = { ".br", ".gz", "" };

static int64_t wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The key's text is copied behind the entry. */
static pl_files_entry *entry_new(const pl_files_key *key, const char *type)
{
	pl_files_entry *entry = pl_calloc(1, sizeof(*entry) + key->len);

	if (!entry)
		return NULL;
	memcpy(entry->key_text, key->text, key->len);
	entry->key.text = entry->key_text;
	entry->key.len = key->len;
	entry->key.root = entry->key_text + (key->root - key->text);
	entry->key.path = entry->key_text + (key->path - key->text);
	entry->refs = 1;
	entry->type = type;
	entry->compressible = pl_http_media_compressible(pl_slice_make(type, strlen(type)));
	entry->cost = sizeof(*entry) + key->len;
	pl_list_init(&entry->node);
	pl_list_init(&entry->open);
	return entry;
}

static void entry_free(pl_files_entry *entry)
{
	for (unsigned i = 0; i < PL_FILES_VARIANTS; i++)
		pl_block_unref(entry->variants[i].bytes);
	pl_free(entry);
}

void pl_files_entry_unref(pl_files_entry *entry)
{
	if (entry && --entry->refs == 0)
		entry_free(entry);
}

static void set_etag(pl_files_variant *variant, const char *ending)
{
	const pl_file_info *info = &variant->info;

	variant->etag_len =
		(uint8_t)snprintf(variant->etag, sizeof(variant->etag), "\"%llx-%llx-%llx%s\"",
				  (unsigned long long)info->inode, (unsigned long long)info->size,
				  (unsigned long long)info->modified, ending);
}

/* A time ahead of ours is told as now (RFC 9110 8.8.2.1), one before 1970 not at all. */
static void set_modified(pl_files_variant *variant, int64_t now)
{
	int64_t modified = variant->info.modified;

	variant->modified = -1;
	if (modified < 0)
		return;
	variant->modified = (modified < now ? modified : now) / 1000000000;
	pl_http_date_encode(variant->modified_text, variant->modified);
}

int pl_files_read_whole(pl_file *file, pl_block **bytes)
{
	size_t size = (size_t)file->info.size;
	int64_t got;

	*bytes = pl_block_new(size);
	if (!*bytes)
		return PL_ENOMEM;
	got = pl_file_read(file, (*bytes)->data, size, 0, PL_FILE_WAIT);
	if (got >= 0 && (size_t)got == size)
		return PL_OK;
	pl_block_unref(*bytes);
	*bytes = NULL;
	return got < 0 ? (int)got : PL_ESTATE;
}

/* The content, if it is not too large. PL_ESTATE: it changed meanwhile. */
static int read_bytes(pl_files_variant *variant, pl_file *file, int64_t most, unsigned flags)
{
	size_t size = (size_t)file->info.size;
	pl_file_info after;
	int64_t got;

	if (file->info.size > most)
		return PL_OK;
	if (file->info.size > AT_ONCE && !(flags & PL_FILE_WAIT))
		return PL_EAGAIN;
	variant->bytes = pl_block_new(size);
	if (!variant->bytes)
		return PL_ENOMEM;
	got = pl_file_read(file, variant->bytes->data, size, 0, flags);
	if (got < 0)
		return (int)got;
	if ((size_t)got < size)
		return flags & PL_FILE_WAIT ? PL_ESTATE : PL_EAGAIN;
	if (pl_file_look_again(file, &after, flags) || !pl_file_same(&after, &file->info))
		return PL_ESTATE;
	return PL_OK;
}

static int add_variant(pl_files_entry *entry, unsigned coding, pl_file *file,
		       const pl_files_settings *settings, unsigned flags)
{
	pl_files_variant *variant = &entry->variants[coding];
	int64_t now = wall_clock();
	int status = read_bytes(variant, file, settings->limits->cached_file, flags);

	if (status)
		return status;
	variant->there = true;
	variant->info = file->info;
	variant->size = (uint64_t)file->info.size;
	set_etag(variant, endings[coding]);
	set_modified(variant, now);
	if (now - file->info.changed < RACY)
		entry->racy = true;
	entry->cost += variant->bytes ? variant->bytes->len : 0;
	return PL_OK;
}

/* The path with the ending of a coding; the caller frees it. */
static char *path_with(const pl_files_key *key, unsigned coding)
{
	size_t len = strlen(key->path);
	char *path = pl_alloc(len + ENDING);

	if (path) {
		memcpy(path, key->path, len);
		memcpy(path + len, endings[coding], strlen(endings[coding]) + 1);
	}
	return path;
}

static unsigned confined(const pl_files_key *key, unsigned flags)
{
	return key->text[0] == PL_FILES_ANYWHERE ? flags | PL_FILE_ANYWHERE : flags;
}

/* What a coding's file is like; none is PL_ENOENT. */
static int load_variant(pl_files_entry *entry, unsigned coding, const pl_files_settings *settings,
			unsigned flags)
{
	char *path = path_with(&entry->key, coding);
	pl_file *file;
	int status;

	if (!path)
		return PL_ENOMEM;
	status = pl_file_open(&file, entry->key.root, path, confined(&entry->key, flags));
	pl_free(path);
	if (status)
		return status;
	status = add_variant(entry, coding, file, settings, flags);
	pl_file_unref(file);
	return status;
}

static bool has_siblings(const pl_files_entry *entry, const pl_files_settings *settings)
{
	return settings->precompressed && entry->compressible && !entry->fixed;
}

/* What stands beside the file and cannot be had is not there. */
static int load_siblings(pl_files_entry *entry, const pl_files_settings *settings, unsigned flags)
{
	for (unsigned coding = 0; coding < PL_HTTP_IDENTITY; coding++) {
		int status = load_variant(entry, coding, settings, flags);

		if (status == PL_EAGAIN || status == PL_ENOMEM || status == PL_ESTATE)
			return status;
	}
	return PL_OK;
}

static int load_once(pl_files_entry **result, const pl_files_settings *settings,
		     const pl_files_key *key, unsigned flags)
{
	pl_slice name = { key->path, strlen(key->path) };
	pl_files_entry *entry = entry_new(key, pl_http_media_type(name));
	int status;

	if (!entry)
		return PL_ENOMEM;
	status = load_variant(entry, PL_HTTP_IDENTITY, settings, flags);
	if (!status && has_siblings(entry, settings))
		status = load_siblings(entry, settings, flags);
	if (status)
		entry_free(entry);
	else
		*result = entry;
	return status;
}

int pl_files_entry_load(pl_files_entry **entry, const pl_files_settings *settings,
			const pl_files_key *key, unsigned flags)
{
	int status = PL_ESTATE;

	for (int i = 0; i < PL_FILES_TRIES && status == PL_ESTATE; i++)
		status = load_once(entry, settings, key, flags);
	return status == PL_ESTATE ? PL_EIO : status;
}

static int check_variant(const pl_files_entry *entry, unsigned coding, unsigned flags)
{
	const pl_files_variant *variant = &entry->variants[coding];
	char *path = path_with(&entry->key, coding);
	pl_file_info info;
	int status;

	if (!path)
		return PL_ENOMEM;
	status = pl_file_look(&info, entry->key.root, path, confined(&entry->key, flags));
	pl_free(path);
	if (status == PL_EAGAIN)
		return status;
	if (status)
		return variant->there ? PL_ESTATE : PL_OK;
	return variant->there && pl_file_same(&info, &variant->info) ? PL_OK : PL_ESTATE;
}

int pl_files_entry_check(const pl_files_entry *entry, const pl_files_settings *settings,
			 unsigned flags)
{
	int status;

	if (entry->racy)
		return PL_ESTATE;
	status = check_variant(entry, PL_HTTP_IDENTITY, flags);
	for (unsigned coding = 0; !status && coding < PL_HTTP_IDENTITY; coding++)
		if (has_siblings(entry, settings))
			status = check_variant(entry, coding, flags);
	return status;
}

int pl_files_entry_open(const pl_files_entry *entry, const pl_files_variant *variant,
			pl_file **file, unsigned flags)
{
	unsigned coding = (unsigned)(variant - entry->variants);
	char *path = path_with(&entry->key, coding);
	int status;

	if (!path)
		return PL_ENOMEM;
	status = pl_file_open(file, entry->key.root, path, confined(&entry->key, flags));
	pl_free(path);
	if (status == PL_OK && !pl_file_same(&(*file)->info, &variant->info)) {
		pl_file_unref(*file);
		*file = NULL;
		return PL_ESTATE;
	}
	return status;
}

static int digest_etag(pl_files_variant *variant, pl_slice bytes)
{
	uint8_t digest[PL_SHA256_SIZE];
	char *at = variant->etag;
	int status = pl_sha256(bytes.at, bytes.len, digest);

	if (status)
		return status;
	*at++ = '"';
	for (int i = 0; i < DIGEST; i++)
		at += snprintf(at, 3, "%02x", digest[i]);
	*at++ = '"';
	variant->etag_len = (uint8_t)(at - variant->etag);
	return PL_OK;
}

int pl_files_entry_of_bytes(pl_files_entry **result, const pl_files_key *key, pl_slice bytes,
			    const char *type)
{
	pl_files_entry *entry = entry_new(key, type);
	pl_files_variant *variant;
	int status = PL_ENOMEM;

	if (!entry)
		return PL_ENOMEM;
	variant = &entry->variants[PL_HTTP_IDENTITY];
	entry->fixed = true;
	variant->there = true;
	variant->size = bytes.len;
	variant->modified = -1;
	variant->bytes = pl_block_copy(bytes.at, bytes.len);
	if (variant->bytes)
		status = digest_etag(variant, bytes);
	if (status) {
		entry_free(entry);
		return status;
	}
	entry->cost += bytes.len;
	*result = entry;
	return PL_OK;
}

void pl_files_entry_set_made(pl_files_entry *entry, pl_block *block, int level)
{
	pl_files_variant *made = &entry->variants[PL_FILES_MADE];

	*made = entry->variants[PL_HTTP_IDENTITY];
	made->bytes = block;
	made->file = NULL;
	made->size = block->len;
	made->etag_len =
		(uint8_t)(made->etag_len - 1 +
			  snprintf(made->etag + made->etag_len - 1,
				   sizeof(made->etag) - made->etag_len + 1, "-z%d\"", level));
}
