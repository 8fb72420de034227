/* test_smux.c - streams in a byte stream: vectors, what is sent in which order, opening. */
#include <stdio.h>

#include "smux_bed.h"

/* ---- vectors ---------------------------------------------------------------------------- */

static uint8_t command(const char *name)
{
	static const char *const names[] = { "SYN", "FIN", "PSH", "NOP", "UPD" };

	for (uint8_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	fail_msg("unknown command %s", name);
	return 0;
}

static void check_frame(const struct vec_record *r)
{
	struct vec_bytes wire = vec_hex(r, "wire"), data = vec_bytes_or_gen(r, "data", "data_gen");
	int ver = (int)vec_number(r, "ver");
	struct smux_header h;
	uint8_t again[SMUX_HEADER];

	for (size_t n = 0; n < SMUX_HEADER; n++)
		assert_int_equal(smux_header_decode(&h, ver, (struct view){ wire.p, n }), KT_EAGAIN);
	assert_int_equal(smux_header_decode(&h, 3 - ver, (struct view){ wire.p, wire.n }), KT_EPROTO);
	assert_int_equal(smux_header_decode(&h, ver, (struct view){ wire.p, wire.n }), KT_OK);
	assert_int_equal(h.ver, ver);
	assert_int_equal(h.cmd, command(vec_text(r, "cmd")));
	assert_int_equal(h.sid, vec_number(r, "sid"));
	assert_int_equal(h.length, data.n);
	smux_header_encode(again, &h);
	assert_memory_equal(again, wire.p, SMUX_HEADER);
	vec_bytes_free(&wire);
	vec_bytes_free(&data);
}

/* Calls f for every record of the kind; returns their number. */
static unsigned each_record(const char *kind, void (*f)(const struct vec_record *))
{
	struct vec_file *file = vec_open("smux.txt");
	unsigned count = 0;

	for (size_t i = 0; i < file->record_count; i++)
		if (strcmp(file->records[i].kind, kind) == 0) {
			f(&file->records[i]);
			count++;
		}
	vec_close(file);
	return count;
}

static void frames_are_those_of_the_vectors(void **state)
{
	assert_in_range(each_record("frame", check_frame), 15, 1000);
}

/* The streams of a script by id. */
struct script {
	struct fixture x;
	const struct vec_record *r;
	unsigned step;
	struct smux_stream *st[128];
};

static const char *field(const struct script *s, const char *prefix)
{
	return vec_numbered(s->r, prefix, s->step);
}

static struct smux_stream *stream_of(struct script *s, const char *args, const char **rest)
{
	char *after;
	unsigned long sid = strtoul(args, &after, 10);

	assert_true(sid < ARRAY_LEN(s->st));
	assert_non_null(s->st[sid]);
	*rest = *after == ' ' ? after + 1 : after;
	return s->st[sid];
}

static void keep_stream(struct script *s, struct smux_stream *st)
{
	assert_int_equal(smux_sid(st), strtoul(field(s, "sid"), NULL, 10));
	s->st[smux_sid(st)] = st;
}

/* Go refuses to write on a stream whose peer sent FIN, and fails one whose peer claimed to have
 * read too much.  Ours go on: what they would send is checked elsewhere, it is dropped here. */
static void script_write(struct script *s, const char *args, bool generated)
{
	const char *rest, *err = field(s, "err");
	struct smux_stream *st = stream_of(s, args, &rest);
	struct vec_bytes b;
	char spec[64];

	if (err != NULL) {
		assert_true(smux_peer_finished(st) || strcmp(err, "peer_consumed_too_much") == 0);
		return;
	}
	snprintf(spec, sizeof(spec), "lcg32 %s", generated ? rest : "0 0");
	b = generated ? vec_generate(spec) : vec_hex_text(rest);
	assert_int_equal(write_some(st, b.p, b.n), b.n);
	vec_bytes_free(&b);
}

static void script_read(struct script *s, const char *args)
{
	const char *rest, *err = field(s, "err"), *got = field(s, "got");
	struct smux_stream *st = stream_of(s, args, &rest);
	struct vec_bytes want;

	if (err != NULL) {
		assert_int_equal(smux_unread(st), 0);
		assert_int_equal(smux_eof(st), strcmp(err, "eof") == 0);
		return;
	}
	want = vec_hex_text(got);
	assert_true(smux_unread(st) >= want.n);
	assert_false(smux_eof(st));
	expect_read(st, want.p, want.n);
	vec_bytes_free(&want);
}

/* Write the frames of x->out as VER:CMD:SID:LENGTH, repeats as *K, and gather their data. */
static void summarize(const struct fixture *x, char *text, size_t cap, struct bytes *data)
{
	char last[64] = "", one[64];
	unsigned repeats = 0;
	size_t used = 0;

	text[0] = '\0';
	for (size_t at = 0; at < x->out.n;) {
		struct smux_header h;

		assert_int_equal(smux_header_decode(&h, x->cfg.version,
						    (struct view){ x->out.p + at, x->out.n - at }),
				 KT_OK);
		bytes_add(data, x->out.p + at + SMUX_HEADER, h.length);
		at += SMUX_HEADER + h.length;
		snprintf(one, sizeof(one), "%u:%u:%u:%u", h.ver, h.cmd, h.sid, h.length);
		repeats = strcmp(one, last) == 0 ? repeats + 1 : 1;
		if (repeats == 2)
			used += (size_t)snprintf(text + used, cap - used, "*2");
		else if (repeats > 2)
			snprintf(text + used - 1, cap - used + 1, "%u", repeats);
		else
			used += (size_t)snprintf(text + used, cap - used, "%s%s", used ? " " : "",
						 one);
		memcpy(last, one, sizeof(last));
		assert_true(used < cap && repeats < 10);
	}
}

static void script_output(struct script *s)
{
	const char *frames = field(s, "frames");
	struct bytes data = { .p = NULL };
	char text[1024], hash[65];

	if (frames == NULL) {
		expect_frames(&s->x, field(s, "out") != NULL ? field(s, "out") : "");
		return;
	}
	drain(&s->x);
	summarize(&s->x, text, sizeof(text), &data);
	assert_string_equal(text, frames);
	vec_sha256(data.p, data.n, hash);
	assert_string_equal(hash, field(s, "outsha"));
	bytes_clear(&data);
}

static bool takes(const char **step, const char *verb)
{
	size_t n = strlen(verb);

	if (strncmp(*step, verb, n) != 0 || ((*step)[n] != ' ' && (*step)[n] != '\0'))
		return false;
	*step += (*step)[n] == ' ' ? n + 1 : n;
	return true;
}

/* False when the script asks for what a tunnel never does: a server that opens. */
static bool script_step(struct script *s, const char *step)
{
	struct smux_stream *st;

	if (takes(&step, "open")) {
		if (!s->x.cfg.client) {
			assert_int_equal(smux_open(s->x.m, &st), KT_ECLOSED);
			return false;
		}
		keep_stream(s, open_stream(&s->x));
	} else if (takes(&step, "accept")) {
		keep_stream(s, accept_stream(&s->x));
	} else if (takes(&step, "write")) {
		script_write(s, step, false);
	} else if (takes(&step, "writegen")) {
		script_write(s, step, true);
	} else if (takes(&step, "input")) {
		assert_int_equal(feed(&s->x, step), KT_OK);
	} else if (takes(&step, "read")) {
		script_read(s, step);
	} else if (takes(&step, "close")) {
		smux_release(stream_of(s, step, &step), false);
	} else {
		fail_msg("line %d: unknown step %s", s->r->line, step);
	}
	return true;
}

static void check_script(const struct vec_record *r)
{
	struct script s = { .r = r };
	struct smux_config cfg = config((int)vec_number(r, "ver"),
					strcmp(vec_text(r, "role"), "client") == 0);

	cfg.framesize = (uint32_t)vec_number(r, "framesize");
	cfg.streambuf = (uint32_t)vec_number(r, "streambuf");
	begin_cfg(&s.x, cfg, SIZE_MAX);
	for (s.step = 1; field(&s, "step") != NULL; s.step++) {
		if (!script_step(&s, field(&s, "step")))
			break;
		smux_verify(s.x.m);
		script_output(&s);
	}
	assert_true(s.step > 3);
	end(&s.x);
}

static void scripts_of_the_vectors_give_the_same_frames(void **state)
{
	assert_in_range(each_record("script", check_script), 10, 100);
}

static bool lists_sid(const char *list, uint32_t sid)
{
	char *end_of = NULL;

	for (const char *p = list; *p != '\0' && *p != '-'; p = *end_of == ' ' ? end_of + 1 : end_of)
		if (strtoul(p, &end_of, 10) == sid)
			return true;
	return false;
}

/* Ours hands out a frame's bytes before its end has come, so a stream may have more
 * than the vector of a cut connection says. */
static void check_input_stream(const struct vec_record *r, struct smux_stream *st)
{
	const char *expect = vec_text(r, "expect");
	struct vec_bytes want;
	char name[32];

	snprintf(name, sizeof(name), "data%u", smux_sid(st));
	want = vec_hex(r, name);
	if (strcmp(expect, "ok") == 0)
		assert_int_equal(smux_unread(st), want.n);
	assert_true(smux_unread(st) >= want.n);
	expect_read(st, want.p, want.n);
	assert_int_equal(smux_peer_finished(st), lists_sid(vec_text(r, "fin"), smux_sid(st)));
	vec_bytes_free(&want);
}

static void check_input_streams(const struct vec_record *r, struct fixture *x)
{
	const char *want = vec_text(r, "opened");
	struct smux_event ev;
	unsigned count = 0;
	char *after;

	while (smux_next(x->m, &ev)) {
		assert_true(ev.what & SMUX_OPENED);
		if (*want == ' ')
			want++;
		assert_int_equal(smux_sid(ev.stream), strtoul(want, &after, 10));
		want = after;
		check_input_stream(r, ev.stream);
		count++;
	}
	assert_true(*want == (count > 0 ? '\0' : '-'));
}

/* The bytes in pieces of `step`. */
static void check_input_cut(const struct vec_record *r, size_t step)
{
	struct vec_bytes wire = vec_hex(r, "wire");
	const char *expect = vec_text(r, "expect");
	bool refuse = strcmp(expect, "refuse") == 0;
	struct fixture x;
	int rc = KT_OK;

	begin(&x, (int)vec_number(r, "ver"), strcmp(vec_text(r, "role"), "client") == 0);
	for (size_t at = 0; at < wire.n && rc == KT_OK; at += step)
		rc = feed_bytes(&x, wire.p + at, step < wire.n - at ? step : wire.n - at, NULL);
	assert_int_equal(rc, refuse ? KT_EPROTO : KT_OK);
	assert_int_equal(smux_closed(x.m), refuse ? SMUX_CLOSED_VERSION : SMUX_ALIVE);
	if (!refuse) {
		check_input_streams(r, &x);
		assert_int_equal(x.m->head_len > 0 || x.m->payload_left > 0,
				 strcmp(expect, "short") == 0);
	}
	end(&x);
	vec_bytes_free(&wire);
}

static void check_input(const struct vec_record *r)
{
	static const size_t steps[] = { SIZE_MAX / 2, 1, 2, 3, 7, 8, 9, 16, 100 };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		check_input_cut(r, steps[i]);
}

static void inputs_of_the_vectors_are_taken_or_refused_however_they_are_cut(void **state)
{
	assert_in_range(each_record("input", check_input), 40, 200);
}

/* ---- what is sent, and in which order ------------------------------------------------------- */

static void a_syn_precedes_its_data_and_syns_keep_their_order(void **state)
{
	struct smux_stream *a, *b, *c;
	struct fixture x;

	begin(&x, 1, true);
	a = open_stream(&x);
	write_zeros(a, 1);
	b = open_stream(&x);
	c = open_stream(&x);
	write_zeros(c, 1);
	write_zeros(b, 1);
	expect_frames(&x, "0100000003000000"
			  "0100000005000000"
			  "0100000007000000"
			  "010201000300000000"
			  "010201000700000000"
			  "010201000500000000");
	end(&x);
}

static void control_frames_go_before_data_that_waits(void **state)
{
	struct smux_stream *a, *b;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 2, true);
	a = open_stream(&x);
	drain(&x);
	write_zeros(a, 100000);
	b = open_stream(&x);
	smux_shutdown(b);
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_int_equal(f.header[1], SMUX_SYN);
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_int_equal(f.header[1], SMUX_FIN);
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_int_equal(f.header[1], SMUX_PSH);
	assert_int_equal(load_le32(f.header + 4), smux_sid(a));
	end(&x);
}

