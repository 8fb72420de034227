/* test_seal.c - every crypt method against the vectors, a plain reference and hostile datagrams. */
#include "seal.h"

#include "err.h"
#include "seal_impl.h"
#include "vectors.h"

#include <limits.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- helpers --- */

static const char key_text[] = "it's a secrect"; /* of keyset 0 in the vectors */
static const uint8_t seed[SEAL_SEED_SIZE] = { 1, 2, 3 };
static uint8_t pass[SEAL_KEY_SIZE], empty_pass[SEAL_KEY_SIZE];
static bool legacy_told;

static int derive_keys(void **state)
{
	return seal_derive_key(pass, key_text, sizeof(key_text) - 1) != KT_OK ||
	       seal_derive_key(empty_pass, "", 0) != KT_OK;
}

/* NULL only where libcrypto has no legacy provider. */
static struct seal *make_with(const struct seal_method *m, const uint8_t *key, const uint8_t *from)
{
	int err = 99;
	struct seal *s = seal_new(m, key, from, &err);

	if (s == NULL && m->impl->legacy && err == KT_ENOSUP) {
		if (!legacy_told)
			print_message("not tested: %s: %s\n", m->name, seal_missing(m));
		legacy_told = true;
		return NULL;
	}
	assert_non_null(s);
	assert_int_equal(err, KT_OK);
	return s;
}

static struct seal *make(const struct seal_method *m)
{
	return make_with(m, pass, seed);
}

static struct seal *make_named(const char *name, const uint8_t *key)
{
	const struct seal_method *m = seal_method_find(name);

	assert_non_null(m);
	return make_with(m, key, seed);
}

static size_t overhead(const struct seal_method *m)
{
	return m->head + m->tail;
}

/* A payload in a buffer of exactly the room that the method asks for, so that a
 * sanitizer sees the first byte beyond it. */
static struct packet payload_packet(const struct seal_method *m, const uint8_t *data, size_t len)
{
	uint8_t *mem = malloc(len + overhead(m) + 1);

	assert_non_null(mem);
	if (len > 0)
		memcpy(mem + m->head, data, len);
	return (struct packet){ .data = mem + m->head, .len = len, .mem = mem };
}

static struct packet datagram_packet(const uint8_t *data, size_t len)
{
	uint8_t *mem = malloc(len > 0 ? len : 1);

	assert_non_null(mem);
	if (len > 0)
		memcpy(mem, data, len);
	return (struct packet){ .data = mem, .len = len, .mem = mem };
}

/* Opens a copy. */
static bool opens(struct seal *s, const uint8_t *data, size_t len)
{
	struct packet p = datagram_packet(data, len);
	size_t good = seal_open_batch(s, &p, 1);

	assert_int_equal(good, !p.bad);
	free(p.mem);
	return good == 1;
}

static void force_nonce(struct seal *s, const uint8_t *nonce, size_t len)
{
	s->nonces.used = 0;
	memcpy(s->nonces.pool[0], nonce, len);
	if (s->method->impl->ops != &seal_salsa20_ops)
		return;
	s->salsa20.nonces.used = 0;
	memcpy(s->salsa20.nonces.pool[0], nonce, SEAL_UNIQUE_SIZE);
}

static uint32_t draw(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

static void fill(uint8_t *p, size_t len, uint32_t from)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)draw(&from);
}

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

/* --- table and key --- */

static void the_table_has_each_method_once_with_its_overhead(void **state)
{
	static const struct {
		const char *name;
		size_t overhead;
		bool ours;
	} known[] = {
		{ "aes", 20, false },
		{ "aes-128", 20, false },
		{ "aes-192", 20, false },
		{ "sm4", 20, false },
		{ "twofish", 20, false },
		{ "blowfish", 20, false },
		{ "cast5", 20, false },
		{ "3des", 20, false },
		{ "tea", 20, false },
		{ "xtea", 20, false },
		{ "salsa20", 20, false },
		{ "xor", 20, false },
		{ "none", 20, false },
		{ "null", 0, false },
		{ "aes-128-gcm", 28, false },
		{ "aes-256-gcm", 28, true },
		{ "chacha20-poly1305", 28, true },
	};

	assert_int_equal(seal_method_count, ARRAY_LEN(known));
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct seal_method *m = &seal_methods[i];

		assert_string_equal(m->name, known[i].name);
		assert_int_equal(overhead(m), known[i].overhead);
		assert_int_equal(m->ours, known[i].ours);
		assert_true(m->head <= SEAL_HEAD_MAX);
		assert_true(m->tail <= SEAL_TAIL_MAX);
		assert_true(strlen(m->summary) > 0);
		assert_true(strlen(seal_missing(m)) > 0);
		assert_ptr_equal(seal_method_find(m->name), m);
	}
}

