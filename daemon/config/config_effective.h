/* config_effective.h - the values that hold, key by key, each with where it is from. */
#ifndef KT_CONFIG_EFFECTIVE_H
#define KT_CONFIG_EFFECTIVE_H

#include <stdbool.h>

#include "config.h"

struct conf_effective {
	const char *key;
	const char *text; /* borrowed for the call; "" for CONF_HIDDEN: a secret is never told */
	enum conf_value_kind kind;
	const char *origin; /* default, defaults (the section), section (its own), mode, given, kept (from before a reload) */
	int line;         /* 0: none */
	const char *file; /* that it is a line of, if not of the first; borrowed like text */
};
typedef void conf_effective_fn(void *user, const struct conf_effective *value);

/* Keys without effect are left out.  False when out of memory. */
bool config_effective_daemon(const struct conf_daemon *d, conf_effective_fn *fn, void *user);
bool config_effective_tunnel(const struct conf_tunnel *t, conf_effective_fn *fn, void *user);

/* All of it as one file, which reads back as the same configuration but for the secrets; what includes and
 * [defaults] brought stands where it holds.  Of `keyfile`s whose path no line can have what was written; then *readable is
 * false.  False when out of memory or when `out` fails. */
bool config_effective_ini(const struct config *c, FILE *out, bool *readable);

#endif
