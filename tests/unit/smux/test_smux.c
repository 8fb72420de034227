/* test_smux.c - streams in a byte stream: vectors, order, ends of streams, the clock, hostile peers,
 * and two sessions joined by pipes. */
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

/* ---- ends of streams -------------------------------------------------------------------------- */

static void a_fin_never_overtakes_the_data_even_if_the_window_is_shut(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 10);
	write_zeros(st, 12);
	smux_shutdown(st);
	expect_frames(&x, "02020a0003000000"
			  "00000000000000000000");
	assert_false(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	feed_upd(&x, 3, 10, 10);
	expect_frames(&x, "0202020003000000"
			  "0000"
			  "0201000003000000");
	assert_int_equal(smux_unsent(st), 0);
	end(&x);
}

static void each_direction_ends_on_its_own(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	smux_shutdown(st);
	expect_frames(&x, "0100000003000000"
			  "0101000003000000");
	assert_int_equal(smux_reserve(st).n, 0);
	smux_shutdown(st);
	expect_frames(&x, "");
	assert_int_equal(feed(&x, "0102020003000000"
				  "6162"
				  "0101000003000000"),
			 KT_OK);
	expect_event(&x, st, SMUX_READABLE);
	assert_true(smux_peer_finished(st));
	assert_false(smux_eof(st));
	expect_read(st, (const uint8_t *)"ab", 2);
	assert_true(smux_eof(st));
	smux_release(st, false);
	assert_int_equal(smux_stream_count(x.m), 0);
	expect_frames(&x, "");

	st = open_stream(&x);
	drain(&x);
	assert_int_equal(feed(&x, "0101000005000000"), KT_OK);
	expect_event(&x, st, SMUX_READABLE);
	assert_true(smux_eof(st));
	assert_int_equal(write_some(st, "ok", 2), 2);
	expect_frames(&x, "0102020005000000"
			  "6f6b");
	smux_release(st, false);
	expect_frames(&x, "0101000005000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_released_stream_lingers_until_its_bytes_and_fin_are_out(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	write_zeros(st, 3);
	smux_release(st, false);
	assert_int_equal(smux_stream_count(x.m), 1);
	assert_int_equal(feed(&x, "0102020003000000"
				  "6162"),
			 KT_OK);
	expect_no_event(&x);
	assert_int_equal(smux_unread_bytes(x.m), 0);
	assert_int_equal(smux_stats(x.m)->unknown_stream_bytes, 2);
	expect_frames(&x, "0100000003000000"
			  "0102030003000000"
			  "000000"
			  "0101000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	assert_false(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	end(&x);
}

static void discarding_drops_what_is_unsent_and_ends_at_once(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	write_zeros(st, 30000);
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_int_equal(f.len, SMUX_HEADER + 8192);
	smux_release(st, true);
	assert_int_equal(x.pool.used_count, 0);
	expect_frames(&x, "0101000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_stream_discarded_before_its_syn_left_leaves_no_trace(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	write_zeros(st, 10);
	smux_release(st, true);
	assert_int_equal(smux_stream_count(x.m), 0);
	expect_frames(&x, "");
	st = open_stream(&x);
	smux_release(st, false); /* without discard it is carried faithfully */
	expect_frames(&x, "0200000005000000"
			  "0201000005000000");
	end(&x);
}

static void data_for_streams_that_are_gone_is_consumed_and_counted(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	assert_int_equal(feed(&x, "0202050003000000"
				  "6162"),
			 KT_OK); /* in the middle of a frame */
	smux_release(st, true);
	assert_int_equal(smux_unread_bytes(x.m), 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	assert_int_equal(feed(&x, "636465"
				  "0202010003000000"
				  "66"
				  "0200000005000000"),
			 KT_OK);
	assert_int_equal(smux_sid(accept_stream(&x)), 5);
	assert_int_equal(smux_stats(x.m)->unknown_stream_bytes, 4);
	end(&x);
}

static void data_after_the_peers_own_fin_is_dropped(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, false);
	st = accept_sid(&x, 3);
	assert_int_equal(feed(&x, "0102010003000000"
				  "61"
				  "0101000003000000"
				  "0102010003000000"
				  "62"),
			 KT_OK);
	assert_int_equal(smux_unread(st), 1);
	assert_int_equal(smux_stats(x.m)->unknown_stream_bytes, 1);
	expect_event(&x, st, SMUX_READABLE);
	end(&x);
}

/* Both write until the windows are shut and only then read.  The one that was released
 * must not make the other wait forever. */
static void a_lingering_stream_still_opens_the_peers_window(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	write_zeros(st, SMUX_PEER_WINDOW_INITIAL + 1);
	drain(&x);
	feed_frame(&x, SMUX_PSH, 3, 1000, NULL);
	smux_release(st, false);
	expect_frames(&x, "0204080003000000"
			  "e8030000"
			  "00000100"); /* 1000 dropped, 65536 */
	feed_frame(&x, SMUX_PSH, 3, 32767, NULL);
	expect_frames(&x, "");
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	expect_frames(&x, "0204080003000000"
			  "e8830000"
			  "00000100");
	assert_int_equal(smux_stream_count(x.m), 1);
	feed_upd(&x, 3, SMUX_PEER_WINDOW_INITIAL, 100);
	expect_frames(&x, "0202010003000000"
			  "00"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_lingering_stream_waits_for_a_window_that_can_still_come(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	x.m->cfg.keepalive_us = x.m->cfg.timeout_us = 0;
	st = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 5);
	write_zeros(st, 20);
	smux_release(st, false);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	x.now += 10ull * SMUX_LINGER_US;
	feed_upd(&x, 3, 5, 5);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);

	/* From here on the peer may be gone. */
	x.now += S;
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LINGER_US);
	x.now += SMUX_LINGER_US - 1;
	smux_tick(x.m, x.now);
	assert_int_equal(drain(&x), 0);
	feed_upd(&x, 3, 10, 5); /* it was not */
	x.now += 1;
	smux_tick(x.m, x.now);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LINGER_US);
	x.now += SMUX_LINGER_US;
	smux_tick(x.m, x.now);
	assert_int_equal(x.pool.used_count, 0);
	/* Bytes are missing: what it got is not all of it. */
	expect_frames(&x, "0201000003000000"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

/* While nothing is heard it may be the path. */
static void a_lingering_stream_keeps_its_bytes_while_nothing_is_heard(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	x.m->cfg.keepalive_us = 0;
	x.m->cfg.timeout_us = 10ull * SMUX_LINGER_US;
	st = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 5);
	write_zeros(st, 20);
	smux_release(st, false);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	for (unsigned i = 0; i < 3; i++) {
		x.now += SMUX_LINGER_US;
		smux_tick(x.m, x.now);
		assert_int_equal(drain(&x), 0);
	}
	feed_upd(&x, 3, 5, 5);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	x.now += SMUX_LINGER_US - 1;
	feed_upd(&x, 3, 5, 5); /* it is there, and does not read */
	x.now += 1;
	smux_tick(x.m, x.now);
	assert_int_equal(x.pool.used_count, 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

/* ---- resets ------------------------------------------------------------------------------------- */

static void a_reset_is_a_second_fin_behind_the_data(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	write_zeros(st, 2);
	smux_reset(st);
	smux_reset(st);
	smux_release(st, false);
	expect_frames(&x, "0200000003000000"
			  "0202020003000000"
			  "0000"
			  "0201000003000000"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);

	st = open_stream(&x);
	drain(&x);
	write_zeros(st, 2);
	smux_reset(st);
	smux_release(st, true); /* without the data */
	expect_frames(&x, "0201000005000000"
			  "0201000005000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_stream_that_ended_on_our_side_can_still_be_reset(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	smux_shutdown(st);
	drain(&x);
	smux_reset(st);
	expect_frames(&x, "0101000003000000");
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);

	st = open_stream(&x);
	smux_shutdown(st);
	drain(&x);
	assert_int_equal(feed(&x, "0101000005000000"), KT_OK);
	expect_event(&x, st, SMUX_READABLE);
	smux_reset(st); /* too late: all was said on both sides */
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_stream_that_never_left_needs_no_reset(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	smux_reset(st);
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_peers_reset_is_told_and_no_regular_end(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, false);
	st = accept_sid(&x, 3);
	write_zeros(st, 20000);
	assert_int_equal(feed(&x, "0102010003000000"
				  "61"
				  "0101000003000000"
				  "0101000003000000"),
			 KT_OK);
	expect_event(&x, st, SMUX_READABLE | SMUX_RESET);
	assert_int_equal(smux_unsent(st), 0);
	assert_int_equal(smux_reserve(st).n, 0);
	expect_read(st, (const uint8_t *)"a", 1);
	assert_false(smux_eof(st));
	assert_int_equal(feed(&x, "0101000003000000"), KT_OK); /* a third is no news */
	expect_no_event(&x);
	/* Whoever still reads must not take our cut bytes for whole. */
	expect_frames(&x, "0101000003000000"
			  "0101000003000000");
	smux_reset(st);
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_reset_frees_what_lingers_for_the_peer(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	write_zeros(st, SMUX_PEER_WINDOW_INITIAL + 1);
	smux_release(st, false);
	drain(&x);
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	assert_int_equal(smux_stream_count(x.m), 1);
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	assert_int_equal(x.pool.used_count, 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);

	/* A stream whose reset waits behind bytes that no window comes for. */
	x.m->cfg.keepalive_us = x.m->cfg.timeout_us = 0;
	st = accept_sid(&x, 5);
	write_zeros(st, SMUX_PEER_WINDOW_INITIAL + 1);
	drain(&x);
	smux_reset(st);
	smux_release(st, false);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LINGER_US);
	x.now += SMUX_LINGER_US;
	smux_tick(x.m, x.now);
	assert_int_equal(x.pool.used_count, 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void resets_that_cross_leave_nothing_behind(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	smux_reset(st);
	expect_frames(&x, "0201000003000000"
			  "0201000003000000");
	assert_int_equal(feed(&x, "0201000003000000"
				  "0201000003000000"),
			 KT_OK);
	expect_event(&x, st, SMUX_READABLE | SMUX_RESET);
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);

	st = accept_sid(&x, 5);
	smux_shutdown(st);
	drain(&x);
	smux_reset(st);
	smux_release(st, true); /* its second FIN is not out yet */
	assert_int_equal(feed(&x, "0201000005000000"
				  "0201000005000000"),
			 KT_OK);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
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

/* ---- the clock ----------------------------------------------------------------------------------------------- */

static void a_note_follows_the_first_frame_and_is_heard(void **state)
{
	struct fixture x;
	struct smux_stream *st;

	(void)state;
	begin(&x, 1, true);
	smux_note(x.m, SMUX_NOTE_REPAIR, 1);
	smux_note(x.m, SMUX_NOTE_REPAIR, 0x0203); /* instead */
	smux_note(x.m, SMUX_NOTE_REPAIRED, 7);
	assert_false(smux_has_output(x.m)); /* by itself it is nothing to begin with */
	assert_int_equal(smux_open(x.m, &st), KT_OK);
	expect_frames(&x, "0100000003000000"
			  "010303026b637430"
			  "010307006b637431");
	assert_int_equal(smux_noted(x.m, SMUX_NOTE_REPAIR), -1);
	/* no data, whatever the length says; then one that notes nothing */
	assert_int_equal(feed(&x, "0103fffe6b637430"
				  "0103000000000000"),
			 KT_OK);
	assert_int_equal(smux_noted(x.m, SMUX_NOTE_REPAIR), 0xfeff);
	assert_int_equal(smux_noted(x.m, SMUX_NOTE_REPAIRED), -1);
	end(&x);
}

static void a_nop_goes_out_only_when_nothing_else_did(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	assert_int_equal(smux_deadline(x.m), x.now + 10 * S);
	x.now += 10 * S - 1;
	smux_tick(x.m, x.now);
	expect_frames(&x, "");
	x.now++;
	assert_int_equal(smux_deadline(x.m), x.now);
	smux_tick(x.m, x.now);
	assert_true(smux_has_output(x.m));
	assert_int_equal(smux_deadline(x.m), x.now + 20 * S); /* only the timeout, till it is out */
	expect_frames(&x, "0103000000000000");
	assert_int_equal(smux_deadline(x.m), x.now + 10 * S);
	x.now += 6 * S;
	st = open_stream(&x);
	expect_frames(&x, "0100000003000000");
	assert_int_equal(smux_deadline(x.m), x.now + 10 * S);
	x.now += 10 * S;
	smux_tick(x.m, x.now);
	smux_shutdown(st);
	drain(&x);
	assert_int_equal(x.out.n, SMUX_HEADER); /* the FIN made the NOP needless */
	end(&x);
}

static void a_ping_goes_out_at_once_and_only_while_alive(void **state)
{
	struct fixture x;

	begin(&x, 2, true);
	smux_ping(x.m);
	smux_ping(x.m);
	assert_true(smux_has_output(x.m));
	expect_frames(&x, "0203000000000000");
	assert_int_equal(feed(&x, "0900000000000000"), KT_EPROTO);
	smux_ping(x.m);
	assert_false(smux_has_output(x.m));
	end(&x);
}

static void silence_of_the_peer_ends_the_session_on_the_microsecond(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	x.m->cfg.keepalive_us = 0;
	st = open_stream(&x);
	drain(&x);
	x.now += 20 * S;
	assert_int_equal(feed(&x, "02"), KT_OK); /* any byte is a sign of life */
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_TIMEOUT_US);
	x.now += SMUX_TIMEOUT_US - 1;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	x.now++;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_CLOSED_TIMEOUT);
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	assert_int_equal(smux_open(x.m, &st), KT_ECLOSED);
	assert_true(smux_exhausted(x.m));
	assert_int_equal(feed(&x, "03000000000000"), KT_EPROTO);
	end(&x);
}

static void silence_that_is_our_own_doing_does_not_count(void **state)
{
	struct smux_config cfg = config(1, false);
	struct smux_stream *st;
	struct fixture x;
	size_t left;

	cfg.recv_bytes_max = 10;
	cfg.keepalive_us = 0;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = accept_sid(&x, 3);
	/* Blocked in the middle of a frame although all of the input was taken. */
	assert_int_equal(feed(&x, "0102140003000000"
				  "00000000000000000000"),
			 KT_OK);
	assert_true(smux_input_blocked(x.m));
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	assert_int_equal(feed_bytes(&x, "x", 1, &left), KT_EAGAIN);
	x.now += 10 * SMUX_TIMEOUT_US;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	x.now += 10 * SMUX_TIMEOUT_US;
	smux_consume(st, 10);
	assert_true(smux_deadline(x.m) <= x.now);
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_TIMEOUT_US);
	x.now += SMUX_TIMEOUT_US;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_CLOSED_TIMEOUT);
	end(&x);
}

static void intervals_without_end_do_not_wrap(void **state)
{
	struct smux_config cfg = config(1, true);
	struct fixture x;

	cfg.keepalive_us = cfg.timeout_us = KT_NEVER;
	begin_cfg(&x, cfg, SIZE_MAX);
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	x.now = KT_NEVER - 1;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	end(&x);
}

static void what_came_before_the_end_of_a_session_can_still_be_read(void **state)
{
	struct smux_stream *a, *b;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, false);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	assert_int_equal(feed(&x, "0102020003000000"
				  "6162"),
			 KT_OK);
	write_zeros(a, 10);
	write_zeros(b, 10);
	smux_release(b, false);
	assert_int_equal(feed(&x, "0900000000000000"), KT_EPROTO);
	assert_int_equal(smux_stream_count(x.m), 1); /* what lingered is gone */
	assert_false(smux_has_output(x.m));
	assert_false(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	expect_event(&x, a, SMUX_READABLE);
	expect_read(a, (const uint8_t *)"ab", 2);
	assert_int_equal(smux_reserve(a).n, 0);
	smux_release(a, false);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void users_are_kept_per_stream(void **state)
{
	struct smux_stream *a, *b;
	struct span piece;
	struct fixture x;

	begin(&x, 1, false);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	smux_set_user(a, &a);
	assert_ptr_equal(smux_user(a), &a);
	assert_null(smux_user(b));
	assert_int_equal(feed(&x, "0102030003000000"
				  "616263"),
			 KT_OK);
	assert_int_equal(smux_peek(a, &piece, 1), 1);
	assert_int_equal(piece.n, 3);
	assert_int_equal(piece.p[2], 'c');
	end(&x);
}

/* A transform that adds the key, and how many bytes went before. */
static void count_start(const void *key, void *state)
{
	*(uint8_t *)state = *(const uint8_t *)key;
}

static void count_out(const void *key, void *state, struct span bytes)
{
	uint8_t *at = state;

	for (size_t i = 0; i < bytes.n; i++)
		bytes.p[i] = (uint8_t)(bytes.p[i] + (*at)++);
}

static void count_in(const void *key, void *state, struct span bytes)
{
	uint8_t *at = state;

	for (size_t i = 0; i < bytes.n; i++)
		bytes.p[i] = (uint8_t)(bytes.p[i] - (*at)++);
}

static const struct smux_transform counting = { 1, count_start, count_out, count_in };

static void a_transform_is_done_once_on_each_byte_however_it_is_looked_at(void **state)
{
	static const uint8_t key = 1;
	struct smux_config cfg = config(1, false);
	struct smux_stream *a, *b;
	struct span piece;
	struct fixture x;

	cfg.transform = &counting;
	cfg.transform_key = &key;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	drain(&x);
	assert_int_equal(write_some(a, "aa", 2), 2);
	assert_int_equal(write_some(b, "aaa", 3), 3);
	assert_int_equal(write_some(a, "a", 1), 1);
	expect_frames(&x, "0102030003000000"
			  "626364"
			  "0102030005000000"
			  "626364");

	assert_int_equal(feed(&x, "0102030003000000"
				  "626364"),
			 KT_OK);
	for (int look = 0; look < 2; look++) {
		assert_int_equal(smux_peek(a, &piece, 1), 1);
		assert_int_equal(piece.n, 3);
		assert_memory_equal(piece.p, "aaa", 3);
	}
	smux_consume(a, 1);
	assert_int_equal(feed(&x, "0102020003000000"
				  "6566"
				  "0102010005000000"
				  "62"),
			 KT_OK);
	expect_read(a, (const uint8_t *)"aaaa", 4);
	expect_read(b, (const uint8_t *)"a", 1);
	end(&x);
}

/* ---- two sessions joined by pipes ------------------------------------------------------------------------------ */

/* One random conversation: client and server, each direction a pipe that carries the
 * bytes in random cuts.  Every stream has a script of its own: how many bytes each end writes,
 * whether it then ends its direction at once or after the peer did, and whether it gives up early.
 * Every byte's value follows from stream, direction and place. */
struct flow { /* one end of one stream */
	struct smux_stream *st;
	size_t to_write, written, read;
	bool waits;  /* ends its direction only after the peer's end */
	bool aborts; /* gives up early */
	bool done;
};

enum { FLOWS_MAX = 40 };

struct world {
	struct fixture side[2]; /* client, server */
	struct bytes pipe[2];   /* from side i, not yet taken by the other */
	struct flow flow[2][FLOWS_MAX];
	unsigned opened, to_open;
	uint32_t rng;
	bool slow_server;
};

static uint32_t draw(struct world *w, uint32_t n)
{
	w->rng = w->rng * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(w->rng >> 4) * n >> 28);
}

static uint8_t flow_byte(unsigned side, unsigned i, size_t at)
{
	return (uint8_t)(at * 3 + (at >> 8) + i * 31 + side * 101);
}

static void plan(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];

	*f = (struct flow){ .to_write = draw(w, 4) == 0 ? draw(w, 300000) : draw(w, 2000) };
	f->waits = draw(w, 3) == 0 && side == 1; /* one side at most, or both wait forever */
	f->aborts = draw(w, 10) == 0;
}

static struct smux_config random_config(struct world *w, int version, bool client)
{
	struct smux_config cfg = config(version, client);

	cfg.framesize = draw(w, 3) == 0 ? 50 + draw(w, 100) : 200 + draw(w, SMUX_FRAME_MAX - 199);
	cfg.recv_bytes_max = draw(w, 2) ? 5000 + draw(w, 100000) : 4194304;
	cfg.streambuf = draw(w, 2) ? 1000 + draw(w, 5000) : 65536;
	cfg.send_bytes_max = 1 + draw(w, 100000);
	return cfg;
}

static void world_begin(struct world *w, uint32_t seed)
{
	int version;

	*w = (struct world){ .rng = seed };
	for (int i = 0; i < 10; i++)
		draw(w, 2);
	version = 1 + (int)draw(w, 2);
	for (unsigned side = 0; side < 2; side++)
		begin_cfg(&w->side[side], random_config(w, version, side == 0),
			  draw(w, 2) ? SIZE_MAX : (8 + draw(w, 40)) * FIFO_CHUNK);
	w->to_open = 1 + draw(w, FLOWS_MAX);
	w->slow_server = draw(w, 3) == 0;
	for (unsigned i = 0; i < FLOWS_MAX; i++) {
		plan(w, 0, i);
		plan(w, 1, i);
	}
}

static void open_one(struct world *w)
{
	struct flow *f = &w->flow[0][w->opened];

	if (w->opened == w->to_open)
		return;
	f->st = open_stream(&w->side[0]);
	assert_int_equal(smux_sid(f->st), 3 + 2 * w->opened);
	w->opened++;
}

static void accept_all(struct world *w)
{
	struct smux_event ev;

	for (unsigned side = 0; side < 2; side++)
		while (smux_next(w->side[side].m, &ev)) {
			assert_false(ev.what & SMUX_RESET);
			if (ev.what & SMUX_OPENED)
				w->flow[side][(smux_sid(ev.stream) - 3) / 2].st = ev.stream;
		}
}

static void let_go(struct flow *f, bool discard)
{
	smux_release(f->st, discard);
	f->st = NULL;
	f->done = true;
}

static void flow_write(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];
	struct span room = smux_reserve(f->st);
	size_t n = room.n < f->to_write - f->written ? room.n : f->to_write - f->written;

	if (room.n == 0)
		return;
	if (n > 1 && draw(w, 2))
		n = draw(w, (uint32_t)n);
	for (size_t k = 0; k < n; k++)
		room.p[k] = flow_byte(side, i, f->written + k);
	smux_commit(f->st, n);
	f->written += n;
	if (f->written == f->to_write && (!f->waits || smux_eof(f->st)))
		smux_shutdown(f->st);
}

static void flow_read(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];
	struct span pieces[3];
	size_t count = smux_peek(f->st, pieces, 1 + draw(w, 3)), sum = 0, take;

	for (size_t p = 0; p < count; p++)
		for (size_t k = 0; k < pieces[p].n; k++, sum++)
			assert_int_equal(pieces[p].p[k], flow_byte(!side, i, f->read + sum));
	take = sum > 1 && draw(w, 3) ? draw(w, (uint32_t)sum) : sum;
	smux_consume(f->st, take);
	f->read += take;
}

