/* test_admit.c - datagrams from where a server has no session of theirs. */
#include "admit.h"
#include "session_bed.h"

enum { CONV = 77, ROOM = 4 * KCP_OVERHEAD };

/* Datagrams as they are put together here: segments without data. */
struct pieces {
	uint8_t bytes[ROOM];
	size_t len;
};

static void add(struct pieces *p, uint8_t cmd, uint32_t sn, uint32_t una)
{
	struct kcp_seg_header h = { .conv = CONV, .cmd = cmd, .sn = sn, .una = una };

	kcp_header_encode(p->bytes + p->len, &h);
	p->len += KCP_OVERHEAD;
}

static bool moves(const struct session *s, const struct pieces *p, enum admit_verdict *verdict)
{
	struct view payload = { p->bytes, p->len };
	struct session_sniff sniff;
	struct admit a;
	bool yes;

	assert_true(session_sniff(payload, &sniff));
	assert_true(sniff.has_conv);
	admit_begin(&a, payload, &sniff);
	yes = s != NULL && admit_ask(&a, s);
	*verdict = admit_verdict(&a);
	return yes;
}

static bool one_moves(const struct session *s, uint8_t cmd, uint32_t sn, uint32_t una)
{
	struct pieces p = { .len = 0 };
	enum admit_verdict verdict;

	add(&p, cmd, sn, una);
	return moves(s, &p, &verdict);
}

static enum admit_verdict verdict_of(const struct session *s, uint8_t cmd, uint32_t sn, uint32_t una)
{
	struct pieces p = { .len = 0 };
	enum admit_verdict verdict;

	add(&p, cmd, sn, una);
	assert_false(moves(s, &p, &verdict));
	return verdict;
}

static struct kcp_info kcp_of(const struct session *s)
{
	struct session_info info;

	session_get_info(s, &info);
	return info.kcp;
}

/* Both have acknowledged something. */
static struct tunnel *two_ends(void)
{
	struct tunnel *t = tunnel_new(20, 0);

	open(t);
	transfer(t, 20000);
	steps(t, 200);
	assert_true(session_proven(t->end[1]));
	assert_true(kcp_of(t->end[1]).rcv_nxt > 0);
	return t;
}

static void what_nobody_knows_is_a_beginning_or_a_middle(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(NULL, KCP_CMD_PUSH, 0, 0), ADMIT_OPEN);
	assert_int_equal(verdict_of(NULL, KCP_CMD_PUSH, 255, 0), ADMIT_OPEN);
	assert_int_equal(verdict_of(NULL, KCP_CMD_PUSH, 256, 0), ADMIT_TELL);
	assert_int_equal(verdict_of(NULL, KCP_CMD_PUSH, 0, 1), ADMIT_TELL);
	assert_int_equal(verdict_of(NULL, KCP_CMD_PUSH, UINT32_MAX, 0), ADMIT_TELL);
	assert_int_equal(verdict_of(NULL, KCP_CMD_ACK, 0, 0), ADMIT_IGNORE);
	assert_int_equal(verdict_of(NULL, KCP_CMD_ACK, 300, 7), ADMIT_IGNORE);
}

static void what_is_repeated_from_elsewhere_is_no_unknown_conversation(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_info k = kcp_of(t->end[1]);

	(void)state;
	assert_int_equal(verdict_of(t->end[1], KCP_CMD_PUSH, k.rcv_nxt - 1, k.snd_nxt), ADMIT_IGNORE);
	assert_int_equal(verdict_of(t->end[1], KCP_CMD_PUSH, k.rcv_nxt - 1, 1), ADMIT_IGNORE);
	tunnel_free(t);
}

static void what_is_new_moves_wherever_it_stands(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_info k = kcp_of(t->end[1]);
	struct pieces p = { .len = 0 };
	enum admit_verdict verdict;

	(void)state;
	assert_true(one_moves(t->end[1], KCP_CMD_PUSH, k.rcv_nxt, k.snd_nxt));
	add(&p, KCP_CMD_ACK, k.snd_nxt - 1, k.snd_nxt);
	add(&p, KCP_CMD_PUSH, k.rcv_nxt - 1, k.snd_nxt);
	assert_false(moves(t->end[1], &p, &verdict));
	add(&p, KCP_CMD_PUSH, k.rcv_nxt, k.snd_nxt);
	assert_true(moves(t->end[1], &p, &verdict));
	tunnel_free(t);
}

/* Its acknowledgement was lost with the address that it was sent to, and the client may have no room for more. */
static void what_is_sent_again_moves_because_it_left_later(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_info k = kcp_of(t->end[1]);
	struct kcp_seg_header h = { .conv = CONV,
				    .cmd = KCP_CMD_PUSH,
				    .sn = k.rcv_nxt - 1,
				    .una = k.snd_nxt };
	struct pieces p = { .len = KCP_OVERHEAD };
	enum admit_verdict verdict;

	(void)state;
	h.ts = (uint32_t)(t->now_us / MS);
	kcp_header_encode(p.bytes, &h);
	assert_true(moves(t->end[1], &p, &verdict));
	assert_int_equal(verdict, ADMIT_MOVE);
	session_input(t->end[1], t->now_us, (struct view){ p.bytes, p.len });
	assert_false(moves(t->end[1], &p, &verdict));
	assert_int_equal(verdict, ADMIT_IGNORE);
	tunnel_free(t);
}

/* Of the same number, but of somebody who was sent more: a repeated beginning is not what goes on. */
static void who_had_more_than_was_sent_is_of_another(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_info k = kcp_of(t->end[1]);

	(void)state;
	assert_false(one_moves(t->end[1], KCP_CMD_PUSH, k.rcv_nxt, k.snd_nxt + 1));
	assert_int_equal(verdict_of(t->end[1], KCP_CMD_PUSH, k.rcv_nxt, k.snd_nxt + 1), ADMIT_TELL);
	assert_int_equal(verdict_of(t->end[1], KCP_CMD_PUSH, k.rcv_nxt - 1, k.snd_nxt + 1),
			 ADMIT_TELL);
	tunnel_free(t);
}

