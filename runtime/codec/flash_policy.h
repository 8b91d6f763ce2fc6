/*
 * flash_policy.h - whether a connection begins with Flash Player's question for a policy file,
 * which it asks on the port that it wants to connect to when nobody answers on port 843.
 */
#ifndef PL_CODEC_FLASH_POLICY_H
#define PL_CODEC_FLASH_POLICY_H

#include <stddef.h>
#include <stdint.h>

enum { PL_FLASH_POLICY_REQUEST = 23 }; /* "<policy-file-request/>" and a zero byte */

/* 1: it does; 0: more bytes are needed to tell; -1: it does not. */
int pl_flash_policy_begin(const uint8_t *bytes, size_t len);

#endif
