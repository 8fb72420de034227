/* test_fec.c - shards, parity, recovery and auto-tune. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "fec.h"
#include "vectors.h"

enum { PAYLOAD_MAX = 1400 };

/* ---- a sender whose packets can be lost ---- */

struct wire_packet {
	uint8_t bytes[1500];
	size_t len;
};

struct sender {
	struct fec_enc *enc;
	struct packet_pool pool;
	struct batch batch;
	unsigned ds, ps;
	uint64_t now_us;
	uint64_t rng;
	struct wire_packet set[FEC_SHARDS_MAX]; /* the set made last */
};

static uint32_t draw(uint64_t *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return (uint32_t)(*rng >> 32);
}

static bool chance(uint64_t *rng, unsigned percent)
{
	return draw(rng) % 100 < percent;
}

static struct sender *sender_new(unsigned ds, unsigned ps, uint32_t seqid)
{
	struct sender *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->ds = ds;
	s->ps = ps;
	s->rng = 88172645463325252u + ds * 1000u + ps;
	s->enc = fec_enc_new(ds, ps, PAYLOAD_MAX);
	assert_non_null(s->enc);
	fec_enc_set_seqid(s->enc, seqid);
	packet_pool_init(&s->pool);
	batch_init(&s->batch, &s->pool);
	return s;
}

static void sender_free(struct sender *s)
{
	batch_clear(&s->batch);
	packet_pool_dispose(&s->pool);
	fec_enc_free(s->enc);
	free(s);
}

static void sender_put(struct sender *s, size_t len)
{
	struct packet *pkt = batch_add(&s->batch);

	assert_non_null(pkt);
	for (size_t i = 0; i < len; i++)
		pkt->data[i] = (uint8_t)draw(&s->rng);
	pkt->len = len;
}

/* Make one set of packets with payloads of 1 .. len_max bytes. */
static void sender_set(struct sender *s, size_t len_max)
{
	size_t made = 0;

	/* The first packet of all has none before it, so with ds == 1 no parity: see vectors. */
	for (unsigned i = 0; i < s->ds; i++) {
		sender_put(s, 1 + draw(&s->rng) % len_max);
		s->now_us += 1000;
		made = fec_enc_add(s->enc, s->now_us, &s->batch, s->batch.count - 1);
		assert_int_equal(made, i + 1 == s->ds && s->now_us > 1000 ? s->ps : 0);
		if (chance(&s->rng, 10))
			fec_enc_settle(s->enc);
	}
	for (size_t i = 0; i < FEC_SHARDS_MAX; i++)
		s->set[i].len = 0;
	for (size_t i = 0; i < s->batch.count; i++) {
		memcpy(s->set[i].bytes, s->batch.v[i].data, s->batch.v[i].len);
		s->set[i].len = s->batch.v[i].len;
	}
	fec_enc_settle(s->enc);
	batch_clear(&s->batch);
}

static struct view packet_view(const struct wire_packet *p)
{
	return (struct view){ p->bytes, p->len };
}

static struct view payload_view(const struct wire_packet *p)
{
	return (struct view){ p->bytes + FEC_HEADER_DATA, p->len - FEC_HEADER_DATA };
}

static int receive(struct fec_dec *d, const struct wire_packet *p)
{
	int n = fec_dec_input(d, packet_view(p));

	fec_dec_verify(d);
	return n;
}

/* A packet of no set: header and `len` bytes of shard. */
static struct wire_packet loose(uint32_t seqid, unsigned type, size_t size, size_t len)
{
	struct wire_packet p = { .len = FEC_HEADER + len };

	store_le32(p.bytes, seqid);
	store_le16(p.bytes + 4, (uint16_t)type);
	store_le16(p.bytes + 6, (uint16_t)size);
	return p;
}

static void assert_params(const struct fec_dec *d, unsigned ds, unsigned ps)
{
	unsigned got_ds, got_ps;

	fec_dec_params(d, &got_ds, &got_ps);
	assert_int_equal(got_ds, ds);
	assert_int_equal(got_ps, ps);
}

static void assert_bytes(struct view v, const uint8_t *p, size_t n)
{
	assert_int_equal(v.n, n);
	assert_memory_equal(v.p, p, n);
}

/* Which data shards of the sender's set does the receiver now have: directly or rebuilt? */
struct outcome {
	bool got[FEC_SHARDS_MAX];
	unsigned rebuilt;
};

static void note_rebuilt(struct fec_dec *d, const struct sender *s, int announced, struct outcome *o)
{
	unsigned last = 0;
	struct view v;
	int n = 0;

	while (fec_dec_next(d, &v)) {
		unsigned i = last;

		while (i < s->ds && (s->set[i].len != v.n + FEC_HEADER_DATA ||
				     memcmp(payload_view(&s->set[i]).p, v.p, v.n) != 0))
			i++;
		assert_true(i < s->ds); /* one of the set, and in order */
		assert_false(o->got[i]);
		o->got[i] = true;
		last = i + 1;
		n++;
	}
	assert_int_equal(n, announced);
	o->rebuilt += (unsigned)n;
}

static void shuffle(uint64_t *rng, uint8_t *v, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = draw(rng) % i;
		uint8_t x = v[i - 1];

		v[i - 1] = v[j];
		v[j] = x;
	}
}

/* The packets of the sender's set in random order, `lost` of them missing. */
static struct outcome deliver_set(struct fec_dec *d, struct sender *s, unsigned lost)
{
	struct outcome o = { .rebuilt = 0 };
	uint8_t order[FEC_SHARDS_MAX];
	unsigned n = s->ds + s->ps;