static void flow_step(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];
	const struct flow *peer = &w->flow[!side][i];

	if (f->st == NULL)
		return;
	if (f->aborts && draw(w, 20) == 0) {
		let_go(f, draw(w, 2));
		return;
	}
	/* What closewait is for: the peer's end may mean that nobody reads any more. */
	if (peer->aborts && peer->done && smux_peer_finished(f->st) && draw(w, 50) == 0) {
		let_go(f, draw(w, 2));
		return;
	}
	if (!f->st->shut)
		flow_write(w, side, i);
	if (!(side == 1 && w->slow_server) || draw(w, 8) == 0)
		flow_read(w, side, i);
	if (!smux_eof(f->st) || f->written < f->to_write)
		return;
	if (!peer->aborts)
		assert_int_equal(f->read, peer->to_write);
	let_go(f, false);
}

/* Some frames of one side into its pipe, bounded, so that both directions fill up at times. */
static void pump_out(struct world *w, unsigned side)
{
	struct fixture *x = &w->side[side];
	struct smux_frame f;

	for (unsigned n = draw(w, 20); n > 0 && w->pipe[side].n < 200000; n--) {
		if (!smux_next_frame(x->m, x->now, draw(w, 4) ? SIZE_MAX : draw(w, 5000), &f))
			return;
		frame_add(&w->pipe[side], &f);
	}
}