static void unknown_names_are_not_taken_for_a_method(void **state)
{
	static const char *const names[] = { "", "AES", "aes-256", "aes ", "aes-128-gc", "nul" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_null(seal_method_find(names[i]));
}

static void keys_are_derived_as_in_the_vectors(void **state)
{
	struct vec_file *f = vec_open("key.txt");
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		struct vec_bytes password = vec_hex(&f->records[i], "password");
		struct vec_bytes expected = vec_hex(&f->records[i], "key");
		uint8_t got[SEAL_KEY_SIZE];

		assert_int_equal(seal_derive_key(got, password.p, password.n), KT_OK);
		assert_int_equal(expected.n, SEAL_KEY_SIZE);
		assert_memory_equal(got, expected.p, SEAL_KEY_SIZE);
		vec_bytes_free(&password);
		vec_bytes_free(&expected);
		seen++;
	}
	assert_true(seen >= 10);
	vec_close(f);
}

static void a_key_too_long_for_libcrypto_is_an_error(void **state)
{
	uint8_t got[SEAL_KEY_SIZE];

	assert_int_equal(seal_derive_key(got, "", (size_t)INT_MAX + 1), KT_EINVAL);
}

/* --- vectors --- */

static void expect_hex(const struct vec_record *r, const char *field, const uint8_t *got)
{
	struct vec_bytes b = vec_hex(r, field);

	assert_true(b.n > 0);
	assert_memory_equal(got, b.p, b.n);
	vec_bytes_free(&b);
}

static void check_salsa_stream(const struct vec_record *r, struct seal *s)
{
	struct vec_bytes nonce = vec_hex(r, "salsa_nonce");
	uint8_t stream[64] = { 0 };

	salsa20_set_nonce(&s->salsa20.cipher, nonce.p);
	salsa20_crypt(&s->salsa20.cipher, sizeof(stream), stream, stream);
	expect_hex(r, "salsa_ks", stream);
	vec_bytes_free(&nonce);
}

static void check_method(const struct vec_record *r)
{
	struct seal *s = make_named(vec_text(r, "method"), pass);
	uint8_t block[16] = { 0 };
	char hex[65];

	if (s == NULL)
		return;
	assert_int_equal(s->method->impl->key_size, vec_number(r, "keylen"));
	if (vec_find(r, "ks0") != NULL) {
		assert_int_equal(s->method->impl->block_size, vec_number(r, "block"));
		expect_hex(r, "ks0", s->cfb.first);
		assert_true(s->cfb.block.encrypt(&s->cfb.block, block, block, s->cfb.block.size));
		expect_hex(r, "e_zero", block);
	} else if (vec_find(r, "salsa_ks") != NULL) {
		check_salsa_stream(r, s);
	} else if (vec_find(r, "xor_prefix") != NULL) {
		expect_hex(r, "xor_prefix", s->xor_table);
		vec_sha256(s->xor_table, sizeof(s->xor_table), hex);
		assert_string_equal(hex, vec_text(r, "xor_sha256"));
	}
	seal_free(s);
}

static void keys_and_key_streams_are_those_of_the_vectors(void **state)
{
	struct vec_file *f = vec_open("crypt.txt");
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		if (strcmp(f->records[i].kind, "method") != 0)
			continue;
		check_method(&f->records[i]);
		seen++;
	}
	assert_int_equal(seen, 15);
	vec_close(f);
}

static struct vec_bytes find_payload(const struct vec_file *f, const char *id)
{
	for (size_t i = 0; i < f->record_count; i++)
		if (strcmp(f->records[i].kind, "payload") == 0 &&
		    strcmp(vec_text(&f->records[i], "id"), id) == 0)
			return vec_hex(&f->records[i], "data");
	fail_msg("no payload %s", id);
	return (struct vec_bytes){ NULL, 0 };
}

