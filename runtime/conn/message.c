#include "conn/message.h"

void pl_message_deinit(pl_message *message)
{
	int i;

	for (i = 0; i < PL_ENCODING_COUNT; i++) {
		pl_block_unref(message->encoded[i]);
		message->encoded[i] = NULL;
	}
}
