/* option.c - one option by kcptun's name -> one of our keys. */
#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire.h"

const char compat_published_key[] = "it's a secrect";

void compat_dispose(struct compat *c)
{
	settings_dispose(&c->settings);
	free(c->log_path);
	c->log_path = NULL;
}

void compat_say(struct compat *c, enum conf_severity severity, const char *name, const char *fmt, ...)
{
	const struct conf_setting *item = name ? settings_find(&c->settings, name) : NULL;
	const char *where = c->where;
	char text[1024], line[1200], number[16] = "";
	int n = c->settings.line;
	va_list ap;

	if (n == 0 && item && item->line > 0) {
		where = item->where;
		n = item->line;
	}
	if (n > 0)
		snprintf(number, sizeof(number), ":%d", n);

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s%s: %.60s%s%s", where, number, name ? name : "",
		 name ? ": " : "", text);
	c->report(c->user, severity, line);
	c->error_count += severity == CONF_ERROR;
}

/* ---- names ------------------------------------------------------------------- */

static const struct {
	const char *theirs;
	const char *ours[2]; /* by enum conf_role; NULL: not in that role */
} aliases[] = {
	{ "l", { "localaddr", "listen" } },
	{ "r", { "remoteaddr", NULL } },
	{ "t", { NULL, "target" } },
	{ "ds", { "datashard", "datashard" } },
	{ "ps", { "parityshard", "parityshard" } },
	{ "QPP", { "qpp", "qpp" } },
	{ "QPPCount", { "qpp-count", "qpp-count" } },
};

/* NULL: a name of the other role. */
static const char *our_name(const char *name, enum conf_role role)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strcmp(aliases[i].theirs, name) == 0)
			return aliases[i].ours[role];
	}
	return name;
}

/* What kcptun has and we leave out, unless the table of keys knows better. */
static const struct left_out {
	const char *name;
	enum option_kind kind;
	const char *instead;
} left_outs[] = {
	{ "log", OPTION_VALUE, "" }, /* handled by itself */
	{ "tcp", OPTION_SWITCH, "is left out: there is no TCP emulation, the tunnel is UDP" },
	{ "pprof", OPTION_SWITCH, "is left out: it profiles Go programs" },
};

static const struct left_out *find_left_out(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(left_outs); i++) {
		if (strcmp(left_outs[i].name, name) == 0)
			return &left_outs[i];
	}
	return NULL;
}

/* What the table of keys says of one of our names. */
static enum option_kind key_kind(const char *name, enum conf_role role)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		if (strcmp(info.name, name) != 0)
			continue;
		if ((info.where & (ON_DAEMON | conf_where(role))) == 0)
			return OPTION_FOREIGN;
		return info.kind == CONF_SWITCH ? OPTION_SWITCH : OPTION_VALUE;
	}
	return OPTION_UNKNOWN;
}

enum option_kind compat_kind(const struct compat *c, const char *name)
{
	const char *ours = our_name(name, c->role);
	const struct left_out *left_out;
	enum option_kind kind;

	if (!ours)
		return OPTION_FOREIGN;
	kind = key_kind(ours, c->role);
	left_out = kind == OPTION_UNKNOWN ? find_left_out(ours) : NULL;
	return left_out ? left_out->kind : kind;
}

/* ---- taking one -------------------------------------------------------------- */

static bool is_one_of(const char *value, const char *const *words)
{
	while (*words && strcasecmp(value, *words) != 0)
		words++;
	return *words != NULL;
}

static bool is_off(const char *value)
{
	static const char *const words[] = { "", "0", "f", "false", "no", "off", NULL };

	return is_one_of(value, words);
}

/* Go's words and ours as ours; what is neither is left to the checks. */
static const char *switch_text(const char *value)
{
	static const char *const words[] = { "1", "t", "true", "yes", "on", NULL };

	if (!value || is_one_of(value, words))
		return "yes";
	return value[0] && is_off(value) ? "no" : value;
}

