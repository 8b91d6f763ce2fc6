#include "codec/http_coding.h"

enum {
	ANY = PL_HTTP_CODINGS, /* "*" */
	UNKNOWN,
	UNSAID = UINT16_MAX,
	LEAST = 1
};

pl_slice pl_http_coding_name(enum pl_http_coding coding)
{
	static const pl_slice names[] = { { "br", 2 }, { "gzip", 4 }, { "identity", 8 } };

	return names[coding];
}

static unsigned coding_of(pl_slice name)
{
	for (unsigned i = 0; i < PL_HTTP_CODINGS; i++)
		if (pl_slice_equal_nocase(name, pl_http_coding_name((enum pl_http_coding)i)))
			return i;
	if (pl_slice_equal_nocase(name, PL_SLICE("x-gzip"))) /* RFC 9110 8.4.1.3 */
		return PL_HTTP_GZIP;
	return pl_slice_equal(name, PL_SLICE("*")) ? ANY : UNKNOWN;
}

/* qvalue (12.4.2): "0" or "1" and at most three decimals, which are zeros behind the 1. */
static bool read_weight(pl_slice text, uint16_t *weight)
{
	static const uint16_t places[] = { 100, 10, 1 };
	unsigned sum;

	if (text.len == 0 || text.len > 5 || (text.at[0] != '0' && text.at[0] != '1') ||
	    (text.len > 1 && text.at[1] != '.'))
		return false;
	sum = text.at[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < text.len; i++) {
		unsigned digit = (unsigned char)text.at[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		sum += digit * places[i - 2];
	}
	*weight = (uint16_t)sum;
	return sum <= 1000;
}

/* "coding" or "coding;q=0.5". */
static bool read_element(pl_slice element, unsigned *coding, uint16_t *weight)
{
	size_t semicolon = pl_slice_find(element, ';');
	pl_slice name = pl_slice_trim(pl_slice_make(element.at, semicolon));
	pl_slice rest;

	*weight = 1000;
	*coding = coding_of(name);
	if (semicolon == element.len)
		return true;
	rest = pl_slice_trim(
		pl_slice_make(element.at + semicolon + 1, element.len - semicolon - 1));
	return rest.len > 2 && (rest.at[0] | 0x20) == 'q' && rest.at[1] == '=' &&
	       read_weight(pl_slice_make(rest.at + 2, rest.len - 2), weight);
}

static void read_line(uint16_t weights[ANY + 1], pl_slice line)
{
	pl_slice element;

	while (pl_slice_next_element(&line, &element)) {
		unsigned coding;
		uint16_t weight;

		if (read_element(element, &coding, &weight) && coding <= ANY &&
		    weights[coding] == UNSAID)
			weights[coding] = weight;
	}
}

void pl_http_codings_decode(pl_http_codings *codings, const pl_http_field *fields, size_t count)
{
	static const pl_slice name = { "accept-encoding", 15 };
	uint16_t weights[ANY + 1] = { UNSAID, UNSAID, UNSAID, UNSAID };
	uint16_t any;

	for (size_t i = 0; i < count; i++)
		if (pl_slice_equal_nocase(fields[i].name, name))
			read_line(weights, fields[i].value);
	any = weights[ANY];
	for (unsigned i = 0; i < PL_HTTP_CODINGS; i++) {
		uint16_t unsaid = i == PL_HTTP_IDENTITY ? LEAST : 0;

		if (any != UNSAID)
			unsaid = any;
		codings->weight[i] = weights[i] == UNSAID ? unsaid : weights[i];
	}
}

enum pl_http_coding pl_http_codings_choose(const pl_http_codings *codings, unsigned there)
{
	unsigned best = PL_HTTP_CODINGS;

	for (unsigned i = 0; i < PL_HTTP_CODINGS; i++)
		if ((there & 1U << i) && codings->weight[i] > 0 &&
		    (best == PL_HTTP_CODINGS || codings->weight[i] > codings->weight[best]))
			best = i;
	return (enum pl_http_coding)best;
}
