/* loop.c - libev's loop, and what it does when the system refuses it something. */
#include "loop.h"

#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "log.h"

enum { RESERVE_BYTES = 256 * 1024 }; /* of address space, until they are needed */

/* Before each piece: its length, which realloc() knows and the reserve has to. */
union head {
	size_t size;
	max_align_t align;
};

static alignas(max_align_t) uint8_t reserve[RESERVE_BYTES];
static size_t reserve_used;

static _Noreturn void give_up(const char *what)
{
	log_err(NULL, "the event loop: %s: %s", what, strerror(errno));
	exit(EX_OSERR);
}

static bool is_reserved(const union head *h)
{
	return (const uint8_t *)h >= reserve && (const uint8_t *)h < reserve + sizeof(reserve);
}

/* Of the reserve nothing comes back: the loop's arrays only grow, and move out when they do. */
static union head *take_reserve(size_t total)
{
	union head *h = (union head *)(void *)(reserve + reserve_used);

	total = (total + sizeof(*h) - 1) / sizeof(*h) * sizeof(*h);
	if (total > sizeof(reserve) - reserve_used)
		give_up("no memory");
	if (reserve_used == 0)
		log_warn(NULL, "no memory: the event loop takes of its reserve");
	reserve_used += total;
	return h;
}

static void drop(union head *h)
{
	if (h != NULL && !is_reserved(h))
		free(h);
}

static union head *move(union head *old, union head *to, size_t size)
{
	if (old != NULL)
		memcpy(to + 1, old + 1, old->size < size ? old->size : size);
	drop(old);
	return to;
}

/* realloc() for libev, which frees with a size of 0 and bears no NULL. */
static void *resize(void *piece, long bytes)
{
	size_t size = (size_t)bytes, total = sizeof(union head) + size;
	union head *old = piece != NULL ? (union head *)piece - 1 : NULL, *fresh;

	if (size == 0) {
		drop(old);
		return NULL;
	}
	if (old != NULL && is_reserved(old)) {
		fresh = malloc(total);
		fresh = move(old, fresh != NULL ? fresh : take_reserve(total), size);
	} else {
		fresh = realloc(old, total);
		if (fresh == NULL)
			fresh = move(old, take_reserve(total), size);
	}
	fresh->size = size;
	return fresh + 1;
}

/* libev finds out what the poll refuses after it has decided how long to wait, and would sleep over it. */
static ev_async wake;

static void on_wake(struct ev_loop *loop, ev_async *w, int revents)
{
}

static void before_poll(struct ev_loop *loop)
{
	if (ev_pending_count(loop) > 0)
		ev_async_send(loop, &wake);
}

static void after_poll(struct ev_loop *loop)
{
}

struct ev_loop *loop_new(void)
{
	struct ev_loop *loop;

	ev_set_allocator(resize);
	ev_set_syserr_cb(give_up);
	loop = ev_default_loop(EVFLAG_AUTO);
	if (loop == NULL || ev_is_active(&wake))
		return loop;
	ev_async_init(&wake, on_wake);
	ev_async_start(loop, &wake);
	ev_unref(loop); /* it keeps no loop alive */
	ev_set_loop_release_cb(loop, before_poll, after_poll);
	return loop;
}

void loop_rest(struct ev_loop *loop, ev_timer *w)
{
	if (ev_is_active(w))
		return;
	ev_timer_set(w, LOOP_REST_S, 0.);
	ev_timer_start(loop, w);
}