	for (unsigned i = 0; i < n; i++)
		order[i] = (uint8_t)i;
	shuffle(&s->rng, order, n);
	for (unsigned i = lost; i < n; i++) {
		const struct wire_packet *p = &s->set[order[i]];
		int r;

		if (p->len == 0)
			continue;
		r = receive(d, p);
		assert_true(r >= 0);
		/* Once enough was there, the rest is not needed: the order says which is new. */
		if (order[i] < s->ds && !o.got[order[i]])
			o.got[order[i]] = true;
		note_rebuilt(d, s, r, &o);
	}
	return o;
}

static void assert_all_got(const struct sender *s, const struct outcome *o)
{
	for (unsigned i = 0; i < s->ds; i++)
		assert_true(o->got[i]);
}

/* ---- coefficients ---- */

static void matrix_rows_are_those_of_the_wire(void **state)
{
	struct vec_file *f = vec_open("fec_matrix.txt");
	uint8_t *rows = malloc(255 * 255);
	unsigned checked = 0;

	assert_non_null(rows);
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		unsigned ds = (unsigned)vec_number(r, "ds"), ps = (unsigned)vec_number(r, "ps");

		if (ds + ps > FEC_SHARDS_MAX) {
			assert_int_equal(fec_matrix(ds, ps, rows), KT_EINVAL);
			continue;
		}
		assert_int_equal(fec_matrix(ds, ps, rows), KT_OK);
		for (unsigned k = 0; k < ps; k++) {
			struct vec_bytes want = vec_hex_text(vec_numbered(r, "row", k));

			assert_int_equal(want.n, ds);
			assert_memory_equal(rows + (size_t)k * ds, want.p, ds);
			vec_bytes_free(&want);
			checked++;
		}
	}
	assert_true(checked > 200);
	free(rows);
	vec_close(f);
}

static void refuses_impossible_numbers_of_shards(void **state)
{
	static const unsigned bad[][2] = {
		{ 0, 1 },   { 1, 0 },   { 255, 1 },        { 1, 255 },        { 128, 128 },
		{ 255, 0 }, { 0, 255 }, { UINT32_MAX, 2 }, { 2, UINT32_MAX }, { 256, 256 },
	};
	uint8_t rows[4];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(fec_matrix(bad[i][0], bad[i][1], rows), KT_EINVAL);
		assert_null(fec_enc_new(bad[i][0], bad[i][1], PAYLOAD_MAX));
		assert_null(fec_dec_new(bad[i][0], bad[i][1], PAYLOAD_MAX));
	}
	assert_null(fec_enc_new(10, 3, PACKET_CAP));
	assert_null(fec_dec_new(10, 3, 70000));
	fec_enc_free(NULL);
	fec_dec_free(NULL);
}

/* ---- what a datagram is ---- */

struct classify_case {
	const char *hex;
	enum fec_kind kind;
	size_t from, len; /* of the payload */
};

static void tells_what_a_datagram_is(void **state)
{
	static const struct classify_case cases[] = {
		{ "", FEC_BAD, 0, 0 },
		{ "00000000f1", FEC_BAD, 0, 0 },
		{ "00000000f100", FEC_BAD, 0, 0 },
		{ "00000000f10002", FEC_BAD, 0, 0 },
		{ "00000000f1000200", FEC_DATA, 8, 0 },
		{ "00000000f1000100", FEC_BAD, 0, 0 },
		{ "00000000f1000000", FEC_BAD, 0, 0 },
		{ "00000000f1000300", FEC_BAD, 0, 0 },
		{ "00000000f1000300aa", FEC_DATA, 8, 1 },
		{ "00000000f1000300aabb", FEC_DATA, 8, 1 },
		{ "00000000f100ffffaabb", FEC_BAD, 0, 0 },
		{ "00000000f200", FEC_BAD, 0, 0 },
		{ "00000000f20000", FEC_BAD, 0, 0 },
		{ "00000000f2000000", FEC_PARITY, 0, 0 },
		{ "fffffffff3000a004d3c2b1a70696e67", FEC_OOB, 12, 4 },
		{ "fffffffff30006004d3c2b1a", FEC_OOB, 12, 0 },
		{ "fffffffff30005004d3c2b1a", FEC_BAD, 0, 0 },
		{ "fffffffff30007004d3c2b1a", FEC_BAD, 0, 0 },
		{ "fffffffff30006004d3c2b", FEC_BAD, 0, 0 },
		{ "000000005100", FEC_PLAIN, 0, 6 },
		{ "00000000f10100000000", FEC_PLAIN, 0, 10 },
		{ "00000000f0000000", FEC_PLAIN, 0, 8 },
		{ "00000000f4000000", FEC_PLAIN, 0, 8 },
		{ "01000000540000000000000000000000000000000000000000000000", FEC_PLAIN, 0, 28 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct vec_bytes b = vec_hex_text(cases[i].hex);
		struct view payload;

		assert_int_equal(fec_classify((struct view){ b.p, b.n }, &payload), cases[i].kind);
		assert_int_equal(payload.n, cases[i].len);
		if (payload.n > 0)
			assert_ptr_equal(payload.p, b.p + cases[i].from);
		vec_bytes_free(&b);
	}
}

static void out_of_band_packets_are_no_shards(void **state)
{
	struct vec_file *f = vec_open("fec.txt");
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	unsigned found = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		struct vec_bytes pkt, data;
		struct view v, payload;

		if (strcmp(f->records[i].kind, "oob") != 0)
			continue;
		pkt = vec_hex(&f->records[i], "packet");
		data = vec_hex(&f->records[i], "data");
		v = (struct view){ pkt.p, pkt.n };
		assert_int_equal(fec_classify(v, &payload), FEC_OOB);
		assert_bytes(payload, data.p, data.n);
		assert_int_equal(fec_dec_input(d, v), KT_EPROTO);
		vec_bytes_free(&pkt);
		vec_bytes_free(&data);
		found++;
	}
	assert_int_equal(found, 1);
	fec_dec_free(d);
	vec_close(f);
}

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
	size_t nparity = vec_number(r, "nparity"), index = b->count;
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

