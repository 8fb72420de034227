/* tunnel_set.c - the tunnels that there are: their start, their end, and what they come to together. */
#include "tunnel_set_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tunnel *tunnel_set_find(const struct tunnel_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->tunnels[i]->name, name) == 0)
			return set->tunnels[i];
	return NULL;
}

/* ---- the start ---------------------------------------------------------------------- */

static void on_first_try(void *user, struct tunnel *t)
{
	struct tunnel_set *set = user;

	if (t->opening.state != OPENING_OPEN || !opening_complete(t))
		opening_retry(t);
	if (--set->starting == 0)
		set->started(set->started_user);
}

static bool take_tunnels(struct tunnel_set *set, struct config *config)
{
	set->tunnels = calloc(config->tunnel_count, sizeof(*set->tunnels));
	for (size_t i = 0; set->tunnels != NULL && i < config->tunnel_count; i++) {
		struct tunnel *t = tunnel_new(set->reactor, config->tunnels[i], set->hooks);

		if (t == NULL)
			return false;
		config->tunnels[i] = NULL;
		set->tunnels[set->count++] = t;
	}
	return set->tunnels != NULL;
}

/* All of them are tried, so that every fault is told at once. */
bool tunnel_set_start(struct tunnel_set *set, struct config *config, tunnels_started_fn *started,
		      void *user)
{
	set->started = started;
	set->started_user = user;
	if (!take_tunnels(set, config))
		return false;
	set->starting = set->count;
	for (size_t i = 0; i < set->count; i++)
		opening_begin(set->tunnels[i], NULL, NULL, on_first_try, set);
	return true;
}

size_t tunnel_set_failed(const struct tunnel_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++)
		n += opening_has_failed(set->tunnels[i]);
	return n;
}

bool tunnel_set_is_hopeless(const struct tunnel_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (!opening_has_failed(set->tunnels[i]) || set->tunnels[i]->opening.no_name)
			return false;
	return true;
}

/* ---- figures ------------------------------------------------------------------------------ */

static void add_link(struct service_figures *f, const struct link *l)
{
	struct session_info info;

	if (l->ended)
		return;
	session_get_info(l->session, &info);
	f->sessions++;
	f->streams += info.streams;
	if (info.kcp.srtt_us == 0)
		return;
	if (info.kcp.srtt_us < f->rtt_min_us || f->rtt_min_us == 0)
		f->rtt_min_us = info.kcp.srtt_us;
	if (info.kcp.srtt_us > f->rtt_max_us)
		f->rtt_max_us = info.kcp.srtt_us;
}

/* As many as there is room for. */
static void name_failed(struct service_figures *f, const char *name)
{
	size_t n = strlen(f->failed_names), room = sizeof(f->failed_names) - n;

	f->failed++;
	if (strlen(name) + 2 < room)
		snprintf(f->failed_names + n, room, "%s%s", n > 0 ? ", " : "", name);
}

void tunnel_set_figures(const struct tunnel_set *set, struct service_figures *out)
{
	*out = (struct service_figures){ .tunnels = set->count };
	for (size_t i = 0; i < set->count; i++) {
		struct counters c;

		if (opening_has_failed(set->tunnels[i]))
			name_failed(out, set->tunnels[i]->name);
		tunnel_counters(set->tunnels[i], &c);
		out->out_bytes += c.payload_out_bytes;
		out->in_bytes += c.payload_in_bytes;
		for (const struct link *l = set->tunnels[i]->links; l != NULL; l = l->next)
			add_link(out, l);
	}
}

/* ---- life --------------------------------------------------------------------------------- */

void tunnel_set_init(struct tunnel_set *set, struct reactor *r, const struct tunnel_hooks *hooks)
{
	*set = (struct tunnel_set){ .reactor = r, .hooks = hooks };
	tunnel_leave_init(set);
}

void tunnel_set_drain(struct tunnel_set *set)
{
	tunnel_set_cancel_reload(set);
	tunnel_set_cancel_restart(set);
	for (size_t i = 0; i < set->count; i++)
		tunnel_drain(set->tunnels[i]);
	for (struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next)
		tunnel_drain(l->tunnel);
}

size_t tunnel_set_undrained(const struct tunnel_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++)
		n += !tunnel_drained(set->tunnels[i]);
	for (const struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next)
		n += !tunnel_drained(l->tunnel);
	return n;
}

void tunnel_set_dispose(struct tunnel_set *set)
{
	tunnel_set_cancel_reload(set);
	tunnel_set_cancel_restart(set);
	tunnel_leave_dispose(set);
	for (size_t i = 0; i < set->count; i++)
		tunnel_free(set->tunnels[i]);
	free(set->tunnels);
	set->tunnels = NULL;
	set->count = 0;
}

bool tunnel_set_trim(struct tunnel_set *set)
{
	bool again = false;

	for (size_t i = 0; i < set->count; i++)
		again |= tunnel_trim(set->tunnels[i]);
	return again;
}

void tunnel_set_totals(const struct tunnel_set *set, struct counters *out)
{
	struct counters c;

	*out = set->gone;
	for (size_t i = 0; i < set->count; i++) {
		tunnel_totals(set->tunnels[i], &c);
		counters_add(out, &c);
	}
	for (const struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next) {
		tunnel_totals(l->tunnel, &c);
		counters_add(out, &c);
	}
}
