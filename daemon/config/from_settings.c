/* from_settings.c - values from elsewhere than a file as the sections of a file.
 *
 * They do not pass through the syntax of the file, so that no value, least of all a key,
 * can be mangled by it: spaces, ';' and control characters are what they are. */
#include "config_impl.h"

#include <string.h>

/* The file of a setting by its number: that which is there first stands for what is from no file.  0, that
 * one, as well when there is no memory. */
static unsigned file_of(struct conf_source *s, const struct conf_setting *g)
{
	size_t count = conf_files_count(s->files);

	if (!g->where || g->line == 0)
		return 0;
	for (size_t i = 1; i < count; i++) {
		if (strcmp(conf_files_at(s->files, i)->path, g->where) == 0)
			return (unsigned)i;
	}
	return conf_files_add(s->files, CONF_FILE_OTHER, g->where) ? (unsigned)count : 0;
}

static struct conf_place place_of(struct conf_source *s, const struct conf_setting *g, const char *key)
{
	return (struct conf_place){ .file = file_of(s, g), .line = g->line, .key = key };
}

static void unknown(struct conf_source *s, const struct conf_setting *g, unsigned where,
		    struct conf_reporter *r)
{
	char quoted[CONF_QUOTE_BYTES], why[CONF_WHY_BYTES];

	conf_hint_key(g->key, where, why);
	conf_fault(r, place_of(s, g, conf_quote(quoted, g->key)), "%s", why);
}

static void store(struct conf_section *section, const struct conf_row *row,
		  const struct conf_setting *g, struct conf_place at, struct conf_reporter *r)
{
	struct conf_value *v = &section->values[row - conf_rows];

	if (v->text)
		conf_wipe_free(v->text, strlen(v->text));
	v->text = NULL;
	if (g->value[0] == '\0') {
		conf_fault(r, at, "has no value");
		return;
	}
	v->text = strdup(g->value);
	v->file = at.file;
	v->line = at.line;
	if (!v->text)
		conf_fault(r, at, "out of memory");
}

static void take(struct conf_source *s, struct conf_section *tunnel, const struct conf_setting *g,
		 struct conf_reporter *r)
{
	const struct conf_row *row = conf_row_find(g->key, tunnel->where);
	struct conf_place at = place_of(s, g, g->key);

	if (!row)
		unknown(s, g, tunnel->where, r);
	else if (row == &conf_rows[KEY_INCLUDE])
		conf_fault(r, at, "names files of the configuration, and there is none");
	else if (row->where == ON_DAEMON)
		store(s->daemon, row, g, at, r);
	else if (row->where & tunnel->where)
		store(tunnel, row, g, at, r);
	else
		conf_fault(r, at, "is a %s's key and means nothing here",
			   row->where == ON_SERVER ? "server" : "client");
}

bool conf_source_settings(struct conf_source *s, enum conf_role role, const char *name,
			  const struct conf_setting *settings, size_t count, struct conf_reporter *r)
{
	unsigned where = conf_where(role);
	struct conf_section *tunnel;

	if (!conf_source_init(s, r))
		return false;
	tunnel = conf_source_add_tunnel(s, where, 0, 0, name, name);
	if (!tunnel || !conf_files_add(s->files, CONF_FILE_OTHER, r->path)) {
		conf_fault(r, (struct conf_place){ 0 }, "out of memory");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		take(s, tunnel, &settings[i], r);
	return true;
}
