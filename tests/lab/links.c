/* links.c - links that have a name, and changes to them. */
#include "links.h"

#include <stdarg.h>
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
	{ "narrow", "delay=50,rate=20,queue=100", "wan, slower" },
	{ "shallow", "delay=50,rate=100,queue=10", "wan with a queue of 10 ms" },
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
	{ "shrinks", "delay=50,rate=40,queue=60,mtu=1280/10,outage=10/0.001",
	  "an MTU of 1280, 10 s after the start" },
};
const size_t named_link_count = sizeof(named_links) / sizeof(named_links[0]);

/* Values of one key, in this order, separated by slashes. */
enum { FIELDS_MAX = 4 };
struct link_key {
	const char *name;
	size_t field[FIELDS_MAX]; /* offsets of doubles */
	unsigned least, most;     /* how many are given */
	double highest;           /* that one of them may be */
	const char *what;
};

/* Beyond these a value is a slip of the pen, and would ask for more memory than there is. */
#define MS_MAX 10e3
#define MBIT_MIN 1e-3
#define MBIT_MAX 100e3
#define KB_MAX 1e6
#define S_MAX 1e6
#define F(f) offsetof(struct link_params, f)
static const struct link_key keys[] = {
	{ "delay", { F(delay) }, 1, 1, MS_MAX, "MS one way" },
	{ "jitter", { F(jitter) }, 1, 1, MS_MAX, "MS, +-; the order is kept" },
	{ "rate", { F(rate) }, 1, 1, MBIT_MAX, "MBIT of IP packets, in place of wave; 0 for no limit" },
	{ "wave",
	  { F(wave_low), F(wave_high), F(wave_s) },
	  3,
	  3,
	  MBIT_MAX,
	  "LOW/HIGH/SECONDS, in place of rate" },
	{ "queue", { F(queue) }, 1, 1, MS_MAX, "MS before the rate limiter" },
	{ "queue_kb", { F(queue_kb) }, 1, 1, KB_MAX, "KB, the same in bytes" },
	{ "police", { F(police), F(police_kb) }, 2, 2, KB_MAX, "MBIT/KB" },
	{ "loss", { F(loss) }, 1, 1, 100, "PERCENT, in place of burst" },
	{ "run", { F(run) }, 1, 1, 1e4, "PACKETS, in runs of which that loss comes; 0 for none" },
	{ "burst",
	  { F(burst_enter), F(burst_leave), F(burst_bad), F(burst_good) },
	  2,
	  4,
	  100,
	  "ENTER/LEAVE[/BAD[/GOOD]] percent, in place of loss" },
	{ "reorder", { F(reorder) }, 1, 1, 100, "PERCENT held back" },
	{ "reorder_by", { F(reorder_by) }, 1, 1, MS_MAX, "MS (5)" },
	{ "dup", { F(dup) }, 1, 1, 100, "PERCENT that arrive twice" },
	{ "mtu", { F(mtu), F(mtu_s) }, 1, 2, S_MAX, "BYTES[/START] of an IP packet" },
	{ "outage", { F(outage[0].start_s), F(outage[0].length_s) }, 2, 2, S_MAX, "START/SECONDS" },
};
#undef F

__attribute__((format(printf, 4, 5))) static bool refuse(char why[LINK_WHY_MAX], const char *key,
							 const char *value, const char *reason, ...)
{
	int n = snprintf(why, LINK_WHY_MAX, "%.32s=%.32s: ", key, value);
	va_list args;

	va_start(args, reason);
	vsnprintf(why + n, LINK_WHY_MAX - (size_t)n, reason, args);
	va_end(args);
	return false;
}

/* What a key stands in the place of. */
static void replace(struct link_params *p, const char *key)
{
	if (strcmp(key, "queue") == 0)
		p->queue_kb = 0;
	if (strcmp(key, "queue_kb") == 0)
		p->queue = 0;
	if (strcmp(key, "loss") == 0 || strcmp(key, "run") == 0)
		p->burst_enter = 0;
	if (strcmp(key, "burst") == 0)
		p->run = 0;
	if (strcmp(key, "rate") == 0)
		p->wave_s = 0;
}

