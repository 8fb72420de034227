/* qpp.c - quantum permutation pads: making them from a key, and substituting with them.
 *
 * Every step here is fixed by peers in the field; the vectors are the judge.  Making a pad takes
 * 255 shuffle steps of 14 AES blocks each, a chain, so pads are made in batches: the sums of a
 * whole batch lie side by side and pass through each cipher in one call. */
#include "qpp.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

enum {
	PAD_BYTES = 256,
	CHUNK_BYTES = 32,
	CHUNKS = (211 + CHUNK_BYTES - 1) / CHUNK_BYTES, /* 256! has 1684 bits: 211 bytes */
	SUM_BYTES = 32,                                 /* an HMAC-SHA256: two AES blocks */
	SUM_WORDS = SUM_BYTES / 4,
	BATCH = 64,      /* pads made at once; all fit in the L1 cache */
	GROUP_BYTES = 8, /* that share one random word */

	SEED_ROUNDS = 128,
	CHUNK_ROUNDS = 1024,
	CIPHER_ROUNDS = 128,
	GENERATOR_ROUNDS = 128,
};

static const char seed_salt[] = "___QUANTUM_PERMUTATION_PAD_SEED_DERIVE___";
static const char shuffle_salt[] = "___QUANTUM_PERMUTATION_PAD_SHUFFLE_SALT___";
static const char generator_salt[] = "___QUANTUM_PERMUTATION_PAD_PRNG_SALT___";
static const char selector[] = "PERMUTATION_MATRIX_SELECTOR";

struct qpp {
	struct qpp_stream start; /* what every stream starts from */
	unsigned count;
	uint32_t reciprocal; /* of count, see pad_number() */
	uint8_t *inverses;   /* borrowed: the second half of pads */
	uint8_t pads[];      /* count pads, then as many inverses */
};

static size_t qpp_bytes(unsigned count)
{
	return sizeof(struct qpp) + 2 * (size_t)count * PAD_BYTES;
}

/* ---- derivation ---------------------------------------------------------- */

static bool derive(const void *pass, size_t len, const char *salt, int rounds,
		   uint8_t out[static CHUNK_BYTES])
{
	return PKCS5_PBKDF2_HMAC(pass, (int)len, (const unsigned char *)salt, (int)strlen(salt),
				 rounds, EVP_sha1(), CHUNK_BYTES, out) == 1;
}

static bool hmac_sha256(const void *key, size_t key_len, const char *text,
			uint8_t out[static SUM_BYTES])
{
	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len,
			 (const unsigned char *)text, strlen(text), out, SUM_BYTES, NULL) != NULL;
}

/* xoshiro256** */
static uint64_t next_word(uint64_t s[static 4])
{
	uint64_t x = s[1] * 5, t = s[1] << 17;

	x = (x << 7 | x >> 57) * 9;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return x;
}

static bool seed_generator(struct qpp_stream *st, const void *key, size_t len)
{
	uint8_t sum[SUM_BYTES], words[CHUNK_BYTES];
	bool ok = hmac_sha256(key, len, selector, sum) &&
		  derive(sum, sizeof(sum), generator_salt, GENERATOR_ROUNDS, words);

	if (ok) {
		for (size_t i = 0; i < ARRAY_LEN(st->state); i++)
			st->state[i] = load_le64(words + 8 * i);
		st->word = next_word(st->state);
		st->used = 0;
	}
	OPENSSL_cleanse(sum, sizeof(sum));
	OPENSSL_cleanse(words, sizeof(words));
	return ok;
}

/* ---- making the pads ----------------------------------------------------- */

struct shuffler {
	uint8_t chunks[CHUNKS][CHUNK_BYTES];
	EVP_CIPHER_CTX *ciphers[CHUNKS]; /* owned */
	uint8_t sums[BATCH][SUM_BYTES];
};

/* The key, read in a ring, fills the chunks; then each is stretched. */
static bool make_chunks(struct shuffler *s, const uint8_t *key, size_t len)
{
	uint8_t stretched[CHUNK_BYTES];
	size_t at = 0;
	bool ok = true;

	if (len < CHUNK_BYTES) {
		ok = derive(key, len, seed_salt, SEED_ROUNDS, stretched);
		key = stretched;
		len = CHUNK_BYTES;
	}
	for (size_t i = 0; i < CHUNKS && ok; i++) {
		for (size_t j = 0; j < CHUNK_BYTES; j++, at = (at + 1) % len)
			s->chunks[i][j] = key[at];
		ok = derive(s->chunks[i], CHUNK_BYTES, seed_salt, CHUNK_ROUNDS, s->chunks[i]);
	}
	OPENSSL_cleanse(stretched, sizeof(stretched));
	return ok;
}

