/* config.h - from INI text to checked structs, through one table of keys.
 *
 * The table (name, type, range, default, help) drives the parser, the checks,
 * `kcptund --help`, and the documentation.  A file is read whole into a fresh struct
 * config, every fault is told, and only a config without faults is handed out. */
#ifndef KT_CONFIG_H
#define KT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "codec.h"
#include "seal.h"
#include "session.h"

enum conf_role { ROLE_CLIENT, ROLE_SERVER };

/* Where a key may stand. */
enum conf_where { ON_DAEMON = 1, ON_CLIENT = 2, ON_SERVER = 4, ON_BOTH = ON_CLIENT | ON_SERVER };
static inline enum conf_where conf_where(enum conf_role role)
{
	return role == ROLE_CLIENT ? ON_CLIENT : ON_SERVER;
}

/* Who may connect to a Unix socket. */
struct conf_rights {
	bool has_mode, has_group; /* else as the process would make any file */
	mode_t mode;
	gid_t group;
};

/* host:port, [v6]:port, host:first-last, or (streams only) a path with a slash
 * in it for a Unix socket.  An empty host means every local address. */
struct conf_addr {
	char *text; /* as written */
	char *host; /* without brackets; "" for every local address; NULL for a path */
	char *path; /* of a Unix socket, or NULL */
	uint16_t port, port_last;  /* the same when it is no range */
	struct conf_rights rights; /* of a path that is listened on */
};

/* Servers of a client or targets of a server, the first of them the best. */
enum { CONF_ADDRS_MAX = 8 };
struct conf_addrs {
	char *text; /* all of them, "a, b" */
	struct conf_addr list[CONF_ADDRS_MAX];
	unsigned count;
};

/* A copy to keep when the configuration goes; false: out of memory, and nothing is to be disposed of. */
bool conf_addr_copy(struct conf_addr *to, const struct conf_addr *from);
void conf_addr_dispose(struct conf_addr *a);

/* What a target is told first of where a stream is from. */
enum conf_proxy { CONF_PROXY_NO, CONF_PROXY_V2 };

/* What `mode` stands for; "manual" is the last and takes the four keys as given. */
struct conf_mode {
	const char *name;
	unsigned nodelay, interval_ms, resend, nc;
};
enum { CONF_MODE_COUNT = 6 };
extern const struct conf_mode conf_modes[CONF_MODE_COUNT];

/* Of a number: the tunnel finds it out by itself. */
#define CONF_AUTO SESSION_AUTO

/* The files that a configuration was read from. */
struct conf_files;
/* NULL: there is no such file, or there are none. */
const char *conf_file_name(const struct conf_files *f, unsigned file);

/* Where a value came from; CONF_GIVEN: from elsewhere than a file of ours; CONF_KEPT: from before a reload, which could
 * not put the file's into effect. */
enum conf_from { CONF_BUILTIN, CONF_DEFAULTS, CONF_TUNNEL, CONF_GIVEN, CONF_KEPT };
struct conf_origin {
	enum conf_from from;
	unsigned file; /* its number; 0: the one that is named on the command line */
	int line;      /* 0 for CONF_BUILTIN */
	bool bad;      /* did not parse; never so in a config that was handed out */
};

struct conf_tunnel {
	char *name;
	enum conf_role role;
	unsigned file; /* of its section header, as is the line */
	int line;

	struct conf_addr localaddr;   /* client, */
	struct conf_addrs remoteaddr; /* as well */
	struct conf_addr listen;      /* server, and */
	struct conf_addrs target;
	enum conf_proxy proxyprotocol;
	unsigned socketmode; /* of the path of localaddr, or CONF_AUTO; its rights */
	char *socketgroup;   /* follow from both.  NULL: none */

	uint8_t *key; /* secret: wiped by config_free() */
	size_t key_len;
	char *keyfile; /* where it was read from, or NULL */
	const struct seal_method *crypt;

	int mode; /* index of its name in conf_modes[], "manual" the last */
	unsigned nodelay, interval_ms, resend, nc; /* as the mode says, or as given in manual */
	enum session_congestion congestion;        /* as given, or what nc means for it */
	unsigned copies;                           /* of small segments, or CONF_AUTO */