/* ---- recovery ---- */

static const unsigned shapes[][2] = {
	{ 10, 3 }, { 1, 1 },  { 1, 254 }, { 254, 1 }, { 128, 127 }, { 127, 128 }, { 70, 30 },
	{ 3, 10 }, { 20, 1 }, { 2, 253 }, { 253, 2 }, { 2, 1 },     { 20, 10 },   { 7, 7 },
};

static void rebuilds_all_of_each_set_with_as_many_losses_as_parity(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], ps = shapes[k][1];
		struct sender *s = sender_new(ds, ps, 0);
		struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);
		uint64_t rebuilt = 0;

		sender_set(s, 100); /* with ds == 1 this one has no parity */
		for (unsigned set = 0; set < (ds + ps > 100 ? 5 : 20); set++) {
			struct outcome o;

			sender_set(s, set % 2 == 0 ? PAYLOAD_MAX : 40);
			o = deliver_set(d, s, set % 3 == 0 ? ps : draw(&s->rng) % (ps + 1));
			assert_all_got(s, &o);
			rebuilt += o.rebuilt;
		}
		assert_true(rebuilt > 0);
		assert_int_equal(fec_dec_stats(d)->recovered, rebuilt);
		assert_int_equal(fec_dec_stats(d)->errors, 0);
		assert_int_equal(fec_dec_stats(d)->retunes, 0);
		fec_dec_free(d);
		sender_free(s);
	}
}

static void every_number_of_data_shards_works(void **state)
{
	for (unsigned ds = 1; ds < FEC_SHARDS_MAX; ds += 9) {
		unsigned ps = FEC_SHARDS_MAX - ds < 5 ? FEC_SHARDS_MAX - ds : 5;
		struct sender *s = sender_new(ds, ps, 0);
		struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);
		struct outcome o;

		sender_set(s, 30);
		sender_set(s, 30);
		o = deliver_set(d, s, ps);
		assert_all_got(s, &o);
		fec_dec_free(d);
		sender_free(s);
	}
}

static void one_loss_too_many_rebuilds_nothing(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	for (unsigned set = 0; set < 50; set++) {
		struct outcome o;

		sender_set(s, 200);
		o = deliver_set(d, s, 4);
		assert_int_equal(o.rebuilt, 0);
		assert_true(fec_dec_stats(d)->sets_held <= FEC_SETS_MAX);
	}
	assert_int_equal(fec_dec_stats(d)->sets_held, FEC_SETS_MAX);
	assert_int_equal(fec_dec_stats(d)->shard_min, 9);
	fec_dec_free(d);
	sender_free(s);
}

static void recovery_goes_on_where_seqid_wraps(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], ps = shapes[k][1], n = ds + ps;
		uint32_t paws = UINT32_MAX / n * n;
		struct sender *s = sender_new(ds, ps, paws - 3 * n);
		struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);

		sender_set(s, 60);
		for (unsigned set = 0; set < 6; set++) {
			struct outcome o;

			sender_set(s, 60);
			assert_int_equal(load_le32(s->set[0].bytes),
					 set < 2 ? paws - (2 - set) * n : (set - 2) * n);
			o = deliver_set(d, s, ps);
			assert_all_got(s, &o);
		}
		fec_dec_free(d);
		sender_free(s);
	}
}

/* Deliver set A but for `lost` of its data, then `newer` whole sets, then its first parity. */
static int late_parity(unsigned newer, uint32_t seqid)
{
	struct sender *s = sender_new(10, 3, seqid);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	struct wire_packet parity;
	int n;

	sender_set(s, 60);
	parity = s->set[11];
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	for (unsigned k = 0; k < newer; k++) {
		sender_set(s, 60);
		for (unsigned i = 0; i < 13; i++)
			assert_int_equal(receive(d, &s->set[i]), 0);
	}
	assert_int_equal(fec_dec_stats(d)->full_sets, newer);
	n = receive(d, &parity);
	fec_dec_free(d);
	sender_free(s);
	return n;
}

static void a_set_survives_three_newer_ones_also_where_seqid_wraps(void **state)
{
	uint32_t paws = UINT32_MAX / 13 * 13;

	for (unsigned newer = 0; newer < 7; newer++) {
		int want = newer <= 3;

		assert_int_equal(late_parity(newer, 0), want);
		for (uint32_t before = 1; before < 6; before++)
			assert_int_equal(late_parity(newer, paws - 13 * before), want);
	}
}

static void a_set_is_counted_full_once_and_its_parity_is_ignored(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	sender_set(s, 60);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 13; i++)
			assert_int_equal(receive(d, &s->set[i]), 0);
	assert_int_equal(fec_dec_stats(d)->full_sets, 1);
	assert_int_equal(fec_dec_stats(d)->parity_shards, 9);
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	assert_int_equal(fec_dec_stats(d)->sets_held, 0);
	assert_int_equal(fec_dec_stats(d)->shard_min, 0);
	fec_dec_free(d);
	sender_free(s);
}

static void empty_payloads_are_sound_but_not_delivered(void **state)
{
	struct sender *s = sender_new(2, 1, 0);
	struct fec_dec *d = fec_dec_new(2, 1, PAYLOAD_MAX);
	struct view v;

	sender_put(s, 0);
	sender_put(s, 30);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 0), 0);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 1), 1);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(
			fec_dec_input(d, (struct view){ s->batch.v[i].data, s->batch.v[i].len }), 0);
	assert_false(fec_dec_next(d, &v));
	assert_int_equal(fec_dec_stats(d)->recovered, 1);
	assert_int_equal(fec_dec_stats(d)->errors, 0);
	fec_dec_free(d);
	sender_free(s);
}

/* ---- hostile input ---- */