static void expect_wire(const struct vec_record *r, const struct packet *p)
{
	struct vec_bytes wire;
	char hex[65];

	if (vec_find(r, "wire") == NULL) {
		assert_int_equal(p->len, vec_number(r, "wire_len"));
		vec_sha256(p->data, p->len, hex);
		assert_string_equal(hex, vec_text(r, "wire_sha256"));
		return;
	}
	wire = vec_hex(r, "wire");
	assert_int_equal(p->len, wire.n);
	if (wire.n > 0)
		assert_memory_equal(p->data, wire.p, wire.n);
	vec_bytes_free(&wire);
}

static void check_sealed(const struct vec_file *f, const struct vec_record *r)
{
	bool deliver = strcmp(vec_text(r, "deliver"), "yes") == 0;
	struct vec_bytes payload = find_payload(f, vec_text(r, "payload"));
	struct vec_bytes nonce = vec_hex(r, "nonce");
	struct seal *s = make_named(vec_text(r, "method"),
				    vec_number(r, "keyset") == 0 ? pass : empty_pass);
	struct packet p;

	if (s != NULL) {
		p = payload_packet(s->method, payload.p, payload.n);
		force_nonce(s, nonce.p, nonce.n);
		seal_batch(s, &p, 1);
		expect_wire(r, &p);
		assert_int_equal(seal_open_batch(s, &p, 1), deliver);
		assert_int_equal(p.bad, !deliver);
		if (deliver) {
			assert_int_equal(p.len, payload.n);
			assert_memory_equal(p.data, payload.p, payload.n);
		}
		free(p.mem);
	}
	seal_free(s);
	vec_bytes_free(&payload);
	vec_bytes_free(&nonce);
}

static size_t check_sealed_in(const char *name)
{
	struct vec_file *f = vec_open(name);
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		if (strcmp(f->records[i].kind, "seal") != 0)
			continue;
		check_sealed(f, &f->records[i]);
		seen++;
	}
	vec_close(f);
	return seen;
}

static void sealed_packets_are_those_of_the_vectors(void **state)
{
	assert_true(check_sealed_in("crypt.txt") > 100);
}

static void sealed_large_packets_are_those_of_the_vectors(void **state)
{
	assert_true(check_sealed_in("crypt_large.txt") > 40);
}

static void check_opened(const struct vec_record *r)
{
	bool accept = strcmp(vec_text(r, "expect"), "accept") == 0;
	struct seal *s = make_named(vec_text(r, "method"), pass);
	struct vec_bytes wire = vec_hex(r, "wire");
	struct packet p = datagram_packet(wire.p, wire.n);

	if (s != NULL) {
		if (seal_open_batch(s, &p, 1) != accept)
			fail_msg("%s, %s", vec_text(r, "method"), vec_text(r, "name"));
		if (accept)
			expect_hex(r, "payload", p.data);
	}
	free(p.mem);
	vec_bytes_free(&wire);
	seal_free(s);
}

static void good_and_tampered_datagrams_are_judged_as_in_the_vectors(void **state)
{
	struct vec_file *f = vec_open("crypt.txt");
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		if (strcmp(f->records[i].kind, "open") != 0)
			continue;
		check_opened(&f->records[i]);
		seen++;
	}
	assert_true(seen >= 200);
	vec_close(f);
}

static void check_capture(const char *name)
{
	struct vec_file *f = vec_open(name);
	struct vec_bytes password = vec_hex(&f->records[0], "password");
	uint8_t key[SEAL_KEY_SIZE];
	struct seal *s;
	size_t seen = 0;

	assert_int_equal(seal_derive_key(key, password.p, password.n), KT_OK);
	s = make_named(vec_text(&f->records[0], "crypt"), key);
	for (size_t i = 0; i < f->record_count; i++) {
		struct vec_bytes data;

		if (strcmp(f->records[i].kind, "udp") != 0)
			continue;
		data = vec_hex(&f->records[i], "data");
		assert_true(opens(s, data.p, data.n));
		vec_bytes_free(&data);
		seen++;
	}
	assert_true(seen > 20);
	vec_bytes_free(&password);
	seal_free(s);
	vec_close(f);
}

