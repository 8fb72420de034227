/* test_packet.c - pool and batches of datagram buffers. */
#include "packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct batch *new_batch(struct packet_pool *pool)
{
	struct batch *b = malloc(sizeof(*b));

	assert_non_null(b);
	batch_init(b, pool);
	return b;
}

static void a_buffer_is_writable_from_end_to_end(void **state)
{
	struct packet_pool pool;
	uint8_t *mem;

	packet_pool_init(&pool);
	mem = packet_pool_get(&pool);
	assert_non_null(mem);
	memset(mem, 0xee, PACKET_CAP);
	packet_pool_put(&pool, mem);
	packet_pool_dispose(&pool);
}

static void returned_buffers_are_handed_out_again_and_counted(void **state)
{
	struct packet_pool pool;
	uint8_t *a, *b, *c;

	packet_pool_init(&pool);
	a = packet_pool_get(&pool);
	b = packet_pool_get(&pool);
	assert_ptr_not_equal(a, b);
	assert_int_equal(pool.used_count, 2);
	assert_int_equal(pool.free_count, 0);
	packet_pool_put(&pool, a);
	packet_pool_put(&pool, b);
	assert_int_equal(pool.used_count, 0);
	assert_int_equal(pool.free_count, 2);
	c = packet_pool_get(&pool);
	assert_true(c == a || c == b);
	assert_int_equal(pool.free_count, 1);
	packet_pool_put(&pool, c);
	packet_pool_dispose(&pool);
	assert_int_equal(pool.free_count, 0);
}

static void put_many(struct packet_pool *pool, uint8_t **mem, size_t count)
{
	for (size_t i = 0; i < count; i++)
		packet_pool_put(pool, mem[i]);
}

static void get_many(struct packet_pool *pool, uint8_t **mem, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mem[i] = packet_pool_get(pool);
		assert_non_null(mem[i]);
	}
}

static void trimming_keeps_what_was_needed_since_the_last_trim(void **state)
{
	struct packet_pool pool;
	uint8_t *mem[100];

	packet_pool_init(&pool);
	get_many(&pool, mem, 100);
	put_many(&pool, mem, 100);
	packet_pool_trim(&pool); /* all 100 were out since the start */
	assert_int_equal(pool.free_count, 100);

	get_many(&pool, mem, 30);
	put_many(&pool, mem, 30);
	packet_pool_trim(&pool); /* 30 were needed, 70 were not */
	assert_int_equal(pool.free_count, 30);

	packet_pool_trim(&pool); /* nothing was needed */
	assert_int_equal(pool.free_count, 0);
	packet_pool_trim(&pool);
	assert_int_equal(pool.free_count, 0);
	packet_pool_dispose(&pool);
}

static void trimming_leaves_buffers_in_use_alone(void **state)
{
	struct packet_pool pool;
	uint8_t *mem[10];

	packet_pool_init(&pool);
	get_many(&pool, mem, 10);
	packet_pool_trim(&pool);
	packet_pool_trim(&pool);
	assert_int_equal(pool.used_count, 10);
	for (size_t i = 0; i < 10; i++)
		memset(mem[i], (int)i, PACKET_CAP);
	put_many(&pool, mem, 10);
	packet_pool_dispose(&pool);
}

static void a_new_packet_is_empty_with_headroom_and_room_for_the_largest_datagram(void **state)
{
	struct packet_pool pool;
	struct batch *b;
	struct packet *p;

	packet_pool_init(&pool);
	b = new_batch(&pool);
	p = batch_add(b);
	assert_non_null(p);
	assert_ptr_equal(p, &b->v[0]);
	assert_ptr_equal(p->data, p->mem + PACKET_HEADROOM);
	assert_int_equal(p->len, 0);
	assert_null(p->path);
	assert_false(p->bad);
	memset(p->data, 1, PACKET_MTU_MAX + PACKET_TAILROOM);
	batch_clear(b);
	free(b);
	packet_pool_dispose(&pool);
}

