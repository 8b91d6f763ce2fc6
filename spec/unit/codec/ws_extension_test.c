#include "bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "codec/ws_extension.h"

/* What the server wants when nothing is said about it. */
#define ANY                                                                                        \
	{                                                                                          \
		.server_window = 15, .client_window = 15                                           \
	}

enum { FIELDS_MAX = 4 };

typedef struct offer_row {
	pl_ws_deflate_terms ours;
	const char *fields[FIELDS_MAX]; /* values of Sec-WebSocket-Extensions */
	const char *answer;		/* NULL: no offer can be met; "!": malformed */
} offer_row;

static int agree(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
		 const pl_slice *values, size_t count)
{
	pl_http_field fields[FIELDS_MAX + 2] = {
		{ PL_SLICE("Host"), PL_SLICE("permessage-deflate") },
		{ PL_SLICE("Sec-WebSocket-Protocol"), PL_SLICE("\"") },
	};
	pl_ws_request request = { .fields = fields, .field_count = 2 };

	for (size_t i = 0; i < count; i++)
		fields[request.field_count++] =
			(pl_http_field){ i & 1 ? PL_SLICE("SEC-WEBSOCKET-EXTENSIONS")
					       : PL_SLICE("sec-websocket-extensions"),
					 values[i] };
	return pl_ws_deflate_agree(agreed, ours, &request);
}

/* The answer as rows have it. Values lie where reading beyond them is seen. */
static const char *answer_to(const offer_row *row)
{
	static char answer[PL_WS_DEFLATE_ANSWER_MAX + 1];
	pl_ws_deflate_terms agreed;
	pl_slice values[FIELDS_MAX];
	size_t count = 0;
	int status;

	for (; count < FIELDS_MAX && row->fields[count]; count++) {
		size_t len = strlen(row->fields[count]);

		values[count] = pl_slice_make(bytes_copy(row->fields[count], len), len);
	}
	status = agree(&agreed, &row->ours, values, count);
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)values[i].at);
	if (status == PL_EPROTO)
		return "!";
	if (status == PL_ENOENT)
		return NULL;
	assert_int_equal(status, PL_OK);
	memset(answer, '#', sizeof(answer));
	answer[pl_ws_deflate_answer(answer, &agreed)] = '\0';
	return answer;
}

static void check(const offer_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = answer_to(&rows[i]);
		const char *wanted = rows[i].answer;

		if (got != wanted && (!got || !wanted || strcmp(got, wanted) != 0))
			fail_msg("%s: %s, not %s", rows[i].fields[0], got ? got : "none",
				 wanted ? wanted : "none");
	}
}

#define D "permessage-deflate"
#define SNCT "; server_no_context_takeover"
#define CNCT "; client_no_context_takeover"
#define SMWB "; server_max_window_bits"
#define CMWB "; client_max_window_bits"

static void offers_are_met(void **state)
{
	static const offer_row rows[] = {
		{ ANY, { NULL }, NULL },
		{ ANY, { "" }, NULL },
		{ ANY, { " , ," }, NULL },
		{ ANY, { D }, D },
		{ ANY, { "Permessage-DEFLATE" }, D },
		{ ANY, { "\t" D " " }, D },
		/* RFC 7692 7.1 */
		{ ANY, { D CMWB SMWB "=10" }, D SMWB "=10" },
		{ ANY, { D CMWB SMWB "=10, " D CMWB }, D SMWB "=10" },
		{ ANY, { D SNCT }, D SNCT },
		{ ANY, { D CNCT }, D CNCT },
		{ ANY, { D SNCT CNCT }, D SNCT CNCT },
		{ ANY, { D CMWB }, D },
		{ ANY, { D CMWB "=15" }, D },
		{ ANY, { D CMWB "=10" }, D CMWB "=10" },
		{ ANY, { D CMWB "=8" }, D CMWB "=8" },
		{ ANY, { D SMWB "=15" }, D SMWB "=15" },
		{ ANY, { D SMWB "=8" }, D SMWB "=8" },
		/* Blanks, case, quotes */
		{ ANY, { D ";server_max_window_bits=11" }, D SMWB "=11" },
		{ ANY, { D " ;\tServer_Max_Window_Bits\t= 11 " }, D SMWB "=11" },
		{ ANY, { D SMWB "=\"11\"" CMWB "=\"12\"" }, D SMWB "=11" CMWB "=12" },
		/* All at once: the longest answer */
		{ ANY, { D CMWB "=10" SMWB "=10" SNCT CNCT }, D SNCT CNCT SMWB "=10" CMWB "=10" },
	};

	(void)state;
	check(rows, COUNT(rows));
}

