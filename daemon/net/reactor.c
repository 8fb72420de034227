/* reactor.c - the loop, its clock, and what all tunnels share in one thread. */
#include "reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>

#include "footprint.h"
#include "log.h"
#include "loop.h"
#include "netwatch.h"
#include "resolve.h"

/* A poll that a signal ends tells of no descriptor; only the one after it does. */
#define STOOD_US UINT64_C(1000000)

static uint64_t monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void on_check(struct ev_loop *loop, ev_check *w, int revents)
{
	struct reactor *r = w->data;
	uint64_t now_us = monotonic_us();

	r->stood = now_us - r->now_us >= STOOD_US;
	r->now_us = now_us;
}

bool reactor_puts_off(const struct reactor *r, ev_timer *w)
{
	if (!r->stood)
		return false;
	ev_timer_stop(r->loop, w);
	ev_timer_set(w, 0., w->repeat);
	ev_timer_start(r->loop, w);
	return true;
}

/* Tasks may touch further tasks; those run in the same round, at its end.  The
 * chain is finite: a task touches another only for something that happened. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct reactor *r = w->data;

	while (r->tasks != NULL) {
		struct task *task = r->tasks;

		r->tasks = task->next;
		if (r->tasks == NULL)
			r->tasks_tail = &r->tasks;
		task->queued = false;
		task->run(task);
	}
}

static void on_trim(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct reactor *r = w->data;
	bool again = r->trim != NULL && r->trim(r->trim_user);

	packet_pool_trim(&r->packets);
	if (again || r->packets.free_count > 0) {
		ev_timer_set(w, REACTOR_TRIM_PERIOD_S, 0);
		ev_timer_start(loop, w);
	}
	/* The keepalives of some sessions leave no moment in which no packet is about. */
	if (!again && !r->trimmed)
		footprint_idle();
	r->trimmed = !again;
}

struct reactor *reactor_new(void)
{
	struct reactor *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->tasks_tail = &r->tasks;
	packet_pool_init(&r->packets);
	batch_init(&r->out, &r->packets);
	session_scratch_init(&r->scratch);
	r->loop = loop_new();
	r->rx = udp_rx_new();
	if (r->loop == NULL || r->rx == NULL)
		goto fail;
	r->resolver = resolver_new(r->loop);
	r->netwatch = netwatch_new(r);
	if (r->resolver == NULL || r->netwatch == NULL)
		goto fail;
	r->now_us = monotonic_us();
	ev_check_init(&r->check, on_check);
	ev_set_priority(&r->check, EV_MAXPRI); /* before whoever asks for the time */
	r->check.data = r;
	ev_check_start(r->loop, &r->check);
	ev_prepare_init(&r->prepare, on_prepare);
	r->prepare.data = r;
	ev_prepare_start(r->loop, &r->prepare);
	ev_timer_init(&r->trim_timer, on_trim, REACTOR_TRIM_PERIOD_S, 0);
	r->trim_timer.data = r;
	return r;
fail:
	netwatch_free(r->netwatch);
	resolver_free(r->resolver);
	udp_rx_free(r->rx);
	if (r->loop != NULL)
		ev_loop_destroy(r->loop);
	free(r);
	errno = ENOMEM;
	return NULL;
}

void reactor_free(struct reactor *r)
{
	if (r == NULL)
		return;
	ev_timer_stop(r->loop, &r->trim_timer);
	ev_prepare_stop(r->loop, &r->prepare);
	ev_check_stop(r->loop, &r->check);
	netwatch_free(r->netwatch);
	resolver_free(r->resolver);
	session_scratch_dispose(&r->scratch);
	batch_clear(&r->out);
	packet_pool_dispose(&r->packets);
	udp_rx_free(r->rx);
	ev_loop_destroy(r->loop);
	free(r);
}

void reactor_touch(struct reactor *r, struct task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*r->tasks_tail = task;
	r->tasks_tail = &task->next;
}

void reactor_forget(struct reactor *r, struct task *task)
{
	struct task **at = &r->tasks;

	if (!task->queued)
		return;
	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	if (*at == NULL)
		r->tasks_tail = at;
	task->queued = false;
}

void reactor_busy(struct reactor *r)
{
	if (!ev_is_active(&r->trim_timer)) {
		ev_timer_set(&r->trim_timer, REACTOR_TRIM_PERIOD_S, 0);
		ev_timer_start(r->loop, &r->trim_timer);
	}
}

double reactor_delay(const struct reactor *r, uint64_t at_us)
{
	return at_us <= r->now_us ? 0. : (double)(at_us - r->now_us) * 1e-6;
}

void reactor_random(void *buf, size_t n)
{
	uint8_t *p = buf;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR) {
			log_err(NULL, "no random bytes from the system: %s", strerror(errno));
			exit(EX_OSERR);
		}
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}
