/* json.c - a JSON file of kcptun -> options. */
#include "compat.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

enum { NAME_MAX_BYTES = 32 }; /* no name that we know is longer */

struct json_t *compat_json_load(struct compat *c, const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);

	if (!root && error.line > 0)
		compat_say(c, CONF_ERROR, NULL, "is no JSON in line %d: %s", error.line, error.text);
	else if (!root)
		compat_say(c, CONF_ERROR, NULL, "%s", error.text);
	else if (!json_is_object(root))
		compat_say(c, CONF_ERROR, NULL, "is no JSON object, which starts with a '{'");
	else
		return root;
	json_decref(root);
	return NULL;
}

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

void compat_json_take(struct compat *c, const struct json_t *object)
{
	/* json_object_foreach() changes nothing, but jansson has no const walk */
	json_t *walked = (json_t *)(uintptr_t)object, *value;
	const char *name;
	char known[NAME_MAX_BYTES];

	json_object_foreach(walked, name, value) {
		enum option_kind kind = lower(known, name) ? compat_kind(c, known) : OPTION_UNKNOWN;

		if (kind == OPTION_UNKNOWN || kind == OPTION_FOREIGN)
			pass_over(c, name, kind);
		else
			take_value(c, known, value);
	}
}

void compat_json_file(struct compat *c, const char *path)
{
	const char *where = c->where;
	json_t *object;

	c->where = path;
	object = compat_json_load(c, path);
	if (object)
		compat_json_take(c, object);
	json_decref(object);
	c->where = where;
}
