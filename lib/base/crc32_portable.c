/* crc32_portable.c - CRC-32 in plain C: a table of 256 words for each polynomial, made by the compiler.
 *
 * The words of the powers of two are written down, and checked to be what the polynomial makes of each other; every
 * other word is the sum of those of its bits. */
#include "crc32.h"

#include <assert.h>

#define IEEE_1 UINT32_C(0x77073096)
#define IEEE_2 UINT32_C(0xee0e612c)
#define IEEE_4 UINT32_C(0x076dc419)
#define IEEE_8 UINT32_C(0x0edb8832)
#define IEEE_16 UINT32_C(0x1db71064)
#define IEEE_32 UINT32_C(0x3b6e20c8)
#define IEEE_64 UINT32_C(0x76dc4190)
#define IEEE_128 UINT32_C(0xedb88320)

#define CASTAGNOLI_1 UINT32_C(0xf26b8303)
#define CASTAGNOLI_2 UINT32_C(0xe13b70f7)
#define CASTAGNOLI_4 UINT32_C(0xc79a971f)
#define CASTAGNOLI_8 UINT32_C(0x8ad958cf)
#define CASTAGNOLI_16 UINT32_C(0x105ec76f)
#define CASTAGNOLI_32 UINT32_C(0x20bd8ede)
#define CASTAGNOLI_64 UINT32_C(0x417b1dbc)
#define CASTAGNOLI_128 UINT32_C(0x82f63b78)

/* Bit 7 of a byte meets the polynomial first, and each lower one a step later. */
#define IS_STEP(next, word, polynomial) \
	static_assert((next) == ((word) >> 1 ^ ((word)&1) * (polynomial)), "a step of the register")
#define ARE_STEPS(name) \
	IS_STEP(name##_64, name##_128, name##_128); \
	IS_STEP(name##_32, name##_64, name##_128); \
	IS_STEP(name##_16, name##_32, name##_128); \
	IS_STEP(name##_8, name##_16, name##_128); \
	IS_STEP(name##_4, name##_8, name##_128); \
	IS_STEP(name##_2, name##_4, name##_128); \
	IS_STEP(name##_1, name##_2, name##_128)

ARE_STEPS(IEEE);
ARE_STEPS(CASTAGNOLI);

/* clang-format off */
#define BIT(name, bit, i) (((i) & (bit)) != 0) * name##_##bit
#define WORD(name, i) \
	(BIT(name, 1, i) ^ BIT(name, 2, i) ^ BIT(name, 4, i) ^ BIT(name, 8, i) ^ \
	 BIT(name, 16, i) ^ BIT(name, 32, i) ^ BIT(name, 64, i) ^ BIT(name, 128, i))
#define WORDS_4(name, i) WORD(name, i), WORD(name, i + 1), WORD(name, i + 2), WORD(name, i + 3)
#define WORDS_16(name, i) \
	WORDS_4(name, i), WORDS_4(name, i + 4), WORDS_4(name, i + 8), WORDS_4(name, i + 12)
#define WORDS_64(name, i) \
	WORDS_16(name, i), WORDS_16(name, i + 16), WORDS_16(name, i + 32), WORDS_16(name, i + 48)
#define WORDS_256(name) \
	WORDS_64(name, 0), WORDS_64(name, 64), WORDS_64(name, 128), WORDS_64(name, 192)
/* clang-format on */

static const uint32_t ieee[] = { WORDS_256(IEEE) };
static const uint32_t castagnoli[] = { WORDS_256(CASTAGNOLI) };

static_assert(ARRAY_LEN(ieee) == 256 && ARRAY_LEN(castagnoli) == 256, "a word for each byte");

static uint32_t crc_by(const uint32_t *table, struct view v)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < v.n; i++)
		crc = crc >> 8 ^ table[(uint8_t)crc ^ v.p[i]];
	return ~crc;
}

uint32_t kt_crc32(struct view v)
{
	return crc_by(ieee, v);
}

uint32_t kt_crc32c(struct view v)
{
	return crc_by(castagnoli, v);
}
