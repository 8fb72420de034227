/* wire.h - loads and stores of the wire, views of bytes.
 *
 * The wire is little-endian and unaligned: all access to it goes through these
 * functions, never through a struct laid over the bytes. */
#ifndef KT_WIRE_H
#define KT_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* "Never", as an absolute time in microseconds; what a x_deadline() returns
 * when there is nothing to wait for. */
#define KT_NEVER UINT64_MAX

/* Borrowed bytes, read-only.  Passed by value. */
struct view {
	const uint8_t *p;
	size_t n;
};

/* Borrowed bytes that may be changed in place. */
struct span {
	uint8_t *p;
	size_t n;
};

static inline uint16_t load_le16(const uint8_t p[static 2])
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t load_le32(const uint8_t p[static 4])
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t p[static 8])
{
	return (uint64_t)load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline uint32_t load_be32(const uint8_t p[static 4])
{
	return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static inline void store_le16(uint8_t p[static 2], uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void store_le32(uint8_t p[static 4], uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void store_le64(uint8_t p[static 8], uint64_t v)
{
	store_le32(p, (uint32_t)v);
	store_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void store_be32(uint8_t p[static 4], uint32_t v)
{
	p[3] = (uint8_t)v;
	p[2] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)(v >> 16);
	p[0] = (uint8_t)(v >> 24);
}

#endif
