/* Packet identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "mqtt/mqtt_ids.h"

enum { ALL = 65535 };

static void gives_one_after_the_other(void **state)
{
	pl_mqtt_ids ids = { 0 };
	pl_mqtt_id a = { 0 }, b = { 0 };

	(void)state;
	assert_null(pl_mqtt_ids_find(&ids, 1));
	assert_int_equal(pl_mqtt_ids_take(&ids, &a), PL_OK);
	assert_int_equal(pl_mqtt_ids_take(&ids, &b), PL_OK);
	assert_int_equal(a.id, 1);
	assert_int_equal(b.id, 2);
	assert_ptr_equal(pl_mqtt_ids_find(&ids, 1), &a);
	assert_null(pl_mqtt_ids_find(&ids, 17)); /* the same place */
	pl_mqtt_ids_drop(&ids, &a);
	assert_int_equal(a.id, 0);
	assert_null(pl_mqtt_ids_find(&ids, 1));
	pl_mqtt_ids_drop(&ids, &a);
	assert_int_equal(pl_mqtt_ids_take(&ids, &a), PL_OK);
	assert_int_equal(a.id, 3);
	assert_int_equal(ids.count, 2);
	pl_mqtt_ids_deinit(&ids);
}

static void all_are_given_and_none_twice(void **state)
{
	pl_mqtt_ids ids = { 0 };
	pl_mqtt_id *entries = calloc(ALL + 1, sizeof(*entries));
	bool *seen = calloc(ALL + 1, sizeof(*seen));

	(void)state;
	for (int i = 0; i < ALL; i++) {
		assert_int_equal(pl_mqtt_ids_take(&ids, &entries[i]), PL_OK);
		assert_true(entries[i].id != 0 && !seen[entries[i].id]);
		seen[entries[i].id] = true;
	}
	assert_int_equal(pl_mqtt_ids_take(&ids, &entries[ALL]), PL_ELIMIT);
	for (int i = 0; i < ALL; i++)
		assert_ptr_equal(pl_mqtt_ids_find(&ids, entries[i].id), &entries[i]);
	pl_mqtt_ids_drop(&ids, &entries[4711]);
	assert_int_equal(pl_mqtt_ids_take(&ids, &entries[ALL]), PL_OK);
	assert_int_equal(entries[ALL].id, 4712);
	pl_mqtt_ids_deinit(&ids);
	free(entries);
	free(seen);
}

/* Those that live on are stepped over, wherever they are. */
static void long_lived_ones_are_kept(void **state)
{
	pl_mqtt_ids ids = { 0 };
	pl_mqtt_id old = { 0 }, entry = { 0 };

	(void)state;
	assert_int_equal(pl_mqtt_ids_take(&ids, &old), PL_OK);
	for (int i = 0; i < 3 * ALL; i++) {
		assert_int_equal(pl_mqtt_ids_take(&ids, &entry), PL_OK);
		assert_int_not_equal(entry.id, old.id);
		pl_mqtt_ids_drop(&ids, &entry);
	}
	assert_ptr_equal(pl_mqtt_ids_find(&ids, 1), &old);
	assert_int_equal(ids.size, 16);
	pl_mqtt_ids_deinit(&ids);
}

static void takes_what_an_earlier_run_gave(void **state)
{
	pl_mqtt_ids ids = { 0 };
	pl_mqtt_id a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

	(void)state;
	assert_int_equal(pl_mqtt_ids_put(&ids, &a, 1), PL_OK);
	assert_int_equal(pl_mqtt_ids_put(&ids, &b, 1), PL_EEXIST);
	assert_int_equal(pl_mqtt_ids_put(&ids, &b, 16385), PL_OK);
	assert_int_equal(pl_mqtt_ids_put(&ids, &c, 65535), PL_OK);
	assert_ptr_equal(pl_mqtt_ids_find(&ids, 1), &a);
	assert_ptr_equal(pl_mqtt_ids_find(&ids, 16385), &b);
	assert_int_equal(pl_mqtt_ids_take(&ids, &d), PL_OK);
	assert_int_equal(d.id, 2);
	pl_mqtt_ids_deinit(&ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_one_after_the_other),
		cmocka_unit_test(all_are_given_and_none_twice),
		cmocka_unit_test(long_lived_ones_are_kept),
		cmocka_unit_test(takes_what_an_earlier_run_gave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
