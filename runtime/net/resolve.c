#include "net/resolve.h"

#include <netdb.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"
#include "net/sockaddr.h"

struct pl_resolve {
	uv_getaddrinfo_t request;
	pl_deferred known; /* the answer needs nobody */
	pl_loop *loop;
	pl_resolve_done *done; /* NULL: cancelled */
	void *owner;
	uint16_t port;
	size_t count;
	pl_address addresses[PL_RESOLVE_MAX];
	char name[PL_RESOLVE_NAME_MAX + 1];
};

static void finish(pl_resolve *self, int status)
{
	pl_loop_release(self->loop);
	if (self->done)
		self->done(self->owner, status, self->addresses, status ? 0 : self->count);
	pl_free(self);
}

static void run_known(pl_deferred *deferred)
{
	finish(PL_CONTAINER(deferred, pl_resolve, known), PL_OK);
}

static void add(pl_resolve *self, const pl_address *address)
{
	if (self->count == PL_RESOLVE_MAX)
		return;
	self->addresses[self->count] = *address;
	self->addresses[self->count++].port = self->port;
}

static void add_answers(pl_resolve *self, const struct addrinfo *answer)
{
	for (; answer; answer = answer->ai_next) {
		struct sockaddr_storage name = { 0 };
		pl_address address;

		memcpy(&name, answer->ai_addr, answer->ai_addrlen);
		pl_sockaddr_read(&name, &address);
		if (address.family != 0)
			add(self, &address);
	}
}

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *answer)
{
	pl_resolve *self = PL_CONTAINER(request, pl_resolve, request);

	add_answers(self, answer);
	uv_freeaddrinfo(answer);
	if (status == UV_EAI_MEMORY || status == UV_ENOMEM)
		finish(self, PL_ENOMEM);
	else
		finish(self, self->count > 0 ? PL_OK : PL_EHOST);
}

static void add_text(pl_resolve *self, const char *text)
{
	pl_address address;

	if (pl_address_parse(&address, text))
		add(self, &address);
}

static bool is_localhost(const char *name)
{
	static const char localhost[] = "localhost";
	size_t len = strlen(name);
	size_t own = sizeof(localhost) - 1;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len < own || strncasecmp(name + len - own, localhost, own) != 0)
		return false;
	return len == own || name[len - own - 1] == '.';
}

/* What needs no resolver. */
static void add_known(pl_resolve *self)
{
	char *name = self->name;
	size_t len = strlen(name);

	if (is_localhost(name)) {
		add_text(self, "127.0.0.1");
		add_text(self, "::1");
	} else if (name[0] == '[' && name[len - 1] == ']') {
		name[len - 1] = '\0';
		if (strchr(name, ':'))
			add_text(self, name + 1);
		name[len - 1] = ']';
	} else {
		add_text(self, name);
	}
}

static int ask(pl_resolve *self)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };

	return pl_net_status(uv_getaddrinfo(&self->loop->uv, &self->request, on_answer, self->name,
					    NULL, &hints));
}

static bool fits(pl_slice name)
{
	return name.len > 0 && name.len <= PL_RESOLVE_NAME_MAX && !memchr(name.at, '\0', name.len);
}

int pl_resolve_start(pl_resolve **result, pl_loop *loop, pl_slice name, uint16_t port,
		     pl_resolve_done *done, void *owner)
{
	pl_resolve *self;
	int status = PL_OK;

	if (!fits(name))
		return PL_EINVAL;
	self = pl_calloc(1, sizeof(*self));
	if (!self)
		return PL_ENOMEM;
	memcpy(self->name, name.at, name.len);
	self->loop = loop;
	self->port = port;
	self->done = done;
	self->owner = owner;
	pl_deferred_init(&self->known, run_known);
	add_known(self);
	if (self->count > 0)
		pl_loop_defer(loop, &self->known);
	else
		status = ask(self);
	if (status) {
		pl_free(self);
		return status == PL_EINVAL ? PL_EINVAL : PL_ENOMEM;
	}
	pl_loop_hold(loop);
	*result = self;
	return PL_OK;
}

/* A question that the pool works on cannot be taken back: it ends without anybody. */
void pl_resolve_cancel(pl_resolve *self)
{
	self->done = NULL;
	if (self->count == 0)
		uv_cancel((uv_req_t *)&self->request);
}
