/* ctl_top_model.h - what the live view knows: the last look, and the history of each tunnel. */
#ifndef KT_CTL_TOP_MODEL_H
#define KT_CTL_TOP_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ctl_graph.h"

enum { TOP_NAME = 64, TOP_ID = 96, TOP_PEER = 72, TOP_STATE = 16 };

struct top_tunnel {
	char name[TOP_NAME], role[TOP_STATE];
	double sessions, streams;
	struct series in, out, both; /* payload bytes per second */
	struct series rtt_ms, loss;
	bool here; /* in the last look */
};

/* What sessions are shown by, and sorted by: the most important first, since a narrow screen has
 * no room for the last. */
enum top_column {
	TOP_SESSION,
	TOP_PEER_TEXT,
	TOP_STATE_TEXT,
	TOP_IN,
	TOP_OUT,
	TOP_RTT,
	TOP_LOSS,
	TOP_QUEUE,
	TOP_LIMIT_TEXT,
	TOP_PATH,
	TOP_MIN_RTT,
	TOP_MEDIUM,
	TOP_INFLIGHT,
	TOP_STREAMS,
	TOP_QUEUED,
	TOP_AGE,
	TOP_IDLE,
	TOP_COLUMNS
};

struct top_session {
	char id[TOP_ID], tunnel[TOP_NAME], peer[TOP_PEER], state[TOP_STATE], limit[TOP_STATE];
	double v[TOP_COLUMNS]; /* NAN where not known; of the texts not used */
};

struct top_model {
	struct top_tunnel *tunnels;
	size_t tunnel_count;
	struct top_session *sessions;
	size_t session_count;
	char version[32];
	double uptime_s;
	json_t *stats, *sessions_doc; /* the last look */
	bool failed;                  /* out of memory: something is missing */
	/* how it is looked at */
	enum top_column sort;
	bool reverse;
	size_t selected;    /* tunnel */
	bool only_selected; /* sessions of that tunnel only */
};

void top_model_init(struct top_model *m);
void top_model_dispose(struct top_model *m);
/* Take in a look: documents of stats and of sessions, which are taken over. */
void top_model_update(struct top_model *m, json_t *stats, json_t *sessions);
/* Is it a column of texts? */
bool top_column_is_text(enum top_column c);
/* Put the sessions in the order that `sort` and `reverse` say. */
void top_model_sort(struct top_model *m);
/* Is this session to be shown? */
bool top_model_shows(const struct top_model *m, const struct top_session *s);

#endif