static void a_frame_is_no_larger_than_framesize_and_the_room_given(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	write_zeros(st, 20000);
	assert_true(smux_next_frame(x.m, x.now, 0, &f)); /* the SYN needs none */
	assert_false(smux_next_frame(x.m, x.now, 0, &f));
	assert_true(smux_has_output(x.m));
	assert_true(smux_next_frame(x.m, x.now, 100, &f));
	assert_int_equal(f.len, SMUX_HEADER + 100);
	assert_int_equal(smux_unsent(st), 19900);
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_int_equal(f.len, SMUX_HEADER + 8192);
	assert_int_equal(smux_unsent(st), 19900 - 8192);
	assert_int_equal(smux_stats(x.m)->frames_out, 3);
	end(&x);
}

static void the_largest_frame_fits_into_the_pieces_wherever_it_begins(void **state)
{
	struct smux_config cfg = config(1, true);
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	cfg.framesize = SMUX_FRAME_MAX;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = open_stream(&x);
	assert_true(smux_next_frame(x.m, x.now, 0, &f));
	for (size_t first = 1; first < FIFO_CHUNK; first += 997) {
		write_zeros(st, 500000);
		assert_true(smux_next_frame(x.m, x.now, first, &f));
		assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
		assert_int_equal(f.len, SMUX_HEADER + SMUX_FRAME_MAX);
		drain(&x);
	}
	end(&x);
}

