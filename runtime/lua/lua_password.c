#include "lua/lua_password.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "crypto/compare.h"
#include "crypto/scrypt.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"
#include "net/work.h"

typedef struct hashing {
	pl_wait wait;
	bool waiting; /* false: the task was cancelled, the pool goes on */
	bool verify;
	bool same;
	int status;
	pl_scrypt hash;
	char text[PL_SCRYPT_TEXT_MAX];
	size_t len;
	char password[];
} hashing;

static void hashing_free(hashing *self)
{
	pl_secret_wipe(self->password, self->len);
	pl_free(self);
}

static void run(void *context)
{
	hashing *self = context;

	if (self->verify)
		self->status = pl_scrypt_check(&self->hash, self->password, self->len, &self->same);
	else
		self->status = pl_scrypt_make(self->text, self->password, self->len);
}

static int push_result(lua_State *L, void *context)
{
	const hashing *self = context;

	if (self->status)
		return pl_lua_result(L, self->status);
	if (self->verify)
		lua_pushboolean(L, self->same);
	else
		lua_pushstring(L, self->text);
	return 1;
}

static void on_done(void *context)
{
	hashing *self = context;
	pl_task *task = NULL;

	if (self->waiting)
		task = pl_wait_end_with(&self->wait, push_result, self);
	hashing_free(self);
	if (task)
		pl_wait_go(task);
}

static void cancel(pl_wait *wait)
{
	PL_CONTAINER(wait, hashing, wait)->waiting = false;
}

/* Of the password at 1; NULL: no memory. */
static hashing *hashing_new(lua_State *L)
{
	pl_slice password = pl_lua_check_slice(L, 1);
	hashing *self = pl_calloc(1, sizeof(*self) + password.len);

	if (!self)
		return NULL;
	self->len = password.len;
	if (password.len > 0)
		memcpy(self->password, password.at, password.len);
	return self;
}

static int start(lua_State *L, hashing *self)
{
	if (pl_work_start(pl_script_of(L)->loop, run, on_done, self)) {
		hashing_free(self);
		return pl_lua_result(L, PL_ENOMEM);
	}
	self->waiting = true;
	pl_wait_begin(L, &self->wait, cancel);
	return pl_wait_yield(L);
}

/* hash(password) -> text; nil, message, code. Waits. */
static int password_hash(lua_State *L)
{
	hashing *self;

	pl_wait_check(L);
	self = hashing_new(L);
	return self ? start(L, self) : pl_lua_result(L, PL_ENOMEM);
}

/* verify(password, text) -> boolean; nil, message, code. Waits. */
static int password_verify(lua_State *L)
{
	pl_slice text = pl_lua_check_slice(L, 2);
	pl_scrypt hash;
	hashing *self;

	pl_wait_check(L);
	if (pl_scrypt_decode(&hash, text.at, text.len))
		return pl_lua_fail(L, PL_EINVAL, "the text is no hash of perilune.password");
	self = hashing_new(L);
	if (!self)
		return pl_lua_result(L, PL_ENOMEM);
	self->verify = true;
	self->hash = hash;
	return start(L, self);
}

static const luaL_Reg functions[] = {
	{ "hash", password_hash },
	{ "verify", password_verify },
	{ NULL, NULL },
};

int pl_lua_open_password(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
