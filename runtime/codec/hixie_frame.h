/*
 * hixie_frame.h - frames of draft-hixie-thewebsocketprotocol-76 (section 5.3), as a flow of bytes.
 *
 * A text is 0x00, UTF-8, 0xFF; the closing frame is 0xFF 0x00. Other frames are passed over, as the
 * draft has it: those of the types 0x01 to 0x7F end with 0xFF, those of 0x80 to 0xFF have a length
 * in front. Nothing is masked, and there is no frame for bytes. The decoder keeps its place between
 * pieces; texts are borrowed, and whether they are UTF-8 is not looked at.
 */
#ifndef PL_CODEC_HIXIE_FRAME_H
#define PL_CODEC_HIXIE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PL_HIXIE_TEXT_BEGIN = 0x00, PL_HIXIE_TEXT_END = 0xFF, PL_HIXIE_CLOSING = 0xFF };

/* What a frame adds to its text, and how many bytes may say a length. */
enum { PL_HIXIE_FRAME_EXTRA = 2, PL_HIXIE_LENGTH_MAX = 9 };

/* All zero is the start. */
typedef struct pl_hixie_decoder {
	size_t length; /* of the frame so far, or of what is still to be passed over */
	uint8_t state;
	uint8_t type;
	uint8_t groups; /* of a length, so far */
} pl_hixie_decoder;

enum pl_hixie_part {
	PL_HIXIE_NOTHING, /* for nobody */
	PL_HIXIE_TEXT,	  /* a piece of a text */
	PL_HIXIE_CLOSE	  /* the closing frame */
};

typedef struct pl_hixie_piece {
	enum pl_hixie_part part;
	const uint8_t *text; /* borrowed */
	size_t len;
	bool last; /* the text is whole */
	const char *error;
} pl_hixie_piece;

/* Takes from the front of data, of which there is some, what belongs together. Returns how many
 * bytes that is (> 0), with *piece; or, with `error`, PL_ETOOBIG: a frame has more than `limit`
 * bytes, or PL_EPROTO: its length has more than PL_HIXIE_LENGTH_MAX. */
int64_t pl_hixie_decode(pl_hixie_decoder *decoder, size_t limit, const uint8_t *data, size_t len,
			pl_hixie_piece *piece);

/* A text, which has no 0xFF, as a frame: len + PL_HIXIE_FRAME_EXTRA bytes. */
void pl_hixie_encode(uint8_t *out, const void *text, size_t len);

#endif
