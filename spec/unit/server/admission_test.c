#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"
#include "server/admission.h"

typedef struct gate {
	pl_admission admission;
	pl_limits limits;
	const char *why;
} gate;

static gate open_gate(int64_t all, int64_t one_address)
{
	gate self = { .why = "" };

	pl_limits_init(&self.limits);
	self.limits.connections = all;
	self.limits.connections_per_address = one_address;
	return self;
}

static pl_guest *enter(gate *self, const char *ip)
{
	pl_guest *guest = NULL;
	pl_address address;

	assert_true(pl_address_parse(&address, ip));
	address.port = 4000;
	if (pl_admission_enter(&self->admission, &self->limits, &address, &guest, &self->why))
		return NULL;
	return guest;
}

static void test_all(void **state)
{
	gate self = open_gate(2, 10);
	pl_guest *first = enter(&self, "127.0.0.1");

	(void)state;
	assert_non_null(first);
	assert_non_null(enter(&self, "127.0.0.2"));
	assert_null(enter(&self, "127.0.0.3"));
	assert_string_equal(self.why, "connections");
	pl_admission_leave(&self.admission, first);
	assert_non_null(enter(&self, "127.0.0.3"));
	pl_admission_deinit(&self.admission);
}

static void test_one_address(void **state)
{
	gate self = open_gate(100, 2);
	pl_guest *first = enter(&self, "127.0.0.1");

	(void)state;
	assert_ptr_equal(enter(&self, "127.0.0.1"), first);
	assert_null(enter(&self, "127.0.0.1"));
	assert_string_equal(self.why, "connections_per_address");
	assert_non_null(enter(&self, "127.0.0.2"));
	pl_admission_leave(&self.admission, first);
	assert_non_null(enter(&self, "127.0.0.1"));
	pl_admission_deinit(&self.admission);
}

/* Who has one IPv6 address has its whole /64. */
static void test_ipv6(void **state)
{
	gate self = open_gate(100, 1);

	(void)state;
	assert_non_null(enter(&self, "2001:db8::1"));
	assert_null(enter(&self, "2001:db8::2"));
	assert_null(enter(&self, "2001:db8:0:0:ffff::"));
	assert_non_null(enter(&self, "2001:db8:0:1::1"));
	pl_admission_deinit(&self.admission);
}

/* The first bytes of an IPv6 address are no IPv4 address. */
static void test_families_apart(void **state)
{
	gate self = open_gate(100, 1);

	(void)state;
	assert_non_null(enter(&self, "1.2.3.4"));
	assert_non_null(enter(&self, "102:304::"));
	pl_admission_deinit(&self.admission);
}

static void test_leaves_nothing(void **state)
{
	gate self = open_gate(100, 100);
	int64_t live = pl_alloc_live();
	pl_guest *guest = enter(&self, "127.0.0.1");

	(void)state;
	assert_non_null(enter(&self, "127.0.0.1"));
	pl_admission_leave(&self.admission, guest);
	assert_int_equal(self.admission.guests.count, 1);
	pl_admission_leave(&self.admission, guest);
	assert_int_equal(self.admission.guests.count, 0);
	assert_int_equal(self.admission.count, 0);
	pl_admission_deinit(&self.admission);
	assert_int_equal(pl_alloc_live(), live);
}

static void test_no_memory(void **state)
{
	gate self = open_gate(100, 100);

	(void)state;
	pl_alloc_fail_at(1);
	assert_null(enter(&self, "127.0.0.1"));
	pl_alloc_fail_at(0);
	assert_int_equal(self.admission.count, 0);
	assert_non_null(enter(&self, "127.0.0.1"));
	pl_admission_deinit(&self.admission);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_families_apart),
		cmocka_unit_test(test_leaves_nothing),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
