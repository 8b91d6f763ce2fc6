#include "codec/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(pl_slice name, bool colons)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!is_letter(c) && !(colons && c == ':') && !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.len > 0;
}

bool pl_prometheus_name_valid(pl_slice name)
{
	return is_name(name, true);
}

bool pl_prometheus_label_valid(pl_slice name)
{
	bool kept = name.len >= 2 && name.at[0] == '_' && name.at[1] == '_';

	return is_name(name, false) && !kept;
}

/* Backslash and line feed, and in the value of a label the quote. */
static int put_escaped(pl_buffer *buffer, pl_slice text, bool quotes)
{
	size_t i;

	if (pl_buffer_reserve(buffer, 2 * text.len))
		return PL_ENOMEM;
	for (i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool escape = c == '\\' || c == '\n' || (quotes && c == '"');

		if (escape)
			buffer->data[buffer->len++] = '\\';
		buffer->data[buffer->len++] = (uint8_t)(c == '\n' ? 'n' : c);
	}
	return PL_OK;
}

int pl_prometheus_family(pl_buffer *buffer, pl_slice name, const char *type, pl_slice help)
{
	if (pl_buffer_printf(buffer, "# HELP %.*s ", (int)name.len, name.at) ||
	    put_escaped(buffer, help, false))
		return PL_ENOMEM;
	return pl_buffer_printf(buffer, "\n# TYPE %.*s %s\n", (int)name.len, name.at, type);
}

int pl_prometheus_label(pl_buffer *buffer, pl_slice name, pl_slice value)
{
	if ((buffer->len > 0 && pl_buffer_append(buffer, ",", 1)) ||
	    pl_buffer_append(buffer, name.at, name.len) || pl_buffer_append(buffer, "=\"", 2) ||
	    put_escaped(buffer, value, true))
		return PL_ENOMEM;
	return pl_buffer_append(buffer, "\"", 1);
}

int pl_prometheus_number(char room[PL_PROMETHEUS_NUMBER], double value)
{
	int digits = 15;
	int len;

	if (isnan(value))
		return snprintf(room, PL_PROMETHEUS_NUMBER, "NaN");
	if (isinf(value))
		return snprintf(room, PL_PROMETHEUS_NUMBER, value > 0 ? "+Inf" : "-Inf");
	do
		len = snprintf(room, PL_PROMETHEUS_NUMBER, "%.*g", digits, value);
	while (digits++ < 17 && strtod(room, NULL) != value);
	return len;
}

int pl_prometheus_sample(pl_buffer *buffer, pl_slice name, const char *suffix, pl_slice labels,
			 double value)
{
	char number[PL_PROMETHEUS_NUMBER];
	const char *open = labels.len > 0 ? "{" : "";
	const char *close = labels.len > 0 ? "}" : "";

	pl_prometheus_number(number, value);
	if (pl_buffer_printf(buffer, "%.*s%s%s", (int)name.len, name.at, suffix, open) ||
	    pl_buffer_append(buffer, labels.at, labels.len))
		return PL_ENOMEM;
	return pl_buffer_printf(buffer, "%s %s\n", close, number);
}
