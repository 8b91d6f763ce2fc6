/* Packets of every type, there and back. */
#include "mqtt.h"

/* Of each kind one, in both versions. */
static const mqtt_good packets[] = {
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\4\2\0\x3C\0\1a") },
	{ &stranger, BYTES("\x10\x0E\0\4MQTT\5\2\0\x3C\0\0\1a") },
	{ &client3, BYTES("\x10\x0D\0\4MQTT\4\2\0\x3C\0\1a") },
	{ &client5, BYTES("\x10\x0E\0\4MQTT\5\2\0\x3C\0\0\1a") },
	{ &server3, BYTES("\x20\2\0\0") },
	{ &server3, BYTES("\x20\2\1\0") },
	{ &server3, BYTES("\x20\2\0\5") },
	{ &server5, BYTES("\x20\3\0\0\0") },
	{ &server5, BYTES("\x20\3\0\x87\0") },
	{ &server5, BYTES("\x20\2\0\1") }, /* a server of 3.1.1 */
	{ &client3, BYTES("\x30\5\0\1thi") },
	{ &server5, BYTES("\x32\x08\0\1t\0\x0A\0hi") },
	{ &client5, BYTES("\x3D\6\0\1t\0\x0A\0") },
	{ &client3, BYTES("\x30\3\0\1t") },
	{ &client3, BYTES("\x40\2\0\x0A") },
	{ &server5, BYTES("\x40\2\0\x0A") },
	{ &server5, BYTES("\x40\3\0\x0A\x10") },
	{ &client5, BYTES("\x50\x08\0\x0A\x87\4\x1F\0\1x") },
	{ &client3, BYTES("\x50\2\0\x0A") },
	{ &client3, BYTES("\x62\2\0\x0A") },
	{ &client5, BYTES("\x62\3\0\x0A\x92") },
	{ &server3, BYTES("\x70\2\0\x0A") },
	{ &server5, BYTES("\x70\2\0\x0A") },
	{ &client3, BYTES("\x82\6\0\1\0\1t\1") },
	{ &client5, BYTES("\x82\7\0\1\0\0\1t\1") },
	{ &client5, BYTES("\x82\x0D\0\1\2\x0B\7\0\1t\x2C\0\1#\x1A") },
	{ &server3, BYTES("\x90\3\0\1\1") },
	{ &server3, BYTES("\x90\6\0\1\0\1\2\x80") },
	{ &server5, BYTES("\x90\5\0\1\0\2\x87") },
	{ &client3, BYTES("\xA2\5\0\1\0\1t") },
	{ &client5, BYTES("\xA2\x09\0\1\0\0\1t\0\1u") },
	{ &server3, BYTES("\xB0\2\0\1") },
	{ &server5, BYTES("\xB0\5\0\1\0\0\x11") },
	{ &client3, BYTES("\xC0\0") },
	{ &client5, BYTES("\xC0\0") },
	{ &server3, BYTES("\xD0\0") },
	{ &server5, BYTES("\xD0\0") },
	{ &client3, BYTES("\xE0\0") },
	{ &client5, BYTES("\xE0\0") },
	{ &client5, BYTES("\xE0\1\4") },
	{ &server5, BYTES("\xE0\1\x8E") },
	{ &server5, BYTES("\xE0\6\x9D\4\x1C\0\1s") },
	{ &server5, BYTES("\xF0\0") },
	{ &client5, BYTES("\xF0\7\x19\5\x15\0\2me") },
	{ &server5, BYTES("\xF0\x0B\x18\x09\x15\0\2me\x16\0\1\0") },
};

static void test_there_and_back(void **state)
{
	(void)state;
	mqtt_expect_good(packets, COUNT(packets));
}

static void test_cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++)
		mqtt_expect_cut(packets[i].rules, packets[i].bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