static void take_log(struct compat *c, const char *value)
{
	free(c->log_path);
	c->log_path = value[0] ? strdup(value) : NULL;
	c->settings.failed |= value[0] && !c->log_path;
}

static void leave_out(struct compat *c, const struct left_out *l, const char *value)
{
	if (strcmp(l->name, "log") == 0)
		take_log(c, value);
	else if (!is_off(value))
		compat_say(c, CONF_WARNING, l->name, "%s", l->instead);
}

static void refuse(struct compat *c, const char *name, enum option_kind kind)
{
	bool client = c->role == ROLE_CLIENT;
	char hint[CONF_DESCRIBE_BYTES];

	if (kind == OPTION_FOREIGN) {
		compat_say(c, CONF_ERROR, name, "is a %s's and means nothing in a %s",
			   client ? "server" : "client", client ? "client" : "server");
		return;
	}
	conf_key_hint(name, c->role, hint, sizeof(hint));
	compat_say(c, CONF_ERROR, name, "%s", hint);
}

void compat_option(struct compat *c, const char *name, const char *value)
{
	enum option_kind kind = compat_kind(c, name);
	const char *ours = our_name(name, c->role);

	if (kind == OPTION_UNKNOWN || kind == OPTION_FOREIGN) {
		refuse(c, name, kind);
		return;
	}
	if (kind == OPTION_SWITCH)
		value = switch_text(value);
	if (!value)
		compat_say(c, CONF_ERROR, name, "needs a value");
	else if (key_kind(ours, c->role) == OPTION_UNKNOWN)
		leave_out(c, find_left_out(ours), value);
	else if (value[0] == '\0' && strcmp(ours, "key") != 0)
		settings_drop(&c->settings, ours); /* to kcptun, text that is empty is none */
	else
		settings_set(&c->settings, ours, value);
}

/* ---- all are in -------------------------------------------------------------- */

/* Where kcptun and a kcptun.ini start from other values. */
static const struct built_in {
	const char *key;
	const char *values[2]; /* by enum conf_role; NULL: not in that role */
	const char *partner;   /* of which it is a half; or NULL */
} built_in[] = {
	{ "mode", { "fast", "fast" }, NULL },
	{ "mtu", { "1350", "1350" }, NULL },
	{ "sndwnd", { "128", "1024" }, NULL },
	{ "rcvwnd", { "512", "1024" }, NULL },
	{ "datashard", { "10", "10" }, "parityshard" },
	{ "parityshard", { "3", "3" }, "datashard" },
	{ "conn", { "1", NULL }, NULL },
	{ "smuxbuf", { "4194304", "4194304" }, NULL },
	{ "streambuf", { "2097152", "2097152" }, NULL },
};

/* The socket of the daemon that systemd runs is not this one's. */
static const char no_control[] = "none";

const char *compat_built_in(const char *key, enum conf_role role)
{
	if (strcmp(key, "control") == 0)
		return no_control;
	for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
		if (strcmp(built_in[i].key, key) == 0)
			return built_in[i].values[role];
	}
	return NULL;
}

static void fill_in(struct compat *c, const char *key, const char *value)
{
	if (!settings_get(&c->settings, key))
		settings_set(&c->settings, key, value);
}

/* What kcptun has one of, whatever ours may have. */
static void check_target(struct compat *c)
{
	const char *value = settings_get(&c->settings, "target");

	if (value && strchr(value, ','))
		compat_say(c, CONF_ERROR, "target",
			   "is one address here; several are for a kcptun.ini");
}

static void replace(struct compat *c, const char *key, const char *before, const char *value)
{
	char *text;

	if (asprintf(&text, "%s%s", before, value) < 0) {
		c->settings.failed = true;
		return;
	}
	settings_set(&c->settings, key, text);
	free(text);
}

