/* config_impl.h - what the files of the config module share; not for others.
 *
 * From the bottom up; each knows this header, and calls only those before it:
 *
 *     files.c          the files that were read
 *     report.c         faults and warnings, each once
 *     addr.c           addresses: text to parts, do two collide
 *     nearest.c        which name was meant
 *     value.c          one value's text <-> a field of a struct
 *     servers_value.c  the same of remoteaddr
 *     way_value.c      the same of bind, interface and fwmark
 *     keys.c           the table of keys
 *     print.c          the table as text
 *     diff.c           in which keys two tunnels differ
 *     hint.c           what someone meant by a key that is none
 *     source.c         text of a file -> sections of (key, value, line)
 *     include.c        the files that a file names
 *     from_settings.c  settings from elsewhere -> the same
 *     keyfile.c        a key that is a file's content
 *     check.c          rules between keys and between tunnels
 *     read.c           all of it in order                                      */
#ifndef KT_CONFIG_IMPL_H
#define KT_CONFIG_IMPL_H

#include <sys/stat.h>

#include "config.h"
#include "nearest.h"
#include "wire.h"

/* What makes a key. */
#if KT_JANSSON /* else there is no kcptunctl */
#define CONF_GENKEY "kcptunctl genkey"
#else
#define CONF_GENKEY "openssl rand -base64 32"
#endif

#define CONF_WITHOUT_JANSSON "this kcptund was built without jansson, which that takes; say none"

/* One per row of the table, in the order of the manual. */
enum conf_id {
	KEY_INCLUDE,
	KEY_LOGLEVEL,
	KEY_CONTROL,
	KEY_METRICS,
	KEY_STATEDIR,
	KEY_USER,
	KEY_GROUP,
	KEY_DAEMON_SNMPLOG,
	KEY_DAEMON_SNMPPERIOD,
	KEY_LOCALADDR,
	KEY_SOCKETMODE,
	KEY_SOCKETGROUP,
	KEY_REMOTEADDR,
	KEY_LISTEN,
	KEY_TARGET,
	KEY_PROXYPROTOCOL,
	KEY_KEY,
	KEY_KEYFILE,
	KEY_CRYPT,
	KEY_QPP,
	KEY_QPP_COUNT,
	KEY_MODE,
	KEY_NODELAY,
	KEY_INTERVAL,
	KEY_RESEND,
	KEY_NC,
	KEY_CONGESTION,
	KEY_COPIES,
	KEY_SNDWND,
	KEY_RCVWND,
	KEY_MTU,
	KEY_RATELIMIT,
	KEY_ACKNODELAY,
	KEY_DATASHARD,
	KEY_PARITYSHARD,
	KEY_COMPRESSION,
	KEY_NOCOMP,
	KEY_SMUXVER,
	KEY_SMUXBUF,
	KEY_FRAMESIZE,
	KEY_STREAMBUF,
	KEY_MEMORY,
	KEY_KEEPALIVE,
	KEY_SESSIONTIMEOUT,
	KEY_TCPTIMEOUT,
	KEY_CONNECTTIMEOUT,
	KEY_MAXSTREAMS,
	KEY_CLOSEWAIT,
	KEY_CONN,
	KEY_AUTOEXPIRE,
	KEY_SCAVENGETTL,
	KEY_MAXSESSIONS,
	KEY_BIND,
	KEY_INTERFACE,
	KEY_FWMARK,
	KEY_DSCP,
	KEY_SOCKBUF,
	KEY_QUIET,
	KEY_ACCESSLOG,
	KEY_SNMPLOG,
	KEY_SNMPPERIOD,
	KEY_COUNT
};

enum {
	CONF_WHY_BYTES = 512,        /* of a sentence that says what is wrong */
	CONF_FILE_MAX = 1 << 20,     /* bytes of a config file */
	CONF_KEYFILE_MAX = 64 << 10, /* bytes of a keyfile */
	CONF_TUNNELS_MAX = 4096,
	CONF_INCLUDED_MAX = 4096,  /* files besides the first */
	CONF_INCLUDES_MAX = 1000,  /* lines that name them */
	CONF_DEPTH_MAX = 8,        /* of files that name files */
	CONF_BYTES_MAX = 16 << 20, /* of them all */
	CONF_KEY_GOOD = 8,         /* characters; what is shorter is warned of */
	CONF_NAME_MAX = 63,        /* characters of a tunnel's name */
	CONF_REPORTS_MAX = 1000,   /* then no more: that is no config file */
};

/* ---- keys.c: the table --------------------------------------------------- */

struct conf_type;

struct conf_row {
	const char *name;
	enum conf_where where;
	enum conf_reach reach;
	const struct conf_type *type;
	size_t offset;      /* in conf_daemon or conf_tunnel */
	const char *dflt;   /* "" for none */
	int64_t min, max;   /* of a number */
	const char *beyond; /* why `max` is the limit, or NULL */
	const char *help;
};

