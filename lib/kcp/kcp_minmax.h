/* kcp_minmax.h - the lesser and the greater, for controllers; kcp.c stands alone and has its own. */
#ifndef KCP_MINMAX_H
#define KCP_MINMAX_H

#include <stdint.h>

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
