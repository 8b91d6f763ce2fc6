/* How OpenSSL reads and writes: from the bytes that came in, into the chunks of the stream below.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/tls_internal.h"

static BIO_METHOD *method;
static pthread_once_t method_made = PTHREAD_ONCE_INIT;

static int bio_read(BIO *bio, char *out, int size)
{
	pl_tls_input *input = ((pl_tls_wire *)BIO_get_data(bio))->input;
	size_t len = (size_t)size;

	BIO_clear_retry_flags(bio);
	if (!input || input->len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (len > input->len)
		len = input->len;
	memcpy(out, input->at, len);
	input->at += len;
	input->len -= len;
	return (int)len;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	pl_stream *below = ((pl_tls_wire *)BIO_get_data(bio))->below;

	BIO_clear_retry_flags(bio);
	return pl_stream_write(below, data, (size_t)len) ? -1 : len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "perilune stream");
	if (!method)
		return;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	BIO_meth_set_create(method, bio_create);
}

pl_tls_wire *pl_tls_wire_new(void)
{
	pl_tls_wire *wire = pl_calloc(1, sizeof(*wire));

	pthread_once(&method_made, make_method);
	if (wire && method)
		wire->bio = BIO_new(method);
	if (!wire || !wire->bio) {
		pl_free(wire);
		return NULL;
	}
	BIO_set_data(wire->bio, wire);
	return wire;
}

void pl_tls_wire_free(pl_tls_wire *wire)
{
	if (!wire)
		return;
	BIO_free(wire->bio);
	pl_free(wire);
}
