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

static int put_shared(pl_buffer *out, pl_slice protocol, pl_slice text)
{
	int status = put(out, PL_SLICE("{\"protocol\":"));

	if (!status)
		status = pl_json_write_string(out, protocol.at, protocol.len);
	if (!status)
		status = put(out, PL_SLICE(",\"message\":"));
	if (!status)
		status = pl_json_write_string(out, text.at, text.len);
	return status ? status : put(out, PL_SLICE("}"));
}

int pl_sgc_event_encode_for_broker(pl_buffer *out, pl_slice channel, pl_slice text)
{
	pl_buffer event = { 0 };
	int status = pl_sgc_event_encode(&event, channel, text);

	if (!status)
		status = put_shared(out, PL_SLICE("esegece.com"),
				    pl_slice_make((const char *)event.data, event.len));
	pl_buffer_deinit(&event);
	return status;
}

int pl_broker_text_encode(pl_buffer *out, pl_slice channel, pl_slice text)
{
	(void)channel;
	return put_shared(out, PL_SLICE(""), text);
}
