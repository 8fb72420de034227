/* counts.c - what the relay tells, as a line of JSON. */
#include "counts.h"

#include <inttypes.h>

static void print_count(FILE *out, const char *name, struct link_count c)
{
	fprintf(out, "\"%s\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}, ", name,
		c.packets, c.bytes);
}

static struct link_count delivered(const struct way *w)
{
	return (struct link_count){ w->left.packets - w->unsent.packets,
				    w->left.bytes - w->unsent.bytes };
}

static double mean_late_us(const struct way *w)
{
	return w->left.packets > 0 ? (double)w->late_us / (double)w->left.packets : 0;
}

static void print_way(const struct counts *c, unsigned i, FILE *out)
{
	const struct way *w = c->way[i];
	const struct link_stats *s = link_stats(w->link);

	fprintf(out, "{\"rate_mbit\": %g, \"loss\": %g, \"delay_ms\": %g, ",
		link_mean_rate(&w->params, c->seconds), link_mean_loss(&w->params), w->params.delay);
	print_count(out, "offered", s->offered);
	print_count(out, "lost", s->lost);
	print_count(out, "queue_dropped", s->queue_dropped);
	print_count(out, "policed", s->policed);
	print_count(out, "outage_dropped", s->outage_dropped);
	print_count(out, "too_long", s->too_long);
	print_count(out, "passed", s->passed);
	print_count(out, "reordered", s->reordered);
	print_count(out, "duplicated", s->duplicated);
	print_count(out, "delivered", delivered(w));
	print_count(out, "unsent", w->unsent);
	print_count(out, "under_way", way_underway(w));
	print_count(out, "refused", w->refused);
	fprintf(out, "\"overrun\": %" PRIu64 ", \"late_us\": %.0f, \"late_max_us\": %" PRIu64 "}",
		c->overrun[i], mean_late_us(w), w->late_max_us);
}

void counts_print(const struct counts *c, FILE *out)
{
	fprintf(out, "{\"seconds\": %.3f, \"clients\": %" PRIu32 ", \"up\": ", c->seconds, c->clients);
	print_way(c, 0, out);
	fputs(", \"down\": ", out);
	print_way(c, 1, out);
	fputs("}\n", out);
	fflush(out);
}