static void every_datagram_of_the_captured_sessions_opens(void **state)
{
	/* clang-format off */
	static const char *const names[] = {
		"session_aes_fec_smux1_comp.txt", "session_aes_fec_smux2_comp.txt",
		"session_aes_nofec_smux2_nocomp.txt", "session_debian2021_aes_fec_smux1_comp.txt",
		"session_gcm_fec_smux2_nocomp.txt", "session_loss_aes_fec_smux2_comp.txt",
		"session_mixed_client2026_server2021_tea_fec_smux2_comp.txt",
		"session_null_nofec_smux2_nocomp.txt", "session_salsa20_fec_smux2_comp_qpp.txt",
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_capture(names[i]);
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

/* --- hostile datagrams --- */

/* A datagram of a 100-byte payload. */
static size_t make_datagram(struct seal *s, uint8_t out[static 128])
{
	uint8_t text[100];
	struct packet p;
	size_t len;

	fill(text, sizeof(text), 3);
	p = payload_packet(s->method, text, sizeof(text));
	seal_batch(s, &p, 1);
	len = p.len;
	assert_true(len <= 128);
	memcpy(out, p.data, len);
	free(p.mem);
	return len;
}

/* Which bytes a change of goes unnoticed: parts of the nonce that reach neither
 * checksum nor payload (protocol section 8, item 2). */
static bool unprotected(const struct seal_method *m, size_t at)
{
	if (m->impl->ops == &seal_null_ops)
		return true;
	if (m->impl->ops == &seal_aead_ops)
		return false;
	if (m->impl->ops == &seal_cfb_ops)
		return m->impl->block_size == 8 && at < 8;
	if (m->impl->ops == &seal_salsa20_ops)
		return at >= 8 && at < 16;
	return at < 16;
}

static void check_tampering(struct seal *s)
{
	uint8_t d[128];
	size_t len = make_datagram(s, d);

	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			d[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(opens(s, d, len), unprotected(s->method, i));
			d[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(opens(s, d, len));
}

static void a_change_of_any_bit_is_noticed_except_in_idle_nonce_bytes(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);

		if (s == NULL)
			continue;
		check_tampering(s);
		seal_free(s);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* Of a copy, which must open. */
static size_t identity_of(struct seal *s, const uint8_t *data, size_t len, uint8_t *id)
{
	struct packet p = datagram_packet(data, len);
	size_t n;

	assert_int_equal(seal_open_batch(s, &p, 1), 1);
	n = seal_identity(s, &p, id);
	assert_true(n <= SEAL_IDENTITY_MAX);
	free(p.mem);
	return n;
}

/* Whoever changes a datagram so that it still opens has not made another one of it. */
static void check_identity_holds(struct seal *s)
{
	uint8_t d[128], id[SEAL_IDENTITY_MAX], other[SEAL_IDENTITY_MAX];
	size_t len = make_datagram(s, d), n = identity_of(s, d, len, id);
	bool weak = s->method->impl->ops == &seal_xor_ops || s->method->impl->ops == &seal_none_ops;

	assert_true(n >= 8);
	for (size_t i = 0; i < SEAL_NONCE_SIZE && !weak; i++) {
		if (!unprotected(s->method, i))
			continue;
		d[i] ^= 0x55;
		assert_int_equal(identity_of(s, d, len, other), n);
		assert_memory_equal(id, other, n);
	}
	for (int i = 0; i < 100; i++) {
		len = make_datagram(s, d);
		assert_int_equal(identity_of(s, d, len, other), n);
		assert_memory_not_equal(id, other, n);
	}
}

static void an_identity_is_one_datagrams_whatever_is_done_to_it(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);
		uint8_t id[SEAL_IDENTITY_MAX], d[128];

		if (s == NULL)
			continue;
		if (s->method->head > 0)
			check_identity_holds(s);
		else
			assert_int_equal(identity_of(s, d, make_datagram(s, d), id), 0);
		seal_free(s);
	}
}

static void every_truncation_is_bad(void **state)
{
	uint8_t d[128];

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m);
		size_t len;

		if (s == NULL)
			continue;
		len = make_datagram(s, d);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(opens(s, d, n), overhead(m) == 0 && n >= SEAL_PAYLOAD_MIN);
		seal_free(s);
	}
}

