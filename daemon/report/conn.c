/* conn.c - the clients of a service of the daemon itself: a request in, a document out. */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Between two turns of making answers: so a client that never stops asking takes a
 * small share of the processor. */
static const double PAUSE_S = 0.002;
/* What a client sends after its last answer is dropped for so long, and so often. */
static const double GOODBYE_S = 1.;
enum { DROP_READS = 64 };

static struct ev_loop *loop_of(const struct conn *c)
{
	return c->set->reactor->loop;
}

static bool is_busy(const struct conn *c)
{
	return c->producing || c->waiting || c->out.len > 0;
}

/* ---- the end ---------------------------------------------------------------------- */

static void stop_producing(struct conn *c)
{
	if (c->producing)
		c->set->producing--;
	c->producing = false;
}

static void free_conn(struct conn *c)
{
	struct conn_set *set = c->set;

	stop_producing(c);
	set->ops->left(c);
	ev_io_stop(loop_of(c), &c->readable);
	ev_io_stop(loop_of(c), &c->writable);
	ev_timer_stop(loop_of(c), &c->pause);
	ev_timer_stop(loop_of(c), &c->limit);
	close(c->fd);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		set->list = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	set->count--;
	text_dispose(&c->out);
	free(c);
}

void conn_set_dispose(struct conn_set *set)
{
	while (set->list != NULL)
		free_conn(set->list);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct conn *c = w->data;

	c->set->cut_off++;
	free_conn(c);
}

static void set_limit(struct conn *c, double seconds)
{
	ev_timer_stop(loop_of(c), &c->limit);
	if (seconds <= 0.)
		return;
	ev_timer_set(&c->limit, seconds, 0.);
	ev_timer_start(loop_of(c), &c->limit);
}

/* ---- answers ---------------------------------------------------------------------- */

void conn_produce(struct conn *c)
{
	if (!c->producing)
		c->set->producing++;
	c->producing = true;
}

void conn_wait(struct conn *c)
{
	c->waiting = true;
}

/* Whoever calls may be in the middle of something: it is sent in a turn of its own. */
void conn_resume(struct conn *c)
{
	c->waiting = false;
	set_limit(c, CONN_TAKE_S);
	ev_timer_stop(loop_of(c), &c->pause);
	ev_timer_set(&c->pause, PAUSE_S, 0.);
	ev_timer_start(loop_of(c), &c->pause);
}

void conn_close_after(struct conn *c)
{
	c->closing = true;
}

/* What one that seems to ask nothing has sent a moment ago may not have been read yet. */
void conn_set_retire(struct conn_set *set)
{
	for (struct conn *c = set->list; c != NULL; c = c->next) {
		c->last = true;
		c->closing |= is_busy(c);
		if (!is_busy(c) && !c->leaving)
			set_limit(c, GOODBYE_S);
	}
}

/* A turn of making more of the answer; the clients that wait for one share its steps. */
static bool produce(struct conn *c)
{
	unsigned steps = CONN_STEPS / c->set->producing;

	switch (c->set->ops->produce(c, steps > 0 ? steps : 1)) {
	case CONN_MORE:
		break;
	case CONN_DONE:
		stop_producing(c);
		break;
	case CONN_FAILED:
		return false;
	}
	return !c->out.failed;
}

