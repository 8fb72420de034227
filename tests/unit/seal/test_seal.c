/* test_seal.c - the table of methods, the key, and every method against the vectors. */
#include "seal_bed.h"

#include "vectors.h"

#include <limits.h>

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

static void force_nonce(struct seal *s, const uint8_t *nonce, size_t len)
{
	s->nonces.used = 0;
	memcpy(s->nonces.pool[0], nonce, len);
	if (s->method->impl->ops != &seal_salsa20_ops)
		return;
	s->salsa20.nonces.used = 0;
	memcpy(s->salsa20.nonces.pool[0], nonce, SEAL_UNIQUE_SIZE);
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
	};

	return cmocka_run_group_tests(tests, derive_keys, no_error_of_libcrypto_is_left);
}