static void another_key_opens_nothing(void **state)
{
	uint8_t d[128];

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m), *other;
		size_t len;

		if (s == NULL)
			continue;
		other = make_with(m, empty_pass, seed);
		len = make_datagram(s, d);
		assert_int_equal(opens(other, d, len), m->impl->key_size == 0);
		seal_free(other);
		seal_free(s);
	}
}

static void datagrams_above_the_largest_are_bad_and_the_largest_opens(void **state)
{
	static const size_t lens[] = { 1501, 1502, 1516, 1600, 2048, 65535 };
	uint8_t *zeros = calloc(1, 65535);

	assert_non_null(zeros);
	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m);
		struct packet p;

		if (s == NULL)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(lens); k++)
			assert_false(opens(s, zeros, lens[k]));
		p = payload_packet(m, zeros, PACKET_MTU_MAX - overhead(m));
		seal_batch(s, &p, 1);
		assert_int_equal(p.len, PACKET_MTU_MAX);
		assert_int_equal(seal_open_batch(s, &p, 1), 1);
		free(p.mem);
		seal_free(s);
	}
	free(zeros);
}

/* Every third is marked bad before, every third is damaged, the rest must open. */
static void check_mixture(struct seal *s)
{
	struct packet p[70];
	uint8_t d[128], original[128];
	size_t len = make_datagram(s, original), expected = 0;

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		memcpy(d, original, len);
		if (i % 3 == 1)
			d[len - 1] ^= 1;
		p[i] = datagram_packet(d, len);
		p[i].bad = i % 3 == 0;
		expected += i % 3 == 2 || (i % 3 == 1 && overhead(s->method) == 0);
	}
	assert_int_equal(seal_open_batch(s, p, ARRAY_LEN(p)), expected);
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		assert_int_equal(p[i].bad, i % 3 == 0 || (i % 3 == 1 && overhead(s->method) > 0));
		if (i % 3 == 0) {
			assert_ptr_equal(p[i].data, p[i].mem);
			assert_int_equal(p[i].len, len);
			assert_memory_equal(p[i].data, original, len);
		} else if (i % 3 == 2) {
			assert_int_equal(p[i].len, 100);
		}
		free(p[i].mem);
	}
}

static void bad_packets_are_left_alone_and_spoil_no_others(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);

		if (s == NULL)
			continue;
		check_mixture(s);
		seal_free(s);
	}
}

static void random_datagrams_do_not_open(void **state)
{
	uint8_t d[PACKET_MTU_MAX];

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m);
		uint32_t x = 11;

		if (s == NULL)
			continue;
		for (unsigned k = 0; k < 100; k++) {
			size_t len = draw(&x) % (sizeof(d) + 1);

			fill(d, len, x);
			assert_int_equal(opens(s, d, len),
					 overhead(m) == 0 && len >= SEAL_PAYLOAD_MIN);
		}
		seal_free(s);
	}
}

/* --- nonces --- */

enum { NONCE_COUNT = 100000, NONCE_STEP = 500 };

/* Collect the nonces of NONCE_COUNT empty datagrams, `size` bytes each. */
static uint8_t *collect_nonces(struct seal *s, size_t size)
{
	uint8_t *all = calloc(NONCE_COUNT, size), mem[NONCE_STEP][64];
	struct packet p[NONCE_STEP];

	assert_non_null(all);
	for (size_t i = 0; i < NONCE_COUNT; i += NONCE_STEP) {
		for (size_t k = 0; k < NONCE_STEP; k++)
			p[k] = (struct packet){ .data = mem[k] + SEAL_HEAD_MAX };
		seal_batch(s, p, NONCE_STEP);
		for (size_t k = 0; k < NONCE_STEP; k++)
			memcpy(all + (i + k) * size, p[k].data, size);
	}
	return all;
}

static int compare_12(const void *a, const void *b)
{
	return memcmp(a, b, 12);
}

static void check_nonces_differ(const char *name, size_t size)
{
	struct seal *s = make_named(name, pass);
	uint8_t *all = collect_nonces(s, size);

	/* The first 12 bytes are all that an AEAD takes; those of the others differ too. */
	qsort(all, NONCE_COUNT, size, compare_12);
	for (size_t i = 1; i < NONCE_COUNT; i++)
		assert_true(memcmp(all + (i - 1) * size, all + i * size, 12) != 0);
	free(all);
	seal_free(s);
}