static void malformed_packets_are_refused_and_counted(void **state)
{
	struct fec_dec *d = fec_dec_new(10, 3, 100);
	uint32_t paws = UINT32_MAX / 13 * 13;
	const struct wire_packet bad[] = {
		loose(0, FEC_TYPE_DATA, 0, 10), /* size does not count itself */
		loose(0, FEC_TYPE_DATA, 1, 10),
		loose(0, FEC_TYPE_DATA, 11, 10), /* size past the end */
		loose(0, FEC_TYPE_DATA, 0xffff, 10),
		loose(0, FEC_TYPE_DATA, 103, 103), /* longer than was agreed */
		loose(10, FEC_TYPE_PARITY, 0, 103),
		loose(10, FEC_TYPE_PARITY, 0, 1), /* not even a size */
		loose(10, FEC_TYPE_PARITY, 0, 0),
		loose(0, FEC_TYPE_OOB, 10, 10),
		loose(0, 0x51, 10, 10),
		loose(UINT32_MAX, FEC_TYPE_DATA, 10, 10),
		loose(UINT32_MAX, FEC_TYPE_PARITY, 10, 10),
		loose(paws, FEC_TYPE_DATA, 10, 10),
		loose(paws + 5, FEC_TYPE_PARITY, 10, 10),
	};
	const struct fec_dec_stats *stats = fec_dec_stats(d);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(receive(d, &bad[i]), KT_EPROTO);
		assert_int_equal(stats->errors, i + 1);
		assert_int_equal(stats->sets_held, 0);
	}
	assert_int_equal(fec_dec_input(d, (struct view){ NULL, 0 }), KT_EPROTO);
	fec_dec_free(d);
}

static void parity_of_unequal_length_is_refused(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	struct wire_packet lie;

	sender_set(s, 300);
	for (unsigned i = 2; i < 11; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	lie = s->set[11];
	lie.len--;
	assert_int_equal(receive(d, &lie), KT_EPROTO);
	lie.len += 2;
	assert_int_equal(receive(d, &lie), KT_EPROTO);
	assert_int_equal(receive(d, &s->set[12]), 2);
	fec_dec_free(d);
	sender_free(s);
}

static void data_longer_than_the_parity_spoils_only_its_set(void **state)
{
	struct sender *s = sender_new(3, 2, 0);
	struct fec_dec *d = fec_dec_new(3, 2, PAYLOAD_MAX);
	struct wire_packet lie = loose(0, FEC_TYPE_DATA, 900, 900);
	struct outcome o;

	sender_set(s, 300);
	assert_int_equal(receive(d, &lie), 0);
	assert_int_equal(receive(d, &s->set[1]), 0);
	assert_int_equal(receive(d, &s->set[3]), 0);
	assert_int_equal(fec_dec_stats(d)->errors, 1);
	assert_int_equal(receive(d, &s->set[4]), 0);
	sender_set(s, 300);
	o = deliver_set(d, s, 2);
	assert_all_got(s, &o);
	fec_dec_free(d);
	sender_free(s);
}

static void rebuilt_shards_with_a_false_size_are_dropped(void **state)
{
	struct sender *s = sender_new(4, 2, 0);
	struct fec_dec *d = fec_dec_new(4, 2, PAYLOAD_MAX);
	struct view v;

	for (unsigned round = 0; round < 64; round++) {
		sender_set(s, 300);
		/* Noise in the parity of the size field, or of the padding behind the packet. */
		s->set[4].bytes[FEC_HEADER + 1] ^= 0x80;
		for (unsigned i = 1; i < 5; i++)
			assert_int_equal(receive(d, &s->set[i]), 0);
		assert_false(fec_dec_next(d, &v));
		assert_int_equal(fec_dec_stats(d)->errors, round + 1);
	}
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	fec_dec_free(d);
	sender_free(s);
}

static void rebuilt_shards_with_noise_behind_the_payload_are_dropped(void **state)
{
	struct sender *s = sender_new(2, 1, 0);
	struct fec_dec *d = fec_dec_new(2, 1, PAYLOAD_MAX);

	for (size_t i = 0; i < 2; i++) {
		sender_put(s, 20 + 30 * i);
		fec_enc_add(s->enc, 0, &s->batch, i);
	}
	s->batch.v[2].data[s->batch.v[2].len - 1] ^= 1;
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(
			fec_dec_input(d, (struct view){ s->batch.v[i].data, s->batch.v[i].len }), 0);
	assert_int_equal(fec_dec_stats(d)->errors, 1);
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	fec_dec_free(d);
	sender_free(s);
}

static void a_flood_of_noise_takes_bounded_memory(void **state)
{
	struct sender *s = sender_new(20, 10, 0);
	struct fec_dec *d = fec_dec_new(20, 10, PAYLOAD_MAX);
	size_t limit = 300000u + 5 * 30 * PAYLOAD_MAX;
	struct view v;

	for (unsigned i = 0; i < 60000; i++) {
		uint32_t seqid = draw(&s->rng);
		struct wire_packet p;

		if (i % 3 == 0)
			seqid %= 1000;
		if (i % 3 == 1)
			seqid = i;
		p = loose(seqid, seqid % 30 < 20 ? FEC_TYPE_DATA : FEC_TYPE_PARITY, 5, 5);
		if (chance(&s->rng, 3))
			p.bytes[4] ^= 3;
		p.bytes[FEC_HEADER + 3] = (uint8_t)draw(&s->rng);
		if (fec_dec_input(d, packet_view(&p)) > 0)
			assert_true(fec_dec_next(d, &v));
		if (i % 512 == 0)
			fec_dec_verify(d);
		assert_true(fec_dec_memory(d) < limit);
	}
	fec_dec_free(d);
	sender_free(s);
}

/* ---- jumps of the sequence ---- */

/* Sets until one of them, with losses, is rebuilt again; 0: none of twenty. */
static unsigned sets_until_recovery(struct fec_dec *d, struct sender *s)
{
	for (unsigned set = 1; set <= 20; set++) {
		struct outcome o;

		sender_set(s, 60);
		o = deliver_set(d, s, s->ps);
		for (unsigned i = 0; i < s->ds; i++)
			if (!o.got[i])
				o.rebuilt = 0;
		if (o.rebuilt > 0)
			return set;
	}
	return 0;
}

static void resumes_soon_wherever_the_sender_jumps(void **state)
{
	static const uint32_t jumps[] = { 5, 50, 63, 64, 65, 1000, 1u << 20, 1u << 27, 300u << 20 };
	uint32_t sets = UINT32_MAX / 13;

	for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
		for (int back = 0; back < 2; back++) {
			uint32_t from = 1000;
			uint32_t to = (from + (back ? sets - jumps[i] : jumps[i])) % sets;
			struct sender *a = sender_new(10, 3, from * 13),
				      *b = sender_new(10, 3, to * 13);
			struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

			assert_int_equal(sets_until_recovery(d, a), 1);
			assert_in_range(sets_until_recovery(d, b), 1, 4);
			assert_int_equal(sets_until_recovery(d, b), 1);
			assert_params(d, 10, 3);
			fec_dec_free(d);
			sender_free(a);
			sender_free(b);
		}
	}
}