static void what_goes_on_is_not_begun_again(void **state)
{
	struct tunnel *t = two_ends();

	(void)state;
	assert_int_equal(verdict_of(t->end[1], KCP_CMD_PUSH, 0, 0), ADMIT_IGNORE);
	tunnel_free(t);
}

static void begin(struct tunnel *t, struct pieces *p, uint32_t sn, uint64_t sent_us)
{
	struct kcp_seg_header h = { .conv = CONV,
				    .cmd = KCP_CMD_PUSH,
				    .sn = sn,
				    .ts = (uint32_t)(sent_us / MS) };

	kcp_header_encode(p->bytes, &h);
	p->len = KCP_OVERHEAD;
}

/* Somebody may have begun it with what he heard: the other one sends it again, and is let in by that. */
static void what_a_stranger_began_goes_to_who_sends_later(void **state)
{
	struct tunnel *t = tunnel_new(20, 0);
	struct session_config cfg = config(t, false);
	enum admit_verdict verdict;
	struct pieces p;

	(void)state;
	open(t);
	session_free(t->end[1]);
	t->end[1] = session_new(&cfg, t->now_us);
	assert_non_null(t->end[1]);
	begin(t, &p, 0, t->now_us);
	session_input(t->end[1], t->now_us, (struct view){ p.bytes, p.len });
	assert_false(moves(t->end[1], &p, &verdict));
	assert_int_equal(verdict, ADMIT_IGNORE);
	begin(t, &p, 0, t->now_us + MS);
	assert_true(moves(t->end[1], &p, &verdict));
	assert_int_equal(verdict, ADMIT_MOVE);
	tunnel_free(t);
}

/* ACKs are told apart by the time of the transmission: one of the same number is in every conversation. */
static void ack(struct tunnel *t, uint32_t sn, uint64_t sent_us)
{
	struct kcp_seg_header h = { .conv = CONV,
				    .cmd = KCP_CMD_ACK,
				    .wnd = 128,
				    .sn = sn,
				    .ts = (uint32_t)(sent_us / MS) };
	uint8_t bytes[KCP_OVERHEAD];

	kcp_header_encode(bytes, &h);
	session_input(t->end[1], t->now_us, (struct view){ bytes, sizeof(bytes) });
}

static void acks_of_what_was_sent_to_others_prove_nothing(void **state)
{
	struct tunnel *t = tunnel_new(20, 0);
	uint64_t first_us;
	uint32_t next;

	(void)state;
	open(t);
	t->loss = 1000;
	first_us = t->now_us;
	session_ping(t->end[1]);
	steps(t, 5);
	assert_true(kcp_of(t->end[1]).snd_nxt > 0);
	for (uint32_t sn = 0; sn < kcp_of(t->end[1]).snd_nxt; sn++)
		ack(t, sn, first_us - 7 * MS);
	assert_int_equal(kcp_of(t->end[1]).snd_una, kcp_of(t->end[1]).snd_nxt);
	assert_false(session_proven(t->end[1]));
	session_guard(t->end[1], t->now_us);
	ack(t, kcp_of(t->end[1]).snd_nxt - 1, t->now_us);
	steps(t, 1);
	assert_true(session_guarded(t->end[1]));
	for (unsigned i = 0; i < 8; i++) /* bytes that allow an answer */
		ack(t, 0, t->now_us);
	next = kcp_of(t->end[1]).snd_nxt;
	session_ping(t->end[1]);
	while (kcp_of(t->end[1]).snd_nxt == next)
		step(t);
	ack(t, kcp_of(t->end[1]).snd_nxt - 1, t->now_us);
	steps(t, 1);
	assert_true(session_proven(t->end[1]));
	assert_false(session_guarded(t->end[1]));
	tunnel_free(t);
}

/* Who repeats the beginning of a conversation has a session of the same number. */
static void a_peer_that_moves_has_the_session_that_is_proven(void **state)
{
	struct tunnel *t = two_ends();
	struct session_config cfg = config(t, false);
	struct session *ghost = session_new(&cfg, t->now_us);
	struct pieces p = { .len = 0 };
	struct session_sniff sniff;
	struct admit a;

	(void)state;
	assert_non_null(ghost);
	add(&p, KCP_CMD_PUSH, kcp_of(t->end[1]).rcv_nxt, 0);
	assert_true(session_sniff((struct view){ p.bytes, p.len }, &sniff));
	admit_begin(&a, (struct view){ p.bytes, p.len }, &sniff);
	assert_true(admit_ask(&a, ghost));
	assert_true(admit_ask(&a, t->end[1]));
	assert_false(admit_ask(&a, ghost));
	assert_int_equal(admit_verdict(&a), ADMIT_MOVE);
	session_free(ghost);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_knows_is_a_beginning_or_a_middle),
		cmocka_unit_test(what_is_repeated_from_elsewhere_is_no_unknown_conversation),
		cmocka_unit_test(what_is_sent_again_moves_because_it_left_later),
		cmocka_unit_test(what_is_new_moves_wherever_it_stands),
		cmocka_unit_test(who_had_more_than_was_sent_is_of_another),
		cmocka_unit_test(what_goes_on_is_not_begun_again),
		cmocka_unit_test(what_a_stranger_began_goes_to_who_sends_later),
		cmocka_unit_test(acks_of_what_was_sent_to_others_prove_nothing),
		cmocka_unit_test(a_peer_that_moves_has_the_session_that_is_proven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