static void a_hundred_thousand_nonces_all_differ(void **state)
{
	check_nonces_differ("none", 16);
	check_nonces_differ("aes-256-gcm", 12);
	check_nonces_differ("chacha20-poly1305", 12);
}

/* Six standard deviations of an honest coin. */
static void check_balance(const uint8_t *all, size_t size, size_t count)
{
	for (size_t bit = 0; bit < 8 * size; bit++) {
		size_t ones = 0;

		for (size_t i = 0; i < count; i++)
			ones += all[i * size + bit / 8] >> bit % 8 & 1;
		assert_in_range(ones, count / 2 - 1000, count / 2 + 1000);
	}
}

static void check_nonce_bits(const char *name, size_t size)
{
	struct seal *s = make_named(name, pass);
	uint8_t *all = collect_nonces(s, size);

	check_balance(all, size, NONCE_COUNT);
	/* What is counted differs from the one before in few bits; a nonce in half of them. */
	for (size_t i = 0; i < (NONCE_COUNT - 1) * size; i++)
		all[i] ^= all[i + size];
	check_balance(all, size, NONCE_COUNT - 1);
	free(all);
	seal_free(s);
}

static void nonce_bits_are_balanced(void **state)
{
	check_nonce_bits("none", 16);
	check_nonce_bits("salsa20", 16);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = load_le64(a), y = load_le64(b);

	return (x > y) - (x < y);
}

/* The first 8 bytes, which choose the key stream, of four million datagrams, with reseeds between. */
static void a_nonce_of_salsa20_never_comes_again(void **state)
{
	enum { PARTS = 42 };
	struct seal *s = make_named("salsa20", pass);
	uint8_t *all = malloc((size_t)PARTS * NONCE_COUNT * 8);
	uint8_t more[SEAL_SEED_SIZE] = { 7 };

	assert_true((size_t)PARTS * NONCE_COUNT > 1 << 22);
	assert_non_null(all);
	for (size_t i = 0; i < PARTS; i++) {
		uint8_t *part = collect_nonces(s, 8);

		memcpy(all + i * NONCE_COUNT * 8, part, NONCE_COUNT * 8);
		free(part);
		more[0] = (uint8_t)i;
		seal_reseed(s, more);
	}
	qsort(all, (size_t)PARTS * NONCE_COUNT, 8, compare_u64);
	for (size_t i = 1; i < (size_t)PARTS * NONCE_COUNT; i++)
		assert_int_not_equal(load_le64(all + (i - 1) * 8), load_le64(all + i * 8));
	free(all);
	seal_free(s);
}

