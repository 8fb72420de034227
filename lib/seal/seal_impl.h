/* seal_impl.h - what the files of the seal share; nobody else includes it.
 *
 * Each file knows those above it, by what is declared here; seal.c knows the others by their
 * seal_ops.
 *
 *     seal_nonce.c  the nonces
 *     seal_unique.c those of salsa20, which may not repeat
 *     crc.c         the layout nonce | crc32 | payload
 *     block.c       the block ciphers of libcrypto, TEA and XTEA
 *     twofish.c     the one of nettle
 *     cfb.c         CFB across packets, over any block cipher
 *     salsa20.c     of nettle, too; without it no_nettle.c stands for both
 *     stream.c      xor, none, null
 *     aead.c        the layout nonce | ciphertext | tag
 *     seal.c        the table of methods, life of a seal, batches into groups
 */
#ifndef KT_SEAL_IMPL_H
#define KT_SEAL_IMPL_H

#include "seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdalign.h>
#if KT_NETTLE
#include <nettle/salsa20.h>
#include <nettle/twofish.h>
#endif

#include "seal_nonce.h"
#include "seal_unique.h"

enum {
	SEAL_GROUP = 32, /* packets worked on at a time: fills the AES pipeline, fits the L1 cache */
	SEAL_ALIGN = 64, /* a cache line */
	SEAL_BLOCK_MAX = 16,
	SEAL_CRC_SIZE = 4,
	SEAL_CRC_HEAD = SEAL_NONCE_SIZE + SEAL_CRC_SIZE,
	SEAL_AEAD_NONCE_SIZE = 12,
	SEAL_AEAD_TAG_SIZE = 16,
};

static_assert((int)SEAL_CRC_HEAD <= (int)SEAL_HEAD_MAX, "head fits");
static_assert((int)SEAL_NONCE_SEED_SIZE == (int)SEAL_SEED_SIZE, "one seed is the other");
static_assert((int)SEAL_IDENTITY_MAX >= (int)SEAL_NONCE_SIZE, "an identity is part of a nonce");
#if KT_NETTLE
static_assert((int)SEAL_UNIQUE_SIZE == SALSA20_NONCE_SIZE, "a nonce of salsa20");
#endif
static_assert((int)SEAL_UNIQUE_KEY_SIZE == (int)SEAL_KEY_SIZE, "of one key");
static_assert((int)SEAL_AEAD_TAG_SIZE <= (int)SEAL_TAIL_MAX, "tail fits");

/* --- block ciphers --- */

struct seal_impl;

struct seal_block {
	size_t size; /* of a block: 8 or 16 */
	/* Encrypt each block of `in`; `len` is a multiple of `size`, `out` is `in`
	 * or does not overlap it.  False when libcrypto failed. */
	bool (*encrypt)(struct seal_block *b, uint8_t *out, const uint8_t *in, size_t len);
	EVP_CIPHER_CTX *evp;
	OSSL_LIB_CTX *library; /* a private one, for the legacy provider only */
	OSSL_PROVIDER *legacy;
	union {
#if KT_NETTLE
		struct twofish_ctx twofish;
#endif
		uint32_t tea_key[4];
	};
};

/* `block_setup` of a method: key the cipher with the first bytes of `pass`.  After
 * a failure too, seal_block_dispose() cleans up. */
int seal_block_evp(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass);
int seal_block_twofish(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass);
int seal_block_tea(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass);
int seal_block_xtea(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass);
void seal_block_dispose(struct seal_block *b);

/* --- methods --- */

/* `seal` and `open` get at most SEAL_GROUP packets. */
struct seal_ops {
	/* KT_OK, KT_ENOMEM or KT_ENOSUP; after a failure too, dispose is called. */
	int (*setup)(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE]);
	void (*dispose)(struct seal *s);
	/* False when libcrypto failed: what the packets hold may not leave then. */
	bool (*seal)(struct seal *s, struct packet *pkts, size_t count);
	/* Passes over bad packets; the others have a length that the method can bear. */
	void (*open)(struct seal *s, struct packet *pkts, size_t count);
	/* Of an opened one that began at `head`: as seal_identity(). */
	size_t (*identity)(struct seal *s, const uint8_t *head, uint8_t *id);
};

extern const struct seal_ops seal_cfb_ops, seal_aead_ops, seal_salsa20_ops, seal_xor_ops,
	seal_none_ops, seal_null_ops;

struct seal_impl {
	const struct seal_ops *ops;
	size_t key_size;      /* bytes of `pass` used */
	const char *evp_name; /* libcrypto's name of the cipher, or NULL */
	size_t block_size;
	int (*block_setup)(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass);
	bool legacy; /* lives in libcrypto's legacy provider */
	bool nettle; /* lives in nettle */
};

struct seal_cfb {
	struct seal_block block;
	uint8_t first[SEAL_BLOCK_MAX]; /* the first key stream block, that of the constant IV */
	/* Aligned, so that no block of a row straddles two cache lines. */
	alignas(SEAL_ALIGN) uint8_t row[SEAL_GROUP * SEAL_BLOCK_MAX];
	alignas(SEAL_ALIGN) uint8_t stream[PACKET_MTU_MAX + SEAL_BLOCK_MAX];
};

struct seal_aead {
	EVP_CIPHER_CTX *seal, *open; /* one for each direction: both keep their key */
};

struct seal_salsa20 {
#if KT_NETTLE
	struct salsa20_ctx cipher;
#endif
	struct seal_unique nonces; /* the first half of a datagram's; the other is as for all methods */
};

struct seal {
	const struct seal_method *method;
	struct seal_nonces nonces;
	union {
		struct seal_cfb cfb;
		struct seal_aead aead;
		struct seal_salsa20 salsa20;
		uint8_t xor_table[PACKET_MTU_MAX];
	};
};

/* Cipher a group of whole datagrams, without the frame. */
bool seal_cfb_encrypt(struct seal_cfb *c, const struct packet *pkts, size_t count);
void seal_cfb_decrypt(struct seal_cfb *c, struct packet *pkts, size_t count);

/* Put nonce and CRC before each payload.  False when libcrypto failed. */
bool seal_crc_frame(struct seal *s, struct packet *pkts, size_t count);
/* Check and strip the frame of each packet that is not bad already. */
void seal_crc_check(struct packet *pkts, size_t count);
/* The whole nonce, in clear: one `identity` for all that have no better. */
size_t seal_crc_identity(struct seal *s, const uint8_t *head, uint8_t *id);

/* to[i] ^= key_stream[i] */
static inline void seal_xor(uint8_t *restrict to, const uint8_t *restrict key_stream, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] ^= key_stream[i];
}

#endif
