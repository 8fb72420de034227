/* json.c - a JSON file of kcptun -> options. */
#include "compat.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

enum {
	NAME_MAX_BYTES = 32, /* no name that we know is longer */
	FILE_MAX = 1 << 20,  /* bytes: what is larger is no configuration */
};

/* ---- lines of members ---------------------------------------------------------- */

/* jansson does not tell where anything stands.  What is walked here it has read already, so that
 * it is JSON. */
struct walk {
	const char *at, *end;
	int line;
};

/* Past a text in quotes. */
static void pass_text(struct walk *w)
{
	for (w->at++; w->at < w->end && *w->at != '"'; w->at++) {
		if (*w->at == '\\' && w->at + 1 < w->end)
			w->at++;
	}
}

/* `token` with its quotes and escapes. */
static void note_line(json_t *lines, const char *token, size_t n, int line)
{
	json_t *name = json_loadb(token, n, JSON_DECODE_ANY, NULL);

	if (name)
		json_object_set_new(lines, json_string_value(name), json_integer(line));
	json_decref(name);
}

/* The names are what stands in the outermost braces behind one of them or a comma. */
static void find_lines(const char *text, size_t len, json_t *lines)
{
	struct walk w = { .at = text, .end = text + len, .line = 1 };
	unsigned depth = 0;
	bool at_name = false;

	for (; w.at < w.end; w.at++) {
		const char *token = w.at;

		switch (*token) {
		case '"':
			pass_text(&w);
			if (at_name)
				note_line(lines, token, (size_t)(w.at - token) + 1, w.line);
			at_name = false;
			break;
		case '{':
		case '[':
			at_name = depth++ == 0;
			break;
		case '}':
		case ']':
			depth--;
			break;
		case ',':
			at_name = depth == 1;
			break;
		case '\n':
			w.line++;
			break;
		}
	}
}

/* ---- the file -------------------------------------------------------------------- */

/* malloc'd and of FILE_MAX + 1 bytes; NULL after a report. */
static char *slurp(struct compat *c, const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(FILE_MAX + 1) : NULL;
	bool failed = true;

	if (text) {
		*len = fread(text, 1, FILE_MAX + 1, f);
		failed = ferror(f) || *len > FILE_MAX;
	}
	if (!f || (text && ferror(f)))
		compat_say(c, CONF_ERROR, NULL, "cannot be %s: %s", f ? "read" : "opened",
			   strerror(errno));
	else if (!text)
		compat_say(c, CONF_ERROR, NULL, "out of memory");
	else if (failed)
		compat_say(c, CONF_ERROR, NULL, "is larger than %d KiB", FILE_MAX >> 10);
	if (f)
		fclose(f);
	if (!failed)
		return text;
	free(text);
	return NULL;
}

static void parse(struct compat *c, const char *text, size_t len, struct compat_json *j)
{
	json_error_t error;

	j->object = json_loadb(text, len, 0, &error);
	j->lines = json_object();
	c->settings.line = !j->object && error.line > 0 ? error.line : 0;
	if (!j->object)
		compat_say(c, CONF_ERROR, NULL, "is no JSON: %s", error.text);
	else if (!json_is_object(j->object))
		compat_say(c, CONF_ERROR, NULL, "is no JSON object, which starts with a '{'");
	else
		find_lines(text, len, j->lines);
	c->settings.line = 0;
}

bool compat_json_load(struct compat *c, const char *path, struct compat_json *j)
{
	size_t len = 0;
	char *text = slurp(c, path, &len);

	*j = (struct compat_json){ 0 };
	if (!text)
		return false;
	parse(c, text, len, j);
	OPENSSL_cleanse(text, len); /* a key may be in it */
	free(text);
	return json_is_object(j->object);
}

int compat_json_line(const struct compat_json *j, const char *name)
{
	return (int)json_integer_value(json_object_get(j->lines, name));
}

void compat_json_dispose(struct compat_json *j)
{
	json_decref(j->object);
	json_decref(j->lines);
}

/* ---- its members ----------------------------------------------------------------- */

/* False: too long for any name that we know. */
static bool lower(char out[static NAME_MAX_BYTES], const char *name)
{
	size_t n = strlen(name);

	if (n >= NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	return true;
}

/* Go passes over these without a word; one may be a misspelling. */
static void pass_over(struct compat *c, const char *name, enum option_kind kind)
{
	char hint[CONF_DESCRIBE_BYTES];

	if (kind == OPTION_FOREIGN) {
		compat_say(c, CONF_WARNING, name, "is passed over: a %s has no use for it",
			   c->role == ROLE_CLIENT ? "client" : "server");
		return;
	}
	conf_key_hint(name, c->role, hint, sizeof(hint));
	compat_say(c, CONF_WARNING, name, "is passed over: %s", hint);
}

static void take_value(struct compat *c, const char *name, const json_t *value)
{
	char number[24];

	switch (json_typeof(value)) {
	case JSON_STRING:
		compat_option(c, name, json_string_value(value));
		break;
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		compat_option(c, name, number);
		break;
	case JSON_TRUE:
		compat_option(c, name, "true");
		break;
	case JSON_FALSE:
		compat_option(c, name, "false");
		break;
	case JSON_NULL: /* as if it were not there */
		break;
	default:
		compat_say(c, CONF_ERROR, name, "takes a text, a whole number, true or false");
	}
}

void compat_json_take(struct compat *c, const struct compat_json *j)
{
	json_t *value;
	const char *name;
	char known[NAME_MAX_BYTES];

	c->settings.where = c->where;
	json_object_foreach(j->object, name, value) {
		enum option_kind kind = lower(known, name) ? compat_kind(c, known) : OPTION_UNKNOWN;

		c->settings.line = compat_json_line(j, name);
		if (kind == OPTION_UNKNOWN || kind == OPTION_FOREIGN)
			pass_over(c, name, kind);
		else
			take_value(c, known, value);
	}
	c->settings.line = 0;
}

void compat_json_file(struct compat *c, const char *path)
{
	const char *where = c->where;
	struct compat_json json;

	c->where = path;
	if (compat_json_load(c, path, &json))
		compat_json_take(c, &json);
	compat_json_dispose(&json);
	c->where = where;
}
