/* test_piece.c - segments in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fec.h"
#include "piece.h"

enum { CONV = 0x01020304 };

static struct packet_pool pool;
static struct batch batch;

static void add_segment(uint32_t sn, size_t payload)
{
	struct packet *pkt = batch_add(&batch);
	struct kcp_seg_header h = { .conv = CONV,
				    .cmd = KCP_CMD_PUSH,
				    .sn = sn,
				    .len = (uint32_t)payload };

	assert_non_null(pkt);
	kcp_header_encode(pkt->data, &h);
	for (size_t i = 0; i < payload; i++)
		pkt->data[KCP_OVERHEAD + i] = (uint8_t)(i * 7 + sn);
	pkt->len = KCP_OVERHEAD + payload;
}

static int setup(void **state)
{
	(void)state;
	packet_pool_init(&pool);
	batch_init(&batch, &pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	batch_clear(&batch);
	packet_pool_dispose(&pool);
	return 0;
}

static struct view view_of(size_t i)
{
	return (struct view){ batch.v[i].data, batch.v[i].len };
}

static void check_whole(struct view segment, uint32_t sn, size_t payload)
{
	struct kcp_seg_header h;

	assert_int_equal(segment.n, KCP_OVERHEAD + payload);
	assert_true(kcp_header_decode(&h, segment.p, segment.n));
	assert_int_equal(h.sn, sn);
	for (size_t i = 0; i < payload; i++)
		assert_int_equal(segment.p[KCP_OVERHEAD + i], (uint8_t)(i * 7 + sn));
}

static void what_is_cut_comes_together_in_any_order(void **state)
{
	struct piece_in *in = piece_in_new();
	struct view whole;

	(void)state;
	for (size_t payload = 1; payload <= 1476; payload += 59) {
		for (size_t most = PIECE_HEADER + 200; most < 1300; most += 111) {
			add_segment(5, payload);
			assert_true(piece_cut(&batch, 0, most));
			for (size_t i = batch.count; i-- > 0;) {
				struct view inner;

				assert_true(batch.v[i].len <= most);
				assert_int_equal(fec_classify(view_of(i), &inner), FEC_PIECE);
				assert_int_equal(piece_in_add(in, CONV, view_of(i), &whole), i == 0);
			}
			check_whole(whole, 5, payload);
			batch_clear(&batch);
		}
	}
	piece_in_free(in);
}

static void two_segments_share_the_way(void **state)
{
	struct piece_in *in = piece_in_new();
	struct view whole;

	(void)state;
	add_segment(7, 1400);
	assert_true(piece_cut(&batch, 0, 800));
	add_segment(8, 1300);
	assert_true(piece_cut(&batch, 2, 800));
	assert_int_equal(batch.count, 4);
	assert_false(piece_in_add(in, CONV, view_of(0), &whole));
	assert_false(piece_in_add(in, CONV, view_of(3), &whole));
	assert_false(piece_in_add(in, CONV, view_of(3), &whole));
	assert_true(piece_in_add(in, CONV, view_of(1), &whole));
	check_whole(whole, 7, 1400);
	assert_true(piece_in_add(in, CONV, view_of(2), &whole));
	check_whole(whole, 8, 1300);
	piece_in_free(in);
}

static void what_needs_too_many_parts_stays_whole(void **state)
{
	(void)state;
	add_segment(7, 1400);
	assert_false(piece_cut(&batch, 0, PIECE_HEADER + 100));
	assert_false(piece_cut(&batch, 0, PIECE_HEADER));
	assert_false(piece_cut(&batch, 0, 10));
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.v[0].len, KCP_OVERHEAD + 1400);
}

/* Each byte of the headers is another one once, each length is tried, and parts are mixed: nothing that comes out is
 * longer than it may be, or outside of what is held. */
static void hostile_pieces_are_borne(void **state)
{
	struct piece_in *in = piece_in_new();
	uint8_t bytes[1600];
	struct view whole;

	(void)state;
	add_segment(3, 1000);
	assert_true(piece_cut(&batch, 0, 600));
	for (size_t at = 0; at < PIECE_HEADER; at++) {
		for (unsigned value = 0; value < 256; value++) {
			memcpy(bytes, batch.v[1].data, batch.v[1].len);
			bytes[at] = (uint8_t)value;
			if (piece_in_add(in, CONV, (struct view){ bytes, batch.v[1].len }, &whole))
				assert_true(whole.n <= KCP_OVERHEAD + PACKET_MTU_MAX);
		}
	}
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, batch.v[0].data, batch.v[0].len);
	for (size_t n = 0; n <= sizeof(bytes); n++)
		if (n != batch.v[0].len)
			assert_false(piece_in_add(in, CONV, (struct view){ bytes, n }, &whole));
	assert_false(piece_in_add(in, CONV + 1, view_of(1), &whole));
	piece_in_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_cut_comes_together_in_any_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(two_segments_share_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(what_needs_too_many_parts_stays_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_pieces_are_borne, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
