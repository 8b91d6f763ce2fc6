#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "conn/info.h"
#include "net/memory.h"

#define REQUEST "GET /tea?cup=2 HTTP/1.1\r\nHost: a\r\nX: \x80\x01\r\n\r\n"
#define RESPONSE "HTTP/1.1 101 Switching Protocols\r\nServer: Perilune\r\n\r\n"

typedef struct made {
	pl_loop *loop;
	pl_memory memory;
	pl_conn_info *info;
} made;

static void make(made *self)
{
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
	pl_memory_init(&self->memory, self->loop);
	self->info = pl_conn_info_new(&self->memory.stream, 7);
	assert_non_null(self->info);
}

static void unmake(made *self)
{
	pl_conn_info_unref(self->info);
	pl_memory_deinit(&self->memory);
	pl_loop_free(self->loop);
}

/* The made one's info with heads; the former one, or NULL. */
static pl_conn_info *open_info(made *self, const char *protocol)
{
	const pl_slice request = PL_SLICE(REQUEST);
	const pl_conn_heads heads = {
		.request = request,
		.target = { request.at + 4, 10 },
		.response = PL_SLICE(RESPONSE),
		.protocol = { protocol, strlen(protocol) },
	};

	pl_conn_info *former = self->info;
	pl_conn_info *info = pl_conn_info_with(former, &heads);

	if (!info)
		return NULL;
	self->info = info;
	return former;
}

/* Unpacks into memory of the size that was told. */
static void check_head(const pl_conn_info *info, size_t (*unpack)(const pl_conn_info *, char *),
		       const char *expected)
{
	size_t len = unpack(info, NULL);
	char *text = malloc(len + 1);

	assert_int_equal(unpack(info, text), len);
	text[len] = '\0';
	assert_string_equal(text, expected);
	free(text);
}

static void at_its_begin_it_has_a_name_and_addresses(void **state)
{
	made self;

	(void)state;
	make(&self);
	assert_string_equal(self.info->transport, "http");
	assert_int_equal(pl_guid_worker(&self.info->guid), 7);
	assert_int_equal(self.info->peer.port, 50000);
	assert_int_equal(self.info->local.port, 80);
	assert_int_equal(pl_conn_info_url(self.info).len, 0);
	assert_int_equal(pl_conn_info_protocol(self.info).len, 0);
	assert_int_equal(pl_conn_info_alpn(self.info).len, 0);
	check_head(self.info, pl_conn_info_request, "");
	check_head(self.info, pl_conn_info_response, "");
	unmake(&self);
}

static void an_open_one_has_both_heads(void **state)
{
	static const char *const protocols[] = { "", "chat" };
	pl_guid guid;

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		pl_slice protocol = { protocols[i], strlen(protocols[i]) };
		made self;

		make(&self);
		guid = self.info->guid;
		pl_conn_info_set_alpn(self.info, PL_SLICE("http/1.1"));
		pl_conn_info_unref(open_info(&self, protocols[i]));
		assert_string_equal(self.info->transport, "http"); /* is for others to change */
		assert_memory_equal(&self.info->guid, &guid, sizeof(guid));
		assert_int_equal(self.info->peer.port, 50000);
		assert_true(pl_slice_equal(pl_conn_info_url(self.info), PL_SLICE("/tea?cup=2")));
		assert_true(pl_slice_equal(pl_conn_info_protocol(self.info), protocol));
		assert_true(pl_slice_equal(pl_conn_info_alpn(self.info), PL_SLICE("http/1.1")));
		check_head(self.info, pl_conn_info_request, REQUEST);
		check_head(self.info, pl_conn_info_response, RESPONSE);
		unmake(&self);
	}
}

static void a_user_stays_with_other_heads(void **state)
{
	pl_conn_info *former;
	made self;

	(void)state;
	make(&self);
	assert_int_equal(pl_conn_info_user(self.info).len, 0);
	former = self.info;
	self.info = pl_conn_info_with_user(former, PL_SLICE("admin"));
	assert_memory_equal(&self.info->guid, &former->guid, sizeof(former->guid));
	pl_conn_info_unref(former);
	assert_true(pl_slice_equal(pl_conn_info_user(self.info), PL_SLICE("admin")));
	pl_conn_info_unref(open_info(&self, "chat"));
	assert_true(pl_slice_equal(pl_conn_info_user(self.info), PL_SLICE("admin")));
	check_head(self.info, pl_conn_info_response, RESPONSE);
	former = self.info;
	self.info = pl_conn_info_with_user(former, PL_SLICE("eve"));
	pl_conn_info_unref(former);
	assert_true(pl_slice_equal(pl_conn_info_user(self.info), PL_SLICE("eve")));
	assert_true(pl_slice_equal(pl_conn_info_url(self.info), PL_SLICE("/tea?cup=2")));
	check_head(self.info, pl_conn_info_request, REQUEST);
	check_head(self.info, pl_conn_info_response, RESPONSE);
	pl_alloc_fail_at(1);
	assert_null(pl_conn_info_with_user(self.info, PL_SLICE("x")));
	pl_alloc_fail_at(0);
	unmake(&self);
}

static void it_lasts_as_long_as_somebody_refers_to_it(void **state)
{
	int64_t live = pl_alloc_live();
	pl_conn_info *kept;
	made self;

	(void)state;
	make(&self);
	kept = open_info(&self, "chat");
	assert_ptr_not_equal(kept, self.info);
	assert_int_equal(pl_conn_info_url(kept).len, 0); /* is what it was */
	pl_conn_info_unref(kept);
	kept = pl_conn_info_ref(self.info);
	unmake(&self);
	check_head(kept, pl_conn_info_request, REQUEST);
	pl_conn_info_unref(kept);
	pl_conn_info_unref(NULL);
	assert_int_equal(pl_alloc_live(), live);
}

static void without_memory_it_stays_as_it_was(void **state)
{
	made self;

	(void)state;
	make(&self);
	pl_alloc_fail_at(1);
	assert_null(pl_conn_info_new(&self.memory.stream, 7));
	pl_alloc_fail_at(1);
	assert_null(open_info(&self, "chat"));
	pl_alloc_fail_at(0);
	check_head(self.info, pl_conn_info_request, "");
	unmake(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_its_begin_it_has_a_name_and_addresses),
		cmocka_unit_test(an_open_one_has_both_heads),
		cmocka_unit_test(a_user_stays_with_other_heads),
		cmocka_unit_test(it_lasts_as_long_as_somebody_refers_to_it),
		cmocka_unit_test(without_memory_it_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