extern const struct conf_row conf_rows[KEY_COUNT];
/* The key of that name that may stand in a section of `where`; else one that stands elsewhere. NULL: no
 * such key. */
const struct conf_row *conf_row_find(const char *name, unsigned where);

/* ---- value.c: values ----------------------------------------------------- */

/* One kind of value.  `base` is the struct that holds the field. */
struct conf_type {
	enum conf_value_kind kind;
	const char *text; /* for people; NULL: the row's range */
	/* False: the field is as before and `why` (CONF_WHY_BYTES) says what is wrong. */
	bool (*parse)(const struct conf_row *row, const char *text, void *base, char *why);
	/* NULL for CONF_HIDDEN. */
	void (*print)(const struct conf_row *row, const void *base, FILE *out);
	void (*dispose)(const struct conf_row *row, void *base); /* NULL: nothing owned */
};

extern const struct conf_type conf_type_unsigned, conf_type_auto, conf_type_auto_bytes,
	conf_type_bytes, conf_type_rate, conf_type_ttl, conf_type_bool, conf_type_secret,
	conf_type_path, conf_type_stream_addr, conf_type_listen_addr, conf_type_servers,
	conf_type_targets, conf_type_proxy, conf_type_crypt, conf_type_mode, conf_type_congestion,
	conf_type_compression, conf_type_loglevel, conf_type_control, conf_type_metrics,
	conf_type_include, conf_type_snmplog, conf_type_statedir, conf_type_user, conf_type_group,
	conf_type_file_mode, conf_type_source, conf_type_device, conf_type_mark;

void conf_wipe_free(void *p, size_t n); /* NULL is fine */

/* ---- addr.c: addresses --------------------------------------------------- */

enum conf_addr_allow {
	ADDR_PATH = 1,     /* a Unix socket */
	ADDR_RANGE = 2,    /* host:first-last */
	ADDR_WILDCARD = 4, /* an empty host */
};

bool conf_addr_parse(struct conf_addr *a, const char *text, unsigned allow, char *why);
/* Would two sockets bound to these be refused by the kernel?  Names are taken as equal only if
 * they read the same. */
bool conf_addr_collide(const struct conf_addr *a, const struct conf_addr *b);

/* ---- files.c: the files that were read ----------------------------------- */

/* CONF_FILE_OTHER: of kcptun, or what stands for the command line. */
enum conf_file_kind { CONF_FILE_INI, CONF_FILE_OTHER, CONF_FILE_KEY, CONF_FILE_FOLDER };

struct conf_file {
	enum conf_file_kind kind;
	char *path;
	bool is_bare; /* a keyfile was given by its name alone */
	dev_t device; /* of an INI file, as is the rest; 0 and 0: of none */
	ino_t inode;
	bool is_public; /* every user can read it */
	int key_line;   /* where a key stands in it first; 0: none does */
};

struct conf_files *conf_files_new(void); /* NULL: out of memory */
struct conf_files *conf_files_ref(struct conf_files *f);
void conf_files_unref(struct conf_files *f); /* NULL is fine for both */
/* Valid until the next is added; NULL: out of memory.  What stands in
 * a file goes by the number that it gets. */
struct conf_file *conf_files_add(struct conf_files *f, enum conf_file_kind kind, const char *path);
/* Which file it is, so that it is known again, and who may read it. */
void conf_file_note(struct conf_file *f, const struct stat *st);
size_t conf_files_count(const struct conf_files *f);
struct conf_file *conf_files_at(struct conf_files *f, size_t i);
bool conf_files_has(const struct conf_files *f, enum conf_file_kind kind, const char *path);
/* A path that stands in the file `conf_path`: a relative one starts at its folder.  Owned; NULL when out
 * of memory. */
char *conf_resolve_path(const char *conf_path, const char *path);

/* ---- report.c: faults and warnings --------------------------------------- */

struct conf_line;

struct conf_reporter {
	const char *path; /* or another name for where the text is from */
	bool no_file;     /* then there are no lines and no sections to name, and no folder */
	struct conf_files *files; /* borrowed; NULL until there are some */
	conf_report_fn *fn;
	void *user;
	struct conf_line *said; /* all so far */
	size_t said_count;
	size_t error_count;
};

/* Hand out what was reported and forget it; must end the life of a reporter. */
void conf_reporter_flush(struct conf_reporter *r);
static inline bool conf_reporter_full(const struct conf_reporter *r)
{
	return r->said_count >= CONF_REPORTS_MAX;
}

/* Where in the file something is.  line 0: the file as a whole; section or
 * key NULL: not in one. */
struct conf_place {
	unsigned file; /* by its number */
	int line;
	const char *section; /* "[client home]" */
	const char *key;
};

