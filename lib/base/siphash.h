/* siphash.h - SipHash-2-4, a keyed hash for tables that strangers fill (Aumasson and Bernstein, 2012).
 *
 * Who does not have the key cannot tell which inputs collide. */
#ifndef KT_SIPHASH_H
#define KT_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_SIZE = 16 };

uint64_t siphash(const uint8_t key[static SIPHASH_KEY_SIZE], const uint8_t *data, size_t len);

#endif
