/*
 * tls_stamp.h - whether a file of certificates is still the one that was read.
 */
#ifndef PL_NET_TLS_STAMP_H
#define PL_NET_TLS_STAMP_H

#include <stdint.h>

/* Another number when the file or folder has changed or is another one, as far as its times, size
 * and place tell; 0: it is not there. Asks the system, not the disk. */
uint64_t pl_tls_stamp(const char *path);

#endif
