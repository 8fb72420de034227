/* ctl_top_model.c - what the live view knows: the last look, and the history of each tunnel. */
#include "ctl_top_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_format.h"
#include "ctl_show.h"
#include "derived.h"

void top_model_init(struct top_model *m)
{
	*m = (struct top_model){ .sort = TOP_IN, .reverse = true };
}

void top_model_dispose(struct top_model *m)
{
	free(m->tunnels);
	free(m->sessions);
	json_decref(m->stats);
	json_decref(m->sessions_doc);
	*m = (struct top_model){ 0 };
}

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text);
}

/* ---- tunnels ---------------------------------------------------------------------- */

static struct top_tunnel *tunnel_of(struct top_model *m, const char *name)
{
	struct top_tunnel *grown;

	for (size_t i = 0; i < m->tunnel_count; i++)
		if (strcmp(m->tunnels[i].name, name) == 0)
			return &m->tunnels[i];
	grown = realloc(m->tunnels, (m->tunnel_count + 1) * sizeof(*grown));
	if (grown == NULL) {
		m->failed = true;
		return NULL;
	}
	m->tunnels = grown;
	grown = &m->tunnels[m->tunnel_count++];
	memset(grown, 0, sizeof(*grown));
	copy(grown->name, sizeof(grown->name), name);
	return grown;
}

/* The worse of both directions, of those that can be told. */
static double worse_loss(double in, double out)
{
	if (isnan(in) || isnan(out))
		return isnan(in) ? out : in;
	return in > out ? in : out;
}

static void push_rates(struct top_tunnel *t, const json_t *row, const json_t *before, double seconds)
{
	struct counters now, then, part;
	struct derived d;
	double in = NAN, out = NAN, loss = NAN;

	if (before != NULL && isfinite(seconds)) {
		ctl_counters(row, &now);
		ctl_counters(before, &then);
		ctl_counters_since(&now, &then, &part);
		derived_compute(&d, &part);
		in = (double)part.payload_in_bytes / seconds;
		out = (double)part.payload_out_bytes / seconds;
		loss = worse_loss(d.loss_in, d.loss_out);
	}
	series_push(&t->in, in);
	series_push(&t->out, out);
	series_push(&t->both, in + out);
	series_push(&t->loss, loss);
}

static void update_tunnels(struct top_model *m, const json_t *stats)
{
	const json_t *rows = json_object_get(stats, "tunnels");
	const json_t *rows_before = json_object_get(m->stats, "tunnels");
	double seconds = ctl_seconds_between(stats, m->stats);
	json_t *row;
	size_t i;

	for (i = 0; i < m->tunnel_count; i++)
		m->tunnels[i].here = false;
	json_array_foreach(rows, i, row) {
		struct top_tunnel *t = tunnel_of(m, ctl_string(row, "tunnel"));

		if (t == NULL)
			return;
		t->here = true;
		copy(t->role, sizeof(t->role), ctl_string(row, "role"));
		t->sessions = ctl_number(row, "sessions");
		t->streams = ctl_number(row, "streams");
		push_rates(t, row, ctl_same_row(rows_before, row, "tunnel"), seconds);
		series_push(&t->rtt_ms, ctl_number_in(row, "rtt_ms", "mean"));
	}
}

/* A tunnel that a reload took away goes with its history. */
static void forget_tunnels(struct top_model *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->tunnel_count; i++)
		if (m->tunnels[i].here)
			m->tunnels[kept++] = m->tunnels[i];
	m->tunnel_count = kept;
	if (m->selected >= kept)
		m->selected = kept > 0 ? kept - 1 : 0;
}

/* ---- sessions --------------------------------------------------------------------- */

