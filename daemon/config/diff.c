/* diff.c - in which keys two configurations differ, and what that takes. */
#include "config_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *conf_key_name(size_t i)
{
	return conf_rows[i].name;
}

enum conf_reach conf_key_reach(size_t i)
{
	return conf_rows[i].reach;
}

/* A value as the table prints it; NULL when out of memory. */
static char *printed(const struct conf_row *row, const void *base)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	row->type->print(row, base, out);
	fclose(out);
	return text;
}

static bool same_value(const struct conf_row *row, const void *a, const void *b)
{
	char *text_a = printed(row, a), *text_b = printed(row, b);
	bool same = text_a != NULL && text_b != NULL && strcmp(text_a, text_b) == 0;

	free(text_a);
	free(text_b);
	return same;
}

/* ---- tunnels ------------------------------------------------------------------------ */

static bool same_key(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

bool conf_tunnel_key_equal(const struct conf_tunnel *a, const struct conf_tunnel *b, size_t i)
{
	const struct conf_row *row = &conf_rows[i];

	if ((row->where & conf_where(a->role)) == 0)
		return true; /* not of this kind of tunnel */
	if (i == KEY_KEYFILE)
		return true; /* the key that it holds tells */
	return i == KEY_KEY ? same_key(a, b) : same_value(row, a, b);
}

/* ---- the daemon --------------------------------------------------------------------- */

size_t conf_daemon_key(const char *name)
{
	const struct conf_row *row = conf_row_find(name, ON_DAEMON);

	assert(row != NULL);
	return (size_t)(row - conf_rows);
}

/* Without `user` there is no other group. */
bool conf_daemon_key_equal(const struct conf_daemon *a, const struct conf_daemon *b, size_t i)
{
	if (conf_rows[i].where != ON_DAEMON)
		return true;
	if (i == KEY_GROUP && a->user == NULL && b->user == NULL)
		return true;
	return same_value(&conf_rows[i], a, b);
}

static void swap_text(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

static void swap_addr(struct conf_addr *a, struct conf_addr *b)
{
	struct conf_addr kept = *a;

	*a = *b;
	*b = kept;
}

static void swap_value(struct conf_daemon *a, struct conf_daemon *b, enum conf_id id)
{
	bool is_auto = a->statedir_auto;

	switch (id) {
	case KEY_CONTROL:
		swap_text(&a->control, &b->control);
		break;
	case KEY_METRICS:
		swap_addr(&a->metrics, &b->metrics);
		break;
	case KEY_STATEDIR:
		swap_text(&a->statedir, &b->statedir);
		a->statedir_auto = b->statedir_auto;
		b->statedir_auto = is_auto;
		break;
	case KEY_USER:
		swap_text(&a->user, &b->user);
		break;
	default:
		assert(id == KEY_GROUP); /* no other one is kept */
		swap_text(&a->group, &b->group);
		break;
	}
}

void conf_daemon_keep(struct conf_daemon *then, struct conf_daemon *now, size_t i)
{
	swap_value(then, now, (enum conf_id)i);
	then->origins[i] = (struct conf_origin){ .from = CONF_KEPT };
}
