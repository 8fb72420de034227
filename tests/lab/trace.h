/* trace.h - what happens in a world, period by period. */
#ifndef KT_LAB_TRACE_H
#define KT_LAB_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include "load.h"
#include "tunnel.h"
#include "world.h"

struct trace_row { /* rates in Mbit/s, times in ms; counts are of the period */
	double time_s;
	double goodput, wire, rivals;
	double queue, srtt, min_rtt;
	double pacing;
	uint64_t inflight, cc_wnd; /* segments */
	uint64_t resent, spurious;
	uint64_t lost;    /* packets of all, by the medium and outages */
	uint64_t dropped; /* the same, by queue or policer */
};

/* What is looked at, and in which direction the data goes. */
struct trace_subject {
	struct world *world;
	struct tunnel *tunnel;
	unsigned way;
	struct load *load;                     /* goodput; NULL: none */
	uint64_t (*rival_bytes)(void *rivals); /* NULL: none */
	void *rivals;
	uint64_t period_us;
};

struct trace; /* a party; begins now */
struct trace *trace_new(const struct trace_subject *s);
void trace_free(struct trace *t);
size_t trace_rows(const struct trace *t, const struct trace_row **rows);
/* As a table for people, which gnuplot can read, too. */
void trace_print(const struct trace *t, FILE *to);

#endif