static void packets_astray_do_not_disturb_a_set(void **state)
{
	static const uint32_t places[] = { 0, 5, 940, 990, 995, 1200, 2000, 1u << 20, 300u << 20 };
	struct sender *s = sender_new(10, 3, 1000 * 13);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	assert_int_equal(sets_until_recovery(d, s), 1);
	for (unsigned set = 0; set < 50; set++) {
		uint64_t before = fec_dec_stats(d)->recovered;

		sender_set(s, 60);
		for (unsigned i = 0; i < 13; i++) {
			const uint32_t place = places[(set + i) % ARRAY_LEN(places)];
			struct wire_packet stray = loose(place * 13 + i,
							 i < 10 ? FEC_TYPE_DATA : FEC_TYPE_PARITY,
							 20, 20);

			assert_int_equal(receive(d, &stray), 0);
			if (i == set % 10)
				continue;
			assert_int_equal(receive(d, &s->set[i]), i == 10);
		}
		assert_int_equal(fec_dec_stats(d)->recovered, before + 1);
	}
	fec_dec_free(d);
	sender_free(s);
}

static void a_clump_of_late_packets_does_not_lose_the_place(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	for (unsigned set = 0; set < 30; set++) {
		struct outcome o;

		sender_set(s, 60);
		o = deliver_set(d, s, 3);
		assert_all_got(s, &o);
	}
	for (uint32_t seqid = 100; seqid < 107; seqid++) {
		struct wire_packet late = loose(seqid,
						seqid % 13 < 10 ? FEC_TYPE_DATA : FEC_TYPE_PARITY,
						20, 20);

		assert_int_equal(receive(d, &late), 0);
	}
	assert_int_equal(sets_until_recovery(d, s), 1);
	fec_dec_free(d);
	sender_free(s);
}

/* ---- memory ---- */

static void trimming_gives_memory_back_and_recovery_goes_on(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	size_t empty = fec_dec_memory(d), enc_empty = fec_enc_memory(s->enc);

	sender_set(s, 60);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	assert_true(fec_dec_memory(d) >= empty + (size_t)9 * PAYLOAD_MAX);
	fec_dec_trim(d); /* it was in use a moment ago */
	fec_dec_verify(d);
	assert_int_equal(receive(d, &s->set[11]), 1);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	sender_set(s, 60);
	assert_int_equal(receive(d, &s->set[0]), 0);
	assert_int_equal(fec_dec_stats(d)->sets_held, 1);
	fec_dec_trim(d);
	fec_dec_trim(d);
	fec_dec_verify(d);
	assert_int_equal(fec_dec_memory(d), empty);
	assert_int_equal(fec_dec_stats(d)->sets_held, 0);
	assert_int_equal(sets_until_recovery(d, s), 1);
	fec_enc_trim(s->enc);
	assert_int_equal(fec_enc_memory(s->enc), enc_empty);
	fec_dec_free(d);
	sender_free(s);
}

static void trimming_an_encoder_with_an_open_set_keeps_the_set(void **state)
{
	struct sender *s = sender_new(10, 3, 0), *plain = sender_new(10, 3, 0);
	size_t most = fec_enc_memory(s->enc) + (size_t)11 * (PAYLOAD_MAX + 64);

	for (unsigned i = 0; i < 10; i++) {
		size_t made;

		sender_put(s, 50 + i);
		sender_put(plain, 50 + i);
		made = fec_enc_add(s->enc, i, &s->batch, s->batch.count - 1);
		assert_int_equal(made, i == 9 ? 3 : 0);
		assert_int_equal(fec_enc_add(plain->enc, i, &plain->batch, i), made);
		if (i == 9)
			break;
		fec_enc_settle(s->enc);
		batch_clear(&s->batch);
		fec_enc_trim(s->enc);
		assert_true(fec_enc_memory(s->enc) <= most);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_bytes((struct view){ s->batch.v[1 + i].data, s->batch.v[1 + i].len },
			     plain->batch.v[10 + i].data, plain->batch.v[10 + i].len);
	sender_free(s);
	sender_free(plain);
}

static void a_full_batch_costs_the_parity_but_not_the_sequence(void **state)
{
	struct sender *s = sender_new(2, 2, 0);

	while (batch_room(&s->batch) > 1)
		sender_put(s, 10);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 0), 0);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 1), 0);
	assert_int_equal(s->batch.count, BATCH_MAX - 1);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 2), 0);
	assert_int_equal(load_le32(s->batch.v[2].data), 4);
	sender_free(s);
}

