/* control.c - the control channel: a command a line in, one JSON document a line out. */
#include "control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "control_socket.h"
#include "listener.h"
#include "log.h"
#include "relay.h"
#include "tunnel.h"
#include "wire.h"

struct control {
	const struct report_source *src;
	const struct control_ops *ops;
	struct listener *listener; /* NULL: nobody can ask */
	char *path;                /* where it listens */
	struct conn_set clients;
};

struct job_kind;

struct client {
	struct report *report; /* under way */
	uid_t uid;
	bool may_change;
	struct control_job job;
	const struct job_kind *job_kind;
	struct conn *conn; /* whose it is */
	json_t *lines;     /* what there is to tell of the job under way; else NULL */
};

static struct control *control_of(const struct conn *c)
{
	return c->set->owner;
}

/* ---- answers ---------------------------------------------------------------------- */

static void answer(struct conn *c, json_t *document)
{
	text_json(&c->out, document);
	text_str(&c->out, "\n");
	json_decref(document);
}

static void refuse(struct conn *c, const char *code, const char *error)
{
	answer(c, json_pack("{s:s, s:s}", "error", error, "code", code));
}

/* NULL: it was told that there is none. */
static struct tunnel *find_tunnel(struct conn *c, const char *name)
{
	struct tunnel *t = report_find_tunnel(control_of(c)->src, name);

	if (t == NULL)
		refuse(c, "not-found", "there is no tunnel of that name");
	return t;
}

static void answer_report(struct conn *c, enum report_kind kind, const char *tunnel)
{
	const struct control *ctl = control_of(c);
	struct client *client = c->user;

	if (tunnel != NULL && find_tunnel(c, tunnel) == NULL)
		return;
	client->report = report_new(ctl->src, kind, tunnel);
	if (client->report == NULL)
		refuse(c, "failed", "out of memory");
	else
		conn_produce(c);
}

static enum conn_more produce(struct conn *c, unsigned steps)
{
	struct client *client = c->user;
	enum report_write w = report_write(client->report, &c->out, steps, CONN_OUTPUT_BYTES);

	if (w == WRITE_MORE)
		return CONN_MORE;
	report_free(client->report);
	client->report = NULL;
	return w == WRITE_DONE ? CONN_DONE : CONN_FAILED;
}

/* ---- commands --------------------------------------------------------------------- */

/* args[0] is the command itself; behind the last comes NULL. */
typedef void command_fn(struct conn *c, char *const *args);

static void do_status(struct conn *c, char *const *args)
{
	answer_report(c, REPORT_STATUS, args[1]);
}

static void do_stats(struct conn *c, char *const *args)
{
	answer_report(c, REPORT_STATS, args[1]);
}

static void do_sessions(struct conn *c, char *const *args)
{
	answer_report(c, REPORT_SESSIONS, args[1]);
}

static void do_streams(struct conn *c, char *const *args)
{
	answer_report(c, REPORT_STREAMS, args[1]);
}

static void do_config(struct conn *c, char *const *args)
{
	answer_report(c, REPORT_CONFIG, args[1]);
}

static void do_reset(struct conn *c, char *const *args)
{
	answer_report(c, REPORT_RESET, args[1]);
}

static void do_version(struct conn *c, char *const *args)
{
	answer(c, json_pack("{s:s, s:s, s:I}", "type", "version", "version", KT_VERSION, "pid",
			    (json_int_t)getpid()));
}

static void do_loglevel(struct conn *c, char *const *args)
{
	for (int i = 0; log_level_names[i] != NULL; i++) {
		if (strcmp(log_level_names[i], args[1]) != 0)
			continue;
		log_set_level((enum log_level)i);
		answer(c, json_pack("{s:s, s:s}", "type", "loglevel", "loglevel", args[1]));
		return;
	}
	refuse(c, "usage", "the level is one of error, warn, info, debug");
}