	unsigned conn;                     /* client: sessions in use at once, or CONF_AUTO */
	unsigned autoexpire_s;             /* 0: never */
	int scavengettl_s;                 /* -1: never */
	unsigned mtu_bytes;                /* or CONF_AUTO */
	uint64_t ratelimit_bytes;          /* per second and session, 0: none */
	unsigned sndwnd_segs, rcvwnd_segs; /* or CONF_AUTO */
	unsigned datashard, parityshard;   /* both positive, both 0: no FEC, or both CONF_AUTO */
	char *bind;      /* client: the address that datagrams leave from, or NULL */
	char *interface; /* the one device that they go by, or NULL */
	unsigned fwmark; /* their mark, 0: none */
	unsigned dscp;
	enum codec_kind compression; /* CODEC_UNKNOWN: auto */
	bool nocomp;                 /* compression == CODEC_NONE */
	bool acknodelay;
	unsigned sockbuf_bytes;
	unsigned smuxver; /* 1, 2 or CONF_AUTO */
	unsigned framesize_bytes;
	unsigned smuxbuf_bytes, streambuf_bytes; /* or CONF_AUTO */
	unsigned memory_bytes;
	unsigned keepalive_s;
	unsigned sessiontimeout_s;
	unsigned tcptimeout_s;
	unsigned connecttimeout_s;
	unsigned closewait_s;
	bool quiet;     /* log no stream at debug, and of a server no session that comes or goes */
	bool accesslog; /* log each stream's end at info */
	bool qpp;
	unsigned qpp_count;
	unsigned maxsessions, maxstreams; /* maxstreams: per session */
	char *snmplog;                    /* a path with a Go time layout; NULL: none */
	unsigned snmpperiod_s;            /* 0: none */

	struct conf_origin *origins; /* of each key, by its index in the table */
	struct conf_files *files; /* that they number; shared with the config that it came with */
};

#define CONF_CONTROL_DEFAULT "/run/kcptun/kcptund.sock"

/* What a secret is shown as. */
#define CONF_NOT_SHOWN "(not shown)"

struct conf_daemon {
	int loglevel;             /* enum log_level of log.h */
	char *control;            /* path of the control socket; NULL: none */
	struct conf_addr metrics; /* text is NULL: none */
	char *statedir;           /* what outlasts the process is there; NULL: nothing does */
	bool statedir_auto;       /* it is as systemd says */
	char *user, *group; /* whom it becomes when root starts it, by name; NULL: nobody else */
	char *snmplog;      /* of all tunnels together, as in a tunnel */
	unsigned snmpperiod_s;
	struct conf_origin *origins; /* as in a tunnel */
	struct conf_files *files;    /* borrowed from the config that it is part of */
};

struct config {
	struct conf_daemon daemon;
	struct conf_tunnel **tunnels; /* in the order of the files */
	size_t tunnel_count;
	struct conf_files *files; /* the first is that, or the words, that it was read from */
};

/* All that was opened for it, to be found again by a later reader: files, keyfiles, folders. */
struct conf_opened {
	const char *path;
	bool is_folder;
	bool may_be_credential; /* a service may get it from systemd, whoever else can read it */
};
size_t config_file_count(const struct config *c);
struct conf_opened config_file(const struct config *c, size_t i);

/* Read and check a file.  NULL when there was a fault; every fault and every
 * warning was then handed to `report`, one line each, `file:line: ...`, without newline.  Warnings
 * (keys that have no effect in their place) come with a good config too. */
enum conf_severity { CONF_ERROR, CONF_WARNING };
typedef void conf_report_fn(void *user, enum conf_severity severity, const char *line);
struct config *config_read(const char *path, conf_report_fn *report, void *user);
/* The same from a text in memory, which messages call `name`. */
struct config *config_read_text(const char *text, size_t len, const char *name,
				conf_report_fn *report, void *user);

