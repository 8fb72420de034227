/* siphash.c - SipHash-2-4. */
#include "siphash.h"

#include "wire.h"

enum { WORD = 8, ROUNDS_WORD = 2, ROUNDS_END = 4 };

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void mix(uint64_t v[static 4], unsigned rounds)
{
	for (; rounds > 0; rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	mix(v, ROUNDS_WORD);
	v[0] ^= word;
}

uint64_t siphash(const uint8_t key[static SIPHASH_KEY_SIZE], const uint8_t *data, size_t len)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + WORD);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	uint64_t last = (uint64_t)len << 56;

	for (; len >= WORD; len -= WORD, data += WORD)
		absorb(v, load_le64(data));
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)data[i] << 8 * i;
	absorb(v, last);
	v[2] ^= 0xff;
	mix(v, ROUNDS_END);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