static void packets_without_room_behind_them_are_copied(void **state)
{
	struct sender *s = sender_new(2, 1, 0), *plain = sender_new(2, 1, 0);

	for (unsigned i = 0; i < 2; i++) {
		struct packet *pkt;

		sender_put(s, 20 + 30 * i);
		sender_put(plain, 20 + 30 * i);
		pkt = &s->batch.v[i];
		memmove(pkt->mem + PACKET_CAP - pkt->len, pkt->data, pkt->len);
		pkt->data = pkt->mem + PACKET_CAP - pkt->len;
		assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, i), i);
		assert_int_equal(fec_enc_add(plain->enc, 0, &plain->batch, i), i);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_bytes((struct view){ s->batch.v[i].data, s->batch.v[i].len },
			     plain->batch.v[i].data, plain->batch.v[i].len);
	sender_free(s);
	sender_free(plain);
}

/* ---- auto-tune ---- */

static void feed(struct fec_dec *d, uint32_t seqid, bool is_data)
{
	struct wire_packet p = loose(seqid, is_data ? FEC_TYPE_DATA : FEC_TYPE_PARITY, 20, 20);

	receive(d, &p);
}

/* "SEQID TYPE ..." or "SEQID*COUNT TYPE ...": feed it to the decoder. */
static void feed_trace(struct fec_dec *d, const char *text)
{
	char *rest;
	uint32_t seqid = (uint32_t)strtoul(text, &rest, 10);
	unsigned long count = *rest == '*' ? strtoul(rest + 1, &rest, 10) : 1;

	assert_true(rest[1] == 'd' || rest[1] == 'p');
	for (unsigned long i = 0; i < count; i++)
		feed(d, seqid + (uint32_t)i, rest[1] == 'd');
}

static void finds_the_numbers_in_every_trace_of_the_reference(void **state)
{
	struct vec_file *f = vec_open("fec_autotune.txt");

	assert_int_equal(f->record_count, 22);
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		unsigned enc_ds = (unsigned)vec_number(r, "enc_ds"),
			 enc_ps = (unsigned)vec_number(r, "enc_ps");
		unsigned dec_ds = (unsigned)vec_number(r, "dec_ds"),
			 dec_ps = (unsigned)vec_number(r, "dec_ps");
		struct fec_dec *d = fec_dec_new(dec_ds, dec_ps, PAYLOAD_MAX);
		const char *text;

		for (unsigned k = 0; k < 1000; k++) /* numbered by packet, with gaps */
			if ((text = vec_numbered(r, "pkt", k)) != NULL)
				feed_trace(d, text);
		/* The second half of `switch` has sets of 7 that begin at 65: no encoder counts
		 * so, and no decoder could rebuild from it.  There is nothing to find. */
		if (strcmp(vec_text(r, "name"), "switch") == 0)
			enc_ds = dec_ds, enc_ps = dec_ps;
		assert_params(d, enc_ds, enc_ps);
		assert_int_equal(fec_dec_stats(d)->retunes, enc_ds != dec_ds || enc_ps != dec_ps);
		fec_dec_free(d);
	}
	vec_close(f);
}

/* Positions of one (ds, ps) stream with loss, swaps and repeats; the number of sets
 * until the decoder has the right numbers, or 0. */
static unsigned sets_to_tune(struct fec_dec *d, unsigned ds, unsigned ps, uint32_t first,
			     unsigned loss, unsigned disorder, uint64_t *rng)
{
	unsigned n = ds + ps, got_ds, got_ps;
	uint32_t seqid = first, paws = UINT32_MAX / n * n;

	for (unsigned i = 0; i < 40 * n; i++) {
		uint32_t late = (seqid + paws - draw(rng) % 10) % paws;

		if (!chance(rng, loss))
			feed(d, seqid, seqid % n < ds);
		if (chance(rng, disorder))
			feed(d, late, late % n < ds);
		seqid = seqid + 1 == paws ? 0 : seqid + 1;
		fec_dec_params(d, &got_ds, &got_ps);
		if (got_ds == ds && got_ps == ps)
			return i / n + 1;
	}
	return 0;
}

static void finds_the_numbers_under_loss_and_disorder_within_a_few_sets(void **state)
{
	static const unsigned loss[] = { 0, 5, 20, 30 };
	static const unsigned from[][2] = { { 0, 0 }, { 10, 4 }, { 1, 1 } };
	uint64_t rng = 4711;

	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], ps = shapes[k][1];

		for (size_t i = 0; i < ARRAY_LEN(loss) * ARRAY_LEN(from); i++) {
			const unsigned *start = from[i % ARRAY_LEN(from)];
			uint32_t first = i % 2 == 0 ? 0 : 30007;
			struct fec_dec *d = fec_dec_new(start[0], start[1], PAYLOAD_MAX);
			unsigned sets = sets_to_tune(d, ds, ps, first, loss[i / ARRAY_LEN(from)],
						     10, &rng);

			/* A set of two packets tells little at a time. */
			if (ds != start[0] || ps != start[1])
				assert_in_range(sets, 1, ds + ps < 10 ? 20 : 9);
			else
				assert_int_equal(sets, 1);
			fec_dec_free(d);
		}
	}
}

static void finds_the_numbers_across_the_wrap_of_seqid(void **state)
{
	uint64_t rng = 99;

	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned n = shapes[k][0] + shapes[k][1];
		uint32_t paws = UINT32_MAX / n * n;
		struct fec_dec *d = fec_dec_new(0, 0, PAYLOAD_MAX);

		assert_in_range(sets_to_tune(d, shapes[k][0], shapes[k][1], paws - n / 2, 10, 0, &rng),
				1, 20);
		fec_dec_free(d);
	}
}

