#include "mqtt/mqtt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"

/* "PLMQ": what `file` shows of it, and how ours are known. */
enum { APPLICATION = 0x504c4d51, SCHEMA = 1 };

struct pl_mqtt_file {
	sqlite3 *db;
	sqlite3_stmt *changes[PL_MQTT_CHANGES];
	char *path;
};

static const char schema[] =
	"CREATE TABLE session (one INTEGER PRIMARY KEY CHECK (one = 1), client BLOB NOT NULL,"
	" version INTEGER NOT NULL, taken INTEGER NOT NULL);"
	"CREATE TABLE outgoing (number INTEGER PRIMARY KEY, id INTEGER NOT NULL, packet BLOB);"
	"CREATE TABLE incoming (id INTEGER PRIMARY KEY);"
	"PRAGMA application_id = 1347177809; PRAGMA user_version = 1;";

_Static_assert(APPLICATION == 1347177809 && SCHEMA == 1, "as the schema says");

/* ?1: the number, ?2: the identifier, ?3: the bytes. */
static const char *const statements[PL_MQTT_CHANGES] = {
	[PL_MQTT_BEGIN] = "REPLACE INTO session VALUES (1, ?3, ?1, 0)",
	[PL_MQTT_ADD] = "INSERT INTO outgoing VALUES (?1, ?2, ?3)",
	[PL_MQTT_RELEASE] = "UPDATE outgoing SET packet = NULL WHERE number = ?1",
	[PL_MQTT_REMOVE] = "DELETE FROM outgoing WHERE number = ?1",
	[PL_MQTT_RECEIVE] = "INSERT OR IGNORE INTO incoming VALUES (?2)",
	[PL_MQTT_FORGET] = "DELETE FROM incoming WHERE id = ?2 OR ?2 = 0",
};

/* What went wrong. */

static int status_of(const sqlite3 *db, int result)
{
	int error = db ? sqlite3_system_errno((sqlite3 *)(uintptr_t)db) : 0;

	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return PL_OK;
	case SQLITE_NOMEM:
		return PL_ENOMEM;
	case SQLITE_FULL:
		return PL_ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return PL_EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return PL_EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
		return PL_EINVAL;
	default:
		return error > 0 ? pl_status_from_errno(error) : PL_EIO;
	}
}

static int tell(const pl_mqtt_file *file, int status, const char *what, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", file->path, what);
	return status;
}

static int tell_result(const pl_mqtt_file *file, int result, char *why, size_t size)
{
	int status = status_of(file->db, result);

	if (status == PL_OK)
		return PL_OK;
	if (status == PL_EBUSY)
		return tell(file, status, "is in use by another program", why, size);
	if (result == SQLITE_CORRUPT || result == SQLITE_NOTADB)
		return tell(file, status, "is no stored session, or is damaged", why, size);
	return tell(file, status, pl_status_text(status), why, size);
}

static int run(const pl_mqtt_file *file, const char *sql, char *why, size_t size)
{
	return tell_result(file, sqlite3_exec(file->db, sql, NULL, NULL, NULL), why, size);
}

/* Opening. */

