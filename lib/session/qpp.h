/* qpp.h - QPP: a keyed byte substitution on each stream (protocol section 6).
 *
 * It is obfuscation on top of the cipher, kept because existing peers use it. */
#ifndef KT_QPP_H
#define KT_QPP_H

#include <stdint.h>
#include "wire.h"

enum { QPP_COUNT_MAX = 65535, QPP_COUNT_DEFAULT = 61 };

/* The pads of one key: 256 bytes each, and their inverses.  Shared by all
 * streams of a tunnel, read-only after qpp_new(). */
struct qpp;

/* `count` pads, 1 .. QPP_COUNT_MAX, from the raw key string (an empty one works as it does in
 * the peers).  NULL on failure; *err (if not NULL) is KT_EINVAL, KT_ENOMEM or KT_ENOSUP.
 * It takes 512 bytes of memory and about 10 microseconds a pad. */
struct qpp *qpp_new(const void *key, size_t len, unsigned count, int *err);
void qpp_free(struct qpp *q); /* wipes the pads */

/* The generator of one stream and direction; both directions start equal. */
struct qpp_stream {
	uint64_t state[4]; /* xoshiro256** */
	uint64_t word;     /* the word in use */
	unsigned used;     /* bytes of it used, 0 .. 7 */
};

void qpp_stream_init(const struct qpp *q, struct qpp_stream *st);
/* Substitute in place; the position carries over from call to call. */
void qpp_encrypt(const struct qpp *q, struct qpp_stream *st, struct span bytes);
void qpp_decrypt(const struct qpp *q, struct qpp_stream *st, struct span bytes);

/* Pad i, 256 bytes; for tests. */
const uint8_t *qpp_pad(const struct qpp *q, unsigned i);

#endif
