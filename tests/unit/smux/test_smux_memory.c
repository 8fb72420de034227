/* test_smux_memory.c - memory that is shared: who gets room, who waits for it, who is given up. */
#include "smux_bed.h"

/* ---- the pool ---------------------------------------------------------------------------------------------- */

static void an_exhausted_pool_blocks_input_until_bytes_are_read(void **state)
{
	struct smux_stream *a, *b;
	struct fixture x;
	size_t left;

	begin_cfg(&x, config(2, false), 8 * FIFO_CHUNK / 3 + 1); /* a quarter is kept for what is sent */
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 40000, &left), KT_EAGAIN);
	assert_in_range(left, 40000 - 2 * FIFO_CHUNK, 8000);
	assert_true(smux_input_blocked(x.m));
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LOOK_US);
	smux_consume(a, 20000);
	assert_false(smux_input_blocked(x.m));
	assert_int_equal(feed_bytes(&x, (uint8_t[8000]){ 0 }, left, NULL), KT_OK);
	assert_int_equal(smux_unread(a), 20000);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 5, 1, &left), KT_EAGAIN);
	assert_int_equal(left, 1);
	smux_release(a, true);
	assert_false(smux_input_blocked(x.m));
	assert_int_equal(feed_bytes(&x, "z", 1, NULL), KT_OK);
	expect_read(b, (const uint8_t *)"z", 1);
	end(&x);
}

static void fill(struct fifo *f)
{
	while (fifo_write(f, (struct view){ (uint8_t[8192]){ 0 }, 8192 }) > 0)
		;
}

/* Another session, that holds what there is. */
struct hog {
	struct fifo_account account;
	struct fifo in[4], out[4];
};

static void hog_begin(struct hog *h, struct fifo_pool *pool)
{
	fifo_account_init(&h->account, pool);
	for (int i = 0; i < 4; i++) {
		fifo_init(&h->in[i], &h->account, FIFO_IN);
		fifo_init(&h->out[i], &h->account, FIFO_OUT);
		fill(&h->in[i]);
		fill(&h->out[i]);
	}
}

static void hog_gives_back(struct hog *h)
{
	for (int i = 0; i < 4; i++) {
		fifo_dispose(&h->in[i]);
		fifo_dispose(&h->out[i]);
	}
}

static void count_wake(void *user)
{
	++*(unsigned *)user;
}

static void room_that_another_session_gives_back_is_offered(void **state)
{
	struct smux_config cfg = config(1, false);
	struct smux_stream *st;
	struct hog other;
	struct fixture x;
	unsigned wakes = 0;
	size_t left;

	cfg.wake = count_wake;
	cfg.wake_user = &wakes;
	begin_cfg(&x, cfg, 3 * FIFO_CHUNK);
	st = accept_sid(&x, 3);
	hog_begin(&other, &x.pool);
	assert_int_equal(smux_reserve(st).n, 0);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 5, &left), KT_EAGAIN);
	assert_int_equal(left, 5);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LOOK_US);
	x.now += SMUX_LOOK_US;
	smux_tick(x.m, x.now);
	expect_no_event(&x);
	assert_true(smux_input_blocked(x.m));
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LOOK_US);
	assert_int_equal(wakes, 0);
	hog_gives_back(&other);
	assert_in_range(wakes, 1, 2);
	expect_event(&x, st, SMUX_WRITABLE);
	assert_false(smux_input_blocked(x.m));
	assert_true(smux_reserve(st).n > 0);
	smux_commit(st, 0);
	assert_int_equal(feed_bytes(&x, "abcde", 5, NULL), KT_OK);
	smux_tick(x.m, x.now);
	assert_int_equal(smux_deadline(x.m), x.now - SMUX_LOOK_US + x.cfg.keepalive_us);
	fifo_account_dispose(&other.account);
	end(&x);
}

