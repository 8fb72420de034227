/* block.c - the block ciphers of libcrypto, and TEA and XTEA. */
#include "err.h"
#include "seal_impl.h"

#include <assert.h>
#include <string.h>

/* --- libcrypto --- */

static bool evp_encrypt(struct seal_block *b, uint8_t *out, const uint8_t *in, size_t len)
{
	int out_len;

	return EVP_EncryptUpdate(b->evp, out, &out_len, in, (int)len);
}

/* A library context of our own: a provider loaded into the default one would change
 * what every other user of libcrypto in the process gets. */
static int load_legacy(struct seal_block *b)
{
	b->library = OSSL_LIB_CTX_new();
	if (b->library == NULL)
		return KT_ENOMEM;
	b->legacy = OSSL_PROVIDER_load(b->library, "legacy");
	return b->legacy != NULL ? KT_OK : KT_ENOSUP;
}

int seal_block_evp(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass)
{
	EVP_CIPHER *cipher;
	int err = impl->legacy ? load_legacy(b) : KT_OK;
	bool ok;

	if (err != KT_OK)
		return err;
	b->evp = EVP_CIPHER_CTX_new();
	if (b->evp == NULL)
		return KT_ENOMEM;
	cipher = EVP_CIPHER_fetch(b->library, impl->evp_name, NULL);
	ok = cipher != NULL && (size_t)EVP_CIPHER_get_block_size(cipher) == b->size &&
	     EVP_EncryptInit_ex(b->evp, cipher, NULL, NULL, NULL) &&
	     EVP_CIPHER_CTX_set_key_length(b->evp, (int)impl->key_size) &&
	     EVP_EncryptInit_ex(b->evp, NULL, NULL, pass, NULL) &&
	     EVP_CIPHER_CTX_set_padding(b->evp, 0);
	EVP_CIPHER_free(cipher);
	b->encrypt = evp_encrypt;
	return ok ? KT_OK : KT_ENOSUP;
}

void seal_block_dispose(struct seal_block *b)
{
	EVP_CIPHER_CTX_free(b->evp);
	if (b->legacy != NULL)
		OSSL_PROVIDER_unload(b->legacy);
	OSSL_LIB_CTX_free(b->library);
}

/* --- TEA and XTEA --- */

/* Both keep two 32-bit halves per block; four blocks go side by side in vectors.
 * Words are big-endian. */
enum { LANES = 4, TEA_SIZE = 8, TEA_CYCLES = 8, XTEA_CYCLES = 32 };
#define TEA_DELTA UINT32_C(0x9e3779b9)

typedef uint32_t vec4 __attribute__((vector_size(4 * LANES)));

/* By way of arrays: set one by one, vector elements cost more than the rounds of TEA. */
static void load_lanes(vec4 *left, vec4 *right, const uint8_t *in)
{
	uint32_t l[LANES], r[LANES];

	for (size_t i = 0; i < LANES; i++) {
		l[i] = load_be32(in + TEA_SIZE * i);
		r[i] = load_be32(in + TEA_SIZE * i + 4);
	}
	memcpy(left, l, sizeof(l));
	memcpy(right, r, sizeof(r));
}

static void store_lanes(uint8_t *out, const vec4 *left, const vec4 *right)
{
	uint32_t l[LANES], r[LANES];

	memcpy(l, left, sizeof(l));
	memcpy(r, right, sizeof(r));
	for (size_t i = 0; i < LANES; i++) {
		store_be32(out + TEA_SIZE * i, l[i]);
		store_be32(out + TEA_SIZE * i + 4, r[i]);
	}
}

/* Eight cycles, not the textbook's 32: kcp-go asks for 16 rounds, and two make a cycle. */
static void tea_four(const uint32_t k[static 4], uint8_t *out, const uint8_t *in)
{
	vec4 l, r;
	uint32_t sum = 0;

	load_lanes(&l, &r, in);
	for (int i = 0; i < TEA_CYCLES; i++) {
		sum += TEA_DELTA;
		l += ((r << 4) + k[0]) ^ (r + sum) ^ ((r >> 5) + k[1]);
		r += ((l << 4) + k[2]) ^ (l + sum) ^ ((l >> 5) + k[3]);
	}
	store_lanes(out, &l, &r);
}

static void xtea_four(const uint32_t k[static 4], uint8_t *out, const uint8_t *in)
{
	vec4 l, r;
	uint32_t sum = 0;

	load_lanes(&l, &r, in);
	for (int i = 0; i < XTEA_CYCLES; i++) {
		l += (((r << 4) ^ (r >> 5)) + r) ^ (sum + k[sum & 3]);
		sum += TEA_DELTA;
		r += (((l << 4) ^ (l >> 5)) + l) ^ (sum + k[sum >> 11 & 3]);
	}
	store_lanes(out, &l, &r);
}

static inline void by_four(void (*four)(const uint32_t k[static 4], uint8_t *, const uint8_t *),
			   const uint32_t k[static 4], uint8_t *out, const uint8_t *in, size_t len)
{
	uint8_t rest[TEA_SIZE * LANES] = { 0 };

	for (; len >= sizeof(rest); len -= sizeof(rest)) {
		four(k, out, in);
		out += sizeof(rest);
		in += sizeof(rest);
	}
	if (len == 0)
		return;
	memcpy(rest, in, len);
	four(k, rest, rest);
	memcpy(out, rest, len);
}

static bool tea_encrypt(struct seal_block *b, uint8_t *out, const uint8_t *in, size_t len)
{
	by_four(tea_four, b->tea_key, out, in, len);
	return true;
}

static bool xtea_encrypt(struct seal_block *b, uint8_t *out, const uint8_t *in, size_t len)
{
	by_four(xtea_four, b->tea_key, out, in, len);
	return true;
}

static void set_tea_key(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass)
{
	assert(impl->key_size == sizeof(b->tea_key));
	assert(b->size == TEA_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(b->tea_key); i++)
		b->tea_key[i] = load_be32(pass + 4 * i);
}

int seal_block_tea(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass)
{
	set_tea_key(b, impl, pass);
	b->encrypt = tea_encrypt;
	return KT_OK;
}

int seal_block_xtea(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass)
{
	set_tea_key(b, impl, pass);
	b->encrypt = xtea_encrypt;
	return KT_OK;
}
