#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "server/admission.h"

static pl_limits limits;
static pl_admission admission;
static const char *limit;

static int set_up(void **state)
{
	(void)state;
	pl_limits_init(&limits);
	pl_admission_init(&admission);
	return 0;
}

static int enter(const char *ip, pl_guest **guest)
{
	pl_address address;

	assert_true(pl_address_parse(&address, ip));
	limit = "";
	return pl_admission_enter(&admission, &limits, &address, guest, &limit);
}

static void all_are_counted(void **state)
{
	pl_guest *one, *two, *none;

	(void)state;
	limits.connections = 2;
	assert_int_equal(enter("10.0.0.1", &one), PL_OK);
	assert_int_equal(enter("10.0.0.2", &two), PL_OK);
	assert_int_equal(enter("10.0.0.3", &none), PL_ELIMIT);
	assert_string_equal(limit, "connections");
	pl_admission_leave(&admission, one);
	assert_int_equal(enter("10.0.0.3", &one), PL_OK);
	pl_admission_leave(&admission, one);
	pl_admission_leave(&admission, two);
	assert_int_equal(admission.count, 0);
	pl_admission_deinit(&admission);
}

static void each_address_is_counted(void **state)
{
	pl_guest *guests[3], *none;

	(void)state;
	limits.connections_per_address = 2;
	assert_int_equal(enter("10.0.0.1", &guests[0]), PL_OK);
	assert_int_equal(enter("10.0.0.1", &guests[1]), PL_OK);
	assert_ptr_equal(guests[0], guests[1]);
	assert_int_equal(enter("10.0.0.1", &none), PL_ELIMIT);
	assert_string_equal(limit, "connections_per_address");
	assert_int_equal(enter("10.0.0.2", &guests[2]), PL_OK);
	pl_admission_leave(&admission, guests[0]);
	assert_int_equal(enter("10.0.0.1", &guests[0]), PL_OK);
	for (int i = 0; i < 3; i++)
		pl_admission_leave(&admission, guests[i]);
	assert_int_equal(admission.guests.count, 0);
	pl_admission_deinit(&admission);
}

/* A client that has a network of IPv6 has all its addresses; others share none with it. */
static void ipv6_is_counted_by_its_network(void **state)
{
	pl_guest *one, *same, *other, *four;

	(void)state;
	limits.connections_per_address = 2;
	assert_int_equal(enter("2001:db8:0:1::1", &one), PL_OK);
	assert_int_equal(enter("2001:db8:0:1:ffff::2", &same), PL_OK);
	assert_ptr_equal(one, same);
	assert_int_equal(enter("2001:db8:0:1::3", &other), PL_ELIMIT);
	assert_int_equal(enter("2001:db8:0:2::1", &other), PL_OK);
	assert_ptr_not_equal(one, other);
	assert_int_equal(enter("32.1.13.184", &four), PL_OK); /* the same first bytes */
	assert_ptr_not_equal(one, four);
	pl_admission_leave(&admission, one);
	pl_admission_leave(&admission, same);
	pl_admission_leave(&admission, other);
	pl_admission_leave(&admission, four);
	pl_admission_deinit(&admission);
}

static void nothing_is_left(void **state)
{
	int64_t live = pl_alloc_live();
	pl_guest *guest;

	(void)state;
	assert_int_equal(enter("10.0.0.1", &guest), PL_OK);
	assert_int_equal(enter("::1", &guest), PL_OK);
	pl_admission_deinit(&admission); /* with those inside */
	assert_int_equal(pl_alloc_live(), live);
	pl_admission_init(&admission);
}

static void without_memory_nobody_enters(void **state)
{
	int64_t live = pl_alloc_live();
	pl_guest *guest;
	int status;

	(void)state;
	for (uint64_t nth = 1; nth < 10; nth++) {
		pl_alloc_fail_at(nth);
		status = enter("10.0.0.1", &guest);
		pl_alloc_fail_at(0);
		if (status == PL_OK) {
			assert_true(nth > 1);
			pl_admission_leave(&admission, guest);
			break;
		}
		assert_int_equal(status, PL_ENOMEM);
		assert_int_equal(admission.count, 0);
		assert_int_equal(admission.guests.count, 0);
	}
	pl_admission_deinit(&admission);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_are_counted, set_up),
		cmocka_unit_test_setup(each_address_is_counted, set_up),
		cmocka_unit_test_setup(ipv6_is_counted_by_its_network, set_up),
		cmocka_unit_test_setup(nothing_is_left, set_up),
		cmocka_unit_test_setup(without_memory_nobody_enters, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