static void close_session(struct conn *c, const char *name, struct link *l)
{
	char text[LINK_NAME_BYTES];

	log_info(l->tunnel->name, "%s is closed by kcptunctl", link_name(l, text));
	link_close(l, RELAY_SESSION_CLOSED);
	answer(c, json_pack("{s:s, s:s}", "type", "close", "session", name));
}

/* Both of its peers see a reset. */
static void close_stream(struct conn *c, const char *name, struct relay *relay)
{
	char text[RELAY_NAME_BYTES];

	log_info(relay_tunnel(relay)->name, "%s is reset by kcptunctl", relay_name(relay, text));
	relay_abort(relay, RELAY_STREAM_CLOSED);
	answer(c, json_pack("{s:s, s:s}", "type", "close", "stream", name));
}

static void do_close(struct conn *c, char *const *args)
{
	const struct report_source *src = control_of(c)->src;
	struct relay *relay;
	struct link *l;
	bool many;

	l = report_find_session(src, args[1], &many);
	if (l != NULL)
		close_session(c, args[1], l);
	else if ((relay = report_find_stream(src, args[1], &l)) != NULL)
		close_stream(c, args[1], relay);
	else if (many)
		refuse(c, "ambiguous", "several sessions have this conv; name one as TUNNEL/NUMBER");
	else
		refuse(c, "not-found", "there is no such session or stream");
}

static void do_drain(struct conn *c, char *const *args)
{
	struct tunnel *t = find_tunnel(c, args[1]);

	if (t == NULL)
		return;
	if (t->state == NULL) {
		refuse(c, "not-running", "the tunnel does not run, and so takes no connections");
		return;
	}
	tunnel_refuse_new(t);
	log_info(t->name, "draining: no new connections, %u streams left", t->relay_count);
	answer(c, json_pack("{s:s, s:s, s:I}", "type", "drain", "tunnel", t->name, "streams",
			    (json_int_t)t->relay_count));
}

/* Lines that were not UTF-8 or met no memory are left out: the log has them. */
static void add_line(struct control_job *r, const char *tunnel, const char *what, bool failed)
{
	struct client *client = container_of(r, struct client, job);

	json_array_append_new(client->lines, json_pack("{s:s?, s:s, s:b}", "tunnel", tunnel, "text",
						       what, "failed", failed));
}

/* What becomes of a job, in words. */
struct job_kind {
	const char *type;
	struct job_end {
		const char *code, *error; /* NULL: it is done */
	} ends[CONTROL_BUSY + 1];
};

static const struct job_kind reload_kind = {
	"reload",
	{
		[CONTROL_PARTLY] = { "partly", "the reload failed in part" },
		[CONTROL_REFUSED] = { "reload",
				      "the reload was refused; the running configuration stays" },
	},
};

static const struct job_kind restart_kind = {
	"restart",
	{
		[CONTROL_REFUSED] = { "restart", "the tunnel was not restarted" },
		[CONTROL_BUSY] = { "busy", "a reload, the start or another restart is under way; ask again "
					   "when it is over" },
	},
};

static void job_done(struct control_job *r, enum control_verdict verdict)
{
	struct client *client = container_of(r, struct client, job);
	const struct job_end *end = &client->job_kind->ends[verdict];
	json_t *lines = client->lines;

	client->lines = NULL;
	if (end->error == NULL)
		answer(client->conn,
		       json_pack("{s:s, s:o}", "type", client->job_kind->type, "lines", lines));
	else
		answer(client->conn, json_pack("{s:s, s:s, s:o}", "error", end->error, "code",
					       end->code, "lines", lines));
	conn_resume(client->conn);
}

/* NULL: there is no memory for one, which was told. */
static struct control_job *begin_job(struct conn *c, const struct job_kind *kind)
{
	struct client *client = c->user;

	client->lines = json_array();
	if (client->lines == NULL) {
		refuse(c, "failed", "out of memory");
		return NULL;
	}
	client->conn = c;
	client->job_kind = kind;
	client->job = (struct control_job){ .say = add_line, .done = job_done };
	conn_wait(c);
	return &client->job;
}

