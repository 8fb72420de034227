/* measure.c - the figures of an experiment. */
#include "experiment_impl.h"

double experiment_payload_share(void)
{
	/* 1350 bytes: seal 20, KCP 24; smux has 8 bytes before each 8192. */
	return (1350.0 - 20 - 24) / (1350 + LINK_HEADERS) * 8192 / (8192 + 8);
}

static double seconds_of(const struct lab *lab)
{
	return (double)(lab->to_us - lab->from_us) * 1e-6;
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

void experiment_measure_bulk(struct lab *lab)
{
	const struct link_params *p = &lab->s.link[lab->way];
	struct tunnel_look look;
	double *v = lab->f->v, passed = 1 - link_mean_loss(p), share = experiment_payload_share();
	double bytes = (double)load_bytes(lab->bulk), rate = link_mean_rate(p, seconds_of(lab));
	double wire;

	tunnel_look(lab->tunnel, lab->way, &look);
	v[FIG_MBIT] = bytes * 8e-6 / seconds_of(lab);
	if (rate > 0)
		v[FIG_GOODPUT] = percent(v[FIG_MBIT], rate * share * passed);
	/* What is under way at the end did nothing wrong. */
	wire = (double)(look.wire_bytes - lab->before[lab->way].wire_bytes) -
	       (double)look.underway_bytes / passed;
	v[FIG_WIRE_OVER] = percent(wire, bytes / share / passed) - 100;
	v[FIG_RESENT] = percent((double)(look.retrans_segs - lab->before[lab->way].retrans_segs),
				(double)(look.data_segs - lab->before[lab->way].data_segs));
}

void experiment_measure_link(struct lab *lab)
{
	const struct link_stats *n = link_stats(lab->world.link[lab->way]);
	struct samples *waits = link_waits(lab->world.link[lab->way]);
	double *v = lab->f->v, wire = 0;

	v[FIG_QUEUE_P50] = samples_percentile(waits, 50);
	v[FIG_QUEUE_P95] = samples_percentile(waits, 95);
	v[FIG_DROPPED] = percent((double)(n->queue_dropped.packets + n->policed.packets),
				 (double)n->offered.packets);
	for (unsigned end = 0; end < 2; end++) {
		struct tunnel_look look;

		tunnel_look(lab->tunnel, end, &look);
		wire += (double)(look.wire_bytes - lab->before[end].wire_bytes);
	}
	v[FIG_KBIT] = wire * 8e-3 / seconds_of(lab);
}

static double round_trip_ms(const struct lab *lab)
{
	return lab->s.link[0].delay + lab->s.link[1].delay;
}

void experiment_measure_times(struct lab *lab)
{
	double *v = lab->f->v, rate = link_mean_rate(&lab->s.link[WORLD_DOWN], seconds_of(lab));
	struct samples *times = load_times(lab->timed);

	v[FIG_P50] = samples_percentile(times, 50);
	v[FIG_P99] = samples_percentile(times, 99);
	v[FIG_COUNT_OF] = (double)times->count;
	v[FIG_MISSING] = (double)load_missing(lab->timed);
	if (lab->s.kind == EXPERIMENT_FCT && rate > 0)
		v[FIG_RATIO] = v[FIG_P50] / (round_trip_ms(lab) + (double)lab->s.size * 8e-3 / rate);
}

void experiment_note_bytes(const struct lab *lab, double bytes[FLOWS_MAX])
{
	bytes[0] = (double)load_bytes(lab->bulk);
	for (unsigned i = 0; i < rivals_count(lab->rivals); i++)
		bytes[i + 1] = (double)rivals_bytes(lab->rivals, i);
}

void experiment_measure_shares(struct lab *lab, double seconds)
{
	double now[FLOWS_MAX], sum = 0, squares = 0, *v = lab->f->v;
	double rate = link_mean_rate(&lab->s.link[lab->way], seconds_of(lab));
	unsigned flows = rivals_count(lab->rivals) + 1;

	experiment_note_bytes(lab, now);
	for (unsigned i = 0; i < flows; i++) {
		now[i] -= lab->earlier[i];
		sum += now[i];
		squares += now[i] * now[i];
	}
	v[FIG_SHARE] = percent(now[0], sum);
	v[FIG_JAIN] = squares > 0 ? sum * sum / (flows * squares) : 0;
	if (rate > 0)
		v[FIG_USED] = percent(sum * 8e-6 / seconds, rate);
}

/* Mean of bins[from .. to), those that are not there being empty. */
static double mean_bin(const uint64_t *bins, size_t count, size_t from, size_t to)
{
	double sum = 0;

	for (size_t i = from; i < to && i < count; i++)
		sum += (double)bins[i];
	return to > from ? sum / (double)(to - from) : 0;
}

/* It is back with the first bytes that begin a tenth of a second, and a second, with half of what
 * was usual; this leaves out the first three seconds, which may be startup. */
void experiment_measure_back(struct lab *lab)
{
	const size_t per_s = 1000000 / LOAD_BIN_US;
	const struct link_params *p = &lab->s.link[lab->way];
	double up_s = p->outage[0].start_s + p->outage[0].length_s;
	size_t down = (size_t)(p->outage[0].start_s * (double)per_s);
	size_t up = (size_t)(up_s * (double)per_s), count;
	const uint64_t *bins;
	double half;

	count = load_bins(lab->bulk, &bins);
	half = mean_bin(bins, count, 3 * per_s, down) / 2;
	lab->f->v[FIG_BACK] = 1e3 * (seconds_of(lab) - up_s); /* never */
	for (size_t i = up; i < count; i++) {
		if (bins[i] == 0 || mean_bin(bins, count, i, i + per_s / 10) < half ||
		    mean_bin(bins, count, i, i + per_s) < half)
			continue;
		lab->f->v[FIG_BACK] = 1e-3 * (double)((i - up) * LOAD_BIN_US);
		return;
	}
}
