#include "server/texts.h"

#include <string.h>

#include "base/alloc.h"

/* Counts, while there is no block, what would be put into it. */
typedef struct text_block {
	char *start;
	size_t used;
} text_block;

static void *put(text_block *block, const void *from, size_t len)
{
	void *to = block->start ? block->start + block->used : NULL;

	if (to && len > 0)
		memcpy(to, from, len);
	block->used += len;
	return to;
}

static pl_slice put_slice(text_block *block, pl_slice slice)
{
	return pl_slice_make(put(block, slice.at, slice.len), slice.len);
}

/* The slices first: they have to be aligned, and the block is so at its start. */
static void put_list_heads(text_block *block, const pl_slice **list, size_t count)
{
	const pl_slice *copies = put(block, *list, count * sizeof(**list));

	if (copies)
		*list = copies;
}

static void put_list_texts(text_block *block, const pl_slice *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		pl_slice copy = put_slice(block, list[i]);

		if (block->start)
			((pl_slice *)(uintptr_t)list)[i] = copy;
	}
}

static void put_field_texts(text_block *block, const pl_http_field *fields, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		pl_http_field copy = { put_slice(block, fields[i].name),
				       put_slice(block, fields[i].value) };

		if (block->start)
			((pl_http_field *)(uintptr_t)fields)[i] = copy;
	}
}

static void put_rule_texts(text_block *block, const pl_overflow_rule *rules, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		pl_slice copy = put_slice(block, rules[i].channel);

		if (block->start)
			((pl_overflow_rule *)(uintptr_t)rules)[i].channel = copy;
	}
}

static void put_all(text_block *block, pl_server_settings *settings)
{
	pl_slice software;
	pl_slice flash_policy;
	pl_slice cache_control;
	const char *root = settings->document_root;
	const pl_http_field *fields;
	const pl_overflow_rule *rules;
	pl_authentication_settings *login = &settings->authentication;
	pl_slice realm;

	put_list_heads(block, &settings->protocols, settings->protocol_count);
	put_list_heads(block, &settings->origins, settings->origin_count);
	fields = put(block, settings->fields, settings->field_count * sizeof(*fields));
	if (fields)
		settings->fields = fields;
	put_list_heads(block, &login->public_paths, login->public_count);
	rules = put(block, settings->overflow_rules,
		    settings->overflow_rule_count * sizeof(*rules));
	if (rules)
		settings->overflow_rules = rules;
	fields = put(block, login->fields, login->field_count * sizeof(*fields));
	if (fields)
		login->fields = fields;
	put_field_texts(block, settings->fields, settings->field_count);
	put_field_texts(block, login->fields, login->field_count);
	put_list_texts(block, login->public_paths, login->public_count);
	put_rule_texts(block, settings->overflow_rules, settings->overflow_rule_count);
	put_list_texts(block, settings->protocols, settings->protocol_count);
	put_list_texts(block, settings->origins, settings->origin_count);
	realm = put_slice(block, login->realm);
	software = put_slice(block, settings->software);
	flash_policy = put_slice(block, settings->flash_policy);
	cache_control = put_slice(block, settings->files.cache_control);
	if (root)
		root = put(block, root, strlen(root) + 1);
	if (!block->start)
		return;
	login->realm = realm;
	settings->software = software;
	settings->flash_policy = flash_policy;
	settings->files.cache_control = cache_control;
	settings->document_root = root;
}

void *pl_server_texts_copy(pl_server_settings *settings)
{
	text_block block = { NULL, 0 };

	put_all(&block, settings);
	block.start = pl_alloc(block.used);
	if (!block.start)
		return NULL;
	block.used = 0;
	put_all(&block, settings);
	return block.start;
}
