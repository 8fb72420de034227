/* test_seal_reference.c - batches of every length, by every method, against a plain reference. */
#include "seal_bed.h"

/* --- a plain reference: textbook CFB, one block at a time --- */

static uint32_t reference_crc(const uint8_t *p, size_t len)
{
	static uint32_t table[256];
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? UINT32_C(0xedb88320) : 0);
	}
	for (size_t i = 0; i < len; i++)
		crc = table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

static void reference_tea(const uint8_t *key, uint8_t b[static 8])
{
	uint32_t v0 = load_be32(b), v1 = load_be32(b + 4), sum = 0;

	for (int i = 0; i < 8; i++) {
		sum += 0x9e3779b9;
		v0 += ((v1 << 4) + load_be32(key)) ^ (v1 + sum) ^ ((v1 >> 5) + load_be32(key + 4));
		v1 += ((v0 << 4) + load_be32(key + 8)) ^ (v0 + sum) ^
		      ((v0 >> 5) + load_be32(key + 12));
	}
	store_be32(b, v0);
	store_be32(b + 4, v1);
}

static void reference_xtea(const uint8_t *key, uint8_t b[static 8])
{
	uint32_t v0 = load_be32(b), v1 = load_be32(b + 4), sum = 0;

	for (int i = 0; i < 32; i++) {
		v0 += (((v1 << 4) ^ (v1 >> 5)) + v1) ^ (sum + load_be32(key + 4 * (sum & 3)));
		sum += 0x9e3779b9;
		v1 += (((v0 << 4) ^ (v0 >> 5)) + v0) ^ (sum + load_be32(key + 4 * (sum >> 11 & 3)));
	}
	store_be32(b, v0);
	store_be32(b + 4, v1);
}

static void reference_twofish(const uint8_t *key, uint8_t b[static 16])
{
	static struct twofish_ctx ctx;
	static uint8_t ctx_key[32];

	if (memcmp(ctx_key, key, 32) != 0) {
		memcpy(ctx_key, key, 32);
		twofish_set_key(&ctx, 32, key);
	}
	twofish_encrypt(&ctx, 16, b, b);
}

static const uint8_t reference_iv[16] = {
	0xa7, 0x73, 0x4f, 0x9c, 0x12, 0xac, 0x1b, 0x01,
	0xa4, 0x15, 0xf2, 0xc1, 0xfc, 0x78, 0xe6, 0x6b,
};

static void cfb_by_block(void (*encrypt)(const uint8_t *key, uint8_t *block), size_t size,
			 uint8_t *p, size_t len)
{
	uint8_t feedback[16];

	memcpy(feedback, reference_iv, size);
	for (size_t i = 0; i < len; i++) {
		if (i % size == 0)
			encrypt(pass, feedback);
		p[i] ^= feedback[i % size];
		feedback[i % size] = p[i];
	}
}

static void one_tea(const uint8_t *key, uint8_t *block)
{
	reference_tea(key, block);
}
static void one_xtea(const uint8_t *key, uint8_t *block)
{
	reference_xtea(key, block);
}
static void one_twofish(const uint8_t *key, uint8_t *block)
{
	reference_twofish(key, block);
}

/* libcrypto's own CFB, one call per packet. */
static const char *evp_cfb_name(const char *method)
{
	static const char *const names[][2] = {
		{ "aes", "AES-256-CFB" },     { "aes-128", "AES-128-CFB" },
		{ "aes-192", "AES-192-CFB" }, { "sm4", "SM4-CFB" },
		{ "blowfish", "BF-CFB" },     { "cast5", "CAST5-CFB" },
		{ "3des", "DES-EDE3-CFB" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], method) == 0)
			return names[i][1];
	return NULL;
}

struct reference {
	const struct seal_method *method;
	EVP_CIPHER_CTX *cfb; /* libcrypto's CFB, or NULL */
	struct seal *twin;   /* of the same seed: tells the nonces */
};

static struct reference make_reference(const struct seal *s, struct seal *twin)
{
	const char *name = evp_cfb_name(s->method->name);
	struct reference r = { s->method, NULL, twin };
	EVP_CIPHER *cipher;

	if (name == NULL)
		return r;
	r.cfb = EVP_CIPHER_CTX_new();
	cipher = EVP_CIPHER_fetch(s->cfb.block.library, name, NULL);
	assert_non_null(cipher);
	assert_true(EVP_EncryptInit_ex(r.cfb, cipher, NULL, NULL, NULL));
	assert_true(EVP_CIPHER_CTX_set_key_length(r.cfb, (int)s->method->impl->key_size));
	assert_true(EVP_EncryptInit_ex(r.cfb, NULL, NULL, pass, reference_iv));
	EVP_CIPHER_free(cipher);
	return r;
}

static void reference_encrypt(struct reference *r, uint8_t *p, size_t len)
{
	const char *name = r->method->name;
	int n;

	if (r->cfb != NULL) {
		assert_true(EVP_EncryptInit_ex(r->cfb, NULL, NULL, NULL, reference_iv));
		assert_true(EVP_EncryptUpdate(r->cfb, p, &n, p, (int)len));
	} else if (strcmp(name, "tea") == 0) {
		cfb_by_block(one_tea, 8, p, len);
	} else if (strcmp(name, "xtea") == 0) {
		cfb_by_block(one_xtea, 8, p, len);
	} else if (strcmp(name, "twofish") == 0) {
		cfb_by_block(one_twofish, 16, p, len);
	} else if (strcmp(name, "salsa20") == 0) {
		struct salsa20_ctx ctx;

		salsa20_256_set_key(&ctx, pass);
		salsa20_set_nonce(&ctx, p);
		salsa20_crypt(&ctx, len - 8, p + 8, p + 8);
	} else if (strcmp(name, "xor") == 0) {
		for (size_t i = 0; i < len; i++)
			p[i] ^= r->twin->xor_table[i];
	} else {
		assert_string_equal(name, "none");
	}
}

