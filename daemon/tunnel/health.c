/* health.c - how a tunnel is, in a word and a sentence. */
#include "health.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tunnel.h"

const char *const health_words[] = { "well", "degraded", "down" };

/* A diagnosis is repeated after a minute if it is still so. */
#define FRESH_US (75 * 1000000ull)
/* An answer takes a round trip, and a session begins anew after a second. */
#define SOON_US (5 * 1000000ull)
/* Keepalives are that much apart, at most, in a tunnel that rests. */
#define LATELY_US(conf) ((2 * (uint64_t)(conf)->keepalive_s + 5) * 1000000ull)

struct words {
	char *text;
	size_t len;
};

static void add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct words *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(w->text + w->len, HEALTH_TEXT_BYTES - w->len, fmt, args);
	va_end(args);
	if (n > 0)
		w->len += (size_t)n < HEALTH_TEXT_BYTES - w->len ? (size_t)n
								 : HEALTH_TEXT_BYTES - 1 - w->len;
}

static void add_seconds(struct words *w, uint64_t us)
{
	double s = (double)us * 1e-6;

	add(w, "%.*f s", s < 10 ? 1 : 0, s);
}

static enum health_state not_open(const struct tunnel *t, struct words *w)
{
	double retry_s = opening_retry_s(t);

	if (!opening_has_failed(t)) {
		add(w, "starting");
		return HEALTH_DEGRADED;
	}
	add(w, "failed: %s, ", t->opening.why);
	if (retry_s > 0)
		add(w, "next try in %.0f s", retry_s);
	else
		add(w, "trying again");
	return HEALTH_DOWN;
}

static void add_sessions(const struct tunnel *t, struct words *w)
{
	unsigned n = t->heard_count;

	if (n == 0) {
		add(w, "no session");
		return;
	}
	add(w, "%u session%s, last heard ", n, n == 1 ? "" : "s");
	add_seconds(w, t->reactor->now_us - t->heard_us);
	add(w, " ago");
}

/* Not the one that is wanted first. */
static enum health_state add_server(const struct tunnel *t, struct words *w)
{
	const struct conf_addrs *servers = &t->conf->remoteaddr;

	if (t->server == 0)
		return HEALTH_WELL;
	if (t->server == 1)
		add(w, "; %s serves, since %s does not answer", servers->list[1].text,
		    servers->list[0].text);
	else
		add(w, "; %s serves, since the %u before it do not answer",
		    servers->list[t->server].text, t->server);
	return HEALTH_DEGRADED;
}

static enum health_state of_client(const struct tunnel *t, struct words *w)
{
	uint64_t since_us = t->heard_us > t->started_us ? t->heard_us : t->started_us;
	uint64_t silent_us = t->reactor->now_us - since_us;
	unsigned n = t->heard_count;

	if (n > 0 && silent_us < LATELY_US(t->conf)) {
		add_sessions(t, w);
		return add_server(t, w);
	}
	add(w, n > 0 ? "%u session%s, silent for " : "connecting for ", n, n == 1 ? "" : "s");
	add_seconds(w, silent_us);
	if (n == 0)
		add(w, ": no answer from %s", t->conf->remoteaddr.text);
	return silent_us < SOON_US ? HEALTH_DEGRADED : HEALTH_DOWN;
}

enum health_state health_look(const struct tunnel *t, char text[static HEALTH_TEXT_BYTES])
{
	const struct diagnosis_said *said = &t->diagnosis.said;
	struct words w = { text, 0 };
	enum health_state state;

	text[0] = '\0';
	if (t->state == NULL)
		return not_open(t, &w);
	if (t->draining) {
		add(&w, "draining: %u stream%s left", t->relay_count, t->relay_count == 1 ? "" : "s");
		return HEALTH_DEGRADED;
	}
	if (t->conf->role == ROLE_CLIENT) {
		state = of_client(t, &w);
	} else if (t->deaf) {
		add(&w, "interface %s is gone: nobody is heard", t->conf->interface);
		state = HEALTH_DOWN;
	} else {
		add_sessions(t, &w);
		state = HEALTH_WELL;
	}
	if (said->text[0] == '\0' || t->reactor->now_us - said->us >= FRESH_US)
		return state;
	add(&w, "; %s", said->text);
	return state == HEALTH_WELL ? HEALTH_DEGRADED : state;
}
