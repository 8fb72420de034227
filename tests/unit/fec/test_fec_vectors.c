/* test_fec_vectors.c - the encoder and the decoder against the vectors. */
#include "fec_bed.h"

/* ---- encoder against the vectors ---- */

enum settling { SETTLE_ALWAYS, SETTLE_BETWEEN_SETS, SETTLE_SOMETIMES };

static void assert_packet(const struct packet *pkt, struct vec_bytes want)
{
	assert_bytes((struct view){ pkt->data, pkt->len }, want.p, want.n);
}

/* One `enc` record; what the batch gained must be exactly what the record says. */
static void encode_record(struct fec_enc *e, struct batch *b, const struct vec_record *r)
{
	struct vec_bytes payload = vec_hex(r, "payload"), data = vec_hex(r, "data");
	size_t nparity = (size_t)vec_number(r, "nparity"), index = b->count;
	struct packet *pkt = batch_add(b);

	assert_non_null(pkt);
	memcpy(pkt->data, payload.p, payload.n);
	pkt->len = payload.n;
	pkt->path = r;
	assert_int_equal(fec_enc_add(e, vec_number(r, "t_ms") * 1000, b, index), nparity);
	assert_int_equal(b->count, index + 1 + nparity);
	assert_packet(&b->v[index], data);
	for (unsigned k = 0; k < nparity; k++) {
		struct vec_bytes parity = vec_hex_text(vec_numbered(r, "parity", k));

		assert_packet(&b->v[index + 1 + k], parity);
		assert_ptr_equal(b->v[index + 1 + k].path, r);
		vec_bytes_free(&parity);
	}
	vec_bytes_free(&payload);
	vec_bytes_free(&data);
}

static bool settle_now(enum settling how, const struct vec_record *r, size_t index)
{
	uint64_t n = vec_number(r, "ds") + vec_number(r, "ps");

	if (how == SETTLE_ALWAYS)
		return true;
	if (how == SETTLE_BETWEEN_SETS)
		return vec_number(r, "next") % n == 0;
	return index % 7 == 3;
}

static void encode_all_records(enum settling how)
{
	struct vec_file *f = vec_open("fec.txt");
	struct packet_pool pool;
	struct batch *b = malloc(sizeof(*b));
	struct fec_enc *e = NULL;
	unsigned checked = 0;

	assert_non_null(b);
	packet_pool_init(&pool);
	batch_init(b, &pool);
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];

		if (strcmp(r->kind, "enc") != 0)
			continue;
		if (vec_find(r, "start") != NULL) {
			fec_enc_free(e);
			batch_clear(b);
			e = fec_enc_new((unsigned)vec_number(r, "ds"),
					(unsigned)vec_number(r, "ps"), PAYLOAD_MAX);
			assert_non_null(e);
			fec_enc_set_seqid(e, (uint32_t)vec_number(r, "start"));
		}
		encode_record(e, b, r);
		if (settle_now(how, r, i)) {
			fec_enc_settle(e);
			for (size_t k = 0; k < b->count; k++) /* nothing may be read from there now */
				memset(b->v[k].mem, 0xee, PACKET_CAP);
			batch_clear(b);
		}
		checked++;
	}
	assert_int_equal(checked, 155);
	fec_enc_free(e);
	batch_clear(b);
	packet_pool_dispose(&pool);
	free(b);
	vec_close(f);
}

static void encodes_as_the_reference_does_with_a_flush_after_each_packet(void **state)
{
	encode_all_records(SETTLE_ALWAYS);
}

static void encodes_as_the_reference_does_with_whole_sets_in_a_batch(void **state)
{
	encode_all_records(SETTLE_BETWEEN_SETS);
}

static void encodes_as_the_reference_does_with_flushes_within_sets(void **state)
{
	encode_all_records(SETTLE_SOMETIMES);
}

/* ---- decoder against the vectors ---- */

/* The packet `seqid` of an encoder run. */
static struct vec_bytes packet_of_run(const struct vec_file *f, const char *session, uint32_t seqid)
{
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		struct vec_bytes b;

		if (strcmp(r->kind, "enc") != 0 || strcmp(vec_text(r, "session"), session) != 0)
			continue;
		b = vec_hex(r, "data");
		if (load_le32(b.p) == seqid)
			return b;
		vec_bytes_free(&b);
		for (unsigned k = 0; k < vec_number(r, "nparity"); k++) {
			b = vec_hex_text(vec_numbered(r, "parity", k));
			if (load_le32(b.p) == seqid)
				return b;
			vec_bytes_free(&b);
		}
	}
	fail_msg("no packet %u in %s", seqid, session);
	return (struct vec_bytes){ NULL, 0 };
}

