/* simd.h - leave the vector unit as ordinary code expects to find it.
 *
 * ISA-L's kernels end without VZEROUPPER.  On x86 processors with AVX every SSE
 * instruction that follows, ours or libcrypto's, then pays for the upper halves of
 * its registers until something clears them: framing a packet, one CRC and a copy of 20 bytes,
 * took 180 ns instead of 28, and opening AES packets fell from 6.2 to 3.8 GB/s.
 * Call simd_leave() after each call of an ISA-L function. */
#ifndef KT_SIMD_H
#define KT_SIMD_H

#if defined(__x86_64__) || defined(__i386__)
__attribute__((target("avx"))) static inline void simd_clear_upper(void)
{
	__builtin_ia32_vzeroupper();
}

static inline void simd_leave(void)
{
	if (__builtin_cpu_supports("avx"))
		simd_clear_upper();
}
#else
static inline void simd_leave(void)
{
}
#endif

#endif
