/* crc32_isal.c - CRC-32 by ISA-L. */
#include "crc32.h"

#include <isa-l/crc.h>

#include "simd.h"

uint32_t kt_crc32(struct view v)
{
	uint32_t crc = crc32_gzip_refl(0, v.p, v.n);

	simd_leave();
	return crc;
}

uint32_t kt_crc32c(struct view v)
{
	/* ISA-L only lacks the const. */
	uint32_t crc = ~crc32_iscsi((uint8_t *)(uintptr_t)v.p, (int)v.n, UINT32_MAX);

	simd_leave();
	return crc;
}