static void do_reload(struct conn *c, char *const *args)
{
	const struct control *ctl = control_of(c);
	struct control_job *job = begin_job(c, &reload_kind);

	if (job != NULL)
		ctl->ops->reload(ctl->src->user, job);
}

static void do_restart(struct conn *c, char *const *args)
{
	const struct control *ctl = control_of(c);
	struct tunnel *t = find_tunnel(c, args[1]);
	struct control_job *job = t != NULL ? begin_job(c, &restart_kind) : NULL;

	if (job != NULL)
		ctl->ops->restart(ctl->src->user, t, job);
}

static void do_help(struct conn *c, char *const *args);

static const struct command {
	const char *name;
	command_fn *run;
	bool changes; /* only root and the daemon's user may */
	unsigned args_min, args_max;
	const char *args, *help;
} commands[] = {
	{ "status", do_status, false, 0, 1, "[TUNNEL]", "what runs, and how it is" },
	{ "stats", do_stats, false, 0, 1, "[TUNNEL]", "the counters and what follows from them" },
	{ "sessions", do_sessions, false, 0, 1, "[TUNNEL]", "the sessions, with their peers" },
	{ "streams", do_streams, false, 0, 1, "[TUNNEL]", "the streams of the sessions" },
	{ "config", do_config, false, 0, 1, "[TUNNEL]", "the values in use and where they are from" },
	{ "version", do_version, false, 0, 0, "", "the version of the daemon" },
	{ "help", do_help, false, 0, 0, "", "the commands" },
	{ "reload", do_reload, true, 0, 0, "", "read the configuration again" },
	{ "reset", do_reset, true, 0, 1, "[TUNNEL]", "set counters to zero" },
	{ "loglevel", do_loglevel, true, 1, 1, "LEVEL", "log error, warn, info or debug messages" },
	{ "close", do_close, true, 1, 1, "SESSION|STREAM", "end a session and its streams, or one" },
	{ "drain", do_drain, true, 1, 1, "TUNNEL", "take no new connections; streams go on" },
	{ "restart", do_restart, true, 1, 1, "TUNNEL", "close its sessions and start it anew" },
};

static void do_help(struct conn *c, char *const *args)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:b}", "command", commands[i].name,
						"arguments", commands[i].args, "help",
						commands[i].help, "changes", commands[i].changes));
	answer(c, json_pack("{s:s, s:o}", "type", "help", "commands", list));
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void run_command(struct conn *c, char *const *args, unsigned count)
{
	const struct client *client = c->user;
	const struct command *cmd = find_command(args[0]);

	if (cmd == NULL) {
		refuse(c, "unknown-command", "no such command; help lists them");
		conn_close_after(c);
	} else if (count - 1 < cmd->args_min || count - 1 > cmd->args_max) {
		refuse(c, "usage", "wrong number of arguments; help shows them");
	} else if (cmd->changes && !client->may_change) {
		refuse(c, "denied", "only root and the daemon's own user may change anything");
	} else {
		if (cmd->changes)
			log_info(NULL, "kcptunctl of uid %u: %s%s%s", (unsigned)client->uid,
				 cmd->name, count > 1 ? " " : "", count > 1 ? args[1] : "");
		cmd->run(c, args);
	}
}

/* ---- lines ------------------------------------------------------------------------ */

/* Words are separated by spaces; there is no quoting, for no name has a space in it.  The number of
 * words; 0 when it is no line of words, or one of too many. */