static void recovers_with_the_numbers_it_found(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		struct sender *s = sender_new(shapes[k][0], shapes[k][1], 0);
		struct fec_dec *d = fec_dec_new(0, 0, PAYLOAD_MAX);
		unsigned set = 0, ds, ps;

		do {
			sender_set(s, 60);
			for (unsigned i = 0; i < s->ds + s->ps; i++)
				if (!chance(&s->rng, 20))
					fec_dec_input(d, packet_view(&s->set[i]));
			fec_dec_params(d, &ds, &ps);
			assert_true(++set < 20);
		} while (ds == 0);
		assert_params(d, s->ds, s->ps);
		for (unsigned i = 0; i < 5; i++) {
			struct outcome o;

			sender_set(s, 60);
			o = deliver_set(d, s, s->ps);
			assert_all_got(s, &o);
		}
		fec_dec_free(d);
		sender_free(s);
	}
}

static void a_packet_out_of_phase_does_not_switch_recovery_off(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	for (unsigned set = 0; set < 200; set++) {
		struct outcome o;

		sender_set(s, 60);
		if (set % 2 == 0)
			feed(d, set * 13 + set % 10, false);
		o = deliver_set(d, s, 3);
		assert_all_got(s, &o);
	}
	assert_int_equal(fec_dec_stats(d)->retunes, 0);
	assert_params(d, 10, 3);
	fec_dec_free(d);
	sender_free(s);
}

static void noise_does_not_change_the_numbers(void **state)
{
	uint64_t rng = 17;

	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], n = ds + shapes[k][1];
		struct fec_dec *d = fec_dec_new(ds, n - ds, PAYLOAD_MAX);

		for (uint32_t seqid = 0; seqid < 50 * n; seqid++) {
			uint32_t forged = draw(&rng) % (50 * n);

			if (!chance(&rng, 10))
				feed(d, seqid, seqid % n < ds);
			if (chance(&rng, 5))
				feed(d, forged, chance(&rng, 50));
		}
		assert_params(d, ds, n - ds);
		assert_int_equal(fec_dec_stats(d)->retunes, 0);
		fec_dec_free(d);
	}
}

static void follows_a_sender_that_changes_its_numbers(void **state)
{
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	uint64_t rng = 5;
	uint64_t changes = 0;

	for (size_t k = 0; k < 2 * ARRAY_LEN(shapes); k++) {
		const unsigned *shape = shapes[(k * 5 + 1) % ARRAY_LEN(shapes)];
		unsigned ds, ps;

		fec_dec_params(d, &ds, &ps);
		changes += ds != shape[0] || ps != shape[1];
		assert_in_range(sets_to_tune(d, shape[0], shape[1], 0, 10, 5, &rng), 1, 20);
		assert_int_equal(fec_dec_stats(d)->retunes, changes);
	}
	fec_dec_free(d);
}

static void numbers_that_hardly_differ_are_told_apart(void **state)
{
	static const unsigned pairs[][4] = {
		{ 254, 1, 253, 1 }, { 253, 2, 254, 1 }, { 20, 1, 21, 1 },
		{ 10, 3, 10, 2 },   { 1, 254, 1, 253 },
	};
	uint64_t rng = 3;

	for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
		const unsigned *p = pairs[k];
		struct fec_dec *d = fec_dec_new(p[0], p[1], PAYLOAD_MAX);

		assert_in_range(sets_to_tune(d, p[2], p[3], 0, 5, 5, &rng), 1, 12);
		fec_dec_free(d);
	}
}

static void without_parity_nothing_is_believed(void **state)
{
	struct fec_dec *d = fec_dec_new(0, 0, PAYLOAD_MAX);
	unsigned ds, ps;

	for (uint32_t set = 0; set < 500; set++)
		for (uint32_t i = 0; i < 10; i++)
			feed(d, set * 13 + i, true);
	fec_dec_params(d, &ds, &ps);
	assert_int_equal(ds, 0);
	assert_int_equal(ps, 0);
	assert_int_equal(fec_dec_stats(d)->sets_held, 0);
	feed(d, 500 * 13 + 10, false); /* one alone may be a stray */
	assert_params(d, 0, 0);
	feed(d, 501 * 13 + 10, false);
	assert_params(d, 10, 3);
	fec_dec_free(d);
}

/* ---- a guess that may be wrong ---- */