/* One stream has megabytes to send; the others a little, now and then.  None ever waits for
 * more frames than there are streams. */
static void a_bulk_stream_does_not_starve_small_ones(void **state)
{
	enum { STREAMS = 64, FRAMES = 4000 };
	struct smux_stream *st[STREAMS];
	unsigned waiting[STREAMS] = { 0 }, bulk_turns = 0;
	uint8_t payload[200] = { 0 };
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, true);
	for (unsigned i = 0; i < STREAMS; i++)
		st[i] = open_stream(&x);
	drain(&x);
	for (unsigned n = 0; n < FRAMES; n++) {
		unsigned i = n * 7 % STREAMS, turn;

		if (smux_unsent(st[0]) < 100000)
			write_zeros(st[0], 500000);
		write_some(st[i], payload, 1 + n % 200);
		assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
		turn = (load_le32(f.header + 4) - smux_sid(st[0])) / 2;
		bulk_turns += turn == 0;
		for (unsigned k = 0; k < STREAMS; k++)
			waiting[k] = k == turn || smux_unsent(st[k]) == 0 ? 0 : waiting[k] + 1;
		for (unsigned k = 0; k < STREAMS; k++)
			assert_in_range(waiting[k], 0, STREAMS);
	}
	assert_in_range(bulk_turns, FRAMES / STREAMS / 2, FRAMES);
	end(&x);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void streams_beyond_the_limit_are_answered_by_a_reset(void **state)
{
	struct smux_config cfg = config(2, false);
	struct smux_stream *st;
	struct fixture x;

	cfg.streams_max = 1;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = accept_sid(&x, 3);
	assert_int_equal(feed(&x, "0200000005000000"
				  "0202010005000000"
				  "61"),
			 KT_OK);
	expect_no_event(&x);
	assert_int_equal(smux_stats(x.m)->streams_refused, 1);
	assert_int_equal(smux_stats(x.m)->streams_accepted, 1);
	expect_frames(&x, "0201000005000000"
			  "0201000005000000");
	smux_release(st, true);
	assert_int_equal(smux_stream_count(x.m), 1); /* until its FIN is out */
	expect_frames(&x, "0201000003000000");
	accept_sid(&x, 5);
	end(&x);
}

