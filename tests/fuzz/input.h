/* input.h - a fuzzer's input, read from its front: numbers and bytes, zeros when it is used up. */
#ifndef KT_FUZZ_INPUT_H
#define KT_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

static inline uint8_t input_byte(struct view *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* As many as one byte says, which knows long ones, too: at most `most` and what is left. */
static inline struct view input_bytes(struct view *in, size_t most)
{
	size_t n = input_byte(in);
	struct view v = { in->p, n < 240 ? n : (n - 239) * 128 };

	v.n = v.n < most ? v.n : most;
	v.n = v.n < in->n ? v.n : in->n;
	in->p += v.n;
	in->n -= v.n;
	return v;
}

#endif