static void a_reused_buffer_carries_no_state_of_its_last_packet(void **state)
{
	struct packet_pool pool;
	struct batch *b;
	struct packet *p;

	packet_pool_init(&pool);
	b = new_batch(&pool);
	p = batch_add(b);
	*p = (struct packet){ p->data - 20, 77, p->mem, &pool, true, true, true };
	batch_clear(b);
	assert_int_equal(b->count, 0);
	p = batch_add(b);
	assert_ptr_equal(p->data, p->mem + PACKET_HEADROOM);
	assert_int_equal(p->len, 0);
	assert_null(p->path);
	assert_false(p->bad);
	batch_clear(b);
	free(b);
	packet_pool_dispose(&pool);
}

static void a_batch_takes_batch_max_packets_and_no_more(void **state)
{
	struct packet_pool pool;
	struct batch *b;

	packet_pool_init(&pool);
	b = new_batch(&pool);
	for (size_t i = 0; i < BATCH_MAX; i++) {
		assert_int_equal(batch_room(b), BATCH_MAX - i);
		assert_non_null(batch_add(b));
	}
	assert_int_equal(batch_room(b), 0);
	assert_null(batch_add(b));
	assert_int_equal(b->count, BATCH_MAX);
	assert_int_equal(pool.used_count, BATCH_MAX);
	batch_undo(b);
	assert_int_equal(pool.used_count, BATCH_MAX - 1);
	assert_non_null(batch_add(b));
	batch_clear(b);
	assert_int_equal(pool.used_count, 0);
	free(b);
	packet_pool_dispose(&pool);
}

static void undo_takes_back_only_the_last_packet(void **state)
{
	struct packet_pool pool;
	struct packet *first;
	struct batch *b;

	packet_pool_init(&pool);
	b = new_batch(&pool);
	first = batch_add(b);
	first->len = 5;
	assert_non_null(batch_add(b));
	batch_undo(b);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->v[0].len, 5);
	assert_int_equal(pool.used_count, 1);
	batch_clear(b);
	free(b);
	packet_pool_dispose(&pool);
}

static void clearing_skips_packets_whose_buffer_was_taken_or_borrowed(void **state)
{
	struct packet_pool pool;
	struct batch *b;
	uint8_t *kept;

	packet_pool_init(&pool);
	b = new_batch(&pool);
	assert_non_null(batch_add(b));
	assert_non_null(batch_add(b));
	kept = b->v[0].mem;
	b->v[0].mem = NULL;
	batch_clear(b);
	assert_int_equal(pool.used_count, 1);
	packet_pool_put(&pool, kept);
	free(b);
	packet_pool_dispose(&pool);
}

static void headroom_and_tailroom_hold_every_layer(void **state)
{
	assert_true(PACKET_HEADROOM >= 20 + 8); /* seal, FEC */
	assert_true(PACKET_TAILROOM >= 16);     /* AEAD tag */
	assert_true(BATCH_MAX > 255);           /* largest shard set */
	assert_int_equal(PACKET_CAP, PACKET_HEADROOM + PACKET_MTU_MAX + PACKET_TAILROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_is_writable_from_end_to_end),
		cmocka_unit_test(returned_buffers_are_handed_out_again_and_counted),
		cmocka_unit_test(trimming_keeps_what_was_needed_since_the_last_trim),
		cmocka_unit_test(trimming_leaves_buffers_in_use_alone),
		cmocka_unit_test(a_new_packet_is_empty_with_headroom_and_room_for_the_largest_datagram),
		cmocka_unit_test(a_reused_buffer_carries_no_state_of_its_last_packet),
		cmocka_unit_test(a_batch_takes_batch_max_packets_and_no_more),
		cmocka_unit_test(undo_takes_back_only_the_last_packet),
		cmocka_unit_test(clearing_skips_packets_whose_buffer_was_taken_or_borrowed),
		cmocka_unit_test(headroom_and_tailroom_hold_every_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
