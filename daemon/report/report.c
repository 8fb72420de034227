/* report.c - what the daemon tells of itself, as JSON, a few rows at a time. */
#include "report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "relay.h"
#include "report_rows.h"
#include "tunnel.h"
#include "walk.h"

enum { LINKS_PER_STEP = 16 }; /* of which only the counters are read */

struct report {
	const struct report_source *src;
	enum report_kind kind;
	char **names; /* of the tunnels to visit: they themselves may go */
	size_t count, next;
	bool daemon_told; /* REPORT_CONFIG: the section of no tunnel */
	struct walk walk; /* of the tunnel being visited */
	struct report_gauges gauges;
	enum { WRITE_HEAD, WRITE_FIRST, WRITE_ROWS } written;
};

static const struct {
	const char *type, *list;
} kinds[] = {
	[REPORT_STATUS] = { "status", "tunnels" },      [REPORT_STATS] = { "stats", "tunnels" },
	[REPORT_SESSIONS] = { "sessions", "sessions" }, [REPORT_STREAMS] = { "streams", "streams" },
	[REPORT_CONFIG] = { "config", "sections" },     [REPORT_RESET] = { "reset", "tunnels" },
};

/* ---- life ------------------------------------------------------------------------- */

static bool take_names(struct report *r, const char *only)
{
	struct tunnel *const *list;
	size_t count = r->src->tunnels(r->src->user, &list);

	r->names = calloc(count + 1, sizeof(*r->names));
	if (r->names == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (only != NULL && strcmp(only, list[i]->name) != 0)
			continue;
		r->names[r->count] = strdup(list[i]->name);
		if (r->names[r->count++] == NULL)
			return false;
	}
	return true;
}

struct report *report_new(const struct report_source *src, enum report_kind kind, const char *tunnel)
{
	struct report *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->src = src;
	r->kind = kind;
	r->daemon_told = tunnel != NULL;
	if (take_names(r, tunnel))
		return r;
	report_free(r);
	return NULL;
}

void report_free(struct report *r)
{
	if (r == NULL)
		return;
	walk_stop(&r->walk);
	for (size_t i = 0; i < r->count; i++)
		free(r->names[i]);
	free(r->names);
	free(r);
}

struct tunnel *report_find_tunnel(const struct report_source *src, const char *name)
{
	struct tunnel *const *list;
	size_t count = src->tunnels(src->user, &list);

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i]->name, name) == 0)
			return list[i];
	return NULL;
}

/* ---- one session or stream by its name ------------------------------------------------------ */

static struct link *find_by_serial(const struct report_source *src, const char *id)
{
	const char *slash = strrchr(id, '/');
	char name[LINK_ID_BYTES], text[LINK_ID_BYTES];
	const struct tunnel *t;

	if (slash == NULL || (size_t)(slash - id) >= sizeof(name))
		return NULL;
	memcpy(name, id, (size_t)(slash - id));
	name[slash - id] = '\0';
	t = report_find_tunnel(src, name);
	for (struct link *l = t != NULL ? t->links : NULL; l != NULL; l = l->next)
		if (!l->ended && strcmp(link_id(l, text), id) == 0)
			return l;
	return NULL;
}

static struct link *find_by_conv(const struct report_source *src, uint32_t conv, bool *many)
{
	struct tunnel *const *list;
	size_t count = src->tunnels(src->user, &list);
	struct link *found = NULL;

	for (size_t i = 0; i < count; i++) {
		for (struct link *l = list[i]->links; l != NULL; l = l->next) {
			if (l->conv != conv || l->ended)
				continue;
			*many = found != NULL;
			if (*many)
				return NULL;
			found = l;
		}
	}
	return found;
}

struct link *report_find_session(const struct report_source *src, const char *id, bool *many)
{
	*many = false;
	if (strlen(id) == 8 && strspn(id, "0123456789abcdef") == 8)
		return find_by_conv(src, (uint32_t)strtoul(id, NULL, 16), many);
	return find_by_serial(src, id);
}

struct relay *report_find_stream(const struct report_source *src, const char *name, struct link **l)
{
	const char *slash = strrchr(name, '/');
	char id[LINK_ID_BYTES], text[RELAY_ID_BYTES];

	if (slash == NULL || (size_t)(slash - name) >= sizeof(id))
		return NULL;
	memcpy(id, name, (size_t)(slash - name));
	id[slash - name] = '\0';
	*l = find_by_serial(src, id);
	for (struct relay *relay = *l != NULL ? (*l)->relays : NULL; relay != NULL;
	     relay = relay_next(relay))
		if (strcmp(relay_id(relay, text), name) == 0)
			return relay;
	return NULL;
}

/* ---- the head --------------------------------------------------------------------- */

