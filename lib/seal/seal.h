/* seal.h - datagrams to payloads and back: nonce, cipher, checksum or tag.
 *
 * Wire: protocol section 1.  Three layouts, told by the method:
 *
 *     | nonce 16 | crc32 4 | payload |     encrypted as a whole (CFB, salsa20, xor, none)
 *     | nonce 12 | ciphertext | tag 16 |   AEAD (aes-128-gcm, aes-256-gcm, chacha20-poly1305)
 *     | payload |                          null
 *
 * One object serves both directions of one key; it is not tied to a peer.
 * Pure: the seed of the nonces is given from outside. */
#ifndef KT_SEAL_H
#define KT_SEAL_H

#include "packet.h"
#include "wire.h"

enum {
	SEAL_KEY_SIZE = 32,     /* of `pass`, the derived key */
	SEAL_SEED_SIZE = 48,    /* of a nonce generator's seed */
	SEAL_HEAD_MAX = 20,     /* bytes put before a payload, at most */
	SEAL_TAIL_MAX = 16,     /* bytes put behind it, at most */
	SEAL_IDENTITY_MAX = 16, /* bytes that tell a datagram from all others, at most */
	SEAL_PAYLOAD_MIN = 12,  /* shortest payload accepted, as in kcptun of 2026 */
};

struct seal_method {
	const char *name;    /* as in the `crypt` key */
	const char *summary; /* a few words for people */
	size_t head, tail;   /* overhead in bytes, before and behind */
	bool ours;           /* kcptund only: no kcptun peer knows it */
	/* (implementation's own fields may follow) */
	const struct seal_impl *impl;
};

/* All methods, in the order of the documentation; index 0 .. count-1. */
extern const struct seal_method seal_methods[];
extern const size_t seal_method_count;
/* By name, NULL when there is none such. */
const struct seal_method *seal_method_find(const char *name);

/* Whether one who lacks the key can make of a datagram that he recorded one that never came before: there is no nonce, or it
 * goes with any payload. */
bool seal_renewable(const struct seal_method *method);

/* pass = PBKDF2-HMAC-SHA1(key, "kcp-go", 4096, 32 bytes).  KT_OK, or
 * KT_ENOSUP/KT_ENOMEM when libcrypto fails. */
int seal_derive_key(uint8_t pass[static SEAL_KEY_SIZE], const void *key, size_t len);

struct seal;

/* A seal of `method` keyed by `pass`.  NULL on failure; then *err (if not
 * NULL) is KT_ENOMEM, or KT_ENOSUP when this libcrypto cannot do the method
 * (blowfish and cast5 need OpenSSL's legacy provider; `seal_missing()` says it in words).
 * `seed` must be unpredictable and never used twice; it is copied. */
struct seal *seal_new(const struct seal_method *method, const uint8_t pass[static SEAL_KEY_SIZE],
		      const uint8_t seed[static SEAL_SEED_SIZE], int *err);
void seal_free(struct seal *s); /* wipes the key; NULL is fine */
/* One line for an administrator: what to install or change when seal_new()
 * gave KT_ENOSUP for this method. */
const char *seal_missing(const struct seal_method *method);

/* True when the nonce generator wants a fresh seed (2^20 datagrams or more
 * since the last); it goes on working without. */
bool seal_wants_seed(const struct seal *s);
void seal_reseed(struct seal *s, const uint8_t seed[static SEAL_SEED_SIZE]);

/* Seal `count` packets in place: before, data/len are a payload with at least
 * method->head bytes of headroom and method->tail of tailroom; after, the
 * datagram.  Payloads have 0 .. PACKET_MTU_MAX - overhead bytes.  Any count; work is done
 * across packets (CFB: one row of blocks at a time).  Should libcrypto fail, which
 * it does only when out of memory, packets come back `bad` and with length 0. */
void seal_batch(struct seal *s, struct packet *pkts, size_t count);

/* Open `count` datagrams of any length in place: after, data/len are the
 * payload, or `bad` is true and data/len are undefined.  Bad is what fails its checksum or tag,
 * has a payload below SEAL_PAYLOAD_MIN, or is longer than PACKET_MTU_MAX.  Returns how many are
 * good.  A datagram whose `bad` is set already is left alone. */
size_t seal_open_batch(struct seal *s, struct packet *pkts, size_t count);

/* What tells a datagram from all others: of its nonce, as it was on the wire, the part that nobody who
 * lacks the key can change without spoiling the rest (with xor and none there is no such part).  `p` is as
 * seal_open_batch() left it, good, and with its head still before the payload.  The number of bytes
 * put to `id`, at most SEAL_IDENTITY_MAX; 0 when the method has no nonce, or libcrypto failed. */
size_t seal_identity(struct seal *s, const struct packet *p, uint8_t id[static SEAL_IDENTITY_MAX]);

#endif
