/* config_effective.c - the values that hold, key by key, each with where it is from. */
#include "config_effective.h"

#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

static const char *origin_text(const struct conf_origin *o)
{
	if (o->from == CONF_BUILTIN)
		return "default";
	if (o->from == CONF_GIVEN)
		return "given"; /* on the command line, by a plugin's option, or in a file of kcptun's */
	if (o->from == CONF_KEPT)
		return "kept";
	return o->from == CONF_DEFAULTS ? "defaults" : "section";
}

/* True when a number of the ARQ follows from the mode's name. */
static bool is_by_mode(const struct conf_tunnel *t, enum conf_id id)
{
	return (id == KEY_NODELAY || id == KEY_INTERVAL || id == KEY_RESEND) && !conf_is_manual(t);
}

/* Where the value was given, if under another name. */
static const struct conf_origin *origin_of(const struct conf_tunnel *t, enum conf_id id)
{
	return &t->origins[id == KEY_CONGESTION && conf_nc_decides(t) ? KEY_NC : id];
}

/* The first file is what is meant where none is named. */
static const char *file_of(const struct conf_files *files, const struct conf_origin *origin)
{
	return origin->file > 0 ? conf_file_name(files, origin->file) : NULL;
}

static bool tell(const struct conf_row *row, const void *base, const struct conf_files *files,
		 const struct conf_origin *origin, bool by_mode, conf_effective_fn *fn, void *user)
{
	struct conf_effective value = {
		.key = row->name,
		.text = "",
		.kind = row->type->kind,
		.origin = by_mode ? "mode" : origin_text(origin),
		.line = by_mode ? 0 : origin->line,
		.file = by_mode ? NULL : file_of(files, origin),
	};
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (value.kind != CONF_HIDDEN) {
		f = open_memstream(&text, &len);
		if (f == NULL)
			return false;
		row->type->print(row, base, f);
		if (fclose(f) != 0 || text == NULL) {
			free(text);
			return false;
		}
		value.text = text;
	}
	fn(user, &value);
	free(text);
	return true;
}

static bool daemon_worth_telling(const struct conf_daemon *d, enum conf_id id)
{
	if (id == KEY_DAEMON_SNMPPERIOD)
		return d->snmplog != NULL;
	if (id == KEY_GROUP)
		return d->user != NULL;
	return conf_rows[id].where == ON_DAEMON && id != KEY_INCLUDE;
}

bool config_effective_daemon(const struct conf_daemon *d, conf_effective_fn *fn, void *user)
{
	bool good = true;

	for (enum conf_id id = 0; id < KEY_COUNT && good; id++)
		if (daemon_worth_telling(d, id))
			good = tell(&conf_rows[id], d, d->files, &d->origins[id], false, fn, user);
	return good;
}

static bool worth_telling(const struct conf_tunnel *t, enum conf_id id)
{
	unsigned where = conf_where(t->role);
	const char *why;

	if (!(conf_rows[id].where & where))
		return false;
	if (id == KEY_KEYFILE)
		return t->keyfile != NULL;
	if (id == KEY_KEY)
		return t->keyfile == NULL;
	if (is_by_mode(t, id))
		return true;
	if (id == KEY_NC || id == KEY_NOCOMP)
		return false; /* other words for congestion and compression */
	return conf_key_has_effect(t, id, &why);
}

bool config_effective_tunnel(const struct conf_tunnel *t, conf_effective_fn *fn, void *user)
{
	bool good = true;

	for (enum conf_id id = 0; id < KEY_COUNT && good; id++)
		if (worth_telling(t, id))
			good = tell(&conf_rows[id], t, t->files, origin_of(t, id),
				    is_by_mode(t, id), fn, user);
	return good;
}

/* ---- as a file ------------------------------------------------------------------------ */

/* Longer ones may not be read back; what is written without blanks was read in one. */
enum { LINE_GOOD = 180 };

struct dump {
	const struct config *config;
	FILE *out;
	bool readable;
};

static bool fits(const char *key, const char *text)
{
	return strlen(key) + strlen(text) <= LINE_GOOD && !strstr(text, " ;");
}

/* From wherever the file is read, if a line can have that; else as it is resolved, if that can be found. */
static const char *find_keyfile(struct dump *d, const struct conf_effective *value, char **real)
{
	*real = realpath(value->text, NULL);
	if (*real != NULL && fits(value->key, *real))
		return *real;
	d->readable &= fits(value->key, value->text);
	return value->text;
}

static bool is_key(const struct conf_effective *value, enum conf_id id)
{
	return strcmp(value->key, conf_rows[id].name) == 0;
}

/* What the mode stands for may not be given beside it; what systemd says may be another thing where this is read. */
static void put_line(void *user, const struct conf_effective *value)
{
	struct dump *d = user;
	bool by_mode = strcmp(value->origin, "mode") == 0;
	bool is_long = strlen(value->key) + strlen(value->text) > LINE_GOOD;
	const char *text = value->text;
	char *real = NULL;

	if (value->kind == CONF_HIDDEN)
		text = CONF_NOT_SHOWN;
	else if (is_key(value, KEY_KEYFILE))
		text = find_keyfile(d, value, &real);
	else if (is_key(value, KEY_STATEDIR) && d->config->daemon.statedir_auto)
		text = "auto";
	fprintf(d->out, "%s%s%s%s\n", by_mode ? "; by mode: " : "", value->key,
		is_long ? "=" : " = ", text);
	free(real);
}

bool config_effective_ini(const struct config *c, FILE *out, bool *readable)
{
	struct dump d = { .config = c, .out = out, .readable = true };
	bool good;

	fputs("[daemon]\n", out);
	good = config_effective_daemon(&c->daemon, put_line, &d);
	for (size_t i = 0; i < c->tunnel_count && good; i++) {
		const struct conf_tunnel *t = c->tunnels[i];

		fprintf(out, "\n[%s %s]\n", t->role == ROLE_CLIENT ? "client" : "server", t->name);
		good = config_effective_tunnel(t, put_line, &d);
	}
	*readable = d.readable;
	return good && fflush(out) == 0 && !ferror(out);
}