static int64_t number_of(const pl_mqtt_file *file, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number = -1;

	if (sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* Empty: gets its tables. Another's: is left as it is. */
static int check_schema(const pl_mqtt_file *file, char *why, size_t size)
{
	int64_t application = number_of(file, "PRAGMA application_id");

	if (application == 0 && number_of(file, "SELECT count(*) FROM sqlite_master") == 0)
		return run(file, schema, why, size);
	if (application != APPLICATION)
		return tell(file, PL_EINVAL, "is no stored session of MQTT", why, size);
	if (number_of(file, "PRAGMA user_version") != SCHEMA)
		return tell(file, PL_EINVAL, "is of another version of this program", why, size);
	return PL_OK;
}

static int prepare(pl_mqtt_file *file, char *why, size_t size)
{
	int result = SQLITE_OK;

	for (int i = 0; i < PL_MQTT_CHANGES && result == SQLITE_OK; i++)
		result = sqlite3_prepare_v3(file->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
					    &file->changes[i], NULL);
	return tell_result(file, result, why, size);
}

/* SQLite would make it readable for all that the umask lets. */
static int make_private(const pl_mqtt_file *file, char *why, size_t size)
{
	int fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int status;

	if (fd >= 0) {
		close(fd);
		return PL_OK;
	}
	status = pl_status_from_errno(errno);
	return tell(file, status, pl_status_text(status), why, size);
}

static int open_database(pl_mqtt_file *file, bool sync, char *why, size_t size)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int status = make_private(file, why, size);

	if (status)
		return status;
	status = tell_result(file, sqlite3_open_v2(file->path, &file->db, flags, NULL), why, size);
	/* The lock is taken with the first transaction, and kept. */
	if (!status)
		status = run(file, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;", why,
			     size);
	if (!status)
		status = run(file, "PRAGMA journal_mode = WAL;", why, size);
	if (!status)
		status =
			run(file, sync ? "PRAGMA synchronous = FULL;" : "PRAGMA synchronous = OFF;",
			    why, size);
	if (!status)
		status = check_schema(file, why, size);
	if (!status)
		status = prepare(file, why, size);
	return status;
}

/* Loading. */

static int load_session(const pl_mqtt_file *file, sqlite3_stmt *row, pl_mqtt_loaded *loaded)
{
	size_t len = (size_t)sqlite3_column_bytes(row, 0);
	char *client = pl_alloc(len + 1);

	(void)file;
	if (!client)
		return PL_ENOMEM;
	memcpy(client, sqlite3_column_blob(row, 0), len);
	loaded->client_identifier = pl_slice_make(client, len);
	loaded->version = (uint8_t)sqlite3_column_int(row, 1);
	loaded->taken = (uint64_t)sqlite3_column_int64(row, 2);
	return PL_OK;
}

static int load_message(const pl_mqtt_file *file, sqlite3_stmt *row, pl_mqtt_loaded *loaded)
{
	pl_mqtt_stored *message = &loaded->messages[loaded->message_count];

	(void)file;
	message->number = (uint64_t)sqlite3_column_int64(row, 0);
	message->id = (uint16_t)sqlite3_column_int(row, 1);
	message->released = sqlite3_column_type(row, 2) == SQLITE_NULL;
	message->packet = NULL;
	if (!message->released) {
		size_t len = (size_t)sqlite3_column_bytes(row, 2);

		message->packet = pl_block_copy(sqlite3_column_blob(row, 2), len);
		if (!message->packet)
			return PL_ENOMEM;
	}
	loaded->message_count++;
	return PL_OK;
}

static int load_received(const pl_mqtt_file *file, sqlite3_stmt *row, pl_mqtt_loaded *loaded)
{
	(void)file;
	loaded->received[loaded->received_count++] = (uint16_t)sqlite3_column_int(row, 0);
	return PL_OK;
}

static int each_row(const pl_mqtt_file *file, const char *sql, pl_mqtt_loaded *loaded,
		    int (*load)(const pl_mqtt_file *file, sqlite3_stmt *row,
				pl_mqtt_loaded *loaded),
		    char *why, size_t size)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
	int status = tell_result(file, result, why, size);

	if (status)
		return status;
	while (!status && (result = sqlite3_step(statement)) == SQLITE_ROW)
		status = load(file, statement, loaded);
	sqlite3_finalize(statement);
	if (status)
		return tell(file, status, pl_status_text(status), why, size);
	return tell_result(file, result, why, size);
}

static int make_room(const pl_mqtt_file *file, pl_mqtt_loaded *loaded)
{
	int64_t messages = number_of(file, "SELECT count(*) FROM outgoing");
	int64_t received = number_of(file, "SELECT count(*) FROM incoming");

	if (messages < 0 || received < 0)
		return PL_EINVAL;
	loaded->messages = pl_calloc((size_t)messages + 1, sizeof(*loaded->messages));
	loaded->received = pl_calloc((size_t)received + 1, sizeof(*loaded->received));
	return loaded->messages && loaded->received ? PL_OK : PL_ENOMEM;
}

