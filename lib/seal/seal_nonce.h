/* seal_nonce.h - unpredictable nonces from a seed (private to seal; knows nothing of it).
 *
 * A run of AES-256-CTR key stream yields the key and counter of the next run and
 * 256 nonces; then its own key is forgotten, so that the state, when it leaks, does not
 * tell the past.  Runs never repeat: each has a key of its own.
 *
 * The CFB methods want a nonce that differs from packet to packet.  The AEAD methods
 * break when one key sees the same nonce twice, and here both ends, and every
 * earlier and later run of either, seal with one key and know nothing of each other.  As in
 * kcptun, chance keeps the 96-bit nonces apart: after 2^32 datagrams under one key (5 TB) they have
 * collided with a probability of 2^-33, the bound that NIST SP 800-38D sets; a key is
 * to be changed before. */
#ifndef KT_SEAL_NONCE_H
#define KT_SEAL_NONCE_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SEAL_NONCE_SIZE = 16,
	SEAL_NONCE_COUNT = 256, /* made at a time */
	SEAL_NONCE_SEED_SIZE = 48,
};

struct seal_nonces {
	EVP_CIPHER_CTX *ctx;
	uint8_t next_seed[SEAL_NONCE_SEED_SIZE];
	uint8_t pool[SEAL_NONCE_COUNT][SEAL_NONCE_SIZE];
	size_t used;    /* of the pool; SEAL_NONCE_COUNT: empty */
	uint64_t drawn; /* since the last seed */
};

/* KT_OK, KT_ENOMEM or KT_ENOSUP; after a failure too, dispose it. */
int seal_nonces_init(struct seal_nonces *n, const uint8_t seed[static SEAL_NONCE_SEED_SIZE]);
void seal_nonces_dispose(struct seal_nonces *n); /* wipes it */
/* Mix a fresh seed in. */
void seal_nonces_reseed(struct seal_nonces *n, const uint8_t seed[static SEAL_NONCE_SEED_SIZE]);
/* SEAL_NONCE_SIZE bytes, valid until the next call; NULL when libcrypto failed. */
const uint8_t *seal_nonces_draw(struct seal_nonces *n);

#endif
