/* cfb.c - full-block CFB over many packets at a time.
 *
 * Each block of a packet needs the encryption of the ciphertext block before it, so
 * sealing one packet keeps the AES unit waiting for itself.  Different packets
 * do not depend on each other: their blocks at the same offset form a row, and a
 * row is one ECB call.  After the XOR the row holds ciphertext, which is what the
 * next call encrypts:
 *
 *     lane       0        1        2            longest packet first, so that the
 *     row 0   | P0 0 |  | P1 0 |  | P2 0 |      lanes still going are always the
 *     row 1   | P0 1 |  | P1 1 |  | P2 1 |      first ones
 *     row 2   | P0 2 |  | P1 . |
 *
 * Opening has all ciphertext at hand: one ECB call over it is the key stream.
 * The vector of the first block is a constant, so its encryption is made once. */
#include "err.h"
#include "seal_impl.h"

#include <assert.h>
#include <string.h>

/* A nonce goes first in every datagram, so this vector need not be secret or change. */
static const uint8_t iv[SEAL_BLOCK_MAX] = {
	0xa7, 0x73, 0x4f, 0x9c, 0x12, 0xac, 0x1b, 0x01,
	0xa4, 0x15, 0xf2, 0xc1, 0xfc, 0x78, 0xe6, 0x6b,
};

struct lanes {
	uint8_t *data[SEAL_GROUP];
	size_t len[SEAL_GROUP];
	size_t count;
};

/* Insert by falling length; most batches are of one length and stay as they are. */
static void lanes_add(struct lanes *l, uint8_t *data, size_t len)
{
	size_t at = l->count++;

	for (; at > 0 && l->len[at - 1] < len; at--) {
		l->data[at] = l->data[at - 1];
		l->len[at] = l->len[at - 1];
	}
	l->data[at] = data;
	l->len[at] = len;
}

/* How many of the first `count` lanes have `len` bytes or more. */
static size_t lanes_reaching(const struct lanes *l, size_t count, size_t len)
{
	while (count > 0 && l->len[count - 1] < len)
		count--;
	return count;
}

typedef uint64_t vec16 __attribute__((vector_size(16)));

static void xor_row_16(uint8_t *const *data, size_t at, uint8_t *restrict row, size_t count)
{
	vec16 text, mask;

#pragma GCC unroll 4
	for (size_t i = 0; i < count; i++) {
		memcpy(&text, data[i] + at, 16);
		memcpy(&mask, row + 16 * i, 16);
		text ^= mask;
		memcpy(data[i] + at, &text, 16);
		memcpy(row + 16 * i, &text, 16);
	}
}

static void xor_row_8(uint8_t *const *data, size_t at, uint8_t *restrict row, size_t count)
{
	uint64_t text, mask;

	for (size_t i = 0; i < count; i++) {
		memcpy(&text, data[i] + at, 8);
		memcpy(&mask, row + 8 * i, 8);
		text ^= mask;
		memcpy(data[i] + at, &text, 8);
		memcpy(row + 8 * i, &text, 8);
	}
}

/* Seal the blocks at offset `at`: of lanes [0, full) whole ones, of [full, going) the rest. */
static void seal_row(struct seal_cfb *c, const struct lanes *l, size_t at, size_t full, size_t going)
{
	size_t size = c->block.size;

	if (size == 16)
		xor_row_16(l->data, at, c->row, full);
	else
		xor_row_8(l->data, at, c->row, full);
	for (size_t i = full; i < going; i++)
		seal_xor(l->data[i] + at, c->row + i * size, l->len[i] - at);
}

static bool seal_lanes(struct seal_cfb *c, const struct lanes *l)
{
	size_t size = c->block.size;
	size_t going = lanes_reaching(l, l->count, 1), full = going;

	for (size_t i = 0; i < going; i++)
		memcpy(c->row + i * size, c->first, size);
	for (size_t at = 0; going > 0; at += size) {
		full = lanes_reaching(l, full, at + size);
		seal_row(c, l, at, full, going);
		going = lanes_reaching(l, full, at + size + 1);
		if (going > 0 && !c->block.encrypt(&c->block, c->row, c->row, going * size))
			return false;
	}
	return true;
}

bool seal_cfb_encrypt(struct seal_cfb *c, const struct packet *pkts, size_t count)
{
	struct lanes l = { .count = 0 };

	assert(count <= SEAL_GROUP);
	for (size_t i = 0; i < count; i++)
		lanes_add(&l, pkts[i].data, pkts[i].len);
	return seal_lanes(c, &l);
}

static bool open_one(struct seal_cfb *c, uint8_t *data, size_t len)
{
	size_t size = c->block.size;
	size_t fed = (len - 1) / size * size; /* the last block's ciphertext feeds nothing */

	assert(len >= 1);
	assert(len <= PACKET_MTU_MAX);
	if (fed > 0 && !c->block.encrypt(&c->block, c->stream + size, data, fed))
		return false;
	seal_xor(data, c->stream, len);
	return true;
}

void seal_cfb_decrypt(struct seal_cfb *c, struct packet *pkts, size_t count)
{
	memcpy(c->stream, c->first, c->block.size);
	for (size_t i = 0; i < count; i++)
		if (!pkts[i].bad)
			pkts[i].bad = !open_one(c, pkts[i].data, pkts[i].len);
}

static int cfb_setup(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE])
{
	const struct seal_impl *impl = s->method->impl;
	struct seal_cfb *c = &s->cfb;
	int err;

	c->block.size = impl->block_size;
	err = impl->block_setup(&c->block, impl, pass);
	if (err == KT_OK && !c->block.encrypt(&c->block, c->first, iv, c->block.size))
		err = KT_ENOSUP;
	return err;
}

static void cfb_dispose(struct seal *s)
{
	seal_block_dispose(&s->cfb.block);
}

static bool cfb_seal(struct seal *s, struct packet *pkts, size_t count)
{
	return seal_crc_frame(s, pkts, count) && seal_cfb_encrypt(&s->cfb, pkts, count);
}

/* First all ciphers, then all checksums: a checksum straight after its XOR would
 * wait for the stores to reach the cache. */
static void cfb_open(struct seal *s, struct packet *pkts, size_t count)
{
	seal_cfb_decrypt(&s->cfb, pkts, count);
	seal_crc_check(pkts, count);
}

/* Of 8-byte blocks the nonce takes two, and whatever the first is made, it spoils only the second.  That one's
 * ciphertext is the first that the rest depends on; decryption in place left of it what it takes to make it again. */
static size_t cfb_identity(struct seal *s, const uint8_t *head, uint8_t *id)
{
	struct seal_block *b = &s->cfb.block;

	if (b->size == SEAL_NONCE_SIZE)
		return seal_crc_identity(s, head, id);
	memcpy(id, head, b->size);
	seal_xor(id, s->cfb.first, b->size);
	if (!b->encrypt(b, id, id, b->size))
		return 0;
	seal_xor(id, head + b->size, b->size);
	return b->size;
}

const struct seal_ops seal_cfb_ops = { cfb_setup, cfb_dispose, cfb_seal, cfb_open, cfb_identity };