/* An offer that was missed: the clock finds out. */
static void those_that_wait_look_for_themselves_now_and_then(void **state)
{
	struct smux_stream *st;
	struct hog other;
	struct fixture x;

	begin_cfg(&x, config(1, false), 3 * FIFO_CHUNK);
	st = accept_sid(&x, 3);
	hog_begin(&other, &x.pool);
	assert_int_equal(smux_reserve(st).n, 0);
	fifo_account_attach(&x.account, NULL, NULL);
	hog_gives_back(&other);
	expect_no_event(&x);
	x.now += SMUX_LOOK_US;
	smux_tick(x.m, x.now);
	expect_event(&x, st, SMUX_WRITABLE);
	assert_int_equal(smux_deadline(x.m), x.now - SMUX_LOOK_US + x.cfg.keepalive_us);
	fifo_account_dispose(&other.account);
	end(&x);
}

/* One that may not have more stands before one that may: it is not to be in the way. */
static void room_goes_past_a_stream_that_holds_its_share(void **state)
{
	struct smux_stream *fat, *thin;
	struct fixture x;

	begin_cfg(&x, config(2, true), 8 * FIFO_CHUNK);
	fat = open_stream(&x);
	thin = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 0);
	feed_upd(&x, 5, 0, 0);
	write_zeros(fat, 1 << 20);
	assert_int_equal(smux_reserve(fat).n, 0);
	write_zeros(thin, 1 << 20);
	assert_int_equal(smux_reserve(thin).n, 0);
	feed_upd(&x, 5, 0, 1 << 20);
	drain(&x);
	expect_event(&x, thin, SMUX_WRITABLE);
	expect_no_event(&x);
	end(&x);
}

/* Data that waits for windows must not take the last room from the UPDs that open them, nor from
 * another stream's data. */
static void writers_leave_room_to_input_and_to_each_other(void **state)
{
	struct smux_stream *a, *b;
	struct fixture x;

	begin_cfg(&x, config(2, true), 16 * FIFO_CHUNK);
	a = open_stream(&x);
	b = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 0);
	assert_in_range(write_zeros(a, 1 << 20), 2 * FIFO_CHUNK, 4 * FIFO_CHUNK);
	assert_in_range(write_zeros(b, 1 << 20), FIFO_CHUNK / 2, 2 * FIFO_CHUNK);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 4 * FIFO_CHUNK - 100, NULL), KT_OK);
	feed_upd(&x, 3, 0, 1 << 20);
	expect_event(&x, a, SMUX_READABLE);
	drain(&x);
	expect_event(&x, b, SMUX_WRITABLE); /* it holds less, so that its turn comes first */
	expect_event(&x, a, SMUX_WRITABLE);
	end(&x);
}

/* ---- giving up -------------------------------------------------------------------------------------------- */

static void wait_until_given_up(struct fixture *x, uint64_t for_us)
{
	for (uint64_t until = x->now + for_us; x->now < until; x->now += SMUX_LOOK_US)
		smux_tick(x->m, x->now);
	smux_tick(x->m, x->now);
}

static void when_input_starves_the_stream_that_holds_most_is_reset(void **state)
{
	struct smux_stream *small, *large;
	struct fixture x;
	size_t left;

	begin_cfg(&x, config(2, false), 64 * FIFO_CHUNK);
	small = accept_sid(&x, 3);
	large = accept_sid(&x, 5);
	feed_frame(&x, SMUX_PSH, 3, 60000, NULL);
	for (int i = 0; i < 4; i++)
		feed_frame(&x, SMUX_PSH, 5, 65535, NULL);
	expect_event(&x, small, SMUX_READABLE);
	expect_event(&x, large, SMUX_READABLE);
	for (uint32_t sid = 7; feed_frame(&x, SMUX_PSH, sid, 15000, &left) == KT_OK; sid += 2)
		accept_sid(&x, sid + 2);
	while (smux_next(x.m, &(struct smux_event){ 0 }))
		;
	wait_until_given_up(&x, SMUX_STARVE_US - SMUX_LOOK_US);
	expect_no_event(&x);
	assert_true(smux_input_blocked(x.m));
	drain(&x); /* windows taken back */
	wait_until_given_up(&x, SMUX_LOOK_US);
	expect_event(&x, large, SMUX_RESET);
	expect_no_event(&x);
	assert_false(smux_input_blocked(x.m));
	assert_true(smux_was_reset(large));
	assert_false(smux_eof(large));
	assert_int_equal(smux_unread(large), 0);
	assert_in_range(smux_given_up(large), 4 * 65535, 5 * 65535);
	assert_int_equal(smux_given_up(small), 0);
	assert_int_equal(smux_stats(x.m)->memory_resets, 1);
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	expect_frames(&x, "0201000005000000"
			  "0201000005000000");
	smux_release(large, true);
	end(&x);
}