/* The rows of a look by the session's id, borrowed from it. */
static json_t *index_of(const json_t *rows)
{
	json_t *index = json_object(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		json_object_set(index, ctl_string(row, "session"), row);
	return index;
}

static double rate_of(const json_t *row, const json_t *before, const char *key, double seconds)
{
	double grown = ctl_number(row, key) - ctl_number(before, key);

	return grown >= 0 ? grown / seconds : (double)NAN;
}

static void fill_session(struct top_session *s, const json_t *row, const json_t *before, double seconds)
{
	copy(s->id, sizeof(s->id), ctl_string(row, "session"));
	copy(s->tunnel, sizeof(s->tunnel), ctl_string(row, "tunnel"));
	copy(s->peer, sizeof(s->peer), ctl_string(row, "peer"));
	copy(s->state, sizeof(s->state), ctl_string(row, "state"));
	copy(s->limit, sizeof(s->limit), ctl_limit(ctl_string(row, "limit")));
	/* of datagrams, as the path's rate is */
	s->v[TOP_IN] = rate_of(row, before, "wire_in_bytes", seconds);
	s->v[TOP_OUT] = rate_of(row, before, "wire_out_bytes", seconds);
	s->v[TOP_PATH] = ctl_number(row, "path_bytes_s");
	s->v[TOP_RTT] = ctl_number(row, "srtt_ms");
	s->v[TOP_QUEUE] = ctl_number(row, "queue_ms");
	s->v[TOP_LOSS] = ctl_number(row, "total_loss");
	s->v[TOP_MIN_RTT] = ctl_number(row, "min_rtt_ms");
	s->v[TOP_MEDIUM] = ctl_number(row, "medium_loss");
	s->v[TOP_INFLIGHT] = ctl_number(row, "inflight_segs");
	s->v[TOP_STREAMS] = ctl_number(row, "streams");
	s->v[TOP_QUEUED] = ctl_number(row, "queued_bytes");
	s->v[TOP_AGE] = ctl_number(row, "age_s");
	s->v[TOP_IDLE] = ctl_number(row, "idle_s");
}

static void update_sessions(struct top_model *m, const json_t *doc)
{
	const json_t *rows = json_object_get(doc, "sessions");
	double seconds = ctl_seconds_between(doc, m->sessions_doc);
	size_t count = json_array_size(rows), i;
	struct top_session *fresh = calloc(count + 1, sizeof(*fresh));
	json_t *before = index_of(json_object_get(m->sessions_doc, "sessions"));
	json_t *row;

	if (fresh == NULL) {
		m->failed = true;
		json_decref(before);
		return;
	}
	json_array_foreach(rows, i, row)
		fill_session(&fresh[i], row, json_object_get(before, ctl_string(row, "session")),
			     seconds);
	json_decref(before);
	free(m->sessions);
	m->sessions = fresh;
	m->session_count = count;
}

void top_model_update(struct top_model *m, json_t *stats, json_t *sessions)
{
	copy(m->version, sizeof(m->version), ctl_string(stats, "version"));
	m->uptime_s = ctl_number(stats, "uptime_s");
	update_tunnels(m, stats);
	forget_tunnels(m);
	update_sessions(m, sessions);
	top_model_sort(m);
	json_decref(m->stats);
	json_decref(m->sessions_doc);
	m->stats = stats;
	m->sessions_doc = sessions;
}

/* ---- order ------------------------------------------------------------------------ */

static int compare_numbers(double a, double b)
{
	/* what is not known is less than all that is */
	if (isnan(a) || isnan(b))
		return isnan(b) - isnan(a);
	return (a > b) - (a < b);
}

bool top_column_is_text(enum top_column c)
{
	return c <= TOP_STATE_TEXT || c == TOP_LIMIT_TEXT;
}

static int compare(const void *pa, const void *pb, void *user)
{
	const struct top_session *a = pa, *b = pb;
	const struct top_model *m = user;
	int order;

	switch (m->sort) {
	case TOP_SESSION:
		order = 0;
		break;
	case TOP_PEER_TEXT:
		order = strcmp(a->peer, b->peer);
		break;
	case TOP_STATE_TEXT:
		order = strcmp(a->state, b->state);
		break;
	case TOP_LIMIT_TEXT:
		order = strcmp(a->limit, b->limit);
		break;
	default:
		order = compare_numbers(a->v[m->sort], b->v[m->sort]);
	}
	if (order == 0)
		order = strverscmp(a->id, b->id) * (m->reverse && m->sort != TOP_SESSION ? -1 : 1);
	return m->reverse ? -order : order;
}

void top_model_sort(struct top_model *m)
{
	if (m->session_count > 0)
		qsort_r(m->sessions, m->session_count, sizeof(*m->sessions), compare, m);
}

bool top_model_shows(const struct top_model *m, const struct top_session *s)
{
	return !m->only_selected || m->selected >= m->tunnel_count ||
	       strcmp(s->tunnel, m->tunnels[m->selected].name) == 0;
}