static void a_flood_of_refused_streams_is_answered_in_bounded_memory(void **state)
{
	struct smux_config cfg = config(1, false);
	struct fixture x;

	cfg.streams_max = 0;
	begin_cfg(&x, cfg, SIZE_MAX);
	for (uint32_t sid = 0; sid < 3 * SMUX_REFUSALS_MAX; sid++)
		feed_frame(&x, SMUX_SYN, sid, 0, NULL);
	assert_int_equal(smux_stats(x.m)->streams_refused, 3 * SMUX_REFUSALS_MAX);
	assert_int_equal(drain(&x), SMUX_REFUSALS_MAX * 2 * SMUX_HEADER);
	assert_int_equal(load_le32(x.out.p + 16 * 999 + 4), 999);
	feed_frame(&x, SMUX_SYN, 77, 0, NULL);
	expect_frames(&x, "010100004d000000"
			  "010100004d000000");
	end(&x);
}

static void a_client_refuses_streams_and_a_server_opens_none(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	assert_int_equal(feed(&x, "0200000002000000"), KT_OK);
	expect_no_event(&x);
	expect_frames(&x, "0201000002000000"
			  "0201000002000000");
	assert_false(smux_exhausted(x.m));
	end(&x);
	begin(&x, 2, false);
	assert_true(smux_exhausted(x.m));
	assert_int_equal(smux_open(x.m, &st), KT_ECLOSED);
	end(&x);
}

