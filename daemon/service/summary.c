/* summary.c - the daemon in one line, as `systemctl status` shows it. */
#include "summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
	char *at;
	size_t room;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->room, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < t->room) {
		t->at += n;
		t->room -= (size_t)n;
	}
}

static void add_count(struct text *t, size_t n, const char *what)
{
	if (n > 0)
		add(t, ", %zu %s%s", n, what, n == 1 ? "" : "s");
}

/* Two digits below ten of a unit, whole numbers above. */
static void add_rate(struct text *t, uint64_t bytes, const char *what)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes == 0)
		return;
	while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000.;
		unit++;
	}
	add(t, ", %.*f %s/s %s", unit > 0 && value < 9.95 ? 1 : 0, value, units[unit], what);
}

static uint32_t whole_ms(uint32_t us)
{
	return us < 1000 ? 1 : us / 1000 + (us % 1000 >= 500);
}

static void add_rtt(struct text *t, uint32_t min_us, uint32_t max_us)
{
	if (max_us == 0)
		return;
	if (whole_ms(min_us) == whole_ms(max_us))
		add(t, ", rtt %" PRIu32 " ms", whole_ms(max_us));
	else
		add(t, ", rtt %" PRIu32 " to %" PRIu32 " ms", whole_ms(min_us), whole_ms(max_us));
}

void summary_text(const struct summary *s, char text[static SUMMARY_BYTES])
{
	struct text t = { text, SUMMARY_BYTES };

	add(&t, "%zu tunnel%s", s->tunnels, s->tunnels == 1 ? "" : "s");
	if (s->failed > 0)
		add(&t, ", %zu failed (%s)", s->failed, s->failed_names);
	if (s->sessions == 0)
		add(&t, ", no sessions");
	add_count(&t, s->sessions, "session");
	add_count(&t, s->streams, "stream");
	add_rate(&t, s->out_rate, "out");
	add_rate(&t, s->in_rate, "in");
	add_rtt(&t, s->rtt_min_us, s->rtt_max_us);
}
