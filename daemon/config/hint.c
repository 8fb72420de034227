/* hint.c - what someone meant by a name that is none. */
#include "config_impl.h"

#include <string.h>

enum { WORD_MAX = 32 }; /* nothing longer is a misspelling of ours */

/* ---- edit distance ---------------------------------------------------------- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Characters to insert, drop, change or swap with their neighbour to make a
 * into b; case does not count.  Three rows of the usual table are enough. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2], *spare;
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = least(last[j - 1] + !same, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[n];
}

const char *conf_nearest(const char *name, const char *const *names, size_t count)
{
	size_t len = strlen(name);
	unsigned best = len <= 3 ? 2 : len <= 7 ? 3 : 4; /* one more than is near */
	const char *nearest = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		unsigned d = distance(name, names[i]);

		/* as many changes as letters make anything of anything */
		if (d < best && d < strlen(names[i])) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

/* ---- keys ------------------------------------------------------------------- */

/* Words that people bring from kcptun and its relatives. */
static const struct {
	const char *name, *text;
} foreign[] = {
	{ "tcp", "TCP emulation is not supported; a tunnel is UDP" },
	{ "log", "there is no log file of its own: messages go to stderr, and from there to the "
		 "journal" },
	{ "pprof", "is not supported: it profiles Go programs" },
	{ "config", "one file holds every tunnel, each in a section of its own" },
	{ "c", "one file holds every tunnel, each in a section of its own" },
	{ "l", "write localaddr in a client, listen in a server" },
	{ "r", "write remoteaddr" },
	{ "t", "write target" },
	{ "password", "write key" },
	{ "method", "write crypt" },
	{ "cc", "write congestion" },
	{ "zstd", "write compression = zstd" },
	{ "snappy", "write compression = snappy" },
};

void conf_hint_key(const char *name, unsigned where, char *why)
{
	const char *names[KEY_COUNT], *nearest;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		if (strcmp(foreign[i].name, name) == 0) {
			conf_why(why, "%s", foreign[i].text);
			return;
		}
	}
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (conf_rows[i].where & where)
			names[count++] = conf_rows[i].name;
	}
	nearest = conf_nearest(name, names, count);
	if (nearest)
		conf_why(why, "unknown key; did you mean %s?", nearest);
	else
		conf_why(why, "unknown key; kcptund --help lists all");
}

void conf_key_hint(const char *name, enum conf_role role, char *buf, size_t cap)
{
	char why[CONF_WHY_BYTES];

	conf_hint_key(name, conf_where(role), why);
	snprintf(buf, cap, "%s", why);
}