static unsigned split(char *line, char *args[static CONTROL_WORDS_MAX + 1])
{
	unsigned count = 0;
	char *rest = NULL;

	for (const char *p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return 0;
	for (char *word = strtok_r(line, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (count == CONTROL_WORDS_MAX)
			return 0;
		args[count++] = word;
	}
	args[count] = NULL;
	return count;
}

static void take_line(struct conn *c, const char *bytes, size_t n)
{
	char *args[CONTROL_WORDS_MAX + 1];
	char line[CONN_INPUT_MAX + 1];
	unsigned count;

	memcpy(line, bytes, n);
	line[n] = '\0';
	count = memchr(line, '\0', n) == NULL ? split(line, args) : 0;
	if (count > 0) {
		run_command(c, args, count);
		return;
	}
	refuse(c, "garbage", "that is no command");
	conn_close_after(c);
}

static size_t input(struct conn *c, const char *bytes, size_t n, bool eof)
{
	const char *end = n > 0 ? memchr(bytes, '\n', n) : NULL;
	size_t len;

	if (end == NULL && n == CONN_INPUT_MAX) {
		refuse(c, "too-long", "the line is too long");
		conn_close_after(c);
		return n;
	}
	if (end == NULL)
		return 0;
	len = (size_t)(end - bytes);
	take_line(c, bytes, len > 0 && bytes[len - 1] == '\r' ? len - 1 : len);
	return len + 1;
}

/* ---- clients ---------------------------------------------------------------------- */

static bool arrived(struct conn *c)
{
	struct client *client = calloc(1, sizeof(*client));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	c->user = client;
	if (client == NULL || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	client->uid = cred.uid;
	client->may_change = cred.uid == 0 || cred.uid == geteuid();
	return true;
}

static void left(struct conn *c)
{
	const struct control *ctl = control_of(c);
	struct client *client = c->user;

	if (client == NULL)
		return;
	if (client->lines != NULL)
		ctl->ops->forget(ctl->src->user, &client->job);
	json_decref(client->lines);
	report_free(client->report);
	free(client);
}

static const struct conn_ops client_ops = {
	.arrived = arrived,
	.input = input,
	.produce = produce,
	.left = left,
};

static void on_accept(void *user, int fd)
{
	struct control *ctl = user;

	conn_add(&ctl->clients, fd);
}

/* ---- life ------------------------------------------------------------------------- */

struct control *control_new(const struct report_source *src, const struct control_ops *ops)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL)
		return NULL;
	ctl->src = src;
	ctl->ops = ops;
	ctl->clients = (struct conn_set){
		.reactor = src->reactor,
		.ops = &client_ops,
		.owner = ctl,
		.max = CONTROL_CLIENTS_MAX,
	};
	return ctl;
}

/* NULL: `why` not. */
static struct listener *listen_at(struct control *ctl, const char *path,
				  char why[static CONTROL_WHY_BYTES], bool *without)
{
	int fd = control_socket(path, why, without);
	struct listener *l;

	if (fd < 0)
		return NULL;
	l = listener_adopt(ctl->src->reactor, fd, path, "control", on_accept, ctl);
	if (l == NULL)
		snprintf(why, CONTROL_WHY_BYTES, "control = %s: cannot listen there", path);
	return l;
}

bool control_move(struct control *ctl, const char *path, char why[static CONTROL_WHY_BYTES],
		  bool *without)
{
	char *kept = path != NULL ? strdup(path) : NULL;
	struct listener *fresh = NULL;

	why[0] = '\0';
	*without = false;
	if (path != NULL && kept == NULL) {
		snprintf(why, CONTROL_WHY_BYTES, "out of memory");
		return false;
	}
	if (path != NULL && ctl->path != NULL && control_same_socket(path, ctl->path)) {
		free(kept); /* the same by another name: its own is the one that it is removed by */
		return true;
	}
	if (path != NULL && (fresh = listen_at(ctl, path, why, without)) == NULL) {
		free(kept);
		return false;
	}
	listener_free(ctl->listener);
	free(ctl->path);
	ctl->listener = fresh;
	ctl->path = kept;
	conn_set_retire(&ctl->clients);
	return true;
}

void control_free(struct control *ctl)
{
	if (ctl == NULL)
		return;
	listener_free(ctl->listener);
	conn_set_dispose(&ctl->clients);
	free(ctl->path);
	free(ctl);
}
