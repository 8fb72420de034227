/* read.c - a text to a checked config, in order: read, parse, check. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---------------------------------------------------------------------- */

/* Free what the keys that stand in such a section own. */
static void dispose_values(void *base, unsigned where)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];

		if ((row->where & where) && row->type->dispose)
			row->type->dispose(row, base);
	}
}

void conf_tunnel_free(struct conf_tunnel *t)
{
	if (!t)
		return;
	dispose_values(t, ON_BOTH);
	free(t->origins);
	conf_files_unref(t->files);
	free(t->name);
	free(t);
}

static struct conf_tunnel *make_tunnel(const char *name)
{
	struct conf_tunnel *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->name = strdup(name);
	t->origins = calloc(KEY_COUNT, sizeof(*t->origins));
	if (t->name && t->origins)
		return t;
	conf_tunnel_free(t);
	return NULL;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->tunnel_count; i++)
		conf_tunnel_free(c->tunnels[i]);
	free(c->tunnels);
	dispose_values(&c->daemon, ON_DAEMON);
	free(c->daemon.origins);
	conf_files_unref(c->files);
	free(c);
}

static struct config *config_new(size_t tunnels_max)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->tunnels = calloc(tunnels_max + 1, sizeof(struct conf_tunnel *));
	c->daemon.origins = calloc(KEY_COUNT, sizeof(*c->daemon.origins));
	if (c->tunnels && c->daemon.origins)
		return c;
	config_free(c);
	return NULL;
}

/* ---- values ---------------------------------------------------------------------- */

/* Where each value of a struct comes from: nearest first. */
struct layers {
	const struct conf_section *own, *defaults; /* defaults may be NULL */
	void *base;
	struct conf_origin *origins;
	struct conf_reporter *r;
};

static const struct conf_value *pick(const struct layers *l, size_t i, struct conf_origin *origin)
{
	const struct conf_value *v = &l->own->values[i];

	*origin = (struct conf_origin){ .from = l->r->no_file ? CONF_GIVEN : CONF_TUNNEL,
					.file = v->file,
					.line = v->line };
	if (v->text || !l->defaults)
		return v->text ? v : NULL;
	v = &l->defaults->values[i];
	*origin = (struct conf_origin){ .from = CONF_DEFAULTS, .file = v->file, .line = v->line };
	return v->text ? v : NULL;
}

static bool parse_value(const struct layers *l, const struct conf_row *row, const char *text,
			const struct conf_origin *origin)
{
	struct conf_place at = { .file = origin->file, .line = origin->line, .key = row->name };
	char why[CONF_WHY_BYTES];

	if (row->type->parse(row, text, l->base, why))
		return true;
	at.section = origin->from == CONF_DEFAULTS ? l->defaults->title : l->own->title;
	conf_fault(l->r, at, "%s%s", why,
		   strstr(text, " #") ? "; a comment behind a value starts with ';'" : "");
	return false;
}

static void fill(const struct layers *l, size_t i)
{
	const struct conf_row *row = &conf_rows[i];
	struct conf_origin *origin = &l->origins[i];
	const struct conf_value *v = pick(l, i, origin);
	const char *text = v ? v->text : row->dflt;

	if (!v)
		*origin = (struct conf_origin){ .from = CONF_BUILTIN };
	if (text[0] != '\0')
		origin->bad = !parse_value(l, row, text, origin);
}

static void fill_all(const struct layers *l)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (conf_rows[i].where & l->own->where)
			fill(l, i);
	}
}

/* A fault in [defaults] is told even when no tunnel inherits it. */
static void check_defaults(const struct conf_section *defaults, struct conf_reporter *r)
{
	struct conf_tunnel *scratch = make_tunnel("");
	struct layers l = { .own = defaults, .r = r, .base = scratch };

	if (!scratch) {
		conf_fault(r, (struct conf_place){ 0 }, "out of memory");
		return;
	}
	l.origins = scratch->origins;
	fill_all(&l);
	conf_tunnel_free(scratch);
}

