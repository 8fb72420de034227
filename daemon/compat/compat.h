/* compat.h - what people bring from kcptun: its command line, its JSON files, its names.
 *
 * From the bottom up:
 *
 *     option.c        one option by kcptun's name -> one of our keys
 *     json.c          a JSON file of kcptun -> options; no_json.c in a build without jansson
 *     command_line.c  the command line -> options; runs the tunnel               */
#ifndef KT_COMPAT_H
#define KT_COMPAT_H

#include <stdbool.h>

#include "config.h"
#include "settings.h"

/* The options of one tunnel, as they are gathered.  Set role, where, report and user; the rest
 * starts as zeros; ends with compat_dispose(). */
struct compat {
	enum conf_role role;
	const char *where; /* what messages start with: "command line", a file */
	conf_report_fn *report;
	void *user;
	size_t error_count;
	struct settings settings; /* by our names */
	char *log_path;           /* of the option `log`, or NULL */
};
void compat_dispose(struct compat *c);

/* ---- option.c ------------------------------------------------------------ */

enum option_kind {
	OPTION_UNKNOWN,
	OPTION_FOREIGN, /* the other role's */
	OPTION_VALUE,
	OPTION_SWITCH, /* may stand without a value: then it means yes */
};
enum option_kind compat_kind(const struct compat *c, const char *name);

/* Take one option, by kcptun's name for it or by ours; the value NULL: none was given.  An earlier
 * value is replaced.  What has no counterpart is warned of; an unknown name is a fault. */
void compat_option(struct compat *c, const char *name, const char *value);
/* All options are in.  Fill in what kcptun has built in where nothing was given, read the given
 * addresses as Go does, and have no control socket unless one was asked for. */
void compat_finish(struct compat *c);
/* What kcptun has built in for a key; NULL when that is what a kcptun.ini starts from, too. */
const char *compat_built_in(const char *key, enum conf_role role);
/* config_from_settings() of what was gathered; NULL if there was any fault so far. */
struct config *compat_config(struct compat *c);

/* With the line of the option `name`, if it is from a file. */
void compat_say(struct compat *c, enum conf_severity severity, const char *name, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));

/* The key that kcptun takes when it is given none. */
extern const char compat_published_key[];
/* Without a key take that one, with a warning. */
void compat_default_key(struct compat *c);

/* ---- json.c -------------------------------------------------------------- */

struct json_t;

/* A file's object, and the line of each of its members. */
struct compat_json {
	struct json_t *object, *lines;
};
/* False after a report; dispose of it in either case. */
bool compat_json_load(struct compat *c, const char *path, struct compat_json *j);
void compat_json_dispose(struct compat_json *j);
/* Of a member as it is spelt there; 0: there is none. */
int compat_json_line(const struct compat_json *j, const char *name);
/* Take its members as options.  Like kcptun it does not care about the case of names, and
 * goes on after one that it does not know, if with a warning.  What is said of one names its line, in
 * the file c->where. */
void compat_json_take(struct compat *c, const struct compat_json *j);
/* Both, with the file's name in front of what is said. */
void compat_json_file(struct compat *c, const char *path);

/* ---- command_line.c ------------------------------------------------------ */

/* `kcptund client ...` and `kcptund server ...`. */
bool compat_is_role(const char *word, enum conf_role *role);
/* The same for a program that is called kcptun-client or kcptun-server, in whatever folder. */
bool compat_is_program(const char *path, enum conf_role *role);
/* Flags to options: argv[0] is the first flag.  -1 to go on, else the exit status: help or the
 * version was printed, or a fault told.  A key among the arguments is overwritten there, so that
 * other users do not see it in ps(1). */
int compat_parse(struct compat *c, int argc, char **argv);
/* All of it: the exit status of the program; argv[0] is the first flag. */
int compat_main(enum conf_role role, int argc, char **argv, conf_report_fn *report);
/* Send stderr to the file that the option `log` named, if it did. */
bool compat_open_log(struct compat *c);
/* Run a config from options: log level, log file, loop.  Owns `config`. */
int compat_run(struct compat *c, struct config *config);

#endif