/* Wherever two begin: so they have one in common only where their stretches overlap. */
static void unique_nonces_of_one_key_have_one_order(void **state)
{
	const uint8_t at_end[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t at_start[8] = { 0 }, at_1[8] = { 1 };
	struct seal_unique a, b, c;

	assert_int_equal(seal_unique_init(&a, pass, at_end), KT_OK);
	assert_int_equal(seal_unique_init(&b, pass, at_start), KT_OK);
	assert_int_equal(seal_unique_init(&c, empty_pass, at_1), KT_OK);
	seal_unique_draw(&a); /* the last before the numbers begin again */
	for (int i = 0; i < 1000; i++) {
		uint8_t nonce[8];

		memcpy(nonce, seal_unique_draw(&a), 8);
		assert_memory_equal(nonce, seal_unique_draw(&b), 8);
		assert_memory_not_equal(nonce, seal_unique_draw(&c), 8);
	}
	seal_unique_dispose(&a);
	seal_unique_dispose(&b);
	seal_unique_dispose(&c);
}

static void seeds_choose_where_salsa20_begins(void **state)
{
	const uint8_t other_seed[SEAL_SEED_SIZE] = { 1, 2, 4 };
	struct seal *a = make_named("salsa20", pass);
	struct seal *b = make_with(seal_method_find("salsa20"), pass, other_seed);
	uint64_t apart = a->salsa20.nonces.next - b->salsa20.nonces.next;

	assert_in_range(apart, UINT64_C(1) << 48, UINT64_MAX - (UINT64_C(1) << 48));
	seal_free(a);
	seal_free(b);
}

static void a_fresh_seed_is_wanted_after_2_to_the_20_datagrams(void **state)
{
	struct seal *s = make_named("none", pass), *twin = make_named("none", pass);
	const uint8_t more[SEAL_SEED_SIZE] = { 9 };
	uint8_t d[128], e[128];

	assert_false(seal_wants_seed(s));
	for (size_t i = 1; i < 1 << 20; i++)
		assert_non_null(seal_nonces_draw(&s->nonces));
	assert_false(seal_wants_seed(s));
	make_datagram(s, d);
	assert_true(seal_wants_seed(s));
	make_datagram(s, e); /* goes on without */
	assert_memory_not_equal(d, e, 16);
	assert_true(seal_wants_seed(s));
	seal_reseed(s, more);
	assert_false(seal_wants_seed(s));
	make_datagram(s, d);
	assert_memory_not_equal(d, e, 16);
	seal_free(twin);
	seal_free(s);
}

static void equal_seeds_give_equal_datagrams_and_a_reseed_parts_them(void **state)
{
	const uint8_t other_seed[SEAL_SEED_SIZE] = { 1, 2, 4 };
	struct seal *a = make_named("none", pass), *b = make_named("none", pass);
	struct seal *c = make_with(seal_method_find("none"), pass, other_seed);
	uint8_t d[128], e[128];
	size_t len;

	for (int i = 0; i < 600; i++) { /* beyond two refills */
		len = make_datagram(a, d);
		assert_int_equal(make_datagram(b, e), len);
		assert_memory_equal(d, e, len);
		make_datagram(c, e);
		assert_memory_not_equal(d, e, 16);
	}
	seal_reseed(a, other_seed);
	make_datagram(a, d);
	make_datagram(b, e);
	assert_memory_not_equal(d, e, 16);
	seal_free(a);
	a = make_with(seal_method_find("none"), pass, other_seed);
	make_datagram(a, e);
	assert_memory_not_equal(d, e, 16); /* a reseeded one keeps its past */
	seal_free(a);
	seal_free(b);
	seal_free(c);
}

/* The last 16 bytes of the seed are the counter, the first 32 the key: all count. */
static void every_byte_of_the_seed_counts(void **state)
{
	struct seal *s = make_named("none", pass);
	uint8_t d[128], e[128];

	make_datagram(s, d);
	for (size_t i = 0; i < SEAL_SEED_SIZE; i++) {
		uint8_t other[SEAL_SEED_SIZE];
		struct seal *t;

		memcpy(other, seed, sizeof(other));
		other[i] ^= 0x10;
		t = make_with(seal_method_find("none"), pass, other);
		make_datagram(t, e);
		assert_memory_not_equal(d, e, 16);
		seal_free(t);
	}
	seal_free(s);
}

/* --- libcrypto's failures --- */

static void a_missing_legacy_provider_is_told_and_harms_no_other_method(void **state)
{
	assert_int_equal(setenv("OPENSSL_MODULES", "/nonexistent", 1), 0);
	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		bool legacy = strcmp(m->name, "blowfish") == 0 || strcmp(m->name, "cast5") == 0;
		int err = 99;
		struct seal *s = seal_new(m, pass, seed, &err);

		assert_int_equal(err, legacy ? KT_ENOSUP : KT_OK);
		assert_int_equal(s == NULL, legacy);
		if (legacy)
			assert_non_null(strstr(seal_missing(m), "legacy provider"));
		seal_free(s);
		assert_null(legacy ? seal_new(m, pass, seed, NULL) : NULL);
	}
	assert_int_equal(ERR_peek_error(), 0);
	unsetenv("OPENSSL_MODULES");
}

static void the_legacy_provider_stays_out_of_the_default_context(void **state)
{
	struct seal *s = make_named("blowfish", pass);

	assert_false(OSSL_PROVIDER_available(NULL, "legacy"));
	if (s != NULL)
		assert_true(OSSL_PROVIDER_available(s->cfb.block.library, "legacy"));
	seal_free(s);
}

/* What an EVP context does when libcrypto runs out of memory: refuse. */
static void break_ctx(EVP_CIPHER_CTX *ctx)
{
	assert_true(EVP_CIPHER_CTX_reset(ctx));
}