static void pump_in(struct world *w, unsigned side)
{
	struct bytes *pipe = &w->pipe[!side];
	size_t n = draw(w, 3) == 0 ? draw(w, 30) : draw(w, 100000), left;
	int rc;

	if (n > pipe->n)
		n = pipe->n;
	if (n == 0)
		return;
	rc = feed_bytes(&w->side[side], pipe->p, n, &left);
	assert_int_not_equal(rc, KT_EPROTO);
	assert_int_equal(rc == KT_EAGAIN, left > 0);
	if (rc == KT_EAGAIN)
		assert_true(smux_input_blocked(w->side[side].m));
	bytes_keep(pipe, pipe->n - (n - left));
}

static void check_limits(struct fixture *x)
{
	size_t max = x->m->cfg.recv_bytes_max * (x->cfg.version == 2 ? SMUX_HARD_FACTOR : 1);

	assert_true(smux_unread_bytes(x->m) <= max);
	assert_true(x->pool.bytes_max == SIZE_MAX || x->pool.used_bytes <= x->pool.bytes_max);
	assert_int_equal(smux_stats(x->m)->window_overruns, 0);
}

static void world_step(struct world *w)
{
	if (draw(w, 20) == 0)
		open_one(w);
	for (unsigned side = 0; side < 2; side++) {
		struct fixture *x = &w->side[side];

		x->now += 2000;
		pump_out(w, side);
		smux_verify(x->m);
		pump_in(w, side);
		if (smux_deadline(x->m) <= x->now)
			smux_tick(x->m, x->now);
		for (unsigned n = 0; n < 8; n++)
			flow_step(w, side, draw(w, FLOWS_MAX));
		smux_verify(x->m);
		check_limits(x);
	}
	accept_all(w);
}

