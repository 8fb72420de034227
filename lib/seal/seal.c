/* seal.c - the table of methods, the life of a seal, batches cut into groups. */
#include "seal.h"

#include "err.h"
#include "seal_impl.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define IMPL(...) &(const struct seal_impl){ __VA_ARGS__ }
/* clang-format on */
#define CFB(name, key, block) IMPL(&seal_cfb_ops, key, name, block, seal_block_evp, false)
#define CFB_LEGACY(name, key, block) IMPL(&seal_cfb_ops, key, name, block, seal_block_evp, true)
#define CFB_OWN(setup, key, block) IMPL(&seal_cfb_ops, key, NULL, block, setup, false)
#define AEAD(name, key) IMPL(&seal_aead_ops, key, name, 0, NULL, false)
#define OTHER(ops, key) IMPL(&(ops), key, NULL, 0, NULL, false)

#define CRC_LAYOUT SEAL_CRC_HEAD, 0
#define AEAD_LAYOUT SEAL_AEAD_NONCE_SIZE, SEAL_AEAD_TAG_SIZE

const struct seal_method seal_methods[] = {
	{ "aes", "AES-256 in CFB mode; the default", CRC_LAYOUT, false, CFB("AES-256-ECB", 32, 16) },
	{ "aes-128", "AES-128 in CFB mode", CRC_LAYOUT, false, CFB("AES-128-ECB", 16, 16) },
	{ "aes-192", "AES-192 in CFB mode", CRC_LAYOUT, false, CFB("AES-192-ECB", 24, 16) },
	{ "sm4", "SM4 in CFB mode", CRC_LAYOUT, false, CFB("SM4-ECB", 16, 16) },
	{ "twofish", "Twofish-256 in CFB mode", CRC_LAYOUT, false,
	  CFB_OWN(seal_block_twofish, 32, 16) },
	{ "blowfish", "Blowfish in CFB mode", CRC_LAYOUT, false, CFB_LEGACY("BF-ECB", 32, 8) },
	{ "cast5", "CAST5 in CFB mode", CRC_LAYOUT, false, CFB_LEGACY("CAST5-ECB", 16, 8) },
	{ "3des", "triple DES in CFB mode; slow", CRC_LAYOUT, false, CFB("DES-EDE3-ECB", 24, 8) },
	{ "tea", "TEA of 8 cycles in CFB mode; weak", CRC_LAYOUT, false,
	  CFB_OWN(seal_block_tea, 16, 8) },
	{ "xtea", "XTEA in CFB mode", CRC_LAYOUT, false, CFB_OWN(seal_block_xtea, 16, 8) },
	{ "salsa20", "Salsa20/20", CRC_LAYOUT, false, OTHER(seal_salsa20_ops, 32) },
	{ "xor", "a fixed mask; hides nothing", CRC_LAYOUT, false, OTHER(seal_xor_ops, 32) },
	{ "none", "in clear, with nonce and checksum", CRC_LAYOUT, false, OTHER(seal_none_ops, 0) },
	{ "null", "in clear, with no header at all", 0, 0, false, OTHER(seal_null_ops, 0) },
	{ "aes-128-gcm", "AES-128-GCM; kcptun of 2026 and later", AEAD_LAYOUT, false,
	  AEAD("AES-128-GCM", 16) },
	{ "aes-256-gcm", "AES-256-GCM; between two kcptund only", AEAD_LAYOUT, true,
	  AEAD("AES-256-GCM", 32) },
	{ "chacha20-poly1305", "ChaCha20-Poly1305; between two kcptund only", AEAD_LAYOUT, true,
	  AEAD("ChaCha20-Poly1305", 32) },
};
const size_t seal_method_count = ARRAY_LEN(seal_methods);

enum { RESEED_AFTER = 1 << 20 }; /* datagrams */

const struct seal_method *seal_method_find(const char *name)
{
	for (size_t i = 0; i < seal_method_count; i++)
		if (strcmp(seal_methods[i].name, name) == 0)
			return &seal_methods[i];
	return NULL;
}

bool seal_renewable(const struct seal_method *method)
{
	const struct seal_ops *ops = method->impl->ops;

	return ops == &seal_xor_ops || ops == &seal_none_ops || ops == &seal_null_ops;
}

const char *seal_missing(const struct seal_method *method)
{
	if (method->impl->legacy)
		return "this method needs OpenSSL's legacy provider (legacy.so): install it "
		       "(Debian: openssl-provider-legacy, before Debian 13 part of libssl3), "
		       "unset OPENSSL_MODULES, or choose another method on both sides";
	return "libcrypto refuses this method: check openssl.cnf (FIPS mode, disabled providers), "
	       "or choose another method on both sides";
}

