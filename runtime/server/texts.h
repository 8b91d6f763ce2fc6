/*
 * texts.h - the texts of a server's settings, as its own: whoever gave them may go before it.
 */
#ifndef PL_SERVER_TEXTS_H
#define PL_SERVER_TEXTS_H

#include "server/server.h"

/* Copies everything that the settings refer to and lets them refer to the copies. Returns the block
 * that holds these, which the caller frees; NULL without memory. */
void *pl_server_texts_copy(pl_server_settings *settings);

#endif
