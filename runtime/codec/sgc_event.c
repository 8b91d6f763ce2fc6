#include "codec/sgc_event.h"

#include "base/status.h"
#include "codec/json_write.h"

static int put(pl_buffer *out, pl_slice text)
{
	return pl_buffer_append(out, text.at, text.len);
}

int pl_sgc_event_encode(pl_buffer *out, pl_slice channel, pl_slice text)
{
	int status = put(out, PL_SLICE("{\"jsonrpc\":\"2.0\",\"result\":{\"method\":"));

	if (!status && channel.len > 0)
		status = put(out, PL_SLICE("\"sgc@event\",\"channel\":"));
	if (!status && channel.len > 0)
		status = pl_json_write_string(out, channel.at, channel.len);
	else if (!status)
		status = put(out, PL_SLICE("\"sgc@message\""));
	if (!status)
		status = put(out, PL_SLICE(",\"message\":"));
	if (!status)
		status = pl_json_write_string(out, text.at, text.len);
	return status ? status : put(out, PL_SLICE("}}"));
}
