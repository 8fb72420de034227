/* fuzz_control.c - whatever a client of the control channel sends. */
#include "control.c"

#include "fuzz_service.h"

static void no_reload(void *user, struct control_job *r)
{
	r->say(r, NULL, "fuzz", true);
	r->done(r, CONTROL_REFUSED);
}

static void forget(void *user, struct control_job *r)
{
	abort(); /* each was done at once */
}

static const struct control_ops ops = { .reload = no_reload, .forget = forget };

static void on_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control ctl = { .src = &source, .ops = &ops };
	struct client client = { .may_change = true };
	struct conn c = { .set = &ctl.clients, .user = &client };

	reactor.loop = ev_default_loop(EVFLAG_AUTO);
	ctl.clients.owner = &ctl;
	ctl.clients.reactor = &reactor;
	ev_init(&c.pause, on_turn);
	ev_init(&c.limit, on_turn);
	feed(&c, data, size);
	ev_timer_stop(reactor.loop, &c.pause);
	ev_timer_stop(reactor.loop, &c.limit);
	report_free(client.report);
	text_dispose(&c.out);
	log_set_level(LOG_LEVEL_ERR); /* the commands may have changed it */
	return 0;
}