void conf_report(struct conf_reporter *r, enum conf_severity severity, struct conf_place at,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Text from the file fit for a message: short, no control characters. */
enum { CONF_QUOTE_BYTES = 64 };
const char *conf_quote(char buf[static CONF_QUOTE_BYTES], const char *text);
/* "line 12", and of which file if that is another one than the one of the message. */
enum { CONF_LINE_BYTES = 256 };
const char *conf_line_text(const struct conf_reporter *r, unsigned here, unsigned file, int line,
			   char buf[static CONF_LINE_BYTES]);
/* The name of the file by its number, or of what there is in its stead. */
const char *conf_reporter_file(const struct conf_reporter *r, unsigned file);
/* Write a sentence into `why` (CONF_WHY_BYTES). */
void conf_why(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, and false: the result of what it explains. */
#define conf_wrong(...) (conf_why(__VA_ARGS__), false)
#define conf_fault(r, at, ...) conf_report(r, CONF_ERROR, at, __VA_ARGS__)
#define conf_warn(r, at, ...) conf_report(r, CONF_WARNING, at, __VA_ARGS__)

/* ---- source.c: the file's text as sections ------------------------------- */

struct conf_value {
	char *text; /* NULL: not given */
	unsigned file;
	int line; /* 0: from no file */
};

struct conf_section {
	unsigned where; /* enum conf_where: what keys may stand here; ON_BOTH for [defaults] */
	unsigned file;  /* the last one that has it, if several may: [daemon] and [defaults] */
	int line;
	char *title; /* "[client home]" */
	char *name;  /* of a tunnel, else NULL */
	struct conf_value values[KEY_COUNT];
};

/* A line that names further files. */
struct conf_include {
	char *text;
	struct conf_place at; /* of strings that last as long as the sections and the table */
	unsigned depth;       /* how many files lie between what it names and the first */
};

struct conf_source {
	struct conf_section *daemon, *defaults; /* never NULL; line 0 when not in the file */
	struct conf_section **tunnels;
	size_t tunnel_count;
	struct conf_files *files;
	struct conf_include *includes; /* lines that name files, in the order of reading */
	size_t include_count;
	size_t included_count; /* files that were read because of them */
	size_t bytes;          /* of those */
};

/* All three report faults; false when they could not go on (that is reported, too).  `s` need not
 * be initialised and must be disposed of in either case. */
bool conf_source_read(struct conf_source *s, const char *path, struct conf_reporter *r);
bool conf_source_text(struct conf_source *s, const char *text, size_t len, struct conf_reporter *r);
/* The two sections that are always there. */
bool conf_source_init(struct conf_source *s, struct conf_reporter *r);
void conf_source_dispose(struct conf_source *s);
/* NULL when out of memory. */
struct conf_section *conf_source_add_tunnel(struct conf_source *s, unsigned where, unsigned file,
					    int line, const char *title, const char *name);
/* Read one more file, number `file`, from its text; `depth` files lie before it. */
void conf_source_parse(struct conf_source *s, const char *text, size_t len, unsigned file,
		       unsigned depth, struct conf_reporter *r);
/* At most `max` bytes of a file, NUL behind them.  NULL with `why` set on failure. */
char *conf_slurp(int fd, size_t max, size_t *len, char *why);

/* ---- include.c: files that others name ----------------------------------- */

/* Note that a line of a file names others, to be read later; `depth` files lie between it and the first. */
void conf_include_note(struct conf_source *s, const char *text, struct conf_place at,
		       unsigned depth, struct conf_reporter *r);
/* Read all that was noted, and what is noted thereby. */
void conf_include_all(struct conf_source *s, struct conf_reporter *r);

/* ---- from_settings.c: from elsewhere than a file ------------------------- */

bool conf_source_settings(struct conf_source *s, enum conf_role role, const char *name,
			  const struct conf_setting *settings, size_t count, struct conf_reporter *r);

/* ---- check.c: rules ------------------------------------------------------ */

/* The rules inside each tunnel, which also settle what follows from several
 * keys (the mode's numbers, the key of a keyfile), then those between them. */
void conf_check(struct config *c, struct conf_reporter *r);
/* Does this key change anything, given the others?  Else *why says what it takes. */
bool conf_key_has_effect(const struct conf_tunnel *t, enum conf_id id, const char **why);
static inline bool conf_is_manual(const struct conf_tunnel *t)
{
	return t->mode == CONF_MODE_COUNT - 1;
}
/* The tunnel's congestion is what its nc means. */
bool conf_nc_decides(const struct conf_tunnel *t);

/* ---- keyfile.c: a key that is a file's content --------------------------- */

/* Read t->keyfile, a file in $CREDENTIALS_DIRECTORY or else relative to the folder of the config file
 * `conf_path`, into t->key.
 * t->keyfile becomes the path that was opened.  False with `why` on failure; otherwise `warning` is
 * empty or says what is doubtful about the file.  Both have CONF_WHY_BYTES. */
bool conf_keyfile_read(struct conf_tunnel *t, const char *conf_path, char *why, char *warning);

/* ---- hint.c: what was meant ---------------------------------------------- */

/* A sentence for an unknown key, into `why`. */
void conf_hint_key(const char *name, unsigned where, char *why);

#endif
