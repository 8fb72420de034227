/* rlc_impl.h - sums of sources (private to fec_rlc.c and rlc_in.c). */
#ifndef KT_FEC_RLC_IMPL_H
#define KT_FEC_RLC_IMPL_H

#include "wire.h"

enum {
	RLC_LENGTH = 2, /* bytes of a source ahead of the payload */
};

/* sum += factor * bytes; the sum has at least as many. */
void rlc_add(uint8_t *sum, uint8_t factor, struct view bytes);
/* The same with the source that has this payload. */
void rlc_add_source(uint8_t *sum, uint8_t factor, struct view payload);

#endif
