/* seal_unique.h - nonces of 64 bits that do not repeat (private to seal; knows nothing of it).
 *
 * For a stream cipher a repeated nonce is a repeated key stream, and 64 bits are too few for chance: among 2^32 drawn
 * at random two are equal as likely as not.  So they are counted, and each number goes through a permutation of all
 * 64-bit numbers, which none but those who have the key can tell from chance: an observer learns neither how many
 * datagrams there were, nor which come from one sender.
 *
 * The permutation is the key's, the same at both ends and in every run, and each seal begins to count somewhere at random.
 * In one run none repeats; two runs have one in common only if their stretches of the circle overlap: of 2^40
 * datagrams each, with a probability of 2^-23.  (With a permutation of its own for each run it would be certain.)
 *
 * The permutation is a Feistel network of eight rounds whose round function is AES-256 of the round and one half. */
#ifndef KT_SEAL_UNIQUE_H
#define KT_SEAL_UNIQUE_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SEAL_UNIQUE_SIZE = 8,
	SEAL_UNIQUE_COUNT = 64, /* made at a time, so that libcrypto is called once a round for all of them */
	SEAL_UNIQUE_KEY_SIZE = 32,
};

struct seal_unique {
	EVP_CIPHER_CTX *ctx;
	uint64_t next; /* number to be permuted */
	uint8_t pool[SEAL_UNIQUE_COUNT][SEAL_UNIQUE_SIZE];
	size_t used; /* of the pool; SEAL_UNIQUE_COUNT: empty */
};

/* `key` is for what derives from it, and may be used for something else, too; `start` is random.  KT_OK,
 * KT_ENOMEM or KT_ENOSUP; after a failure too, dispose it. */
int seal_unique_init(struct seal_unique *u, const uint8_t key[static SEAL_UNIQUE_KEY_SIZE],
		     const uint8_t start[static SEAL_UNIQUE_SIZE]);
void seal_unique_dispose(struct seal_unique *u); /* wipes it */
/* SEAL_UNIQUE_SIZE bytes, valid until the next call; NULL when libcrypto failed. */
const uint8_t *seal_unique_draw(struct seal_unique *u);

#endif
