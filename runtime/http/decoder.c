#include "http/decoder.h"

#include <brotli/decode.h>
#include <limits.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"

enum { ZLIB = 15, GZIP = 15 + 16, BARE = -15 }; /* zlib's windows, which say the format too */

struct pl_decoder {
	enum pl_decoder_coding coding;
	z_stream zlib;
	BrotliDecoderState *brotli;
	uint8_t first; /* byte of deflate, which together with the second says its format */
	uint8_t seen;  /* of these two */
	bool open;     /* zlib is initialised */
	bool whole;
};

bool pl_decoder_find(enum pl_decoder_coding *coding, pl_slice name)
{
	static const struct {
		pl_slice name;
		enum pl_decoder_coding coding;
	} known[] = { { { "", 0 }, PL_DECODER_IDENTITY },
		      { { "identity", 8 }, PL_DECODER_IDENTITY },
		      { { "gzip", 4 }, PL_DECODER_GZIP },
		      { { "x-gzip", 6 }, PL_DECODER_GZIP },
		      { { "deflate", 7 }, PL_DECODER_DEFLATE },
		      { { "br", 2 }, PL_DECODER_BR } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!pl_slice_equal_nocase(name, known[i].name))
			continue;
		*coding = known[i].coding;
		return true;
	}
	return false;
}

static void *brotli_alloc(void *unused, size_t size)
{
	(void)unused;
	return pl_alloc(size);
}

static void brotli_free(void *unused, void *ptr)
{
	(void)unused;
	pl_free(ptr);
}

static int open_zlib(pl_decoder *self, int window)
{
	self->zlib = (z_stream){ .zalloc = pl_alloc_zlib, .zfree = pl_free_zlib };
	if (inflateInit2(&self->zlib, window) != Z_OK)
		return PL_ENOMEM;
	self->open = true;
	return PL_OK;
}

int pl_decoder_new(pl_decoder **decoder, enum pl_decoder_coding coding)
{
	pl_decoder *self = pl_calloc(1, sizeof(*self));
	int status = PL_OK;

	if (!self)
		return PL_ENOMEM;
	self->coding = coding;
	self->whole = true;
	if (coding == PL_DECODER_GZIP)
		status = open_zlib(self, GZIP);
	if (coding == PL_DECODER_BR) {
		self->brotli = BrotliDecoderCreateInstance(brotli_alloc, brotli_free, NULL);
		status = self->brotli ? PL_OK : PL_ENOMEM;
	}
	if (status) {
		pl_free(self);
		return status;
	}
	*decoder = self;
	return PL_OK;
}

void pl_decoder_free(pl_decoder *self)
{
	if (!self)
		return;
	if (self->open)
		inflateEnd(&self->zlib);
	if (self->brotli)
		BrotliDecoderDestroyInstance(self->brotli);
	pl_free(self);
}

static int inflate_some(pl_decoder *self, pl_slice *in, uint8_t *out, size_t *len)
{
	z_stream *zlib = &self->zlib;
	unsigned given = in->len < INT_MAX ? (unsigned)in->len : INT_MAX;
	unsigned room = *len < INT_MAX ? (unsigned)*len : INT_MAX;
	int result;

	zlib->next_in = (uint8_t *)(uintptr_t)in->at;
	zlib->avail_in = given;
	zlib->next_out = out;
	zlib->avail_out = room;
	result = inflate(zlib, Z_NO_FLUSH);
	given -= zlib->avail_in;
	*in = pl_slice_make(in->at + given, in->len - given);
	*len = room - zlib->avail_out;
	self->whole = result == Z_STREAM_END;
	if (result == Z_MEM_ERROR)
		return PL_ENOMEM;
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? PL_OK
										 : PL_EPROTO;
}

/* Whether two bytes begin what RFC 1950 2.2 has: its method, and a sum that is right. */
static bool begins_zlib(uint8_t first, uint8_t second)
{
	return (first & 15) == 8 && ((unsigned)first << 8 | second) % 31 == 0;
}

/* Deflate's first two bytes tell which it is; then the first one is given to zlib. */
static int sniff(pl_decoder *self, pl_slice *in, uint8_t *out, size_t *len)
{
	size_t none = 0;
	pl_slice first;
	int status;

	if (self->seen == 0) {
		self->first = (uint8_t)in->at[0];
		self->seen = 1;
		self->whole = false;
		*in = pl_slice_make(in->at + 1, in->len - 1);
	}
	if (in->len == 0) {
		*len = 0;
		return PL_OK;
	}
	self->seen = 2;
	status = open_zlib(self, begins_zlib(self->first, (uint8_t)in->at[0]) ? ZLIB : BARE);
	if (status)
		return status;
	first = pl_slice_make((const char *)&self->first, 1);
	status = inflate_some(self, &first, out, &none);
	if (!status && first.len > 0)
		status = PL_EPROTO;
	return status ? status : inflate_some(self, in, out, len);
}

/* One step towards pl_decoder_run's; at least one byte is there, and room. */
static int run_zlib(pl_decoder *self, pl_slice *in, uint8_t *out, size_t *len)
{
	if (self->coding == PL_DECODER_DEFLATE && self->seen < 2)
		return sniff(self, in, out, len);
	if (self->whole && self->zlib.total_in > 0) {
		/* A gzip file may have several members (RFC 1952 2.2). */
		if (self->coding != PL_DECODER_GZIP)
			return PL_EPROTO;
		inflateReset(&self->zlib);
	}
	return inflate_some(self, in, out, len);
}

static int brotli_status(const BrotliDecoderState *brotli)
{
	BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(brotli);

	return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
			       code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
		       ? PL_ENOMEM
		       : PL_EPROTO;
}

static int run_brotli(pl_decoder *self, pl_slice *in, uint8_t *out, size_t *len)
{
	const uint8_t *next_in = (const uint8_t *)in->at;
	size_t left = in->len, room = *len;
	BrotliDecoderResult result;

	if (BrotliDecoderIsFinished(self->brotli))
		return PL_EPROTO;
	result = BrotliDecoderDecompressStream(self->brotli, &left, &next_in, &room, &out, NULL);
	*in = pl_slice_make((const char *)next_in, left);
	*len -= room;
	self->whole = result == BROTLI_DECODER_RESULT_SUCCESS;
	return result == BROTLI_DECODER_RESULT_ERROR ? brotli_status(self->brotli) : PL_OK;
}

int pl_decoder_run(pl_decoder *self, pl_slice *in, uint8_t *out, size_t *len)
{
	size_t made = 0, before, piece;
	int status = PL_OK;

	do {
		before = in->len;
		piece = *len - made;
		if (before == 0 && self->whole)
			break;
		status = self->coding == PL_DECODER_BR ? run_brotli(self, in, out + made, &piece)
						       : run_zlib(self, in, out + made, &piece);
		if (status)
			piece = 0;
		made += piece;
	} while (!status && made < *len && (in->len < before || piece > 0));
	*len = made;
	return status;
}

bool pl_decoder_whole(const pl_decoder *self)
{
	return self->whole;
}
