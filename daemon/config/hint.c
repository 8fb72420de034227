/* hint.c - what someone meant by a key that is none. */
#include "config_impl.h"

#include <string.h>

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
