/* test_config_table.c - the table of keys, the help made of it, and the files in conf/. */
#include "config_bed.h"

/* ---- the table and the files in conf/ -------------------------------------------------------------- */

static char *read_source(const char *name)
{
	const char *root = getenv("KT_SOURCE");
	char path[4096], *text = calloc(1, 1 << 16);
	FILE *f;

	assert_non_null(root);
	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
	fclose(f);
	return text;
}

static void every_key_is_described(void **state)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		assert_true(strlen(info.name) > 0);
		assert_true(strlen(info.type) > 0);
		assert_true(strlen(info.help) > 10);
		assert_non_null(strstr("client server both daemon", info.roles));
		assert_non_null(info.dflt);
	}
}

static void the_help_names_every_key_with_its_default(void **state)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES], *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	config_print_help(f);
	fclose(f);
	for (size_t i = 0; i < conf_key_count(); i++) {
		char needle[64];
		const char *at;

		conf_key_describe(i, &info, buf, sizeof(buf));
		snprintf(needle, sizeof(needle), "\n  %s ", info.name);
		at = i == 0 ? text : strstr(text, needle);
		assert_non_null(at);
		assert_non_null(strstr(at, info.type));
		assert_non_null(strstr(at, info.help));
		assert_non_null(strstr(at, info.dflt));
	}
	free(text);
}

static void expect_every_key_given(const struct config *c)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		/* the one excludes key, the other has no value */
		if (strcmp(info.name, "keyfile") == 0 || strcmp(info.name, "include") == 0)
			continue;
		if (info.where == ON_DAEMON)
			assert_int_not_equal(c->daemon.origins[i].from, CONF_BUILTIN);
		if (info.where & ON_CLIENT)
			assert_int_not_equal(c->tunnels[0]->origins[i].from, CONF_BUILTIN);
		if (info.where & ON_SERVER)
			assert_int_not_equal(c->tunnels[1]->origins[i].from, CONF_BUILTIN);
	}
}

/* Without the semicolons the sample is a config: all that it says is understood. */
static void the_sample_file_without_its_semicolons_is_good(void **state)
{
	char *text = read_source("conf/kcptun.ini"), *live = calloc(1, 1 << 16), *save;
	struct config *c;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(line);

		if (strcmp(line, ";key =") == 0)
			strcat(live, "key = some secret\n");
		else if (strncmp(line, ";include =", 10) == 0)
			continue; /* its folder is not here */
		else if (line[len - 1] != '=')
			strcat(strcat(live, line + (line[0] == ';')), "\n");
	}
	c = read_text(live);
	assert_int_equal(reports.errors, 0);
	assert_non_null(c);
	assert_int_equal(c->tunnel_count, 2);
	assert_string_equal(c->tunnels[0]->name, "home");
	assert_string_equal(c->tunnels[1]->name, "office");
	expect_every_key_given(c);
	config_free(c);
	free(live);
	free(text);
}

static void the_sample_file_as_it_is_wants_a_tunnel(void **state)
{
	char *text = read_source("conf/kcptun.ini");

	expect_fault(text, "t.ini: has no tunnel; add a section [client NAME] or [server NAME]");
	free(text);
}

static void the_demo_holds_both_ends_of_a_tunnel(void **state)
{
	char *text = read_source("conf/demo.ini");
	struct config *c = read_good(text);
	const struct conf_tunnel *near = c->tunnels[0], *far = c->tunnels[1];

	assert_int_equal(c->tunnel_count, 2);
	assert_int_equal(near->role, ROLE_CLIENT);
	assert_int_equal(far->role, ROLE_SERVER);
	assert_string_equal(near->localaddr.text, "127.0.0.1:12948");
	assert_string_equal(near->remoteaddr.text, far->listen.text);
	assert_string_equal(far->target.text, "127.0.0.1:8080");
	assert_string_equal(conf_modes[near->mode].name, "auto");
	assert_int_equal(near->key_len, far->key_len);
	assert_memory_equal(near->key, far->key, far->key_len);
	config_free(c);
	free(text);
}

/* ---- main --------------------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_described),
		cmocka_unit_test(the_help_names_every_key_with_its_default),
		cmocka_unit_test(the_sample_file_without_its_semicolons_is_good),
		cmocka_unit_test(the_sample_file_as_it_is_wants_a_tunnel),
		cmocka_unit_test(the_demo_holds_both_ends_of_a_tunnel),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