/* One value from elsewhere than a file: a flag, a plugin's option. */
struct conf_setting {
	const char *key;
	const char *value; /* as it is: nothing is trimmed, quoted or a comment */
	const char *where; /* a file that it stands in; NULL: none */
	int line;          /* of that file */
};
/* One tunnel from settings, checked in the same way; of several with the same key the last
 * holds.  Keys of [daemon] may be among them.  Messages start with `where`, "command line" or
 * the like; a relative keyfile starts at the working folder. */
struct config *config_from_settings(enum conf_role role, const char *name,
				    const struct conf_setting *settings, size_t count,
				    const char *where, conf_report_fn *report, void *user);
/* Let `text` from a command line stand for the file's `control`.  False: it was told what is wrong. */
bool config_set_control(struct config *c, const char *text, conf_report_fn *report, void *user);
void config_free(struct config *c); /* NULL is fine */

/* One tunnel taken out of config->tunnels[] (which then holds NULL there); NULL is fine. */
void conf_tunnel_free(struct conf_tunnel *t);
/* Key i: does it say the same in both?  Of a key that is a file, the content counts. */
bool conf_tunnel_key_equal(const struct conf_tunnel *a, const struct conf_tunnel *b, size_t i);
/* The same of [daemon]; a key that does not stand there is equal. */
bool conf_daemon_key_equal(const struct conf_daemon *a, const struct conf_daemon *b, size_t i);
/* The two change their values of key i: `then` goes on with that of `now`, as CONF_KEPT.  For those that a reload may not
 * be able to put into effect: control, metrics, and what takes a restart. */
void conf_daemon_keep(struct conf_daemon *then, struct conf_daemon *now, size_t i);
const char *conf_key_name(size_t i);
/* The key of that name in [daemon]. */
size_t conf_daemon_key(const char *name);
/* What it takes to go over to another value of key i. */
enum conf_reach {
	CONF_IN_USE,       /* sessions and streams in use take it over */
	CONF_NEW_SESSIONS, /* counts for sessions opened from then on: it is settled when one begins */
	CONF_RESTART, /* the tunnel must be started anew: it is bound to, keyed with or made of it; of [daemon], the daemon */
};
enum conf_reach conf_key_reach(size_t i);
/* Where it listens. */
const struct conf_addr *conf_tunnel_bound(const struct conf_tunnel *t);
/* Both want to be bound to one address; servers may share one by devices of their own. */
bool conf_tunnels_collide(const struct conf_tunnel *a, const struct conf_tunnel *b);
/* What they listen at, if it is one address: are their sockets on devices of their own; and can one take over those of the
 * other?  What a socket has of device and mark it keeps. */
bool conf_tunnels_apart(const struct conf_tunnel *a, const struct conf_tunnel *b);
bool conf_tunnels_same_way(const struct conf_tunnel *a, const struct conf_tunnel *b);

/* What a value is to programs; CONF_HIDDEN is a secret and never shown.  A number may also be
 * the word auto. */
enum conf_value_kind { CONF_TEXT, CONF_NUMBER, CONF_SWITCH, CONF_HIDDEN };

/* What one key is: for help, manuals and tests.  Strings live as long as the
 * program, but for those that conf_key_describe() put together in `buf`. */
struct conf_key_info {
	const char *name;
	enum conf_value_kind kind;
	const char *type; /* "yes or no", "1..65535", "host:port or path", ... */
	const char *dflt; /* default as text, "" for none */
	enum conf_where where;
	const char *roles; /* "client", "server", "both" or "daemon" */
	const char *help;
};
enum { CONF_DESCRIBE_BYTES = 512 }; /* always enough for buf */
size_t conf_key_count(void);
void conf_key_describe(size_t i, struct conf_key_info *info, char *buf, size_t cap);
/* What someone may have meant by a key that a tunnel of that role does not have, in one sentence. */
void conf_key_hint(const char *name, enum conf_role role, char *buf, size_t cap);
/* Is the key without effect in this checked tunnel, given its others? */
bool conf_key_idle(const struct conf_tunnel *t, const char *name);
/* "" for none. */
const char *conf_key_default(size_t i);
/* The keys as an aligned table, for --help. */
void config_print_help(FILE *out);

#endif