static bool make_ciphers(struct shuffler *s)
{
	bool ok = true;

	for (size_t i = 0; i < CHUNKS && ok; i++) {
		EVP_CIPHER_CTX *ctx = s->ciphers[i] = EVP_CIPHER_CTX_new();
		uint8_t key[CHUNK_BYTES];

		ok = ctx != NULL &&
		     derive(s->chunks[i], CHUNK_BYTES, shuffle_salt, CIPHER_ROUNDS, key) &&
		     EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL) == 1 &&
		     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
		OPENSSL_cleanse(key, sizeof(key));
	}
	return ok;
}

/* The pad's name carries its number in binary digits. */
static void name_pad(unsigned number, char name[static 4 + 16 + 1])
{
	unsigned digits = 1;

	while (number >> digits != 0)
		digits++;
	memcpy(name, "QPP_", 4);
	for (unsigned i = 0; i < digits; i++)
		name[4 + i] = (char)('0' + (number >> (digits - 1 - i) & 1));
	name[4 + digits] = '\0';
}

static bool start_pad(struct shuffler *s, unsigned number, uint8_t *pad, uint8_t *sum)
{
	char name[4 + 16 + 1]; /* QPP_COUNT_MAX has 16 digits */

	for (unsigned i = 0; i < PAD_BYTES; i++)
		pad[i] = (uint8_t)i;
	name_pad(number, name);
	return hmac_sha256(s->chunks[number % CHUNKS], CHUNK_BYTES, name, sum);
}

static bool stir(struct shuffler *s, size_t lanes)
{
	int len = (int)(lanes * SUM_BYTES), out_len;

	for (size_t i = 0; i < CHUNKS; i++)
		if (EVP_EncryptUpdate(s->ciphers[i], s->sums[0], &out_len, s->sums[0], len) != 1 ||
		    out_len != len)
			return false;
	return true;
}

/* weights[i] = 2^32^(SUM_WORDS - 1 - i) mod m: they make of a sum's eight words, most significant
 * first, a number of 43 bits that is the same modulo m. */
static void make_weights(unsigned m, uint32_t weights[static SUM_WORDS])
{
	uint64_t weight = 1;

	for (size_t i = SUM_WORDS; i-- > 0; weight = (weight << 32) % m)
		weights[i] = (uint32_t)(weight % m);
}

static unsigned sum_mod(const uint8_t *sum, const uint32_t *weights, unsigned m)
{
	uint64_t x = 0;

	for (size_t i = 0; i < SUM_WORDS; i++)
		x += (uint64_t)load_be32(sum + 4 * i) * weights[i];
	return (unsigned)(x % m);
}

/* Fisher and Yates' shuffle of `lanes` pads side by side. */
static bool shuffle(struct shuffler *s, uint8_t *pads, size_t lanes)
{
	for (unsigned k = PAD_BYTES - 1; k > 0; k--) {
		uint32_t weights[SUM_WORDS];

		if (!stir(s, lanes))
			return false;
		make_weights(k + 1, weights);
		for (size_t i = 0; i < lanes; i++) {
			uint8_t *pad = pads + i * PAD_BYTES;
			unsigned j = sum_mod(s->sums[i], weights, k + 1);
			uint8_t swapped = pad[k];

			pad[k] = pad[j];
			pad[j] = swapped;
		}
	}
	return true;
}

static bool make_batch(struct qpp *q, struct shuffler *s, unsigned first, unsigned lanes)
{
	uint8_t *pads = q->pads + (size_t)first * PAD_BYTES;

	for (unsigned i = 0; i < lanes; i++)
		if (!start_pad(s, first + i, pads + i * PAD_BYTES, s->sums[i]))
			return false;
	return shuffle(s, pads, lanes);
}

static void invert_pads(struct qpp *q)
{
	for (size_t i = 0; i < q->count; i++)
		for (unsigned x = 0; x < PAD_BYTES; x++)
			q->inverses[i * PAD_BYTES + q->pads[i * PAD_BYTES + x]] = (uint8_t)x;
}

static bool make_pads(struct qpp *q, const uint8_t *key, size_t len)
{
	struct shuffler s = { .ciphers = { NULL } };
	bool ok = make_chunks(&s, key, len) && make_ciphers(&s);

	for (unsigned at = 0; at < q->count && ok; at += BATCH)
		ok = make_batch(q, &s, at, q->count - at < BATCH ? q->count - at : BATCH);
	if (ok)
		invert_pads(q);
	for (size_t i = 0; i < CHUNKS; i++)
		EVP_CIPHER_CTX_free(s.ciphers[i]); /* wipes the key */
	OPENSSL_cleanse(&s, sizeof(s));
	return ok;
}

static int fill(struct qpp *q, const void *key, size_t len)
{
	return seed_generator(&q->start, key, len) && make_pads(q, key, len) ? KT_OK : KT_ENOSUP;
}

struct qpp *qpp_new(const void *key, size_t len, unsigned count, int *err)
{
	struct qpp *q = NULL;
	int result = KT_EINVAL;