static bool world_done(const struct world *w)
{
	return w->opened == w->to_open && w->pipe[0].n + w->pipe[1].n == 0 &&
	       smux_stream_count(w->side[0].m) == 0 && smux_stream_count(w->side[1].m) == 0;
}

static void world_end(struct world *w)
{
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(w->side[side].pool.used_count, 0);
		end(&w->side[side]);
		bytes_clear(&w->pipe[side]);
	}
}

static void random_conversations_carry_every_byte_and_every_end(void **state)
{
	const char *one = getenv("SMUX_SEED");
	uint32_t first = one != NULL ? (uint32_t)strtoul(one, NULL, 10) : 1;
	uint32_t last = one != NULL ? first : 60;

	for (uint32_t seed = first; seed <= last; seed++) {
		struct world w;
		unsigned steps = 0;

		world_begin(&w, seed);
		while (!world_done(&w) && ++steps < 60000)
			world_step(&w);
		if (!world_done(&w))
			fail_msg("SMUX_SEED=%u: %u and %u streams did not end", seed,
				 smux_stream_count(w.side[0].m), smux_stream_count(w.side[1].m));
		world_end(&w);
	}
}

/* ---- hostile peers ------------------------------------------------------------------------------------------------ */

/* Frames with plausible headers and hostile numbers, while the application acts at random. */
static void hostile_frame(struct world *w, struct bytes *b)
{
	static const uint32_t nasty[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 262144, 262145 };
	uint8_t body[300];
	uint32_t sid = draw(w, 6);

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)draw(w, 256);
	switch (draw(w, 8)) {
	case 0:
		put_upd(b, sid, nasty[draw(w, 7)] + draw(w, 3), nasty[draw(w, 7)]);
		break;
	case 1:
		put_frame(b, 2, SMUX_SYN, sid, body, 0);
		break;
	case 2:
		put_frame(b, 2, SMUX_FIN, sid, body, 0);
		break;
	case 3:
		put_frame(b, 2, SMUX_NOP, sid, body, 0);
		break;
	default:
		for (unsigned n = draw(w, 40); n > 0; n--)
			put_frame(b, 2, SMUX_PSH, sid, body, draw(w, sizeof(body)));
	}
}

