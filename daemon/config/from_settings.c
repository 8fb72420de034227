/* from_settings.c - values from elsewhere than a file as the sections of a file.
 *
 * They do not pass through the syntax of the file, so that no value, least of all a key,
 * can be mangled by it: spaces, ';' and control characters are what they are. */
#include "config_impl.h"

#include <string.h>

static void unknown(const struct conf_setting *g, unsigned where, struct conf_reporter *r)
{
	char quoted[CONF_QUOTE_BYTES], why[CONF_WHY_BYTES];
	struct conf_place at = { .key = conf_quote(quoted, g->key) };

	conf_hint_key(g->key, where, why);
	conf_fault(r, at, "%s", why);
}

static void store(struct conf_section *section, const struct conf_row *row, const char *text,
		  struct conf_reporter *r)
{
	struct conf_value *v = &section->values[row - conf_rows];
	struct conf_place at = { .key = row->name };

	if (v->text)
		conf_wipe_free(v->text, strlen(v->text));
	v->text = NULL;
	if (text[0] == '\0') {
		conf_fault(r, at, "has no value");
		return;
	}
	v->text = strdup(text);
	if (!v->text)
		conf_fault(r, at, "out of memory");
}

static void take(struct conf_source *s, struct conf_section *tunnel, const struct conf_setting *g,
		 struct conf_reporter *r)
{
	const struct conf_row *row = conf_row_find(g->key, tunnel->where);
	struct conf_place at = { .key = g->key };

	if (!row)
		unknown(g, tunnel->where, r);
	else if (row == &conf_rows[KEY_INCLUDE])
		conf_fault(r, at, "names files of the configuration, and there is none");
	else if (row->where == ON_DAEMON)
		store(s->daemon, row, g->value, r);
	else if (row->where & tunnel->where)
		store(tunnel, row, g->value, r);
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
	if (!tunnel) {
		conf_fault(r, (struct conf_place){ 0 }, "out of memory");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		take(s, tunnel, &settings[i], r);
	return true;
}