/* A driver may well hear what came before it looks at the time. */
static void to_be_offered_input_again_puts_nothing_off(void **state)
{
	static const uint8_t rest[64];
	struct fixture x;
	uint32_t sid = 5;
	size_t left;

	begin_cfg(&x, config(2, false), 64 * FIFO_CHUNK);
	accept_sid(&x, 3);
	for (int i = 0; i < 4; i++)
		feed_frame(&x, SMUX_PSH, 3, 65535, NULL);
	for (accept_sid(&x, sid); feed_frame(&x, SMUX_PSH, sid, 15000, &left) == KT_OK; sid += 2)
		accept_sid(&x, sid + 2);
	for (uint64_t i = 0; i <= SMUX_STARVE_US / SMUX_LOOK_US + 1; i++, x.now += SMUX_LOOK_US) {
		struct view more = { rest, left < sizeof(rest) ? left : sizeof(rest) }; /* of that frame */

		smux_input(x.m, x.now, &more);
		left -= sizeof(rest) < left ? sizeof(rest) - more.n : left - more.n;
		smux_tick(x.m, x.now);
	}
	assert_int_equal(smux_stats(x.m)->memory_resets, 1);
	end(&x);
}

/* Behind the first that is given up wait more of its kind. */
static void the_next_ones_are_not_waited_for_so_long(void **state)
{
	static const uint8_t zeros[30000];
	struct fixture x;
	uint32_t sid = 3;
	size_t left;

	begin_cfg(&x, config(2, false), 48 * FIFO_CHUNK); /* 18 are for one session and way */
	for (; sid < 21; sid += 2) {
		accept_sid(&x, sid);
		assert_int_equal(feed_frame(&x, SMUX_PSH, sid, sizeof(zeros), NULL), KT_OK);
	}
	for (unsigned i = 0; i < 4; i++, sid += 2) {
		accept_sid(&x, sid);
		assert_int_equal(feed_frame(&x, SMUX_PSH, sid, sizeof(zeros), &left), KT_EAGAIN);
		wait_until_given_up(&x, i == 0 ? SMUX_STARVE_US : SMUX_LOOK_US);
		assert_int_equal(smux_stats(x.m)->memory_resets, i + 1);
		assert_int_equal(feed_bytes(&x, zeros, left, NULL), KT_OK);
	}
	end(&x);
}

static void what_is_being_read_is_not_given_up(void **state)
{
	struct smux_stream *moving, *lying;
	struct fixture x;
	size_t left;

	begin_cfg(&x, config(2, false), 64 * FIFO_CHUNK);
	moving = accept_sid(&x, 3);
	lying = accept_sid(&x, 5);
	for (int i = 0; i < 4; i++)
		feed_frame(&x, SMUX_PSH, 3, 65535, NULL);
	feed_frame(&x, SMUX_PSH, 5, 30000, NULL);
	for (uint32_t sid = 7; feed_frame(&x, SMUX_PSH, sid, 15000, &left) == KT_OK; sid += 2)
		accept_sid(&x, sid + 2);
	wait_until_given_up(&x, SMUX_STARVE_US - 2 * SMUX_LOOK_US);
	x.m->input_starved = false; /* that its own chunk comes back here is not to be the relief */
	smux_consume(moving, 20000);
	x.m->input_starved = true;
	wait_until_given_up(&x, 2 * SMUX_LOOK_US);
	assert_false(smux_was_reset(moving));
	assert_int_equal(smux_stats(x.m)->memory_resets, smux_was_reset(lying));
	end(&x);
}

