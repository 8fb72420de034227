/* fuzz_compat.c - any words as kcptun's flags, and any text as a plugin's options.
 *
 * The first byte chooses; words are separated by newlines.  Whatever comes, a config
 * without faults comes out, or a fault was told. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "sip003.h"
#include "wire.h"

enum { WORDS_MAX = 64 };

static void note(void *user, enum conf_severity severity, const char *line)
{
	size_t *errors = user;

	assert(line[0] != '\0');
	*errors += severity == CONF_ERROR;
}

static void end(struct compat *c, const size_t *errors)
{
	struct config *config;

	compat_default_key(c);
	compat_finish(c);
	config = compat_config(c);
	assert((config != NULL) == (*errors == 0));
	config_free(config);
}

/* Files that the words may name are not to be read: what is in them is not the fuzzer's. */
static bool names_a_file(const char *text)
{
	return strstr(text, "c\n") || strstr(text, "c=") || strstr(text, "config") ||
	       strstr(text, "keyfile");
}

static void as_flags(enum conf_role role, char *text)
{
	size_t errors = 0;
	struct compat c = { .role = role, .where = "flags", .report = note, .user = &errors };
	char *words[WORDS_MAX], *rest = text;
	int count = 0;

	while (rest && count < WORDS_MAX)
		words[count++] = strsep(&rest, "\n");
	if (compat_parse(&c, count, words) < 0)
		end(&c, &errors);
	else
		assert(c.error_count == errors);
	compat_dispose(&c);
}

static void as_plugin(const char *text)
{
	struct sip003 env = { text, "4000", "127.0.0.1", "51234", text };
	size_t errors = 0;
	struct compat c = { .where = "plugin", .report = note, .user = &errors };

	c.role = sip003_is_server(text) ? ROLE_SERVER : ROLE_CLIENT;
	sip003_take(&c, &env);
	end(&c, &errors);
	compat_dispose(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data + (size > 0), size - (size > 0));

	if (!text)
		return 0;
	if (size > 0 && !names_a_file(text) && !strstr(text, "-h") && !strstr(text, "-v")) {
		if (data[0] % 3 == 2)
			as_plugin(text);
		else
			as_flags((enum conf_role)(data[0] % 3), text);
	}
	free(text);
	return 0;
}