/* Go dials the own host when none is named, and takes what has no port for a Unix socket. */
static void read_as_go(struct compat *c, const char *key, bool dialled, bool stream)
{
	const char *value = settings_get(&c->settings, key);

	if (!value)
		return;
	if (dialled && value[0] == ':')
		replace(c, key, "127.0.0.1", value);
	else if (stream && !strpbrk(value, ":/"))
		replace(c, key, "./", value);
}

/* Only a file of our own has several. */
static void refuse_list(struct compat *c, const char *key)
{
	const char *value = settings_get(&c->settings, key);

	if (value && strchr(value, ','))
		compat_say(c, CONF_ERROR, key,
			   "takes one address here; several can stand in a kcptun.ini");
}

/* kcptun overwrites the four, whatever they are; so a value out of range is no fault. */
static void drop_overridden(struct compat *c)
{
	static const char *const keys[] = { "nodelay", "interval", "resend", "nc" };
	const char *mode = settings_get(&c->settings, "mode");
	bool dropped = false;

	if (mode && strcmp(mode, "manual") == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		dropped |= settings_drop(&c->settings, keys[i]);
	if (dropped)
		compat_say(c, CONF_WARNING, "mode",
			   "stands for nodelay, interval, resend and nc, "
			   "which take effect with manual only");
}

static bool is_auto(const struct compat *c, const char *key)
{
	const char *value = settings_get(&c->settings, key);

	return value && strcmp(value, "auto") == 0;
}

/* The mode auto, which kcptun does not have, leaves nothing to tune: then none of its numbers
 * stands in for what was not given.  Who gives one half of two means the whole. */
static bool is_left_to_us(const struct compat *c, const struct built_in *b)
{
	if (b->partner && settings_get(&c->settings, b->partner))
		return is_auto(c, b->partner);
	return is_auto(c, "mode");
}

/* Who gives one half of two as 0 wants none of the other. */
static bool is_off_by_half(const struct compat *c, const struct built_in *b)
{
	const char *value = b->partner ? settings_get(&c->settings, b->partner) : NULL;

	return value && strcmp(value, "0") == 0;
}

static void fill_in_built_in(struct compat *c)
{
	for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
		const struct built_in *b = &built_in[i];

		if (b->values[c->role] && !is_left_to_us(c, b))
			fill_in(c, b->key, is_off_by_half(c, b) ? "0" : b->values[c->role]);
	}
}

void compat_finish(struct compat *c)
{
	if (key_kind("control", c->role) != OPTION_UNKNOWN)
		fill_in(c, "control", no_control);
	if (c->role == ROLE_CLIENT) {
		fill_in(c, "localaddr", ":12948");
		fill_in(c, "remoteaddr", "vps:29900");
		read_as_go(c, "localaddr", false, true);
		refuse_list(c, "remoteaddr");
		read_as_go(c, "remoteaddr", true, false);
	} else {
		fill_in(c, "listen", ":29900");
		fill_in(c, "target", "127.0.0.1:12948");
		read_as_go(c, "target", true, true);
		check_target(c);
	}
	drop_overridden(c);
	fill_in_built_in(c);
	/* kcptun's own examples have a period and no file */
	if (!settings_get(&c->settings, "snmplog"))
		settings_drop(&c->settings, "snmpperiod");
}

void compat_default_key(struct compat *c)
{
	if (settings_get(&c->settings, "key") || settings_get(&c->settings, "keyfile"))
		return;
	/* That everybody knows it, and how to make one, is said by the checks of the config. */
	compat_say(c, CONF_WARNING, "key", "is missing, so that kcptun's own is taken: \"%s\"",
		   compat_published_key);
	settings_set(&c->settings, "key", compat_published_key);
}

struct config *compat_config(struct compat *c)
{
	const char *name = c->role == ROLE_CLIENT ? "client" : "server";

	if (c->settings.failed)
		compat_say(c, CONF_ERROR, NULL, "out of memory");
	if (c->error_count > 0)
		return NULL;
	return config_from_settings(c->role, name, c->settings.items, c->settings.count, c->where,
				    c->report, c->user);
}
