#include "mqtt/mqtt_store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "mqtt/mqtt_file.h"
#include "net/work.h"

enum { AGAIN = 1000 /* ms until what could not be made is tried again */ };

typedef struct changes {
	pl_mqtt_change *first;
	pl_mqtt_change *last;
} changes;

struct pl_mqtt_store {
	pl_loop *loop;
	const pl_mqtt_store_events *events;
	void *owner;
	char *path;
	bool sync;
	pl_mqtt_file *file; /* NULL: is not open */
	changes queued;
	changes made;	   /* by the job that runs */
	pl_deferred begin; /* the next job */
	pl_timer again;
	bool working;
	bool opened; /* or it could not be */
	bool closing;
	/* Results of a job. */
	int status;
	char why[256];
	pl_mqtt_loaded loaded;
};

static void append(changes *list, pl_mqtt_change *change)
{
	change->next = NULL;
	if (list->last)
		list->last->next = change;
	else
		list->first = change;
	list->last = change;
}

static void free_change(pl_mqtt_change *change)
{
	pl_block_unref(change->bytes);
	pl_free(change);
}

static void free_changes(changes *list)
{
	pl_mqtt_change *change = list->first;

	*list = (changes){ 0 };
	while (change) {
		pl_mqtt_change *next = change->next;

		free_change(change);
		change = next;
	}
}

/* The end. */

static void close_now(pl_mqtt_store *store)
{
	if (store->file && store->queued.first)
		pl_mqtt_file_change(store->file, store->queued.first, store->why,
				    sizeof(store->why));
	free_changes(&store->queued);
	pl_loop_stop_timer(store->loop, &store->again);
	pl_deferred_cancel(&store->begin);
	pl_mqtt_file_close(store->file);
	pl_free(store->path);
	pl_free(store);
}

/* Changes. */

static void run_changes(void *context)
{
	pl_mqtt_store *store = context;

	store->status =
		pl_mqtt_file_change(store->file, store->made.first, store->why, sizeof(store->why));
}

static void tell(pl_mqtt_store *store, const pl_mqtt_change *change, int status)
{
	if (change->context && !store->closing)
		store->events->stored(store->owner, change->context, status);
}

/* New messages are given up: who publishes is told. What has happened to others stays true. */
static void give_up(pl_mqtt_store *store, pl_mqtt_change *change)
{
	if (change->kind == PL_MQTT_ADD) {
		tell(store, change, store->status);
		free_change(change);
	} else {
		append(&store->queued, change);
	}
}

static void settle(pl_mqtt_store *store)
{
	pl_mqtt_change *change = store->made.first;
	changes later = store->queued;

	store->made = (changes){ 0 };
	if (store->status)
		store->queued = (changes){ 0 };
	while (change) {
		pl_mqtt_change *next = change->next;

		if (store->status) {
			give_up(store, change);
		} else {
			tell(store, change, PL_OK);
			free_change(change);
		}
		change = next;
	}
	if (!store->status || !later.first)
		return;
	/* What came meanwhile is behind what is tried again, and so is what was said now. */
	if (store->queued.last)
		store->queued.last->next = later.first;
	else
		store->queued.first = later.first;
	store->queued.last = later.last;
}

static void changes_done(void *context)
{
	pl_mqtt_store *store = context;

	store->working = false;
	settle(store);
	if (store->closing) {
		close_now(store);
	} else if (store->status) {
		store->events->failed(store->owner, store->status, store->why);
		pl_loop_start(store->loop, &store->again, AGAIN);
	} else if (store->queued.first) {
		pl_loop_defer(store->loop, &store->begin);
	}
}

/* Without memory for a job it is done here: that is slow, and loses nothing. */
static void start(pl_mqtt_store *store, void (*run)(void *), void (*done)(void *))
{
	store->working = true;
	if (pl_work_start(store->loop, run, done, store) == PL_OK)
		return;
	run(store);
	done(store);
}

static void on_begin(pl_deferred *deferred)
{
	pl_mqtt_store *store = PL_CONTAINER(deferred, pl_mqtt_store, begin);

	if (store->working || !store->file || pl_timer_active(&store->again))
		return;
	store->made = store->queued;
	store->queued = (changes){ 0 };
	start(store, run_changes, changes_done);
}