static int load(const pl_mqtt_file *file, pl_mqtt_loaded *loaded, char *why, size_t size)
{
	int status = make_room(file, loaded);

	if (status)
		return tell(file, status, pl_status_text(status), why, size);
	status = each_row(file, "SELECT client, version, taken FROM session", loaded, load_session,
			  why, size);
	if (!status)
		status = each_row(file, "SELECT number, id, packet FROM outgoing ORDER BY number",
				  loaded, load_message, why, size);
	if (!status)
		status =
			each_row(file, "SELECT id FROM incoming", loaded, load_received, why, size);
	return status;
}

void pl_mqtt_loaded_deinit(pl_mqtt_loaded *loaded)
{
	pl_free((char *)(uintptr_t)loaded->client_identifier.at);
	pl_free(loaded->messages);
	pl_free(loaded->received);
	*loaded = (pl_mqtt_loaded){ 0 };
}

static void drop_loaded(pl_mqtt_loaded *loaded)
{
	for (size_t i = 0; i < loaded->message_count; i++)
		pl_block_unref(loaded->messages[i].packet);
	pl_mqtt_loaded_deinit(loaded);
}

static pl_mqtt_file *file_new(const char *path)
{
	pl_mqtt_file *file = pl_calloc(1, sizeof(*file));
	size_t size = strlen(path) + 1;

	if (file)
		file->path = pl_alloc(size);
	if (!file || !file->path) {
		pl_free(file);
		return NULL;
	}
	memcpy(file->path, path, size);
	return file;
}

int pl_mqtt_file_open(pl_mqtt_file **result, const char *path, bool sync, pl_mqtt_loaded *loaded,
		      char *why, size_t size)
{
	pl_mqtt_file *file = file_new(path);
	int status;

	*loaded = (pl_mqtt_loaded){ 0 };
	if (!file) {
		snprintf(why, size, "%s: out of memory", path);
		return PL_ENOMEM;
	}
	status = open_database(file, sync, why, size);
	if (!status)
		status = load(file, loaded, why, size);
	if (status) {
		drop_loaded(loaded);
		pl_mqtt_file_close(file);
		return status;
	}
	*result = file;
	return PL_OK;
}

void pl_mqtt_file_close(pl_mqtt_file *file)
{
	if (!file)
		return;
	for (int i = 0; i < PL_MQTT_CHANGES; i++)
		sqlite3_finalize(file->changes[i]);
	sqlite3_close(file->db);
	pl_free(file->path);
	pl_free(file);
}

/* Changing. */

static int apply(const pl_mqtt_file *file, const pl_mqtt_change *change)
{
	sqlite3_stmt *statement = file->changes[change->kind];
	int result;

	if (sqlite3_bind_parameter_count(statement) >= 1)
		sqlite3_bind_int64(statement, 1, (int64_t)change->number);
	if (sqlite3_bind_parameter_count(statement) >= 2)
		sqlite3_bind_int(statement, 2, change->id);
	if (change->bytes)
		sqlite3_bind_blob64(statement, 3, change->bytes->data, change->bytes->len,
				    SQLITE_STATIC);
	result = sqlite3_step(statement);
	sqlite3_reset(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int apply_all(const pl_mqtt_file *file, const pl_mqtt_change *first)
{
	int result = SQLITE_OK;
	uint64_t taken = 0;

	for (const pl_mqtt_change *change = first; change && result == SQLITE_OK;
	     change = change->next) {
		if (change->kind == PL_MQTT_BEGIN)
			result = sqlite3_exec(file->db,
					      "DELETE FROM outgoing; DELETE FROM incoming;", NULL,
					      NULL, NULL);
		else if (change->kind == PL_MQTT_ADD)
			taken = change->number;
		if (result == SQLITE_OK)
			result = apply(file, change);
	}
	if (result == SQLITE_OK && taken > 0) {
		char sql[80];

		snprintf(sql, sizeof(sql), "UPDATE session SET taken = %llu",
			 (unsigned long long)taken);
		result = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
	}
	return result;
}

int pl_mqtt_file_change(pl_mqtt_file *file, const pl_mqtt_change *first, char *why, size_t size)
{
	int status = run(file, "BEGIN IMMEDIATE", why, size);

	if (status)
		return status;
	status = tell_result(file, apply_all(file, first), why, size);
	if (!status)
		status = run(file, "COMMIT", why, size);
	if (status)
		sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}