static bool set_key(struct link_params *p, const struct link_key *k, const char *value,
		    char why[LINK_WHY_MAX])
{
	double v[FIELDS_MAX] = { 0, 0, 100, 0 }; /* a burst loses all unless said */
	unsigned n = 0;

	for (const char *at = value;; at++) {
		char *end;

		if (n == k->most)
			return refuse(why, k->name, value, "it takes %s", k->what);
		v[n++] = strtod(at, &end);
		if (end == at || (*end != '\0' && *end != '/'))
			return refuse(why, k->name, value, "it takes %s", k->what);
		if (!(v[n - 1] >= 0 && v[n - 1] <= k->highest))
			return refuse(why, k->name, value, "0 to %g is possible", k->highest);
		at = end;
		if (*at == '\0')
			break;
	}
	if (n < k->least)
		return refuse(why, k->name, value, "it takes %s", k->what);
	for (unsigned i = 0; i < k->most; i++)
		memcpy((char *)p + k->field[i], &v[i], sizeof(v[i]));
	replace(p, k->name);
	return true;
}

static const struct link_key *key_find(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool set(struct link_params params[2], char *item, char why[LINK_WHY_MAX])
{
	bool way[2] = { true, true };
	char *value = strchr(item, '=');
	const struct link_key *k;

	if (value == NULL) {
		snprintf(why, LINK_WHY_MAX, "%.32s: KEY=VALUE is wanted", item);
		return false;
	}
	*value++ = '\0';
	if (strncmp(item, "up.", 3) == 0) {
		way[1] = false;
		item += 3;
	} else if (strncmp(item, "down.", 5) == 0) {
		way[0] = false;
		item += 5;
	}
	k = key_find(item);
	if (k == NULL)
		return refuse(why, item, value, "there is no such key");
	return (!way[0] || set_key(&params[0], k, value, why)) &&
	       (!way[1] || set_key(&params[1], k, value, why));
}

static bool set_all(struct link_params params[2], const char *text, char why[LINK_WHY_MAX])
{
	char buf[512], *rest = buf, *item;

	if (snprintf(buf, sizeof(buf), "%s", text) >= (int)sizeof(buf)) {
		snprintf(why, LINK_WHY_MAX, "a link is told in at most %zu letters", sizeof(buf) - 1);
		return false;
	}
	while ((item = strsep(&rest, ",")) != NULL)
		if (*item != '\0' && !set(params, item, why))
			return false;
	return true;
}

/* What no key by itself can say. */
static bool fits(const struct link_params *p, char why[LINK_WHY_MAX])
{
	const char *reason = NULL;

	if ((p->rate > 0 && p->rate < MBIT_MIN) || (p->wave_s > 0 && p->wave_high < MBIT_MIN))
		reason = "a rate is at least 0.001";
	else if (p->police > 0 && p->police_kb <= 0)
		reason = "a policer needs a bucket";
	else if (p->run > 0 && p->run < 1)
		reason = "a run has at least 1 packet";
	else if (p->run > 0 && p->loss < 100 && p->loss / (100 - p->loss) > p->run)
		reason = "so much loss comes in longer runs";
	if (reason != NULL)
		snprintf(why, LINK_WHY_MAX, "%s", reason);
	return reason == NULL;
}

bool link_parse(const char *text, struct link_params params[2], char why[LINK_WHY_MAX])
{
	size_t len = strcspn(text, ",");

	memset(params, 0, 2 * sizeof(*params));
	params[0].reorder_by = params[1].reorder_by = 5;
	snprintf(why, LINK_WHY_MAX, "%.32s: there is no link of this name", text);
	for (size_t i = 0; i < named_link_count; i++) {
		if (strlen(named_links[i].name) != len || strncmp(named_links[i].name, text, len) != 0)
			continue;
		return set_all(params, named_links[i].link, why) && set_all(params, text + len, why) &&
		       fits(&params[0], why) && fits(&params[1], why);
	}
	return false;
}

void link_print_names(void)
{
	for (size_t i = 0; i < named_link_count; i++)
		printf("  %-12s%-62s%s\n", named_links[i].name, named_links[i].link,
		       named_links[i].what);
}

void link_print_keys(void)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf("  %-12s%s\n", keys[i].name, keys[i].what);
}
