/*
 * mqtt_libmosquitto - libmosquitto as a peer of spec/bench/mqtt.lua, in one thread.
 * Arguments: port, QoS, seconds.
 */
#define _GNU_SOURCE
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WINDOW = 256, WARMUP = 1, SIZE = 100 };

static const char topic[] = "bench/t";
static char text[SIZE];
static int qos;
static unsigned long received;

static void check(int code)
{
	if (code == MOSQ_ERR_SUCCESS)
		return;
	fprintf(stderr, "mqtt_libmosquitto: %s\n", mosquitto_strerror(code));
	exit(1);
}

static double seconds_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void publish(struct mosquitto *client)
{
	check(mosquitto_publish(client, NULL, topic, SIZE, text, qos, false));
}

static void on_connect(struct mosquitto *client, void *unused, int code)
{
	(void)unused;
	if (code != 0)
		exit(1);
	check(mosquitto_subscribe(client, NULL, topic, qos));
}

static void on_subscribe(struct mosquitto *client, void *unused, int id, int count,
			 const int *granted)
{
	(void)unused, (void)id, (void)count, (void)granted;
	for (int i = 0; i < WINDOW; i++)
		publish(client);
}

static void on_message(struct mosquitto *client, void *unused,
		       const struct mosquitto_message *message)
{
	(void)unused, (void)message;
	received++;
	publish(client);
}

static void run(struct mosquitto *client, double seconds)
{
	double end = seconds_of(CLOCK_MONOTONIC) + seconds;

	while (seconds_of(CLOCK_MONOTONIC) < end)
		check(mosquitto_loop(client, 100, 1));
}

int main(int argc, char **argv)
{
	struct mosquitto *client;
	unsigned long before;
	double cpu, started;

	if (argc != 4)
		return 2;
	qos = atoi(argv[2]);
	memset(text, 'x', sizeof(text));
	mosquitto_lib_init();
	client = mosquitto_new(NULL, true, NULL);
	if (!client)
		return 1;
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_message_callback_set(client, on_message);
	check(mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, WINDOW));
	check(mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, WINDOW));
	check(mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1));
	check(mosquitto_connect(client, "127.0.0.1", atoi(argv[1]), 60));
	run(client, WARMUP);
	before = received;
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	started = seconds_of(CLOCK_MONOTONIC);
	run(client, atof(argv[3]));
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	before = received - before;
	printf("%.0f %.3f\n", (double)before / (seconds_of(CLOCK_MONOTONIC) - started),
	       cpu * 1e6 / (double)before);
	return 0;
}