json_t *report_head(const struct report *r)
{
	uint64_t now_us = r->src->reactor->now_us;
	double uptime_s = (double)(now_us - r->src->started_us) * 1e-6;
	json_t *o = json_pack("{s:s, s:s, s:I, s:f}", "type", kinds[r->kind].type, "version",
			      KT_VERSION, "monotonic_us", (json_int_t)now_us, "uptime_s", uptime_s);

	if (o == NULL || r->kind != REPORT_STATUS)
		return o;
	if (json_object_set_new(o, "pid", json_integer(getpid())) == 0 &&
	    json_object_set_new(o, "loglevel", json_string(log_level_names[log_get_level()])) == 0)
		return o;
	json_decref(o);
	return NULL;
}

const char *report_list(const struct report *r)
{
	return kinds[r->kind].list;
}

/* ---- rows ------------------------------------------------------------------------- */

static enum report_step give(json_t *o, json_t **row)
{
	*row = o;
	return o != NULL ? REPORT_ROW : REPORT_FAILED;
}

/* The links visited one by one, their row when that was the last. */
static enum report_step next_sum(struct report *r, json_t **row)
{
	struct tunnel *t = r->walk.tunnel;
	struct session_info info;
	struct link *l;

	for (int i = 0; i < LINKS_PER_STEP; i++) {
		l = walk_link(&r->walk);
		if (l == NULL)
			break;
		session_get_info(l->session, &info);
		report_gauges_add(&r->gauges, &info);
	}
	if (r->walk.link != NULL)
		return REPORT_MORE;
	walk_stop(&r->walk);
	if (r->kind == REPORT_RESET) {
		tunnel_reset_counters(t, &r->walk.sum);
		return give(report_reset_row(t), row);
	}
	tunnel_settle_counters(t, &r->walk.sum);
	return give(report_stats_row(t, &r->walk.sum, &r->gauges), row);
}

static enum report_step next_session(struct report *r, json_t **row)
{
	const struct link *l = walk_link(&r->walk);

	if (l != NULL)
		return give(report_session_row(l), row);
	walk_stop(&r->walk);
	return REPORT_MORE;
}

static enum report_step next_stream(struct report *r, json_t **row)
{
	bool more;
	struct relay *relay = walk_relay(&r->walk, &more);

	if (relay != NULL)
		return give(report_stream_row(r->walk.link, relay), row);
	if (!more)
		walk_stop(&r->walk);
	return REPORT_MORE;
}

/* What `kind` has to say of the tunnel that the walk is in. */
static enum report_step next_in_tunnel(struct report *r, json_t **row)
{
	const struct tunnel *t = r->walk.tunnel;

	switch (r->kind) {
	case REPORT_STATS:
	case REPORT_RESET:
		return next_sum(r, row);
	case REPORT_SESSIONS:
		return next_session(r, row);
	case REPORT_STREAMS:
		return next_stream(r, row);
	case REPORT_STATUS:
		walk_stop(&r->walk);
		return give(report_status_row(t), row);
	case REPORT_CONFIG:
		walk_stop(&r->walk);
		return give(report_config_row(t->conf), row);
	}
	return REPORT_END;
}

static void enter_tunnel(struct report *r, const char *name)
{
	struct tunnel *t = report_find_tunnel(r->src, name);

	r->gauges = (struct report_gauges){ 0 };
	if (t != NULL)
		walk_start(&r->walk, t);
}

enum report_step report_next(struct report *r, json_t **row)
{
	if (r->kind == REPORT_CONFIG && !r->daemon_told) {
		r->daemon_told = true;
		return give(report_daemon_row(&r->src->config(r->src->user)->daemon), row);
	}
	if (r->walk.tunnel != NULL)
		return next_in_tunnel(r, row);
	if (r->next == r->count)
		return REPORT_END;
	enter_tunnel(r, r->names[r->next++]);
	return REPORT_MORE;
}

/* ---- as text ---------------------------------------------------------------------- */

static void write_head(struct report *r, struct text *out)
{
	json_t *head = report_head(r);

	text_json(out, head);
	json_decref(head);
	if (!out->failed)
		out->len--; /* the closing brace: the rows come first */
	text_printf(out, ",\"%s\":[", report_list(r));
	r->written = WRITE_FIRST;
}

static void write_row(struct report *r, struct text *out, json_t *row)
{
	if (r->written == WRITE_ROWS)
		text_str(out, ",");
	r->written = WRITE_ROWS;
	text_json(out, row);
	json_decref(row);
}

enum report_write report_write(struct report *r, struct text *out, unsigned steps, size_t bytes_max)
{
	size_t full = out->len + bytes_max;
	json_t *row;

	if (r->written == WRITE_HEAD)
		write_head(r, out);
	for (unsigned i = 0; i < steps && out->len < full && !out->failed; i++) {
		switch (report_next(r, &row)) {
		case REPORT_ROW:
			write_row(r, out, row);
			break;
		case REPORT_MORE:
			break;
		case REPORT_FAILED:
			return WRITE_FAILED;
		case REPORT_END:
			text_str(out, "]}\n");
			return out->failed ? WRITE_FAILED : WRITE_DONE;
		}
	}
	return out->failed ? WRITE_FAILED : WRITE_MORE;
}