static void expect_nothing_leaves(struct seal *s)
{
	struct packet p[3];
	uint8_t text[50] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = payload_packet(s->method, text, sizeof(text));
	seal_batch(s, p, ARRAY_LEN(p));
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		assert_int_equal(p[i].len, 0);
		assert_true(p[i].bad);
		free(p[i].mem);
	}
}

static void no_datagram_leaves_in_clear_when_libcrypto_fails(void **state)
{
	struct seal *s = make_named("aes", pass);
	uint8_t d[128];
	size_t len = make_datagram(s, d);

	break_ctx(s->cfb.block.evp);
	expect_nothing_leaves(s);
	assert_false(opens(s, d, len));
	seal_free(s);

	s = make_named("aes-128-gcm", pass);
	len = make_datagram(s, d);
	break_ctx(s->aead.seal);
	expect_nothing_leaves(s);
	assert_true(opens(s, d, len));
	break_ctx(s->aead.open);
	assert_false(opens(s, d, len));
	seal_free(s);
	ERR_clear_error();
}

static void no_datagram_leaves_without_a_nonce(void **state)
{
	static const char *const names[] = { "aes", "salsa20", "xor", "none", "aes-256-gcm" };
	struct seal *salsa20 = make_named("salsa20", pass);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct seal *s = make_named(names[i], pass);

		break_ctx(s->nonces.ctx);
		s->nonces.used = SEAL_NONCE_COUNT; /* salsa20 began with one */
		expect_nothing_leaves(s);
		seal_free(s);
	}
	break_ctx(salsa20->salsa20.nonces.ctx);
	expect_nothing_leaves(salsa20);
	seal_free(salsa20);
	ERR_clear_error();
}

static void freeing_nothing_is_fine(void **state)
{
	seal_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_has_each_method_once_with_its_overhead),
		cmocka_unit_test(unknown_names_are_not_taken_for_a_method),
		cmocka_unit_test(keys_are_derived_as_in_the_vectors),
		cmocka_unit_test(a_key_too_long_for_libcrypto_is_an_error),
		cmocka_unit_test(keys_and_key_streams_are_those_of_the_vectors),
		cmocka_unit_test(sealed_packets_are_those_of_the_vectors),
		cmocka_unit_test(sealed_large_packets_are_those_of_the_vectors),
		cmocka_unit_test(good_and_tampered_datagrams_are_judged_as_in_the_vectors),
		cmocka_unit_test(every_datagram_of_the_captured_sessions_opens),
		cmocka_unit_test(every_length_seals_as_the_reference_and_opens),
		cmocka_unit_test(batches_of_1_to_130_packets_of_mixed_lengths_seal_as_the_reference),
		cmocka_unit_test(batches_of_one_length_seal_as_the_reference),
		cmocka_unit_test(an_empty_batch_is_nothing),
		cmocka_unit_test(a_change_of_any_bit_is_noticed_except_in_idle_nonce_bytes),
		cmocka_unit_test(an_identity_is_one_datagrams_whatever_is_done_to_it),
		cmocka_unit_test(every_truncation_is_bad),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(datagrams_above_the_largest_are_bad_and_the_largest_opens),
		cmocka_unit_test(bad_packets_are_left_alone_and_spoil_no_others),
		cmocka_unit_test(random_datagrams_do_not_open),
		cmocka_unit_test(a_hundred_thousand_nonces_all_differ),
		cmocka_unit_test(nonce_bits_are_balanced),
		cmocka_unit_test(a_nonce_of_salsa20_never_comes_again),
		cmocka_unit_test(unique_nonces_of_one_key_have_one_order),
		cmocka_unit_test(seeds_choose_where_salsa20_begins),
		cmocka_unit_test(a_fresh_seed_is_wanted_after_2_to_the_20_datagrams),
		cmocka_unit_test(equal_seeds_give_equal_datagrams_and_a_reseed_parts_them),
		cmocka_unit_test(every_byte_of_the_seed_counts),
		cmocka_unit_test(a_missing_legacy_provider_is_told_and_harms_no_other_method),
		cmocka_unit_test(the_legacy_provider_stays_out_of_the_default_context),
		cmocka_unit_test(no_datagram_leaves_in_clear_when_libcrypto_fails),
		cmocka_unit_test(no_datagram_leaves_without_a_nonce),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, derive_keys, NULL);
}