	if (len <= INT_MAX && count >= 1 && count <= QPP_COUNT_MAX) {
		q = calloc(1, qpp_bytes(count));
		result = KT_ENOMEM;
	}
	if (len == 0)
		key = ""; /* libcrypto takes NULL for no key at all */
	if (q != NULL) {
		q->count = count;
		q->reciprocal = UINT32_MAX / count + 1;
		q->inverses = q->pads + (size_t)count * PAD_BYTES;
		result = fill(q, key, len);
	}
	if (err != NULL)
		*err = result;
	if (result == KT_OK)
		return q;
	qpp_free(q);
	return NULL;
}

void qpp_free(struct qpp *q)
{
	if (q == NULL)
		return;
	OPENSSL_cleanse(q, qpp_bytes(q->count));
	free(q);
}

/* ---- substitution -------------------------------------------------------- */

void qpp_stream_init(const struct qpp *q, struct qpp_stream *st)
{
	*st = q->start;
}

const uint8_t *qpp_pad(const struct qpp *q, unsigned i)
{
	assert(i < q->count);
	return q->pads + (size_t)i * PAD_BYTES;
}

/* (word mod 65536) mod count, by two multiplications: reciprocal is 2^32/count rounded up (0, as
 * good as 2^32, for one pad), and what a 16-bit number times it leaves in 32 bits is the quotient's
 * fraction, so count times that is the remainder (Lemire, Kaser, Kurz 2019). */
static inline size_t pad_number(const struct qpp *q, uint64_t word)
{
	uint32_t fraction = (uint32_t)(q->reciprocal * (word & 0xffff));

	return (size_t)((uint64_t)fraction * q->count >> 32);
}

static inline uint64_t look_up(const uint8_t *pad, uint64_t x)
{
	uint64_t y = 0;

#pragma GCC unroll 8 /* twice as fast with -O2, which does not by itself */
	for (unsigned shift = 0; shift < 64; shift += 8)
		y |= (uint64_t)pad[x >> shift & 0xff] << shift;
	return y;
}

/* Encryption looks up the byte with the key mixed in; decryption looks up, then unmixes. */
struct cipher_step {
	uint64_t before, after; /* masks of the word: all or nothing */
};
static const struct cipher_step encryption = { UINT64_MAX, 0 }, decryption = { 0, UINT64_MAX };

/* Bytes of one group, as many as are wanted and left of it. */
static size_t run_part(const struct qpp *q, const uint8_t *tables, struct cipher_step step,
		       struct qpp_stream *st, struct span bytes)
{
	const uint8_t *pad = tables + pad_number(q, st->word) * PAD_BYTES;
	size_t left = GROUP_BYTES - st->used;
	size_t n = bytes.n < left ? bytes.n : left;

	for (size_t i = 0; i < n; i++) {
		uint8_t x = (uint8_t)(st->word >> 8 * (st->used + i));

		bytes.p[i] = (uint8_t)(pad[bytes.p[i] ^ (x & step.before)] ^ (x & step.after));
	}
	st->used += (unsigned)n;
	if (st->used == GROUP_BYTES) {
		st->word = next_word(st->state);
		st->used = 0;
	}
	return n;
}

/* Whole groups; the generator is copied so that it stays in registers. */
static inline size_t run_groups(const struct qpp *q, const uint8_t *tables, struct cipher_step step,
				struct qpp_stream *st, struct span bytes)
{
	struct qpp_stream g = *st;
	size_t at = 0;

	for (; bytes.n - at >= GROUP_BYTES; at += GROUP_BYTES) {
		const uint8_t *pad = tables + pad_number(q, g.word) * PAD_BYTES;
		uint64_t x = load_le64(bytes.p + at) ^ (g.word & step.before);

		store_le64(bytes.p + at, look_up(pad, x) ^ (g.word & step.after));
		g.word = next_word(g.state);
	}
	*st = g;
	return at;
}

static inline void run(const struct qpp *q, const uint8_t *tables, struct cipher_step step,
		       struct qpp_stream *st, struct span bytes)
{
	size_t at = 0;

	if (bytes.n == 0)
		return; /* bytes.p may be NULL */
	if (st->used > 0)
		at = run_part(q, tables, step, st, bytes);
	if (st->used == 0)
		at += run_groups(q, tables, step, st, (struct span){ bytes.p + at, bytes.n - at });
	if (at < bytes.n)
		run_part(q, tables, step, st, (struct span){ bytes.p + at, bytes.n - at });
}

void qpp_encrypt(const struct qpp *q, struct qpp_stream *st, struct span bytes)
{
	run(q, q->pads, encryption, st, bytes);
}

void qpp_decrypt(const struct qpp *q, struct qpp_stream *st, struct span bytes)
{
	run(q, q->inverses, decryption, st, bytes);
}