static void hostile_application(struct world *w, struct fixture *x)
{
	struct smux_event ev;

	while (smux_next(x->m, &ev)) {
		if (draw(w, 4) == 0)
			write_zeros(ev.stream, draw(w, 100000));
		if (draw(w, 3) == 0)
			smux_consume(ev.stream, smux_unread(ev.stream));
		if (draw(w, 10) == 0)
			smux_shutdown(ev.stream);
		if (draw(w, 10) == 0)
			smux_release(ev.stream, draw(w, 2));
		smux_verify(x->m);
	}
}

static void a_hostile_peer_breaks_nothing_but_its_own_streams(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct world w = { .rng = seed };
		struct smux_config cfg = config(2, false);
		struct bytes b = { .p = NULL };
		struct fixture x;

		cfg.recv_bytes_max = 10000 + draw(&w, 200000);
		begin_cfg(&x, cfg, (4 + draw(&w, 60)) * FIFO_CHUNK);
		for (int i = 0; i < 300; i++) {
			size_t left;

			hostile_frame(&w, &b);
			assert_int_not_equal(feed_bytes(&x, b.p, b.n, &left), KT_EPROTO);
			bytes_keep(&b, left);
			hostile_application(&w, &x);
			if (draw(&w, 3) == 0)
				drain(&x);
			if (left > 100000)
				break; /* stuck behind a stream that nobody reads */
		}
		bytes_clear(&b);
		end(&x);
	}
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
		cmocka_unit_test(a_fin_never_overtakes_the_data_even_if_the_window_is_shut),
		cmocka_unit_test(each_direction_ends_on_its_own),
		cmocka_unit_test(a_released_stream_lingers_until_its_bytes_and_fin_are_out),
		cmocka_unit_test(discarding_drops_what_is_unsent_and_ends_at_once),
		cmocka_unit_test(a_stream_discarded_before_its_syn_left_leaves_no_trace),
		cmocka_unit_test(data_for_streams_that_are_gone_is_consumed_and_counted),
		cmocka_unit_test(data_after_the_peers_own_fin_is_dropped),
		cmocka_unit_test(a_lingering_stream_still_opens_the_peers_window),
		cmocka_unit_test(a_lingering_stream_waits_for_a_window_that_can_still_come),
		cmocka_unit_test(a_lingering_stream_keeps_its_bytes_while_nothing_is_heard),
		cmocka_unit_test(a_reset_is_a_second_fin_behind_the_data),
		cmocka_unit_test(a_stream_that_ended_on_our_side_can_still_be_reset),
		cmocka_unit_test(a_stream_that_never_left_needs_no_reset),
		cmocka_unit_test(a_peers_reset_is_told_and_no_regular_end),
		cmocka_unit_test(a_reset_frees_what_lingers_for_the_peer),
		cmocka_unit_test(resets_that_cross_leave_nothing_behind),
		cmocka_unit_test(streams_beyond_the_limit_are_answered_by_a_reset),
		cmocka_unit_test(a_flood_of_refused_streams_is_answered_in_bounded_memory),
		cmocka_unit_test(a_client_refuses_streams_and_a_server_opens_none),
		cmocka_unit_test(a_client_opens_up_to_its_limit_lingering_ones_included),
		cmocka_unit_test(ids_end_at_the_last_odd_number_of_32_bits),
		cmocka_unit_test(any_choice_of_ids_is_found_and_removed_again),
		cmocka_unit_test(an_idle_stream_is_small),
		cmocka_unit_test(a_note_follows_the_first_frame_and_is_heard),
		cmocka_unit_test(a_nop_goes_out_only_when_nothing_else_did),
		cmocka_unit_test(a_ping_goes_out_at_once_and_only_while_alive),
		cmocka_unit_test(silence_of_the_peer_ends_the_session_on_the_microsecond),
		cmocka_unit_test(silence_that_is_our_own_doing_does_not_count),
		cmocka_unit_test(intervals_without_end_do_not_wrap),
		cmocka_unit_test(what_came_before_the_end_of_a_session_can_still_be_read),
		cmocka_unit_test(users_are_kept_per_stream),
		cmocka_unit_test(a_transform_is_done_once_on_each_byte_however_it_is_looked_at),
		cmocka_unit_test(random_conversations_carry_every_byte_and_every_end),
		cmocka_unit_test(a_hostile_peer_breaks_nothing_but_its_own_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