static void our_terms_are_kept(void **state)
{
	static const offer_row rows[] = {
		{ { 15, 15, true, true, false, 0 }, { D }, D SNCT CNCT },
		{ { 15, 15, true, false, false, 0 }, { D CNCT }, D SNCT CNCT },
		{ { 15, 15, true, true, false, 0 }, { D SNCT CNCT }, D SNCT CNCT },
		{ { 10, 15, false, false, false, 0 }, { D }, D SMWB "=10" },
		{ { 10, 15, false, false, false, 0 }, { D SMWB "=12" }, D SMWB "=10" },
		{ { 10, 15, false, false, false, 0 }, { D SMWB "=9" }, D SMWB "=9" },
		{ { 15, 10, false, false, false, 0 }, { D CMWB }, D CMWB "=10" },
		{ { 15, 10, false, false, false, 0 }, { D CMWB "=12" }, D CMWB "=10" },
		{ { 15, 10, false, false, false, 0 }, { D CMWB "=9" }, D CMWB "=9" },
		{ { 15, 8, false, false, false, 0 }, { D CMWB }, D CMWB "=8" },
		/* A client that does not know the parameter may not get it (7.1.2.2). */
		{ { 15, 10, false, false, false, 0 }, { D }, NULL },
		{ { 15, 10, false, false, false, 0 }, { D ", " D CMWB }, D CMWB "=10" },
	};

	(void)state;
	check(rows, COUNT(rows));
}

/* 7.1: unknown, repeated and wrong parameters; the next offer may do. */
static void offers_are_declined(void **state)
{
	static const offer_row rows[] = {
		{ ANY, { "permessage-bzip2" }, NULL },
		{ ANY, { "x-webkit-deflate-frame" }, NULL },
		{ ANY, { "permessage-deflate2" }, NULL },
		{ ANY, { D "; unknown" }, NULL },
		{ ANY, { D "; unknown=1" }, NULL },
		{ ANY, { D SNCT SNCT }, NULL },
		{ ANY, { D CNCT CNCT }, NULL },
		{ ANY, { D SMWB "=10" SMWB "=10" }, NULL },
		{ ANY, { D CMWB CMWB }, NULL },
		{ ANY, { D CMWB CMWB "=10" }, NULL },
		{ ANY, { D SNCT "=1" }, NULL },
		{ ANY, { D CNCT "=true" }, NULL },
		{ ANY, { D SMWB }, NULL },
		{ ANY, { D SMWB "=7" }, NULL },
		{ ANY, { D SMWB "=16" }, NULL },
		{ ANY, { D SMWB "=08" }, NULL },
		{ ANY, { D SMWB "=010" }, NULL },
		{ ANY, { D SMWB "=0" }, NULL },
		{ ANY, { D SMWB "=-9" }, NULL },
		{ ANY, { D SMWB "=+9" }, NULL },
		{ ANY, { D SMWB "=9a" }, NULL },
		{ ANY, { D SMWB "=0x9" }, NULL },
		{ ANY, { D SMWB "=99999999999999999999999" }, NULL },
		{ ANY, { D CMWB "=7" }, NULL },
		{ ANY, { D CMWB "=16" }, NULL },
		{ ANY, { D CMWB "=08" }, NULL },
		{ ANY, { D CMWB "=\"16\"" }, NULL },
	};

	(void)state;
	check(rows, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		char list[256];
		offer_row after = { ANY, { list }, D CNCT };
		offer_row lines = { ANY, { rows[i].fields[0], D CNCT, D }, D CNCT };

		snprintf(list, sizeof(list), "%s, " D CNCT ", " D, rows[i].fields[0]);
		check(&after, 1);
		check(&lines, 1);
	}
}

