/* command_line.c - kcptun's command line: one tunnel in the foreground. */
#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_info.h"
#include "daemon.h"
#include "log.h"
#include "wire.h"

static const char *const role_names[] = { [ROLE_CLIENT] = "client", [ROLE_SERVER] = "server" };

bool compat_is_role(const char *word, enum conf_role *role)
{
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
		if (strcmp(word, role_names[i]) == 0) {
			*role = (enum conf_role)i;
			return true;
		}
	}
	return false;
}

bool compat_is_program(const char *path, enum conf_role *role)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	static const char before[] = "kcptun-";

	return strncmp(name, before, strlen(before)) == 0 &&
	       compat_is_role(name + strlen(before), role);
}

/* ---- help -------------------------------------------------------------------- */

/* A key of [daemon] that a tunnel has as well: here it is the tunnel's. */
static bool is_repeated(size_t i)
{
	for (size_t j = i + 1; j < conf_key_count(); j++) {
		if (strcmp(conf_key_name(i), conf_key_name(j)) == 0)
			return true;
	}
	return false;
}

/* Of a file, which there is none here. */
static bool is_of_files(const struct conf_key_info *info)
{
	return strcmp(info->name, "include") == 0;
}

static void print_keys(enum conf_role role)
{
	enum conf_where other = conf_where(role == ROLE_CLIENT ? ROLE_SERVER : ROLE_CLIENT);
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		const char *dflt;

		conf_key_describe(i, &info, buf, sizeof(buf));
		if (is_repeated(i) || info.where == other || is_of_files(&info))
			continue;
		dflt = compat_built_in(info.name, role);
		if (!dflt)
			dflt = conf_key_default(i);
		printf("  -%-12s %s%s%s\n      %s\n", info.name, info.type,
		       dflt[0] ? ", default " : "", dflt, info.help);
	}
}

static void print_help(enum conf_role role)
{
	printf("usage: kcptund %s [-FLAG VALUE]...\n"
	       "\n"
	       "Runs one tunnel in the foreground, with the flags of kcptun-%s, and with all keys of\n"
	       "kcptun.ini(5) that a %s has.  One dash or two, -flag VALUE or -flag=VALUE; a flag that\n"
	       "is yes or no may stand alone.\n"
	       "\n",
	       role_names[role], role_names[role], role_names[role]);
	if (role == ROLE_CLIENT)
		printf("  -l, -r        localaddr (\":12948\"), remoteaddr (\"vps:29900\")\n");
	else
		printf("  -l, -t        listen (\":29900\"), target (\"127.0.0.1:12948\")\n");
	printf("  -ds, -ps      datashard, parityshard\n"
	       "  -QPP, -QPPCount\n"
	       "                qpp, qpp-count\n"
	       "  -c FILE       a JSON file of kcptun; what is in it overrides the flags\n"
	       "  -log FILE     append to this file what would go to stderr\n"
	       "  -key TEXT     $KCPTUN_KEY if it is not given; without both, \"%s\",\n"
	       "                which everybody knows\n"
	       "  -h, -v        this text; the version\n"
	       "\nKeys (with -mode auto, what can be auto is so by default):\n",
	       compat_published_key);
	print_keys(role);
}

/* ---- flags ------------------------------------------------------------------- */

/* "--name=value" in parts. */
struct flag {
	char name[64];
	char *value; /* NULL: not in the same argument */
};

struct arguments {
	int count, next;
	char **words;
	const char *json; /* the file of -c */
	bool help, version;
};

/* Go's rules: one dash or two, and a name. */
static bool split_flag(char *word, struct flag *f)
{
	char *name = word + (word[0] == '-' && word[1] == '-' ? 2 : 1);
	size_t n;

	if (word[0] != '-')
		return false;
	n = strcspn(name, "=");
	if (n == 0)
		return false;
	snprintf(f->name, sizeof(f->name), "%.*s", (int)n, name);
	f->value = name[n] == '=' ? name + n + 1 : NULL;
	return true;
}