/* libcrypto makes what all of it uses with its first call, and where it gets no memory for that does not notice, but
 * crashes in the second. */
static bool libcrypto_works(void)
{
	return OSSL_LIB_CTX_get0_global_default() != NULL;
}

int seal_derive_key(uint8_t pass[static SEAL_KEY_SIZE], const void *key, size_t len)
{
	static const unsigned char salt[] = "kcp-go";
	enum { ITERATIONS = 4096 };

	if (len > INT_MAX)
		return KT_EINVAL;
	if (!libcrypto_works())
		return KT_ENOMEM;
	return PKCS5_PBKDF2_HMAC_SHA1(key, (int)len, salt, sizeof(salt) - 1, ITERATIONS,
				      SEAL_KEY_SIZE, pass)
		       ? KT_OK
		       : KT_ENOSUP;
}

/* What libcrypto says of a failure is not for its error queue, where an unrelated
 * caller would find it later: KT_ENOSUP and seal_missing() tell it. */
static int setup(struct seal *s, const uint8_t *pass, const uint8_t *seed)
{
	int err;

	if (!libcrypto_works())
		return KT_ENOMEM;
	ERR_set_mark();
	err = seal_nonces_init(&s->nonces, seed);
	if (err == KT_OK)
		err = s->method->impl->ops->setup(s, pass);
	ERR_pop_to_mark();
	return err;
}

struct seal *seal_new(const struct seal_method *method, const uint8_t pass[static SEAL_KEY_SIZE],
		      const uint8_t seed[static SEAL_SEED_SIZE], int *err)
{
	struct seal *s = aligned_alloc(alignof(struct seal), sizeof(*s));
	int status = KT_ENOMEM;

	if (s != NULL) {
		memset(s, 0, sizeof(*s));
		s->method = method;
		status = setup(s, pass, seed);
	}
	if (status != KT_OK) {
		seal_free(s);
		s = NULL;
	}
	if (err != NULL)
		*err = status;
	return s;
}

void seal_free(struct seal *s)
{
	if (s == NULL)
		return;
	s->method->impl->ops->dispose(s);
	seal_nonces_dispose(&s->nonces);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

bool seal_wants_seed(const struct seal *s)
{
	return s->nonces.drawn >= RESEED_AFTER;
}

void seal_reseed(struct seal *s, const uint8_t seed[static SEAL_SEED_SIZE])
{
	seal_nonces_reseed(&s->nonces, seed);
}

static void assert_fits(const struct seal_method *m, const struct packet *p)
{
	assert(p->len <= PACKET_MTU_MAX - m->head - m->tail);
	assert(p->mem == NULL || (size_t)(p->data - p->mem) >= m->head);
}

static void seal_group(struct seal *s, struct packet *pkts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_fits(s->method, &pkts[i]);
	if (s->method->impl->ops->seal(s, pkts, count))
		return;
	/* Some may be in clear still; an empty datagram gives nothing away. */
	for (size_t i = 0; i < count; i++) {
		pkts[i].len = 0;
		pkts[i].bad = true;
	}
}

/* Groups of even size: 33 packets go better as 17 + 16 than as 32 + 1, since
 * a lone packet has nothing to be interleaved with. */
void seal_batch(struct seal *s, struct packet *pkts, size_t count)
{
	size_t groups = (count + SEAL_GROUP - 1) / SEAL_GROUP;

	for (; groups > 0; groups--) {
		size_t n = (count + groups - 1) / groups;

		seal_group(s, pkts, n);
		pkts += n;
		count -= n;
	}
}

static bool length_is_sound(const struct seal_method *m, size_t len)
{
	return len >= m->head + m->tail + SEAL_PAYLOAD_MIN && len <= PACKET_MTU_MAX;
}

static size_t open_group(struct seal *s, struct packet *pkts, size_t count)
{
	size_t good = 0;

	for (size_t i = 0; i < count; i++)
		pkts[i].bad = pkts[i].bad || !length_is_sound(s->method, pkts[i].len);
	s->method->impl->ops->open(s, pkts, count);
	for (size_t i = 0; i < count; i++)
		good += !pkts[i].bad;
	return good;
}

size_t seal_open_batch(struct seal *s, struct packet *pkts, size_t count)
{
	size_t good = 0;

	for (size_t i = 0; i < count; i += SEAL_GROUP)
		good += open_group(s, pkts + i, count - i < SEAL_GROUP ? count - i : SEAL_GROUP);
	return good;
}

size_t seal_identity(struct seal *s, const struct packet *p, uint8_t id[static SEAL_IDENTITY_MAX])
{
	assert(!p->bad);
	return s->method->impl->ops->identity(s, p->data - s->method->head, id);
}