static void malformed_lists_are_refused(void **state)
{
	static const char *const values[] = {
		D ";",
		D "; ;",
		D "; server_no_context_takeover;",
		"; a",
		"=",
		"a b",
		D " b",
		D "; a b",
		D "; a=",
		D "; a= ;",
		D "; =1",
		D "; a=1 2",
		D "; a=\"1",
		D "; a=1\"",
		D "; a=\"\"",
		D "; a=\"1 2\"",
		D "; a=\"1,2\"",
		D "; a=\"1;2\"",
		D "; a==1",
		D "/1",
		"\"" D "\"",
		D "; a=(1)",
		D "; \xc3\xa9",
		"unknown; a=\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		char list[256];
		offer_row rows[] = {
			{ ANY, { values[i] }, "!" },
			{ ANY, { D, values[i] }, "!" },
			{ ANY, { values[i], D }, "!" },
			{ ANY, { list }, "!" },
		};

		snprintf(list, sizeof(list), D ", %s", values[i]);
		check(rows, COUNT(rows));
	}
}

static void offers_are_counted(void **state)
{
	static const pl_ws_deflate_terms ours = ANY;

	(void)state;
	for (size_t count = PL_WS_EXTENSIONS_MAX - 1; count <= PL_WS_EXTENSIONS_MAX + 1; count++) {
		char list[(PL_WS_EXTENSIONS_MAX + 1) * 2];
		pl_ws_deflate_terms agreed;
		pl_slice values[2] = { { list, count * 2 }, PL_SLICE(D) };

		for (size_t i = 0; i < count; i++)
			memcpy(list + i * 2, "a,", 2);
		assert_int_equal(agree(&agreed, &ours, values, 1),
				 count > PL_WS_EXTENSIONS_MAX ? PL_EPROTO : PL_ENOENT);
		assert_int_equal(agree(&agreed, &ours, values, 2),
				 count + 1 > PL_WS_EXTENSIONS_MAX ? PL_EPROTO : PL_OK);
	}
}

