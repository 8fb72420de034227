/* test_session_captures.c - captures of real peers through the whole pipeline. */
#include "session_given.h"

#include "seal.h"
#include "vectors.h"

enum { STREAMS = 2 };

/* ---- captures ------------------------------------------------------------------------ */

struct capture_stream {
	struct smux_stream *st;
	uint32_t sid;
	uint8_t *got;
	size_t len;
	bool eof;
};

struct capture {
	struct vec_file *file;
	const struct vec_record *cfg;
	struct bed bed;
	struct seal *seal;
	struct qpp *qpp;
	struct session *session;
	struct capture_stream streams[STREAMS];
	unsigned stream_count;
};

static void capture_open(struct capture *c, const char *name)
{
	const struct seal_method *m;
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE] = { 1 };
	struct vec_bytes password;

	memset(c, 0, sizeof(*c));
	c->file = vec_open(name);
	c->cfg = &c->file->records[0];
	assert_string_equal(c->cfg->kind, "config");
	bed_init(&c->bed);
	m = seal_method_find(vec_text(c->cfg, "crypt"));
	assert_non_null(m);
	password = vec_hex(c->cfg, "password");
	assert_int_equal(seal_derive_key(pass, password.p, password.n), KT_OK);
	c->seal = seal_new(m, pass, seed, NULL);
	assert_non_null(c->seal);
	if (strcmp(vec_text(c->cfg, "qpp"), "yes") == 0) {
		c->qpp = qpp_new(password.p, password.n, (unsigned)vec_number(c->cfg, "qppcount"),
				 NULL);
		assert_non_null(c->qpp);
	}
	vec_bytes_free(&password);
}

static void capture_close(struct capture *c)
{
	session_free(c->session);
	for (unsigned i = 0; i < c->stream_count; i++)
		free(c->streams[i].got);
	seal_free(c->seal);
	qpp_free(c->qpp);
	bed_dispose(&c->bed);
	vec_close(c->file);
}

static void start_session(struct capture *c, bool client, uint32_t conv, uint64_t now_us)
{
	struct session_config cfg = config(&c->bed, client);

	cfg.conv = conv;
	cfg.compression = strcmp(vec_text(c->cfg, "comp"), "yes") == 0 ? CODEC_SNAPPY : CODEC_NONE;
	cfg.smux_version = (int)vec_number(c->cfg, "smuxver");
	cfg.qpp = c->qpp;
	c->session = session_new(&cfg, now_us);
	assert_non_null(c->session);
	for (; client && c->stream_count < STREAMS; c->stream_count++) {
		struct capture_stream *s = &c->streams[c->stream_count];

		assert_int_equal(session_open(c->session, &s->st), KT_OK);
		s->sid = smux_sid(s->st);
		smux_set_user(s->st, s);
	}
}

static void collect(struct capture_stream *s)
{
	struct span piece;

	while (smux_peek(s->st, &piece, 1) == 1) {
		s->got = realloc(s->got, s->len + piece.n);
		assert_non_null(s->got);
		memcpy(s->got + s->len, piece.p, piece.n);
		s->len += piece.n;
		smux_consume(s->st, piece.n);
	}
	s->eof = smux_eof(s->st);
}

static void handle_events(struct capture *c)
{
	struct smux_event ev;

	while (session_next(c->session, &ev)) {
		struct capture_stream *s = smux_user(ev.stream);

		if (s == NULL) {
			assert_true(ev.what & SMUX_OPENED);
			assert_true(c->stream_count < STREAMS);
			s = &c->streams[c->stream_count++];
			s->st = ev.stream;
			s->sid = smux_sid(ev.stream);
			smux_set_user(ev.stream, s);
		}
		if (ev.what & SMUX_READABLE)
			collect(s);
	}
}