static void a_client_opens_up_to_its_limit_lingering_ones_included(void **state)
{
	struct smux_config cfg = config(1, true);
	struct smux_stream *a, *b, *c;
	struct fixture x;

	cfg.streams_max = 2;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = open_stream(&x);
	b = open_stream(&x);
	assert_int_equal(smux_open(x.m, &c), KT_ELIMIT);
	smux_release(a, false);
	assert_int_equal(smux_open(x.m, &c), KT_ELIMIT);
	drain(&x);
	c = open_stream(&x);
	assert_int_equal(smux_sid(b), 5);
	assert_int_equal(smux_sid(c), 7);
	assert_int_equal(smux_stats(x.m)->streams_opened, 3);
	end(&x);
}

static void ids_end_at_the_last_odd_number_of_32_bits(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	x.m->next_sid = UINT32_MAX - 2;
	assert_int_equal(smux_sid(open_stream(&x)), 0xfffffffd);
	assert_false(smux_exhausted(x.m));
	assert_int_equal(smux_sid(open_stream(&x)), 0xffffffff);
	assert_true(smux_exhausted(x.m));
	assert_int_equal(smux_open(x.m, &st), KT_ECLOSED);
	assert_int_equal(smux_stream_count(x.m), 2);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	end(&x);
}

/* Ids that agree in all low bits, or in all high ones, or are bit-reversed counts. */
static uint32_t nasty_sid(unsigned kind, uint32_t i)
{
	uint32_t r = 0;

	if (kind == 0)
		return i << 20;
	if (kind == 1)
		return 0xfffff000u | i;
	for (unsigned bit = 0; bit < 32; bit++)
		r |= (i >> bit & 1) << (31 - bit);
	return r;
}

static void any_choice_of_ids_is_found_and_removed_again(void **state)
{
	enum { N = 600 };
	struct smux_stream *st[N];
	struct fixture x;

	for (unsigned kind = 0; kind < 3; kind++) {
		begin(&x, 1, false);
		for (uint32_t i = 0; i < N; i++)
			st[i] = accept_sid(&x, nasty_sid(kind, i));
		for (uint32_t i = 0; i < N; i++) {
			uint32_t k = i * 7 % N; /* 7 and 600 have no common divisor */

			assert_ptr_equal(smux_table_find(x.m, nasty_sid(kind, k)), st[k]);
			smux_release(st[k], true);
			drain(&x);
			assert_null(smux_table_find(x.m, nasty_sid(kind, k)));
			assert_int_equal(smux_stream_count(x.m), N - 1 - i);
		}
		end(&x);
	}
}

static void an_idle_stream_is_small(void **state)
{
	struct fixture x;

	assert_true(sizeof(struct smux_stream) <= 320);
	begin(&x, 2, true);
	open_stream(&x);
	assert_int_equal(x.pool.used_count, 0);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_those_of_the_vectors),
		cmocka_unit_test(scripts_of_the_vectors_give_the_same_frames),
		cmocka_unit_test(inputs_of_the_vectors_are_taken_or_refused_however_they_are_cut),
		cmocka_unit_test(a_syn_precedes_its_data_and_syns_keep_their_order),
		cmocka_unit_test(control_frames_go_before_data_that_waits),
		cmocka_unit_test(a_frame_is_no_larger_than_framesize_and_the_room_given),
		cmocka_unit_test(the_largest_frame_fits_into_the_pieces_wherever_it_begins),
		cmocka_unit_test(a_bulk_stream_does_not_starve_small_ones),
		cmocka_unit_test(streams_beyond_the_limit_are_answered_by_a_reset),
		cmocka_unit_test(a_flood_of_refused_streams_is_answered_in_bounded_memory),
		cmocka_unit_test(a_client_refuses_streams_and_a_server_opens_none),
		cmocka_unit_test(a_client_opens_up_to_its_limit_lingering_ones_included),
		cmocka_unit_test(ids_end_at_the_last_odd_number_of_32_bits),
		cmocka_unit_test(any_choice_of_ids_is_found_and_removed_again),
		cmocka_unit_test(an_idle_stream_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