static void nothing_is_rebuilt_with_numbers_that_fail(void **state)
{
	struct sender *s = sender_new(11, 5, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	struct view v;
	unsigned sets = 0, ds, ps;

	/* Parity is rare, so the search takes its time. */
	do {
		sender_set(s, 60);
		for (unsigned i = 0; i < 16; i++) {
			if (i < 11 ? i == 3 : sets % 4 != 0)
				continue;
			fec_dec_input(d, packet_view(&s->set[i]));
			assert_false(fec_dec_next(d, &v));
		}
		fec_dec_params(d, &ds, &ps);
		assert_true(++sets < 40);
	} while (ds != 11);
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	fec_dec_free(d);
	sender_free(s);
}

/* A set of payloads of one length, which leaves no padding to tell noise by. */
static void sender_equal_set(struct sender *s, size_t len)
{
	for (unsigned i = 0; i < s->ds; i++) {
		sender_put(s, len);
		s->now_us += 1000;
		fec_enc_add(s->enc, s->now_us, &s->batch, s->batch.count - 1);
	}
	for (size_t i = 0; i < FEC_SHARDS_MAX; i++)
		s->set[i].len = 0;
	for (size_t i = 0; i < s->batch.count; i++) {
		memcpy(s->set[i].bytes, s->batch.v[i].data, s->batch.v[i].len);
		s->set[i].len = s->batch.v[i].len;
	}
	fec_enc_settle(s->enc);
	batch_clear(&s->batch);
}

/* Was this payload among those of the last few sets? */
static bool was_sent(uint8_t (*sent)[40], unsigned count, struct view v)
{
	for (unsigned i = 0; i < count; i++)
		if (v.n == sizeof(sent[i]) && memcmp(sent[i], v.p, v.n) == 0)
			return true;
	return false;
}

enum { GUESS_SETS = 30, GUESS_LEN = 40 };

static void guess_wrongly(unsigned ds, unsigned ps, unsigned guess_ds, unsigned guess_ps)
{
	struct sender *s = sender_new(ds, ps, 0);
	struct fec_dec *d = fec_dec_new(guess_ds, guess_ps, PAYLOAD_MAX);
	static uint8_t sent[GUESS_SETS * FEC_SHARDS_MAX][GUESS_LEN];
	unsigned sent_count = 0;
	struct view v;

	fec_dec_doubt(d);
	for (unsigned set = 0; set < GUESS_SETS; set++) {
		sender_equal_set(s, GUESS_LEN);
		for (unsigned i = 0; i < ds; i++)
			memcpy(sent[sent_count++], payload_view(&s->set[i]).p, GUESS_LEN);
		for (unsigned i = 0; i < ds + ps; i++) {
			if (s->set[i].len == 0 || chance(&s->rng, 40))
				continue;
			receive(d, &s->set[i]);
			while (fec_dec_next(d, &v))
				assert_true(was_sent(sent, sent_count, v));
		}
	}
	assert_params(d, ds, ps);
	fec_dec_free(d);
	sender_free(s);
}

static void a_wrong_guess_never_rebuilds_noise(void **state)
{
	static const uint8_t guesses[][2] = { { 1, 1 }, { 2, 5 },  { 10, 3 },
					      { 9, 4 }, { 3, 10 }, { 5, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(guesses); i++)
		for (size_t k = 0; k < ARRAY_LEN(guesses); k++)
			guess_wrongly(guesses[i][0], guesses[i][1], guesses[k][0], guesses[k][1]);
}

static void a_right_guess_recovers_the_first_set_too(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	uint8_t lost[GUESS_LEN];
	bool found = false;
	struct view v;

	fec_dec_doubt(d);
	for (unsigned set = 0; set < 4; set++) {
		sender_equal_set(s, GUESS_LEN);
		if (set == 0)
			memcpy(lost, payload_view(&s->set[4]).p, GUESS_LEN);
		for (unsigned i = 0; i < 13; i++) {
			if (set == 0 && i == 4)
				continue;
			receive(d, &s->set[i]);
			while (fec_dec_next(d, &v))
				found |= v.n == GUESS_LEN && memcmp(v.p, lost, v.n) == 0;
		}
	}
	assert_true(found);
	assert_int_equal(fec_dec_stats(d)->recovered, 1);
	fec_dec_free(d);
	sender_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix_rows_are_those_of_the_wire),
		cmocka_unit_test(refuses_impossible_numbers_of_shards),
		cmocka_unit_test(tells_what_a_datagram_is),
		cmocka_unit_test(out_of_band_packets_are_no_shards),
		cmocka_unit_test(encodes_as_the_reference_does_with_a_flush_after_each_packet),
		cmocka_unit_test(encodes_as_the_reference_does_with_whole_sets_in_a_batch),
		cmocka_unit_test(encodes_as_the_reference_does_with_flushes_within_sets),
		cmocka_unit_test(recovers_what_the_reference_recovers),
		cmocka_unit_test(bad_packets_have_no_effect),
		cmocka_unit_test(rebuilds_all_of_each_set_with_as_many_losses_as_parity),
		cmocka_unit_test(every_number_of_data_shards_works),
		cmocka_unit_test(one_loss_too_many_rebuilds_nothing),
		cmocka_unit_test(recovery_goes_on_where_seqid_wraps),
		cmocka_unit_test(a_set_survives_three_newer_ones_also_where_seqid_wraps),
		cmocka_unit_test(a_set_is_counted_full_once_and_its_parity_is_ignored),
		cmocka_unit_test(empty_payloads_are_sound_but_not_delivered),
		cmocka_unit_test(malformed_packets_are_refused_and_counted),
		cmocka_unit_test(parity_of_unequal_length_is_refused),
		cmocka_unit_test(data_longer_than_the_parity_spoils_only_its_set),
		cmocka_unit_test(rebuilt_shards_with_a_false_size_are_dropped),
		cmocka_unit_test(rebuilt_shards_with_noise_behind_the_payload_are_dropped),
		cmocka_unit_test(a_flood_of_noise_takes_bounded_memory),
		cmocka_unit_test(resumes_soon_wherever_the_sender_jumps),
		cmocka_unit_test(packets_astray_do_not_disturb_a_set),
		cmocka_unit_test(a_clump_of_late_packets_does_not_lose_the_place),
		cmocka_unit_test(trimming_gives_memory_back_and_recovery_goes_on),
		cmocka_unit_test(trimming_an_encoder_with_an_open_set_keeps_the_set),
		cmocka_unit_test(a_full_batch_costs_the_parity_but_not_the_sequence),
		cmocka_unit_test(packets_without_room_behind_them_are_copied),
		cmocka_unit_test(finds_the_numbers_in_every_trace_of_the_reference),
		cmocka_unit_test(finds_the_numbers_under_loss_and_disorder_within_a_few_sets),
		cmocka_unit_test(finds_the_numbers_across_the_wrap_of_seqid),
		cmocka_unit_test(recovers_with_the_numbers_it_found),
		cmocka_unit_test(a_packet_out_of_phase_does_not_switch_recovery_off),
		cmocka_unit_test(noise_does_not_change_the_numbers),
		cmocka_unit_test(follows_a_sender_that_changes_its_numbers),
		cmocka_unit_test(numbers_that_hardly_differ_are_told_apart),
		cmocka_unit_test(without_parity_nothing_is_believed),
		cmocka_unit_test(nothing_is_rebuilt_with_numbers_that_fail),
		cmocka_unit_test(a_wrong_guess_never_rebuilds_noise),
		cmocka_unit_test(a_right_guess_recovers_the_first_set_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