/* Give the session of the receiving side all datagrams that reached it. */
static void replay(struct capture *c, bool client)
{
	for (size_t i = 0; i < c->file->record_count; i++) {
		const struct vec_record *r = &c->file->records[i];
		uint64_t now_us;
		struct vec_bytes data;
		struct packet pkt;
		struct session_sniff sniff;

		if (strcmp(r->kind, "udp") != 0 ||
		    strcmp(vec_text(r, "dir"), client ? "s2c" : "c2s") != 0 ||
		    (vec_find(r, "lost") != NULL && strcmp(vec_text(r, "lost"), "yes") == 0))
			continue;
		now_us = (1 + vec_number(r, "t")) * 1000;
		data = vec_hex(r, "data");
		pkt = (struct packet){ .data = data.p, .len = data.n };
		assert_int_equal(seal_open_batch(c->seal, &pkt, 1), 1);
		assert_true(session_sniff((struct view){ pkt.data, pkt.len }, &sniff));
		if (c->session == NULL) {
			assert_true(sniff.has_conv);
			start_session(c, client, sniff.conv, now_us);
		}
		session_input(c->session, now_us, (struct view){ pkt.data, pkt.len });
		session_process(c->session, now_us);
		handle_events(c);
		session_verify(c->session);
		session_flush(c->session, now_us, &c->bed.out, NULL);
		batch_clear(&c->bed.out);
		assert_int_equal(session_ended(c->session), SESSION_ALIVE);
		vec_bytes_free(&data);
	}
}

static void compare(struct capture *c, bool client)
{
	unsigned compared = 0;

	for (size_t i = 0; i < c->file->record_count; i++) {
		const struct vec_record *r = &c->file->records[i];
		struct capture_stream *s = NULL;
		struct vec_bytes want;

		if (strcmp(r->kind, "tcp") != 0 ||
		    strcmp(vec_text(r, "dir"), client ? "down" : "up") != 0)
			continue;
		for (unsigned k = 0; k < c->stream_count; k++)
			if (c->streams[k].sid == vec_number(r, "sid"))
				s = &c->streams[k];
		assert_non_null(s);
		want = vec_hex(r, "data");
		assert_int_equal(s->len, want.n);
		assert_memory_equal(s->got, want.p, want.n);
		vec_bytes_free(&want);
		compared++;
	}
	assert_int_equal(compared, STREAMS);
}

/* Whether this build has the codec and the cipher. */
static bool can_replay(const char *name)
{
	struct vec_file *file = vec_open(name);
	const struct vec_record *cfg = &file->records[0];
	bool can = (strcmp(vec_text(cfg, "comp"), "yes") != 0 || codec_built_in(CODEC_SNAPPY)) &&
		   seal_built_in(seal_method_find(vec_text(cfg, "crypt")));

	vec_close(file);
	return can;
}

static void run_capture(const char *name)
{
	if (!can_replay(name))
		skip();
	for (int client = 0; client <= 1; client++) {
		struct capture c;
		struct counters n;

		capture_open(&c, name);
		replay(&c, client);
		compare(&c, client);
		session_counters(c.session, &n);
		assert_int_equal(n.kcp_in_errors, 0);
		assert_int_equal(n.fec_errs, 0);
		capture_close(&c);
	}
}

#define CAPTURE(name) \
	static void replays_##name(void **state) \
	{ \
		run_capture("session_" #name ".txt"); \
	}
CAPTURE(aes_fec_smux1_comp)
CAPTURE(aes_fec_smux2_comp)
CAPTURE(aes_nofec_smux2_nocomp)
CAPTURE(debian2021_aes_fec_smux1_comp)
CAPTURE(gcm_fec_smux2_nocomp)
CAPTURE(loss_aes_fec_smux2_comp)
CAPTURE(mixed_client2026_server2021_tea_fec_smux2_comp)
CAPTURE(null_nofec_smux2_nocomp)
CAPTURE(salsa20_fec_smux2_comp_qpp)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_aes_fec_smux1_comp),
		cmocka_unit_test(replays_aes_fec_smux2_comp),
		cmocka_unit_test(replays_aes_nofec_smux2_nocomp),
		cmocka_unit_test(replays_debian2021_aes_fec_smux1_comp),
		cmocka_unit_test(replays_gcm_fec_smux2_nocomp),
		cmocka_unit_test(replays_loss_aes_fec_smux2_comp),
		cmocka_unit_test(replays_mixed_client2026_server2021_tea_fec_smux2_comp),
		cmocka_unit_test(replays_null_nofec_smux2_nocomp),
		cmocka_unit_test(replays_salsa20_fec_smux2_comp_qpp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
