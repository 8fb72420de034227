/* tunnel_snmplog.c - a snmplog for each tunnel, as its configuration says. */
#include "tunnel_snmplog.h"

#include <stdlib.h>

#include "log.h"
#include "snmplog.h"

static void sum(void *user, struct counters *out)
{
	tunnel_totals(user, out);
}

static void changed(struct tunnel *t, void *kept)
{
	struct snmplog *l = kept;

	l->tag = t->name;
	snmplog_set(l, t->conf->snmplog, t->conf->snmpperiod_s);
}

static void *started(struct tunnel *t)
{
	struct snmplog *l = malloc(sizeof(*l));

	if (l == NULL) {
		log_err(t->name, "snmplog: out of memory");
		return NULL;
	}
	snmplog_init(l, t->reactor, t->name, sum, t);
	changed(t, l);
	return l;
}

static void leaves(struct tunnel *t, void *kept)
{
	snmplog_dispose(kept);
	free(kept);
}

const struct tunnel_hooks tunnel_snmplog_hooks = {
	.started = started,
	.changed = changed,
	.leaves = leaves,
};