/* deflate-frame: the answer, and the terms that only we keep to. */
static void frames_are_agreed_on(void **state)
{
	static const struct {
		const char *offer;
		uint8_t client_window;
		bool client_fresh;
		int status;
		const char *answer;
		uint8_t server_window;
		bool server_fresh;
	} rows[] = {
		{ "x-webkit-deflate-frame", 15, false, PL_OK, "x-webkit-deflate-frame", 14, false },
		{ "deflate-frame", 15, false, PL_OK, "deflate-frame", 14, false },
		{ "X-WebKit-Deflate-Frame", 15, false, PL_OK, "x-webkit-deflate-frame", 14, false },
		{ "deflate-frame; no_context_takeover", 15, false, PL_OK, "deflate-frame", 14,
		  true },
		{ "deflate-frame; max_window_bits=9", 15, false, PL_OK, "deflate-frame", 9, false },
		{ "deflate-frame;max_window_bits=\"15\"", 15, false, PL_OK, "deflate-frame", 14,
		  false },
		{ "a, x-webkit-deflate-frame, deflate-frame", 15, true, PL_OK,
		  "x-webkit-deflate-frame; no_context_takeover", 14, false },
		{ "deflate-frame", 10, true, PL_OK,
		  "deflate-frame; no_context_takeover; max_window_bits=10", 14, false },
		{ "deflate-frame; max_window_bits, x-webkit-deflate-frame", 15, false, PL_OK,
		  "x-webkit-deflate-frame", 14, false },
		{ "deflate-frame; max_window_bits=16", 15, false, PL_ENOENT, "", 0, false },
		{ "deflate-frame; max_window_bits=9; max_window_bits=9", 15, false, PL_ENOENT, "",
		  0, false },
		{ "deflate-frame; no_context_takeover=1", 15, false, PL_ENOENT, "", 0, false },
		{ "deflate-frame; server_no_context_takeover", 15, false, PL_ENOENT, "", 0, false },
		{ "permessage-deflate", 15, false, PL_ENOENT, "", 0, false },
		{ "deflate-frame;", 15, false, PL_EPROTO, "", 0, false },
		{ "deflate-frame, =", 15, false, PL_EPROTO, "", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_ws_deflate_terms ours = { .server_window = 14,
					     .client_window = rows[i].client_window,
					     .client_fresh = rows[i].client_fresh };
		pl_http_field field = { PL_SLICE("Sec-WebSocket-Extensions"),
					{ rows[i].offer, strlen(rows[i].offer) } };
		pl_ws_request request = { .fields = &field, .field_count = 1 };
		char answer[PL_WS_DEFLATE_ANSWER_MAX + 1];
		pl_ws_deflate_terms agreed;

		assert_int_equal(pl_ws_deflate_frame_agree(&agreed, &ours, &request),
				 rows[i].status);
		if (rows[i].status)
			continue;
		answer[pl_ws_deflate_answer(answer, &agreed)] = '\0';
		assert_string_equal(answer, rows[i].answer);
		assert_int_equal(agreed.server_window, rows[i].server_window);
		assert_int_equal(agreed.server_fresh, rows[i].server_fresh);
	}
}

static void parameters_are_taken_one_by_one(void **state)
{
	pl_slice rest = PL_SLICE("; a;b=1 ; c=\"x-y\"");
	pl_slice name, value;

	(void)state;
	assert_int_equal(pl_ws_extension_param(&rest, &name, &value), PL_OK);
	assert_true(pl_slice_equal(name, PL_SLICE("a")));
	assert_null(value.at);
	assert_int_equal(pl_ws_extension_param(&rest, &name, &value), PL_OK);
	assert_true(pl_slice_equal(name, PL_SLICE("b")));
	assert_true(pl_slice_equal(value, PL_SLICE("1")));
	assert_int_equal(pl_ws_extension_param(&rest, &name, &value), PL_OK);
	assert_true(pl_slice_equal(name, PL_SLICE("c")));
	assert_true(pl_slice_equal(value, PL_SLICE("x-y")));
	assert_int_equal(pl_ws_extension_param(&rest, &name, &value), 1);
	assert_int_equal(pl_ws_extension_param(&rest, &name, &value), 1);
}

/* The client's side. */

typedef struct answer_row {
	pl_ws_deflate_terms ours;
	const char *answer; /* NULL: no field */
	const char *agreed; /* "server client fresh", see terms_text; NULL: refused; "-": none */
} answer_row;

static const char *terms_text(const pl_ws_deflate_terms *terms)
{
	static char text[32];

	snprintf(text, sizeof(text), "%u %u %s%s", terms->server_window, terms->client_window,
		 terms->server_fresh ? "s" : "", terms->client_fresh ? "c" : "");
	return text;
}

static const char *accepted_of(const pl_ws_deflate_wishes *ours, const char *answer)
{
	pl_http_field field = { PL_SLICE("Sec-WebSocket-Extensions"), { NULL, 0 } };
	size_t len = answer ? strlen(answer) : 0;
	char *copy = bytes_copy(answer ? answer : "", len);
	pl_ws_deflate_terms agreed;
	int status;

	field.value = pl_slice_make(copy, len);
	status = pl_ws_deflate_accept(&agreed, ours, &field, answer ? 1 : 0);
	free(copy);
	if (status == PL_ENOENT)
		return "-";
	return status == PL_OK ? terms_text(&agreed) : NULL;
}

static const char *accepted(const pl_ws_deflate_terms *ours, const char *answer)
{
	const pl_ws_deflate_wishes wishes = { .message = ours };

	return accepted_of(&wishes, answer);
}

static uint8_t form_accepted(const pl_ws_deflate_wishes *ours, const char *answer)
{
	pl_http_field field = { PL_SLICE("Sec-WebSocket-Extensions"),
				pl_slice_make(answer, strlen(answer)) };
	pl_ws_deflate_terms agreed;

	assert_int_equal(pl_ws_deflate_accept(&agreed, ours, &field, 1), PL_OK);
	return agreed.form;
}

static void offers_are_written(void **state)
{
	static const struct {
		pl_ws_deflate_terms ours;
		const char *offer;
	} rows[] = {
		{ ANY, "permessage-deflate; client_max_window_bits" },
		{ { .server_window = 10, .client_window = 9 },
		  "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9" },
		{ { .server_window = 8,
		    .client_window = 15,
		    .server_fresh = true,
		    .client_fresh = true },
		  "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
		  "server_max_window_bits=8; client_max_window_bits" },
	};
	char offer[PL_WS_DEFLATE_OFFER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const pl_ws_deflate_wishes wishes = { .message = &rows[i].ours };
		size_t len = pl_ws_deflate_offer(offer, &wishes);

		assert_int_equal(len, strlen(rows[i].offer));
		assert_memory_equal(offer, rows[i].offer, len);
	}
}

/* The parameters of an offer bind the server; permessage-deflate goes first. */
static void frames_are_offered(void **state)
{
	static const pl_ws_deflate_terms any = ANY;
	static const pl_ws_deflate_terms most = {
		.server_window = 10, .client_window = 10, .server_fresh = true, .client_fresh = true
	};
	static const struct {
		pl_ws_deflate_wishes ours;
		const char *offer;
	} rows[] = {
		{ { NULL, NULL }, "" },
		{ { NULL, &any }, "deflate-frame, x-webkit-deflate-frame" },
		{ { &any, &any },
		  "permessage-deflate; client_max_window_bits, deflate-frame, "
		  "x-webkit-deflate-frame" },
		{ { NULL, &most },
		  "deflate-frame; no_context_takeover; max_window_bits=10, "
		  "x-webkit-deflate-frame; no_context_takeover; max_window_bits=10" },
		{ { &most, &most },
		  "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
		  "server_max_window_bits=10; client_max_window_bits=10, "
		  "deflate-frame; no_context_takeover; max_window_bits=10, "
		  "x-webkit-deflate-frame; no_context_takeover; max_window_bits=10" },
	};
	char offer[PL_WS_DEFLATE_OFFER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		offer[pl_ws_deflate_offer(offer, &rows[i].ours)] = '\0';
		assert_string_equal(offer, rows[i].offer);
	}
}

/* What the answer asks for binds the client; ours binds the server, whatever the answer says. */
static void answers_by_frame_are_checked(void **state)
{
	static const pl_ws_deflate_terms any = ANY;
	static const pl_ws_deflate_terms narrow = { .server_window = 10,
						    .client_window = 12,
						    .server_fresh = true };
	static const struct {
		pl_ws_deflate_wishes ours;
		const char *answer;
		const char *agreed; /* NULL: refused */
		uint8_t form;
	} rows[] = {
		{ { NULL, &any }, NULL, "-", 0 },
		{ { NULL, &any }, "deflate-frame", "15 15 ", PL_WS_DEFLATE_FRAME },
		{ { &any, &any },
		  "x-webkit-deflate-frame",
		  "15 15 ",
		  PL_WS_X_WEBKIT_DEFLATE_FRAME },
		{ { &any, &any }, "permessage-deflate", "15 15 ", PL_WS_PERMESSAGE_DEFLATE },
		{ { NULL, &any },
		  "Deflate-Frame; max_window_bits=\"9\"; no_context_takeover",
		  "15 9 c",
		  PL_WS_DEFLATE_FRAME },
		{ { NULL, &narrow }, "deflate-frame", "10 12 s", PL_WS_DEFLATE_FRAME },
		{ { NULL, &narrow },
		  "deflate-frame; max_window_bits=15",
		  "10 12 s",
		  PL_WS_DEFLATE_FRAME },
		{ { NULL, &any }, "permessage-deflate", NULL, 0 },
		{ { &any, NULL }, "deflate-frame", NULL, 0 },
		{ { &any, NULL }, "x-webkit-deflate-frame", NULL, 0 },
		{ { NULL, &any }, "deflate-frame, x-webkit-deflate-frame", NULL, 0 },
		{ { &any, &any }, "permessage-deflate, deflate-frame", NULL, 0 },
		{ { &any, &any }, "deflate-frame, a", NULL, 0 },
		{ { &any, &any }, "deflate-frame; client_max_window_bits=9", NULL, 0 },
		{ { &any, &any }, "permessage-deflate; max_window_bits=9", NULL, 0 },
		{ { NULL, &any }, "deflate-frame; max_window_bits", NULL, 0 },
		{ { NULL, &any }, "deflate-frame; max_window_bits=7", NULL, 0 },
		{ { NULL, &any }, "deflate-frame; max_window_bits=16", NULL, 0 },
		{ { NULL, &any }, "deflate-frame; max_window_bits=9; max_window_bits=9", NULL, 0 },
		{ { NULL, &any }, "deflate-frame; no_context_takeover=1", NULL, 0 },
		{ { NULL, &any },
		  "deflate-frame; no_context_takeover; no_context_takeover",
		  NULL,
		  0 },
		{ { NULL, &any }, "deflate-frame; a", NULL, 0 },
		{ { NULL, &any }, "deflate-frame;", NULL, 0 },
		{ { NULL, &any }, "x-deflate-frame", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = accepted_of(&rows[i].ours, rows[i].answer);

		assert_string_equal(got ? got : "refused",
				    rows[i].agreed ? rows[i].agreed : "refused");
		if (rows[i].form)
			assert_int_equal(form_accepted(&rows[i].ours, rows[i].answer),
					 rows[i].form);
	}
}

static void answers_have_to_fit_the_offer(void **state)
{
	static const answer_row rows[] = {
		{ ANY, NULL, "-" },
		{ ANY, "", "-" },
		{ ANY, " , ", "-" },
		{ ANY, "permessage-deflate", "15 15 " },
		{ ANY, "PerMessage-Deflate", "15 15 " },
		{ ANY, "permessage-deflate; server_max_window_bits=9", "9 15 " },
		{ ANY, "permessage-deflate; client_max_window_bits=\"9\"", "15 9 " },
		{ ANY, "permessage-deflate; client_max_window_bits", NULL },
		{ ANY, "permessage-deflate; server_max_window_bits", NULL },
		{ ANY, "permessage-deflate; server_max_window_bits=16", NULL },
		{ ANY, "permessage-deflate; server_max_window_bits=7", NULL },
		{ ANY, "permessage-deflate; client_max_window_bits=08", NULL },
		{ ANY, "permessage-deflate; server_no_context_takeover", "15 15 s" },
		{ ANY, "permessage-deflate; client_no_context_takeover", "15 15 c" },
		{ ANY, "permessage-deflate; server_no_context_takeover=1", NULL },
		{ ANY, "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
		  NULL },
		{ ANY, "permessage-deflate; unknown", NULL },
		{ ANY, "permessage-deflate, permessage-deflate", NULL },
		{ ANY, "permessage-deflate, x", NULL },
		{ ANY, "x-webkit-deflate-frame", NULL },
		{ ANY, "permessage-deflate;", NULL },
		{ ANY, "permessage-deflate; =1", NULL },
		{ ANY, "\"", NULL },
		{ { .server_window = 10, .client_window = 9 },
		  "permessage-deflate; server_max_window_bits=10",
		  "10 9 " },
		{ { .server_window = 10, .client_window = 9 },
		  "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
		  "8 8 " },
		{ { .server_window = 10, .client_window = 9 },
		  "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12",
		  "10 9 " },
		{ { .server_window = 10, .client_window = 15 },
		  "permessage-deflate; server_max_window_bits=11",
		  NULL },
		{ { .server_window = 10, .client_window = 15 }, "permessage-deflate", NULL },
		{ { .server_window = 15, .client_window = 15, .server_fresh = true },
		  "permessage-deflate",
		  NULL },
		{ { .server_window = 15, .client_window = 15, .client_fresh = true },
		  "permessage-deflate",
		  "15 15 c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *agreed = accepted(&rows[i].ours, rows[i].answer);

		if (rows[i].agreed)
			assert_string_equal(agreed ? agreed : "refused", rows[i].agreed);
		else
			assert_null(agreed);
	}
}

static void what_was_not_offered_is_refused(void **state)
{
	(void)state;
	assert_string_equal(accepted(NULL, NULL), "-");
	assert_null(accepted(NULL, "permessage-deflate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_are_met),
		cmocka_unit_test(our_terms_are_kept),
		cmocka_unit_test(offers_are_declined),
		cmocka_unit_test(malformed_lists_are_refused),
		cmocka_unit_test(offers_are_counted),
		cmocka_unit_test(frames_are_agreed_on),
		cmocka_unit_test(parameters_are_taken_one_by_one),
		cmocka_unit_test(offers_are_written),
		cmocka_unit_test(answers_have_to_fit_the_offer),
		cmocka_unit_test(frames_are_offered),
		cmocka_unit_test(answers_by_frame_are_checked),
		cmocka_unit_test(what_was_not_offered_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