static void run_parameters(const struct vec_file *f, const char *session, unsigned *ds, unsigned *ps)
{
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];

		if (strcmp(r->kind, "enc") != 0 || strcmp(vec_text(r, "session"), session) != 0)
			continue;
		*ds = (unsigned)vec_number(r, "ds");
		*ps = (unsigned)vec_number(r, "ps");
		return;
	}
	fail();
}

/* Check what came out of input `index` against the records rec[*next] .. that name it;
 * a repeat is not asked of us. */
static void check_recovered(struct fec_dec *d, const struct vec_record *r, unsigned index,
			    int announced, unsigned *next)
{
	const char *text;
	int n = 0;

	while ((text = vec_numbered(r, "rec", *next)) != NULL) {
		char *rest, *hex;
		struct vec_bytes want;
		struct view got;

		if (strtoul(text, &rest, 10) != index)
			break;
		++*next;
		if (strstr(rest, "repeat") != NULL)
			continue;
		strtoul(rest, &rest, 10);
		hex = strdup(rest + 1);
		assert_non_null(hex);
		want = vec_hex_text(hex);
		free(hex);
		assert_true(fec_dec_next(d, &got));
		assert_bytes(got, want.p, want.n);
		vec_bytes_free(&want);
		n++;
	}
	assert_int_equal(n, announced);
}

static void decode_record(const struct vec_file *f, const struct vec_record *r)
{
	const char *session = vec_text(r, "session");
	const char *rx = vec_text(r, "rx");
	unsigned ds = 0, ps = 0, next = 0;
	struct fec_dec *d;
	struct view v;

	run_parameters(f, session, &ds, &ps);
	d = fec_dec_new(ds, ps, PAYLOAD_MAX);
	assert_non_null(d);
	for (unsigned index = 0; *rx != '\0'; index++) {
		char *end;
		struct vec_bytes b = packet_of_run(f, session, (uint32_t)strtoul(rx, &end, 10));
		int n = fec_dec_input(d, (struct view){ b.p, b.n });

		fec_dec_verify(d);
		vec_bytes_free(&b); /* it was borrowed for the call only */
		assert_true(n >= 0);
		check_recovered(d, r, index, n, &next);
		assert_false(fec_dec_next(d, &v));
		rx = end;
	}
	assert_int_equal(next, vec_number(r, "nrec"));
	assert_int_equal(fec_dec_stats(d)->errors, 0);
	assert_int_equal(fec_dec_stats(d)->recovered, vec_number(r, "nrec") - vec_number(r, "extra"));
	assert_params(d, ds, ps);
	fec_dec_free(d);
}

static void recovers_what_the_reference_recovers(void **state)
{
	struct vec_file *f = vec_open("fec.txt");
	unsigned checked = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		if (strcmp(f->records[i].kind, "dec") != 0)
			continue;
		decode_record(f, &f->records[i]);
		checked++;
	}
	assert_int_equal(checked, 43);
	vec_close(f);
}

/* Feed the field `name`, if there is one; the last result. */
static int input_field(struct fec_dec *d, const struct vec_record *r, const char *name)
{
	struct vec_bytes b;
	int n;

	if (vec_find(r, name) == NULL)
		return 0;
	b = vec_hex(r, name);
	n = fec_dec_input(d, (struct view){ b.p, b.n });
	vec_bytes_free(&b);
	fec_dec_verify(d);
	return n;
}

static void bad_packets_have_no_effect(void **state)
{
	struct vec_file *f = vec_open("fec.txt");
	unsigned checked = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		bool rebuilds = vec_find(r, "before") != NULL;
		struct fec_dec *d;
		struct view v;

		if (strcmp(r->kind, "bad") != 0)
			continue;
		d = rebuilds ? fec_dec_new(2, 1, PAYLOAD_MAX) : fec_dec_new(10, 3, PAYLOAD_MAX);
		assert_int_equal(input_field(d, r, "before"), 0);
		assert_int_equal(input_field(d, r, "packet"), rebuilds ? 0 : KT_EPROTO);
		assert_false(fec_dec_next(d, &v));
		assert_int_equal(fec_dec_stats(d)->errors, 1);
		assert_int_equal(fec_dec_stats(d)->recovered, 0);
		assert_int_equal(fec_dec_stats(d)->sets_held, 0);
		fec_dec_free(d);
		checked++;
	}
	assert_int_equal(checked, 3);
	vec_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_as_the_reference_does_with_a_flush_after_each_packet),
		cmocka_unit_test(encodes_as_the_reference_does_with_whole_sets_in_a_batch),
		cmocka_unit_test(encodes_as_the_reference_does_with_flushes_within_sets),
		cmocka_unit_test(recovers_what_the_reference_recovers),
		cmocka_unit_test(bad_packets_have_no_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
