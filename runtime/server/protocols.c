#include "server/protocols.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

void pl_protocols_deinit(pl_protocols *self)
{
	for (size_t i = 0; i < self->count; i++)
		pl_free((void *)(uintptr_t)self->list[i].name.at);
	self->count = 0;
	self->dialects = 0;
}

const pl_protocol *pl_protocols_find(const pl_protocols *self, pl_slice name)
{
	for (size_t i = 0; i < self->count; i++)
		if (pl_slice_equal(self->list[i].name, name))
			return &self->list[i];
	return NULL;
}

static void count_dialects(pl_protocols *self)
{
	self->dialects = 0;
	for (size_t i = 0; i < self->count; i++)
		self->dialects += self->list[i].dialect != NULL;
}

int pl_protocols_add(pl_protocols *self, pl_slice name, pl_dialect *dialect)
{
	pl_protocol *found = (pl_protocol *)(uintptr_t)pl_protocols_find(self, name);
	char *copy;

	if (!found) {
		if (self->count == PL_PROTOCOLS_MAX)
			return PL_ELIMIT;
		copy = pl_alloc(name.len);
		if (!copy)
			return PL_ENOMEM;
		memcpy(copy, name.at, name.len);
		found = &self->list[self->count++];
		found->name = pl_slice_make(copy, name.len);
	}
	found->dialect = dialect;
	count_dialects(self);
	return PL_OK;
}