static bool is_either(const char *name, const char *brief, const char *full)
{
	return strcmp(name, brief) == 0 || strcmp(name, full) == 0;
}

/* The argument behind a flag that is followed by its value.  Go takes it even if it
 * starts with a dash, as -1 does.  What follows an unknown flag is most likely its value. */
static char *next_value(struct arguments *a, enum option_kind kind)
{
	bool known = kind == OPTION_VALUE;

	if (kind == OPTION_SWITCH || a->next == a->count)
		return NULL;
	return known || a->words[a->next][0] != '-' ? a->words[a->next++] : NULL;
}

/* Of the program, not of the tunnel. */
static bool take_own(struct compat *c, struct arguments *a, const struct flag *f)
{
	if (is_either(f->name, "c", "config")) {
		a->json = f->value ? f->value : next_value(a, OPTION_VALUE);
		if (!a->json || a->json[0] == '\0')
			compat_say(c, CONF_ERROR, f->name, "needs the name of a file");
	} else if (is_either(f->name, "h", "help")) {
		a->help = true;
	} else if (is_either(f->name, "v", "version")) {
		a->version = true;
	} else {
		return false;
	}
	return true;
}

static void take_flag(struct compat *c, struct arguments *a, const struct flag *f)
{
	char *value = f->value;

	if (take_own(c, a, f))
		return;
	if (!value)
		value = next_value(a, compat_kind(c, f->name));
	compat_option(c, f->name, value);
	if (value && strcmp(f->name, "key") == 0)
		memset(value, '*', strlen(value)); /* it is copied; nobody need read it in ps(1) */
}

static void take_flags(struct compat *c, struct arguments *a)
{
	struct flag f;

	while (a->next < a->count && !a->help && !a->version) {
		char *word = a->words[a->next++];

		if (strcmp(word, "--") == 0)
			continue;
		if (split_flag(word, &f)) {
			take_flag(c, a, &f);
			continue;
		}
		compat_say(c, CONF_ERROR, NULL,
			   "unexpected argument: %.100s; a flag that is yes or "
			   "no is given as -flag or -flag=no",
			   word);
	}
}

int compat_parse(struct compat *c, int argc, char **argv)
{
	struct arguments a = { .count = argc, .words = argv };
	const char *key = getenv("KCPTUN_KEY");

	take_flags(c, &a);
	if (a.help || a.version) {
		if (a.help)
			print_help(c->role);
		else
			build_info_print(stdout);
		return 0;
	}
	/* The environment counts where no flag was given, and the file over both. */
	if (key && !settings_get(&c->settings, "key") && !settings_get(&c->settings, "keyfile"))
		compat_option(c, "key", key);
	if (a.json && a.json[0] != '\0')
		compat_json_file(c, a.json);
	return c->error_count == 0 ? -1 : 2;
}

/* ---- running ----------------------------------------------------------------- */

bool compat_open_log(struct compat *c)
{
	int fd;

	if (!c->log_path)
		return true;
	fd = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		compat_say(c, CONF_ERROR, "log", "%s cannot be opened: %s", c->log_path,
			   strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	return true;
}

int compat_run(struct compat *c, struct config *config)
{
	if (!compat_open_log(c)) {
		config_free(config);
		return 1;
	}
	log_open();
	log_set_level((enum log_level)config->daemon.loglevel);
	return daemon_run(config, NULL);
}

int compat_main(enum conf_role role, int argc, char **argv, conf_report_fn *report)
{
	struct compat c = { .role = role, .where = "command line", .report = report };
	int status = compat_parse(&c, argc, argv);
	struct config *config = NULL;

	if (status < 0) {
		compat_default_key(&c);
		compat_finish(&c);
		config = compat_config(&c);
		status = config ? compat_run(&c, config) : 1;
	} else if (status > 0) {
		fprintf(stderr, "kcptund %s -help lists the flags\n", role_names[role]);
	}
	compat_dispose(&c);
	return status;
}
