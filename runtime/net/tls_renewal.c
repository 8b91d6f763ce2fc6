#include "net/tls_renewal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "net/tls_stamp.h"
#include "net/work.h"

struct pl_tls_renewal {
	pl_tls_settings *settings; /* a copy, in one block */
	pl_tls_context *context;
	uint64_t stamp; /* of all files, when they were read last */
	pl_loop *loop;	/* NULL: not started */
	pl_timer timer;
	uint32_t interval;
	pl_tls_renewed *renewed;
	void *owner;
	/* What the thread pool finds, between run and done. */
	bool working;
	bool freed;
	int status;
	uint64_t found;
	pl_tls_context *made; /* NULL: nothing has changed, or it cannot be made */
	char error[PL_TLS_ERROR_MAX];
};

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

static void put_text(text_block *block, const char **text)
{
	const char *copy = *text ? put(block, *text, strlen(*text) + 1) : NULL;

	if (copy)
		*text = copy;
}

static void put_identity(text_block *block, pl_tls_identity *identity)
{
	put_text(block, &identity->name);
	put_text(block, &identity->cert_file);
	put_text(block, &identity->key_file);
	put_text(block, &identity->p12_file);
	put_text(block, &identity->password);
}

/* Settings, and the identities that they point to, are one block. What has to be aligned comes
 * first; the texts of `to`, which are those of another's at first, are copied behind it. */
static void put_texts(text_block *block, pl_tls_settings *to, pl_tls_identity *others)
{
	size_t i;

	put_identity(block, &to->identity);
	for (i = 0; i < to->other_count; i++)
		put_identity(block, &others[i]);
	put_text(block, &to->cipher_list);
	put_text(block, &to->curves);
	put_text(block, &to->root_cert_file);
	put_text(block, &to->crl_file);
}

static pl_tls_settings *copy_settings(const pl_tls_settings *from)
{
	size_t others = from->other_count * sizeof(*from->others);
	text_block block = { NULL, 0 };
	pl_tls_settings *to;
	pl_tls_identity *copies;

	put_texts(&block, (pl_tls_settings *)(uintptr_t)from,
		  (pl_tls_identity *)(uintptr_t)from->others); /* counts, and changes nothing */
	to = pl_alloc(sizeof(*to) + others + block.used);
	if (!to)
		return NULL;
	*to = *from;
	copies = (pl_tls_identity *)(to + 1);
	if (others > 0)
		memcpy(copies, from->others, others);
	to->others = copies;
	block = (text_block){ (char *)copies + others, 0 };
	put_texts(&block, to, copies);
	return to;
}

/* FNV-1a over the stamps of the files, in their order. */
static void mix(uint64_t *stamp, const char *path)
{
	if (path)
		*stamp = (*stamp ^ pl_tls_stamp(path)) * UINT64_C(0x100000001B3);
}

static void mix_identity(uint64_t *stamp, const pl_tls_identity *identity)
{
	mix(stamp, identity->cert_file);
	mix(stamp, identity->key_file);
	mix(stamp, identity->p12_file);
}

static uint64_t stamp_of(const pl_tls_settings *settings)
{
	uint64_t stamp = UINT64_C(0xCBF29CE484222325);
	size_t i;

	mix_identity(&stamp, &settings->identity);
	for (i = 0; i < settings->other_count; i++)
		mix_identity(&stamp, &settings->others[i]);
	mix(&stamp, settings->root_cert_file);
	mix(&stamp, settings->crl_file);
	return stamp;
}

int pl_tls_renewal_new(pl_tls_renewal **result, const pl_tls_settings *settings,
		       char error[PL_TLS_ERROR_MAX])
{
	pl_tls_renewal *self = pl_calloc(1, sizeof(*self));
	int status;

	if (self)
		self->settings = copy_settings(settings);
	if (!self || !self->settings) {
		pl_free(self);
		strcpy(error, pl_status_text(PL_ENOMEM));
		return PL_ENOMEM;
	}
	/* A change while it is read is seen at the next look. */
	self->stamp = stamp_of(settings);
	status = pl_tls_context_new(&self->context, self->settings, error);
	if (status)
		pl_tls_renewal_free(self);
	else
		*result = self;
	return status;
}

pl_tls_context *pl_tls_renewal_context(const pl_tls_renewal *self)
{
	return self->context;
}

/* On the thread pool. */
static void look(void *context)
{
	pl_tls_renewal *self = context;

	self->made = NULL;
	self->status = PL_OK;
	self->found = stamp_of(self->settings);
	if (self->found != self->stamp)
		self->status = pl_tls_context_new(&self->made, self->settings, self->error);
}

static const char *first_file(const pl_tls_settings *settings)
{
	const pl_tls_identity *identity = &settings->identity;

	return identity->p12_file ? identity->p12_file : identity->cert_file;
}

static void take(pl_tls_renewal *self)
{
	pl_tls_context *former = self->context;

	self->context = self->made;
	self->made = NULL;
	pl_log(PL_LOG_INFO, "TLS: the files have changed, connections to come get those of now: %s",
	       first_file(self->settings));
	self->renewed(self->owner, former, self->context);
	pl_tls_context_unref(former);
}

static void looked(void *context)
{
	pl_tls_renewal *self = context;

	self->working = false;
	if (self->freed) {
		pl_tls_context_unref(self->made);
		pl_tls_renewal_free(self);
		return;
	}
	pl_loop_start(self->loop, &self->timer, self->interval);
	/* Want of memory passes, other reasons stay until the files change again. */
	if (self->status != PL_ENOMEM)
		self->stamp = self->found;
	if (self->status)
		pl_log(PL_LOG_WARN,
		       "TLS: the files have changed and cannot be used, the former stay in use: %s",
		       self->error);
	else if (self->made)
		take(self);
}

static void on_timer(pl_timer *timer)
{
	pl_tls_renewal *self = PL_CONTAINER(timer, pl_tls_renewal, timer);

	self->working = pl_work_start(self->loop, look, looked, self) == PL_OK;
	if (!self->working)
		pl_loop_start(self->loop, &self->timer, self->interval);
}

void pl_tls_renewal_start(pl_tls_renewal *self, pl_loop *loop, uint32_t interval,
			  pl_tls_renewed *renewed, void *owner)
{
	self->loop = loop;
	self->interval = interval;
	self->renewed = renewed;
	self->owner = owner;
	pl_timer_init(&self->timer, on_timer);
	pl_loop_start(loop, &self->timer, interval);
}

void pl_tls_renewal_free(pl_tls_renewal *self)
{
	if (!self)
		return;
	if (self->loop)
		pl_loop_stop_timer(self->loop, &self->timer);
	self->freed = true;
	if (self->working)
		return; /* the thread pool still reads it */
	pl_tls_context_unref(self->context);
	pl_free(self->settings);
	pl_free(self);
}
