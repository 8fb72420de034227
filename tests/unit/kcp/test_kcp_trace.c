/* test_kcp_trace.c - the ARQ against recorded wire vectors and traces of kcp-go and ikcp. */
#include "kcp.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void decode_wire(const uint8_t *p, size_t n, struct kcp_seg_header *h)
{
	assert_true(kcp_header_decode(h, p, n));
}

static void check_seg(const struct vec_record *r)
{
	struct vec_bytes wire = vec_hex(r, "wire"), data = vec_hex(r, "data");
	struct kcp_seg_header h;
	uint8_t out[KCP_OVERHEAD];

	decode_wire(wire.p, wire.n, &h);
	assert_int_equal(h.conv, vec_number(r, "conv"));
	assert_int_equal(h.cmd, vec_number(r, "cmd"));
	assert_int_equal(h.frg, vec_number(r, "frg"));
	assert_int_equal(h.wnd, vec_number(r, "wnd"));
	assert_int_equal(h.ts, vec_number(r, "ts"));
	assert_int_equal(h.sn, vec_number(r, "sn"));
	assert_int_equal(h.una, vec_number(r, "una"));
	assert_int_equal(h.len, data.n);
	kcp_header_encode(out, &h);
	assert_memory_equal(out, wire.p, KCP_OVERHEAD);
	assert_memory_equal(wire.p + KCP_OVERHEAD, data.p, data.n);
	for (size_t n = 0; n < wire.n; n++)
		assert_false(kcp_header_decode(&h, wire.p, n));
	vec_bytes_free(&wire);
	vec_bytes_free(&data);
}

static void check_dgram(const struct vec_record *r)
{
	struct vec_bytes wire = vec_hex(r, "wire");
	unsigned nseg = (unsigned)vec_number(r, "nseg");
	size_t at = 0;

	for (unsigned i = 0; i < nseg; i++) {
		static const char *const names[] = { "PUSH", "ACK", "WASK", "WINS" };
		struct kcp_seg_header h;
		char want[64], have[64];

		decode_wire(wire.p + at, wire.n - at, &h);
		snprintf(have, sizeof(have), "%s %u %u %u %u %u ", names[h.cmd - KCP_CMD_PUSH],
			 (unsigned)h.frg, (unsigned)h.wnd, (unsigned)h.ts, (unsigned)h.sn,
			 (unsigned)h.una);
		snprintf(want, sizeof(want), "%.*s", (int)strlen(have), vec_numbered(r, "seg", i));
		assert_string_equal(have, want);
		at += KCP_OVERHEAD + h.len;
	}
	assert_int_equal(at, wire.n);
	vec_bytes_free(&wire);
}

struct sink {
	uint8_t buf[2048];
};

static uint8_t *sink_reserve(void *user, size_t cap)
{
	assert_true(cap <= sizeof(((struct sink *)user)->buf));
	return ((struct sink *)user)->buf;
}

static size_t sink_output(void *user, uint8_t *buf, size_t len)
{
	assert_ptr_equal(buf, ((struct sink *)user)->buf);
	assert_true(len >= KCP_OVERHEAD);
	return len;
}

static struct kcp *receiver(struct sink *s, uint32_t conv, uint32_t rcv_wnd)
{
	struct kcp_config cfg = {
		.conv = conv,
		.mtu = 1400,
		.snd_wnd = 32,
		.rcv_wnd = rcv_wnd,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.reserve = sink_reserve,
		.output = sink_output,
		.user = s,
	};
	struct kcp *k = kcp_new(&cfg, 1000000);

	assert_non_null(k);
	return k;
}

static size_t read_messages(struct kcp *k, uint8_t *out, size_t cap)
{
	size_t n = 0;
	int got;

	while ((got = kcp_recv(k, out + n, cap - n)) >= 0)
		n += (size_t)got;
	assert_int_equal(got, KCP_EAGAIN);
	return n;
}

/* In the vectors a datagram with a later bad segment fails; ours reports only
 * that the first was bad, and counts the other case. */
