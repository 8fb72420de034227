/* backoff.c - when to try again what failed. */
#include "backoff.h"

static const double FIRST_S = 1., LAST_S = 60.;

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct backoff *b = w->data;

	b->next_us = 0;
	b->again(b->user);
}

void backoff_init(struct backoff *b, struct reactor *r, backoff_try_fn *again, void *user)
{
	*b = (struct backoff){ .reactor = r, .again = again, .user = user };
	ev_timer_init(&b->timer, on_timer, FIRST_S, 0.);
	b->timer.data = b;
}

double backoff_failed(struct backoff *b)
{
	struct ev_loop *loop = b->reactor->loop;

	b->delay_s = b->delay_s == 0. ? FIRST_S : b->delay_s * 2 < LAST_S ? b->delay_s * 2 : LAST_S;
	b->next_us = b->reactor->now_us + (uint64_t)(b->delay_s * 1e6);
	ev_timer_stop(loop, &b->timer);
	ev_timer_set(&b->timer, b->delay_s, 0.);
	ev_timer_start(loop, &b->timer);
	return b->delay_s;
}

void backoff_stop(struct backoff *b)
{
	ev_timer_stop(b->reactor->loop, &b->timer);
	b->next_us = 0;
}