/* The datagram that the seal must have made of `payload`; its length is known. */
static void reference_seal(struct reference *r, uint8_t *out, const uint8_t *payload, size_t len)
{
	if (len > 0)
		memcpy(out + r->method->head, payload, len);
	if (r->method->tail > 0) { /* AEAD: one packet at a time through the twin */
		struct packet p = { .data = out + r->method->head, .len = len };

		seal_batch(r->twin, &p, 1);
	} else if (r->method->head > 0) {
		const uint8_t *nonce = seal_nonces_draw(&r->twin->nonces);

		assert_non_null(nonce);
		memcpy(out, nonce, 16);
		if (r->method->impl->ops == &seal_salsa20_ops)
			memcpy(out, seal_unique_draw(&r->twin->salsa20.nonces), SEAL_UNIQUE_SIZE);
		store_le32(out + 16, reference_crc(payload, len));
		reference_encrypt(r, out, len + 20);
	}
}

/* --- batches against the reference --- */

enum { TEXT_SIZE = 4096 };

/* Seal a batch with the given payload lengths, compare each datagram with the
 * reference, open the batch, compare with the payloads. */
static void check_batch(struct seal *s, struct reference *r, const size_t *lens, size_t count,
			uint32_t from)
{
	struct packet *pkts = calloc(count, sizeof(*pkts));
	uint8_t text[TEXT_SIZE], expected[PACKET_MTU_MAX + 1];
	size_t bad = 0;

	assert_non_null(pkts);
	fill(text, sizeof(text), from);
	for (size_t i = 0; i < count; i++)
		pkts[i] = payload_packet(s->method, text + i % 64, lens[i]);
	seal_batch(s, pkts, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(pkts[i].len, lens[i] + overhead(s->method));
		assert_ptr_equal(pkts[i].data, pkts[i].mem);
		reference_seal(r, expected, text + i % 64, lens[i]);
		if (pkts[i].len > 0)
			assert_memory_equal(pkts[i].data, expected, pkts[i].len);
		bad += lens[i] < SEAL_PAYLOAD_MIN;
	}
	assert_int_equal(seal_open_batch(s, pkts, count), count - bad);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(pkts[i].bad, lens[i] < SEAL_PAYLOAD_MIN);
		if (!pkts[i].bad) {
			assert_int_equal(pkts[i].len, lens[i]);
			assert_memory_equal(pkts[i].data, text + i % 64, lens[i]);
		}
		free(pkts[i].mem);
	}
	free(pkts);
}

static void with_reference(const struct seal_method *m,
			   void (*check)(struct seal *s, struct reference *r))
{
	struct seal *s = make(m), *twin;
	struct reference r;

	if (s == NULL)
		return;
	twin = make(m);
	r = make_reference(s, twin);
	check(s, &r);
	EVP_CIPHER_CTX_free(r.cfb);
	seal_free(twin);
	seal_free(s);
}

static void check_every_length(struct seal *s, struct reference *r)
{
	size_t count = PACKET_MTU_MAX - overhead(s->method) + 1;
	size_t *lens = calloc(count, sizeof(*lens));

	assert_non_null(lens);
	for (size_t i = 0; i < count; i++)
		lens[i] = i;
	check_batch(s, r, lens, count, 1);
	for (size_t i = 0; i < count; i++)
		lens[i] = count - 1 - i;
	check_batch(s, r, lens, count, 2);
	free(lens);
}

static void every_length_seals_as_the_reference_and_opens(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++)
		with_reference(&seal_methods[i], check_every_length);
}

static void check_batch_sizes(struct seal *s, struct reference *r)
{
	size_t lens[130], longest = PACKET_MTU_MAX - overhead(s->method);
	uint32_t x = 7;

	for (size_t count = 1; count <= ARRAY_LEN(lens); count++) {
		for (size_t i = 0; i < count; i++)
			lens[i] = draw(&x) % 4 == 0 ? draw(&x) % (longest + 1) : draw(&x) % 60;
		check_batch(s, r, lens, count, x);
	}
}

static void batches_of_1_to_130_packets_of_mixed_lengths_seal_as_the_reference(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++)
		with_reference(&seal_methods[i], check_batch_sizes);
}

static void check_equal_lengths(struct seal *s, struct reference *r)
{
	static const size_t sizes[] = { 0, 11, 12, 13, 28, 29, 1330 };
	size_t lens[65];

	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		for (size_t i = 0; i < ARRAY_LEN(lens); i++)
			lens[i] = sizes[k];
		check_batch(s, r, lens, ARRAY_LEN(lens), 5);
	}
}

static void batches_of_one_length_seal_as_the_reference(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++)
		with_reference(&seal_methods[i], check_equal_lengths);
}

static void an_empty_batch_is_nothing(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);

		if (s == NULL)
			continue;
		seal_batch(s, NULL, 0);
		assert_int_equal(seal_open_batch(s, NULL, 0), 0);
		seal_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_seals_as_the_reference_and_opens),
		cmocka_unit_test(batches_of_1_to_130_packets_of_mixed_lengths_seal_as_the_reference),
		cmocka_unit_test(batches_of_one_length_seal_as_the_reference),
		cmocka_unit_test(an_empty_batch_is_nothing),
	};

	return cmocka_run_group_tests(tests, derive_keys, no_error_of_libcrypto_is_left);
}