static void check_input(const struct vec_record *r)
{
	struct vec_bytes wire = vec_hex(r, "wire");
	int64_t ret = (int64_t)strtoll(vec_text(r, "ret"), NULL, 10);
	int64_t peek = (int64_t)strtoll(vec_text(r, "peek"), NULL, 10);
	uint32_t acks = (uint32_t)vec_number(r, "acks");
	struct sink s;
	struct kcp *k = receiver(&s, (uint32_t)vec_number(r, "conv"),
				 (uint32_t)vec_number(r, "rcv_wnd"));
	uint8_t buf[4096];
	struct kcp_info info;
	int got;

	got = kcp_input(k, 1000000, wire.p, wire.n, 0);
	kcp_verify(k);
	kcp_get_info(k, &info);
	assert_int_equal(info.ack_arrivals, acks);
	assert_int_equal(info.rcv_nxt, vec_number(r, "nxt"));
	assert_int_equal(info.snd_una, 0);
	if (ret == 0)
		assert_int_equal(got, KCP_OK);
	else
		assert_int_equal(got, acks > 0 ? KCP_OK : KCP_EPROTO);
	assert_int_equal(kcp_stats(k)->in_errs, ret == 0 ? 0 : 1);
	assert_int_equal(kcp_peek_size(k), peek < 0 ? KCP_EAGAIN : peek);
	if (peek >= 0) {
		struct vec_bytes recv = vec_hex(r, "recv"), stream = vec_hex(r, "stream");
		size_t n;

		assert_int_equal(kcp_recv(k, buf, sizeof(buf)), recv.n);
		assert_memory_equal(buf, recv.p, recv.n);
		n = recv.n + read_messages(k, buf + recv.n, sizeof(buf) - recv.n);
		assert_int_equal(n, stream.n);
		assert_memory_equal(buf, stream.p, stream.n);
		vec_bytes_free(&recv);
		vec_bytes_free(&stream);
	}
	kcp_flush(k, 1000000);
	kcp_verify(k);
	kcp_free(k);
	vec_bytes_free(&wire);
}

static void wire_vectors_are_written_and_taken_in_as_the_reference_does(void **state)
{
	struct vec_file *f = vec_open("kcp_wire.txt");
	unsigned count[3] = { 0 };

	(void)state;
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];

		if (strcmp(r->kind, "seg") == 0) {
			check_seg(r);
			count[0]++;
		} else if (strcmp(r->kind, "dgram") == 0) {
			check_dgram(r);
			count[1]++;
		} else {
			assert_string_equal(r->kind, "input");
			check_input(r);
			count[2]++;
		}
	}
	assert_true(count[0] >= 11);
	assert_true(count[1] >= 5);
	assert_true(count[2] >= 20);
	vec_close(f);
}

/* ---- traces -------------------------------------------------------------- */

static bool is_of(const struct vec_record *r, const char *kind, const char *peer)
{
	return strcmp(r->kind, kind) == 0 && strcmp(vec_text(r, "peer"), peer) == 0;
}

static struct kcp *trace_kcp(const struct vec_record *config, const char *peer, struct sink *s)
{
	struct kcp_config cfg = {
		.conv = (uint32_t)vec_number(config, "conv"),
		.mtu = (uint32_t)vec_number(config, "mtu"),
		.stream = vec_number(config, "stream") == 1,
		.reserve = sink_reserve,
		.output = sink_output,
		.user = s,
	};
	const char *wnd = vec_text(config, peer[0] == 'A' ? "wnd_A" : "wnd_B");
	unsigned v[4];
	struct kcp *k;

	assert_int_equal(sscanf(wnd, "%u %u", &v[0], &v[1]), 2);
	cfg.snd_wnd = v[0];
	cfg.rcv_wnd = v[1];
	assert_int_equal(
		sscanf(vec_text(config, "nodelay"), "%u %u %u %u", &v[0], &v[1], &v[2], &v[3]), 4);
	cfg.nodelay = v[0];
	cfg.interval_ms = v[1];
	cfg.resend = v[2];
	k = kcp_new(&cfg, vec_number(config, "t0") * 1000);
	assert_non_null(k);
	kcp_set_initial_sn(k, peer[0] == 'A' ? (uint32_t)vec_number(config, "first_sn_A") : 0,
			   peer[0] == 'B' ? (uint32_t)vec_number(config, "first_sn_A") : 0);
	return k;
}

/* The clock of a trace is modulo 2^32; ours goes on. */
static uint64_t unwrap_ms(uint64_t last, uint32_t t)
{
	return last + (uint32_t)(t - (uint32_t)last);
}