/* It may stop all the others of its session, but that is what version 1 is like. */
static void a_paused_stream_of_version_1_is_back_pressure(void **state)
{
	struct fixture x;
	size_t left;

	begin_cfg(&x, config(1, false), 64 * FIFO_CHUNK);
	accept_sid(&x, 3);
	while (feed_frame(&x, SMUX_PSH, 3, 10000, &left) == KT_OK)
		;
	wait_until_given_up(&x, 10 * SMUX_STARVE_US);
	assert_int_equal(smux_stats(x.m)->memory_resets, 0);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	end(&x);
}

/* Two sessions on one pool: the second one finds it full. */
static void a_session_that_holds_nothing_makes_the_fullest_give_up(void **state)
{
	for (int way = 0; way < FIFO_WAYS; way++) {
		struct smux_config cfg = config(1, false);
		struct smux_stream *fat, *thin;
		struct fixture full, x;
		unsigned wakes = 0;
		size_t left;

		cfg.wake = count_wake;
		cfg.wake_user = &wakes;
		begin_cfg(&full, cfg, FIFO_FLOOR / 3 * 4 + 4); /* one floor is all there is of a way */
		x = full;
		fifo_account_init(&x.account, &full.pool);
		x.cfg.account = &x.account;
		x.m = smux_new(&x.cfg, x.now);
		fat = accept_sid(&full, 3);
		thin = accept_sid(&x, 3);
		if (way == FIFO_OUT)
			while (write_zeros(fat, 5000) == 5000)
				;
		else
			while (feed_frame(&full, SMUX_PSH, 3, 5000, NULL) == KT_OK)
				;
		if (way == FIFO_OUT)
			for (uint32_t sid = 5; write_zeros(accept_sid(&full, sid), 5000) > 0; sid += 2)
				;
		wakes = 0;
		if (way == FIFO_OUT)
			assert_int_equal(smux_reserve(thin).n, 0);
		else
			assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 5, &left), KT_EAGAIN);
		wait_until_given_up(&x, SMUX_STARVE_US);
		assert_true(smux_was_reset(fat));
		assert_false(smux_was_reset(thin));
		assert_in_range(smux_given_up(fat), FIFO_CHUNK, FIFO_FLOOR);
		assert_true(wakes >= 2); /* one to hear of its loss, the other to take it */
		assert_int_equal(smux_stats(full.m)->memory_resets, 1);
		if (way == FIFO_OUT)
			assert_true(write_zeros(thin, 5) == 5);
		else
			assert_int_equal(feed_bytes(&x, "hello", left, NULL), KT_OK);
		smux_free(x.m);
		fifo_account_dispose(&x.account);
		bytes_clear(&x.out);
		end(&full);
	}
}

/* Nobody hears of it any more; its bytes go, and the peer is told. */
static void a_stream_that_lingers_can_be_given_up_too(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin_cfg(&x, config(2, true), 8 * FIFO_CHUNK);
	st = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 0);
	write_zeros(st, 1 << 20);
	smux_release(st, false);
	expect_frames(&x, "");
	x.now += SMUX_STARVE_US;
	assert_true(fifo_pool_relieve(&x.pool, FIFO_OUT, x.now));
	assert_int_equal(x.pool.used_count, 0);
	assert_int_equal(smux_stats(x.m)->memory_resets, 1);
	expect_frames(&x, "0201000003000000"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	assert_false(fifo_pool_relieve(&x.pool, FIFO_OUT, x.now + S));
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exhausted_pool_blocks_input_until_bytes_are_read),
		cmocka_unit_test(room_that_another_session_gives_back_is_offered),
		cmocka_unit_test(those_that_wait_look_for_themselves_now_and_then),
		cmocka_unit_test(room_goes_past_a_stream_that_holds_its_share),
		cmocka_unit_test(writers_leave_room_to_input_and_to_each_other),
		cmocka_unit_test(when_input_starves_the_stream_that_holds_most_is_reset),
		cmocka_unit_test(to_be_offered_input_again_puts_nothing_off),
		cmocka_unit_test(the_next_ones_are_not_waited_for_so_long),
		cmocka_unit_test(what_is_being_read_is_not_given_up),
		cmocka_unit_test(a_paused_stream_of_version_1_is_back_pressure),
		cmocka_unit_test(a_session_that_holds_nothing_makes_the_fullest_give_up),
		cmocka_unit_test(a_stream_that_lingers_can_be_given_up_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