static void add_tunnel(struct config *c, const struct conf_section *own,
		       const struct conf_section *defaults, struct conf_reporter *r)
{
	struct conf_tunnel *t = make_tunnel(own->name);
	struct layers l = { .own = own, .defaults = defaults, .base = t, .r = r };

	if (!t) {
		conf_fault(r, (struct conf_place){ 0 }, "out of memory");
		return;
	}
	t->role = own->where == ON_CLIENT ? ROLE_CLIENT : ROLE_SERVER;
	t->file = own->file;
	t->line = own->line;
	t->files = conf_files_ref(c->files);
	l.origins = t->origins;
	fill_all(&l);
	c->tunnels[c->tunnel_count++] = t;
}

static struct config *build(const struct conf_source *s, struct conf_reporter *r)
{
	struct config *c = config_new(s->tunnel_count);
	struct layers daemon = { .own = s->daemon, .r = r };

	if (!c) {
		conf_fault(r, (struct conf_place){ 0 }, "out of memory");
		return NULL;
	}
	c->files = conf_files_ref(s->files);
	c->daemon.files = c->files;
	daemon.base = &c->daemon;
	daemon.origins = c->daemon.origins;
	fill_all(&daemon);
	check_defaults(s->defaults, r);
	for (size_t i = 0; i < s->tunnel_count; i++)
		add_tunnel(c, s->tunnels[i], s->defaults, r);
	conf_check(c, r);
	return c;
}

/* `readable`: whether `s` holds all that was given. */
static struct config *finish(struct conf_source *s, bool readable, struct conf_reporter *r)
{
	struct config *c = readable ? build(s, r) : NULL;

	conf_reporter_flush(r);
	r->files = NULL;
	conf_source_dispose(s);
	if (r->error_count == 0)
		return c;
	config_free(c);
	return NULL;
}

struct config *config_read(const char *path, conf_report_fn *report, void *user)
{
	struct conf_reporter r = { .path = path, .fn = report, .user = user };
	struct conf_source s;

	return finish(&s, conf_source_read(&s, path, &r), &r);
}

struct config *config_read_text(const char *text, size_t len, const char *name,
				conf_report_fn *report, void *user)
{
	struct conf_reporter r = { .path = name, .fn = report, .user = user };
	struct conf_source s;

	return finish(&s, conf_source_text(&s, text, len, &r), &r);
}

struct config *config_from_settings(enum conf_role role, const char *name,
				    const struct conf_setting *settings, size_t count,
				    const char *where, conf_report_fn *report, void *user)
{
	struct conf_reporter r = { .path = where, .no_file = true, .fn = report, .user = user };
	struct conf_source s;
	struct config *c = finish(&s, conf_source_settings(&s, role, name, settings, count, &r), &r);

	/* Such a tunnel is one of several, or beside the system's daemon, which has the
	 * control socket. */
	if (c != NULL && c->daemon.origins[KEY_CONTROL].from == CONF_BUILTIN) {
		free(c->daemon.control);
		c->daemon.control = NULL;
	}
	return c;
}

bool config_set_control(struct config *c, const char *text, conf_report_fn *report, void *user)
{
	const struct conf_row *row = &conf_rows[KEY_CONTROL];
	struct conf_reporter r = { .path = "command line", .no_file = true, .fn = report, .user = user };
	struct conf_place at = { .key = row->name };
	char why[CONF_WHY_BYTES];
	bool good;

	row->type->dispose(row, &c->daemon);
	good = row->type->parse(row, text, &c->daemon, why);
	if (!good)
		conf_fault(&r, at, "%s", why);
	if (good && !KT_JANSSON && c->daemon.control != NULL) {
		conf_fault(&r, at, CONF_WITHOUT_JANSSON);
		good = false;
	}
	conf_reporter_flush(&r);
	c->daemon.origins[KEY_CONTROL] = (struct conf_origin){ .from = CONF_GIVEN };
	return good;
}