/* Send what there is; false when the client is gone. */
static bool send_some(struct conn *c)
{
	ssize_t n;

	while (c->out_sent < c->out.len) {
		n = send(c->fd, c->out.p + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		c->out_sent += (size_t)n;
	}
	text_clear(&c->out);
	c->out_sent = 0;
	set_limit(c, c->producing ? CONN_TAKE_S : c->set->request_s);
	return true;
}

/* What wakes this client next: room in the socket, the end of the pause, or a request. */
static void wait_next(struct conn *c)
{
	struct ev_loop *loop = loop_of(c);

	ev_timer_stop(loop, &c->pause);
	if (c->waiting) {
		ev_io_stop(loop, &c->writable);
		ev_io_stop(loop, &c->readable);
	} else if (c->out.len > 0) {
		ev_io_start(loop, &c->writable);
		ev_io_stop(loop, &c->readable);
	} else if (c->producing || !c->hungry) {
		ev_io_stop(loop, &c->writable);
		ev_io_stop(loop, &c->readable);
		ev_timer_set(&c->pause, PAUSE_S, 0.);
		ev_timer_start(loop, &c->pause);
	} else {
		ev_io_stop(loop, &c->writable);
		ev_io_start(loop, &c->readable);
	}
}

/* Take one request, if a whole one is there. */
static void take_request(struct conn *c)
{
	size_t used = 0;

	if (c->in_len > 0)
		used = c->set->ops->input(c, c->in, c->in_len, c->eof);
	c->hungry = used == 0;
	c->closing |= c->last && used > 0;
	c->in_len -= used;
	memmove(c->in, c->in + used, c->in_len);
	if (is_busy(c))
		set_limit(c, c->waiting ? 0. : CONN_TAKE_S);
}

/* One turn of a client: take a request or go on with an answer, and send what there is of it.
 * False when the client is to go. */
static bool do_turn(struct conn *c)
{
	if (!is_busy(c))
		take_request(c);
	if (c->producing && c->out.len == 0 && !produce(c))
		return false;
	if (c->out.failed || (c->out.len > 0 && !c->waiting && !send_some(c)))
		return false;
	if (is_busy(c))
		return true;
	/* What fills the buffer without being a request never becomes one. */
	return !c->closing && !(c->hungry && (c->eof || c->in_len == CONN_INPUT_MAX));
}

/* What a client still sends must not reset the connection before it has read the answer:
 * let it read, and wait a little for its end. */
static void say_goodbye(struct conn *c)
{
	c->leaving = true;
	shutdown(c->fd, SHUT_WR);
	ev_timer_stop(loop_of(c), &c->pause);
	ev_io_stop(loop_of(c), &c->writable);
	ev_io_start(loop_of(c), &c->readable);
	set_limit(c, GOODBYE_S);
}

static void turn(struct conn *c)
{
	bool stays = do_turn(c);

	if (stays)
		wait_next(c);
	else if (c->closing && c->out.len == 0 && !c->out.failed && !c->eof)
		say_goodbye(c);
	else
		free_conn(c);
}

/* ---- watchers --------------------------------------------------------------------- */

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct conn *c = w->data;
	ssize_t n;

	if (revents & EV_ERROR) { /* it would never wake us again */
		free_conn(c);
		return;
	}
	if (c->leaving)
		c->in_len = 0;
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0 || (c->leaving && (n == 0 || c->dropped++ == DROP_READS))) {
		free_conn(c);
		return;
	}
	if (c->leaving)
		return;
	c->eof = n == 0;
	c->in_len += (size_t)n;
	c->active_us = c->set->reactor->now_us;
	turn(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	if (revents & EV_ERROR)
		free_conn(w->data);
	else
		turn(w->data);
}

static void on_pause(struct ev_loop *loop, ev_timer *w, int revents)
{
	turn(w->data);
}

/* ---- the beginning ---------------------------------------------------------------- */

/* Of those that ask nothing, the one that has been silent for longest makes room. */
static bool make_room(struct conn_set *set)
{
	struct conn *idlest = NULL;

	if (set->count < set->max)
		return true;
	for (struct conn *c = set->list; c != NULL; c = c->next)
		if ((!is_busy(c) || c->leaving) &&
		    (idlest == NULL || c->active_us < idlest->active_us))
			idlest = c;
	if (idlest == NULL)
		return false;
	free_conn(idlest);
	return true;
}

static struct conn *new_conn(struct conn_set *set, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->set = set;
	c->fd = fd;
	c->hungry = true;
	c->active_us = set->reactor->now_us;
	ev_io_init(&c->readable, on_readable, fd, EV_READ);
	ev_io_init(&c->writable, on_writable, fd, EV_WRITE);
	ev_init(&c->pause, on_pause);
	ev_init(&c->limit, on_limit);
	c->readable.data = c->writable.data = c->pause.data = c->limit.data = c;
	return c;
}

void conn_add(struct conn_set *set, int fd)
{
	struct conn *c = make_room(set) ? new_conn(set, fd) : NULL;

	if (c == NULL) {
		close(fd);
		return;
	}
	c->next = set->list;
	if (c->next != NULL)
		c->next->prev = c;
	set->list = c;
	set->count++;
	if (!set->ops->arrived(c)) {
		free_conn(c);
		return;
	}
	set_limit(c, set->request_s);
	wait_next(c);
}