/* Feed what this peer was fed, read when it read: the bytes must be those. */
static void replay(const struct vec_file *f, const char *peer)
{
	const struct vec_record *config = &f->records[0], *result = NULL;
	struct sink s;
	struct kcp *k = trace_kcp(config, peer, &s);
	uint64_t now_ms = vec_number(config, "t0");
	uint8_t *got = malloc(1 << 20);
	struct vec_bytes want;
	size_t n = 0;

	assert_non_null(got);
	for (size_t i = 1; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		const char *ev;

		if (is_of(r, "result", peer))
			result = r;
		if (!is_of(r, "event", peer))
			continue;
		ev = vec_text(r, "ev");
		now_ms = unwrap_ms(now_ms, (uint32_t)vec_number(r, "t"));
		if (strcmp(ev, "input") == 0) {
			struct vec_bytes d = vec_hex(r, "data");

			assert_int_equal(kcp_input(k, now_ms * 1000, d.p, d.n, 0), KCP_OK);
			vec_bytes_free(&d);
		} else if (strcmp(ev, "recv") == 0) {
			struct vec_bytes d = vec_hex(r, "data");
			int len = kcp_recv(k, got + n, ((size_t)1 << 20) - n);

			assert_int_equal(len, d.n);
			assert_memory_equal(got + n, d.p, d.n);
			n += d.n;
			vec_bytes_free(&d);
		}
		kcp_flush(k, now_ms * 1000);
		kcp_verify(k);
	}
	assert_non_null(result);
	want = vec_hex(result, "received");
	assert_int_equal(n, want.n);
	assert_memory_equal(got, want.p, n);
	assert_int_equal(kcp_peek_size(k), KCP_EAGAIN);
	assert_int_equal(kcp_stats(k)->in_errs, 0);
	assert_int_equal(kcp_stats(k)->out_of_window_segs, 0);
	vec_bytes_free(&want);
	free(got);
	kcp_free(k);
}

static void traces_of_both_peers_are_received_byte_for_byte(void **state)
{
	/* clang-format off */
	static const char *const names[] = {
		"c_bad_network", "c_clock_and_sn_wrap", "c_cwnd", "c_fast_resend", "c_lossless",
		"c_message_fragments", "c_rto", "c_stream_merge", "c_window_update",
		"c_zero_window", "go_ack_no_delay", "go_bad_network", "go_clock_and_sn_wrap",
		"go_cwnd", "go_fast_resend", "go_lossless", "go_message_fragments", "go_rto",
		"go_stream_merge", "go_window_update", "go_zero_window",
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[64];
		struct vec_file *f;

		snprintf(name, sizeof(name), "kcp_trace_%s.txt", names[i]);
		f = vec_open(name);
		assert_string_equal(f->records[0].kind, "config");
		replay(f, "A");
		replay(f, "B");
		vec_close(f);
	}
}

/* ---- a sender fed with the answers of the reference ---------------------- */

/* Our sender, given all the data a reference sender had, must take the recorded
 * acknowledgements for what they are: nothing stays in flight in the end. */
static void acknowledges_of_a_reference_receiver_free_what_was_sent(void **state)
{
	static const char *const names[] = { "kcp_trace_go_lossless.txt", "kcp_trace_c_lossless.txt" };

	(void)state;
	for (size_t f_index = 0; f_index < 2; f_index++) {
		struct vec_file *f = vec_open(names[f_index]);
		struct sink s;
		struct kcp *k = trace_kcp(&f->records[0], "A", &s);
		uint64_t now_ms = vec_number(&f->records[0], "t0");
		struct kcp_info info;

		for (size_t i = 1; i < f->record_count; i++) {
			const struct vec_record *r = &f->records[i];
			struct vec_bytes d;

			if (!is_of(r, "event", "A") || vec_find(r, "data") == NULL)
				continue;
			now_ms = unwrap_ms(now_ms, (uint32_t)vec_number(r, "t"));
			d = vec_hex(r, "data");
			if (strcmp(vec_text(r, "ev"), "send") == 0)
				assert_int_equal(kcp_send(k, d.p, d.n), KCP_OK);
			else if (strcmp(vec_text(r, "ev"), "input") == 0)
				kcp_input(k, now_ms * 1000, d.p, d.n, 0);
			vec_bytes_free(&d);
			kcp_flush(k, now_ms * 1000);
			kcp_verify(k);
		}
		kcp_get_info(k, &info);
		assert_true(info.snd_nxt > 0);
		assert_int_equal(kcp_waiting(k), 0);
		assert_true(info.srtt_us > 1000);
		assert_true(info.srtt_us < 200000);
		kcp_free(k);
		vec_close(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_vectors_are_written_and_taken_in_as_the_reference_does),
		cmocka_unit_test(traces_of_both_peers_are_received_byte_for_byte),
		cmocka_unit_test(acknowledges_of_a_reference_receiver_free_what_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
