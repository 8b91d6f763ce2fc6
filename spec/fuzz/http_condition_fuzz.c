/* http_condition_fuzz.c - conditions and codings of any fields: lines of "Name: value". */
#include "fuzz/fuzz.h"

#include "codec/http_coding.h"
#include "codec/http_condition.h"

enum { FIELDS = 16 };

static size_t read_fields(pl_http_field *fields, pl_slice text)
{
	size_t count = 0;

	while (text.len > 0 && count < FIELDS) {
		size_t end = pl_slice_find(text, '\n');
		pl_slice line = { text.at, end };
		size_t colon = pl_slice_find(line, ':');
		size_t value = colon < line.len ? colon + 1 : colon;

		fields[count].name = pl_slice_make(line.at, colon);
		fields[count++].value =
			pl_slice_trim(pl_slice_make(line.at + value, line.len - value));
		end += end < text.len;
		text = pl_slice_make(text.at + end, text.len - end);
	}
	return count;
}

static void check_conditions(const pl_http_field *fields, size_t count, pl_slice text)
{
	const pl_http_validators validators = { PL_SLICE("\"a-1\""), 784111777 };
	pl_slice range = { NULL, 0 };
	int get = pl_http_evaluate(fields, count, &validators, 1767225600, true, &range);
	int head;

	FUZZ_CHECK(fuzz_within(range, text));
	FUZZ_CHECK((get == PL_HTTP_PERFORM_PART) == (range.at != NULL));
	head = pl_http_evaluate(fields, count, &validators, 1767225600, false, &range);
	FUZZ_CHECK(head == (get == PL_HTTP_PERFORM_PART ? PL_HTTP_PERFORM : get));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	pl_slice text = { copy, size };
	pl_http_field fields[FIELDS];
	size_t count = read_fields(fields, text);
	pl_http_codings codings;

	check_conditions(fields, count, text);
	pl_http_codings_decode(&codings, fields, count);
	for (int i = 0; i < PL_HTTP_CODINGS; i++)
		FUZZ_CHECK(codings.weight[i] <= 1000);
	free(copy);
	return 0;
}
