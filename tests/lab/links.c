/* links.c - links that have a name, and changes to them. */
#include "links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct named_link named_links[] = {
	{ "P1", "delay=15,rate=16,queue=80", "a DSL line" },
	{ "P2", "delay=45,rate=30,loss=0.5,queue=150", "" },
	{ "P3", "delay=90,rate=40,loss=3,queue=60", "" },
	{ "P4", "delay=50,rate=100,loss=8,queue=100", "" },
	{ "P5", "delay=70,rate=80,loss=15,queue=80", "" },
	{ "P6", "delay=110,rate=60,loss=25,queue=120", "" },
	{ "P7", "delay=60,rate=200,burst=0.2/12,queue=40", "loss in runs" },
	{ "P8", "delay=4,rate=400,loss=0.2,queue=15", "" },
	{ "P9", "delay=130,rate=8,loss=2,jitter=20,queue=400", "" },
	{ "P10", "delay=35,rate=80,police=20/48,queue=15", "a policer" },
	{ "P11", "delay=40,wave=8/40/5,loss=1,jitter=8,reorder=0.5,queue=120", "a rate that varies" },
	{ "even", "delay=25,rate=40,queue=50", "for shares" },
	{ "wan", "delay=50,rate=100,queue=100", "long, with a queue of one round trip" },
	{ "wan-1", "delay=50,rate=100,queue=100,loss=1", "" },
	{ "wan-5", "delay=50,rate=100,queue=100,loss=5", "" },
	{ "wan-10", "delay=50,rate=100,queue=100,loss=10", "" },
	{ "wan-20", "delay=50,rate=100,queue=100,loss=20", "" },
	{ "wan-30", "delay=50,rate=100,queue=100,loss=30", "" },
	{ "shallow", "delay=50,rate=100,queue=10", "the same with a queue of 10 ms" },
	{ "shallow-10", "delay=50,rate=100,queue=10,loss=10", "" },
	{ "fat", "delay=75,rate=300,queue=60,loss=1", "much under way" },
	{ "satellite", "delay=150,rate=5,queue=300,loss=3", "slow and far" },
	{ "metro", "delay=2.5,rate=600,queue=20", "fast and near" },
	{ "policer", "delay=40,rate=100,police=30/100,queue=30", "" },
	{ "wave", "delay=40,wave=10/50/8,queue=100", "" },
	{ "unruly", "delay=40,rate=50,queue=80,jitter=10,reorder=2,reorder_by=8",
	  "jitter and disorder" },
	{ "bursty", "delay=50,rate=100,queue=100,burst=0.5/10", "5 % lost, in runs of ten" },
	{ "outage", "delay=50,rate=40,queue=60,outage=10/2", "down for 2 s, 10 s after the start" },
};
const size_t named_link_count = sizeof(named_links) / sizeof(named_links[0]);

/* Values of one key, in this order, separated by slashes. */
enum { FIELDS_MAX = 4 };
struct link_key {
	const char *name;
	size_t field[FIELDS_MAX]; /* offsets of doubles */
	unsigned least, most;     /* how many are given */
	const char *what;
};

#define F(f) offsetof(struct link_params, f)
static const struct link_key keys[] = {
	{ "delay", { F(delay) }, 1, 1, "MS one way" },
	{ "jitter", { F(jitter) }, 1, 1, "MS, +-; the order is kept" },
	{ "rate", { F(rate) }, 1, 1, "MBIT of IP packets, in place of wave; 0 for no limit" },
	{ "wave", { F(wave_low), F(wave_high), F(wave_s) }, 3, 3, "LOW/HIGH/SECONDS, in place of rate" },
	{ "queue", { F(queue) }, 1, 1, "MS before the rate limiter" },
	{ "queue_kb", { F(queue_kb) }, 1, 1, "KB, the same in bytes" },
	{ "police", { F(police), F(police_kb) }, 2, 2, "MBIT/KB" },
	{ "loss", { F(loss) }, 1, 1, "PERCENT, in place of burst" },
	{ "burst",
	  { F(burst_enter), F(burst_leave), F(burst_bad), F(burst_good) },
	  2,
	  4,
	  "ENTER/LEAVE[/BAD[/GOOD]] percent, in place of loss" },
	{ "reorder", { F(reorder) }, 1, 1, "PERCENT held back" },
	{ "reorder_by", { F(reorder_by) }, 1, 1, "MS (5)" },
	{ "dup", { F(dup) }, 1, 1, "PERCENT that arrive twice" },
	{ "outage", { F(outage[0].start_s), F(outage[0].length_s) }, 2, 2, "START/SECONDS" },
};
#undef F

static bool set_key(struct link_params *p, const struct link_key *k, const char *value)
{
	double v[FIELDS_MAX] = { 0, 0, 100, 0 }; /* a burst loses all unless said */
	unsigned n = 0;

	for (const char *at = value;; at++) {
		char *end;

		if (n == k->most)
			return false;
		v[n++] = strtod(at, &end);
		if (end == at || !(v[n - 1] >= 0 && v[n - 1] < 1e9))
			return false;
		at = end;
		if (*at == '\0')
			break;
		if (*at != '/')
			return false;
	}
	for (unsigned i = 0; i < k->most; i++)
		memcpy((char *)p + k->field[i], &v[i], sizeof(v[i]));
	if (strcmp(k->name, "queue") == 0)
		p->queue_kb = 0;
	if (strcmp(k->name, "queue_kb") == 0)
		p->queue = 0;
	if (strcmp(k->name, "loss") == 0)
		p->burst_enter = 0;
	if (strcmp(k->name, "rate") == 0)
		p->wave_s = 0;
	return n >= k->least;
}

static bool set(struct link_params params[2], char *item)
{
	bool way[2] = { true, true };
	char *value = strchr(item, '=');

	if (value == NULL)
		return false;
	*value++ = '\0';
	if (strncmp(item, "up.", 3) == 0) {
		way[1] = false;
		item += 3;
	} else if (strncmp(item, "down.", 5) == 0) {
		way[0] = false;
		item += 5;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, item) != 0)
			continue;
		return (!way[0] || set_key(&params[0], &keys[i], value)) &&
		       (!way[1] || set_key(&params[1], &keys[i], value));
	}
	return false;
}

static bool set_all(struct link_params params[2], const char *text)
{
	char buf[512], *rest = buf, *item;

	if (snprintf(buf, sizeof(buf), "%s", text) >= (int)sizeof(buf))
		return false;
	while ((item = strsep(&rest, ",")) != NULL)
		if (*item != '\0' && !set(params, item))
			return false;
	return true;
}

bool link_parse(const char *text, struct link_params params[2], const char **why)
{
	size_t len = strcspn(text, ",");

	memset(params, 0, 2 * sizeof(*params));
	params[0].reorder_by = params[1].reorder_by = 5;
	*why = "there is no link of this name";
	for (size_t i = 0; i < named_link_count; i++) {
		if (strlen(named_links[i].name) != len || strncmp(named_links[i].name, text, len) != 0)
			continue;
		*why = "a key or value is not understood";
		return set_all(params, named_links[i].link) && set_all(params, text + len);
	}
	return false;
}

void link_print_keys(void)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf("  %-12s%s\n", keys[i].name, keys[i].what);
}