static void on_again(pl_timer *timer)
{
	pl_loop_defer(PL_CONTAINER(timer, pl_mqtt_store, again)->loop,
		      &PL_CONTAINER(timer, pl_mqtt_store, again)->begin);
}

static int change(pl_mqtt_store *store, enum pl_mqtt_change_kind kind, uint64_t number, uint16_t id,
		  pl_block *bytes, void *context)
{
	pl_mqtt_change *made = pl_calloc(1, sizeof(*made));

	if (!made)
		return PL_ENOMEM;
	made->kind = kind;
	made->number = number;
	made->id = id;
	made->bytes = bytes ? pl_block_ref(bytes) : NULL;
	made->context = context;
	append(&store->queued, made);
	pl_loop_defer(store->loop, &store->begin);
	return PL_OK;
}

int pl_mqtt_store_begin(pl_mqtt_store *store, pl_slice client_identifier, uint8_t version,
			void *context)
{
	pl_block *bytes = pl_block_copy(client_identifier.at, client_identifier.len);
	int status = PL_ENOMEM;

	if (bytes)
		status = change(store, PL_MQTT_BEGIN, version, 0, bytes, context);
	pl_block_unref(bytes);
	return status;
}

int pl_mqtt_store_add(pl_mqtt_store *store, uint64_t number, uint16_t id, pl_block *packet,
		      void *context)
{
	return change(store, PL_MQTT_ADD, number, id, packet, context);
}

int pl_mqtt_store_release(pl_mqtt_store *store, uint64_t number, void *context)
{
	return change(store, PL_MQTT_RELEASE, number, 0, NULL, context);
}

int pl_mqtt_store_remove(pl_mqtt_store *store, uint64_t number, void *context)
{
	return change(store, PL_MQTT_REMOVE, number, 0, NULL, context);
}

int pl_mqtt_store_receive(pl_mqtt_store *store, uint16_t id, void *context)
{
	return change(store, PL_MQTT_RECEIVE, 0, id, NULL, context);
}

int pl_mqtt_store_forget(pl_mqtt_store *store, uint16_t id, void *context)
{
	return change(store, PL_MQTT_FORGET, 0, id, NULL, context);
}

/* Life. */

static void run_open(void *context)
{
	pl_mqtt_store *store = context;

	store->status = pl_mqtt_file_open(&store->file, store->path, store->sync, &store->loaded,
					  store->why, sizeof(store->why));
}

static void drop_packets(const pl_mqtt_loaded *loaded)
{
	for (size_t i = 0; i < loaded->message_count; i++)
		pl_block_unref(loaded->messages[i].packet);
}

static void open_done(void *context)
{
	pl_mqtt_store *store = context;

	store->working = false;
	if (store->closing) {
		drop_packets(&store->loaded);
		pl_mqtt_loaded_deinit(&store->loaded);
		close_now(store);
		return;
	}
	store->events->opened(store->owner, store->status, store->why, &store->loaded);
	pl_mqtt_loaded_deinit(&store->loaded);
	if (store->queued.first)
		pl_loop_defer(store->loop, &store->begin);
}

int pl_mqtt_store_open(pl_mqtt_store **result, pl_loop *loop, const char *path, bool sync,
		       const pl_mqtt_store_events *events, void *owner)
{
	pl_mqtt_store *store = pl_calloc(1, sizeof(*store));
	size_t size = strlen(path) + 1;

	if (store)
		store->path = pl_alloc(size);
	if (!store || !store->path) {
		pl_free(store);
		return PL_ENOMEM;
	}
	memcpy(store->path, path, size);
	store->loop = loop;
	store->sync = sync;
	store->events = events;
	store->owner = owner;
	pl_deferred_init(&store->begin, on_begin);
	pl_timer_init(&store->again, on_again);
	if (pl_work_start(loop, run_open, open_done, store)) {
		pl_free(store->path);
		pl_free(store);
		return PL_ENOMEM;
	}
	store->working = true;
	*result = store;
	return PL_OK;
}

void pl_mqtt_store_close(pl_mqtt_store *store)
{
	store->closing = true;
	if (!store->working)
		close_now(store);
}
