/* sip003.c - kcptund as a plugin of shadowsocks (SIP003). */
#include "sip003.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "log.h"
#include "loop.h"
#include "wire.h"

/* ---- options ----------------------------------------------------------------- */

/* Take the text up to an unescaped character of `ends` or the end off `*at`, in
 * place, its backslashes resolved.  Returns what ended it; '\\' for a lone one. */
static char take_text(char **at, const char *ends)
{
	char *from = *at, *to = *at, end;

	while (*from && !strchr(ends, *from)) {
		if (*from == '\\' && *++from == '\0')
			return '\\';
		*to++ = *from++;
	}
	end = *from;
	*at = from + (end != '\0');
	*to = '\0'; /* last, for it may be where *from is */
	return end;
}

/* `walk` gets each name and its value (NULL: none); false when a backslash has nothing behind it. */
static bool each_option(char *text, void (*walk)(void *user, const char *name, const char *value),
			void *user)
{
	char end = ';';

	while (end != '\0' && *text != '\0') {
		char *name = text + strspn(text, " ;"), *value = NULL;

		text = name;
		end = take_text(&text, "=;");
		if (end == '=') {
			value = text;
			end = take_text(&text, ";");
		}
		if (end == '\\')
			return false;
		if (name[0] != '\0' || value)
			walk(user, name, value);
	}
	return true;
}

static void look_for_server(void *user, const char *name, const char *value)
{
	if (strcmp(name, "server") == 0 && !value)
		*(bool *)user = true;
}

static void wipe(char *text, size_t len)
{
	if (text)
		OPENSSL_cleanse(text, len);
	free(text);
}

bool sip003_is_server(const char *options)
{
	char *copy = options ? strdup(options) : NULL;
	bool server = false;

	if (copy)
		each_option(copy, look_for_server, &server);
	wipe(copy, copy ? strlen(options) : 0);
	return server;
}

static void take_option(void *user, const char *name, const char *value)
{
	struct compat *c = user;
	bool is_role = strcmp(name, "server") == 0 || strcmp(name, "client") == 0;

	if (!is_role || value)
		compat_option(c, name, value);
	else if (c->role == ROLE_SERVER && strcmp(name, "client") == 0)
		compat_say(c, CONF_ERROR, "client", "stands beside server; give one of them");
}

static void take_options(struct compat *c, const char *options)
{
	char *copy = strdup(options ? options : "");

	if (!copy)
		c->settings.failed = true;
	else if (!each_option(copy, take_option, c))
		compat_say(c, CONF_ERROR, NULL, "the backslash at the end has nothing behind it");
	wipe(copy, copy && options ? strlen(options) : 0);
}

/* ---- addresses --------------------------------------------------------------- */

/* Is one of them every address there is?  (0.0.0.0 is those of IPv4 only.) */
static bool names_all(const char *hosts)
{
	static const char *const words[] = { "::", "::0", "[::]", "[::0]" };

	for (;;) {
		size_t n = strcspn(hosts, "|");

		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (strlen(words[i]) == n && memcmp(words[i], hosts, n) == 0)
				return true;
		}
		if (hosts[n] == '\0')
			return false;
		hosts += n + 1;
	}
}

static void set_address(struct compat *c, const char *key, const char *host, size_t n, const char *port)
{
	bool bare_v6 = memchr(host, ':', n) && host[0] != '[';
	char *text;

	if (asprintf(&text, "%s%.*s%s:%s", bare_v6 ? "[" : "", (int)n, host, bare_v6 ? "]" : "",
		     port) < 0) {
		c->settings.failed = true;
		return;
	}
	settings_set(&c->settings, key, text);
	free(text);
}

/* shadowsocks-libev joins the addresses of a config with several by '|', all with one port. */
static void take_remote(struct compat *c, const char *hosts, const char *port)
{
	const char *key = c->role == ROLE_SERVER ? "listen" : "remoteaddr";
	size_t n = strcspn(hosts, "|");

	if (c->role == ROLE_SERVER && names_all(hosts))
		n = 0;
	else if (hosts[n] == '|')
		compat_say(c, CONF_WARNING, "SS_REMOTE_HOST",
			   "of %.200s only the first is used; "
			   "another can be given as the option %s",
			   hosts, key);
	set_address(c, key, hosts, n, port);
}

void sip003_take(struct compat *c, const struct sip003 *env)
{
	const char *local = c->role == ROLE_SERVER ? "target" : "localaddr";

	take_remote(c, env->remote_host, env->remote_port);
	set_address(c, local, env->local_host, strlen(env->local_host), env->local_port);
	take_options(c, env->options);
	compat_finish(c);
}

/* ---- the process ------------------------------------------------------------- */

static struct sip003 environment(void)
{
	return (struct sip003){
		.remote_host = getenv("SS_REMOTE_HOST"),
		.remote_port = getenv("SS_REMOTE_PORT"),
		.local_host = getenv("SS_LOCAL_HOST"),
		.local_port = getenv("SS_LOCAL_PORT"),
		.options = getenv("SS_PLUGIN_OPTIONS"),
	};
}

bool sip003_wanted(int argc, char **argv)
{
	struct sip003 env = environment();

	/* shadowsocks may hand these on, which only mean something to others */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--fast-open") != 0)
			return false;
	}
	return env.remote_host && env.remote_port && env.local_host && env.local_port;
}

static pid_t parent_pid;

static void on_parent_gone(struct ev_loop *loop, ev_io *w, int revents)
{
	ev_io_stop(loop, w);
	if (revents & EV_ERROR) { /* the poll has no place for it: better soon than never */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent_pid)
			raise(SIGTERM);
		return;
	}
	log_info(NULL, "shadowsocks is gone");
	raise(SIGTERM); /* which the daemon takes for the wish to stop */
}

/* A pidfd tells of the whole process.  The kernel's own signal for this, taken where there is no
 * pidfd, comes already when the thread ends that started us.  False: the parent is gone. */
static bool watch_parent(ev_io *w)
{
	int fd;

	parent_pid = getppid();
	fd = (int)syscall(SYS_pidfd_open, parent_pid, 0);
	if (fd < 0)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent_pid) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	ev_io_init(w, on_parent_gone, fd, EV_READ);
	if (fd >= 0)
		ev_io_start(loop_new(), w);
	return true;
}

static int run(struct compat *c, struct config *config)
{
	ev_io parent;
	int status;

	if (!watch_parent(&parent)) {
		config_free(config);
		return 0;
	}
	status = compat_run(c, config);
	if (parent.fd >= 0)
		close(parent.fd);
	return status;
}

int sip003_main(conf_report_fn *report)
{
	struct sip003 env = environment();
	bool server = sip003_is_server(env.options);
	struct compat c = {
		.role = server ? ROLE_SERVER : ROLE_CLIENT,
		.where = "shadowsocks plugin",
		.report = report,
	};
	struct config *config;
	int status = 1;

	sip003_take(&c, &env);
	config = compat_config(&c);
	if (config)
		status = run(&c, config);
	compat_dispose(&c);
	return status;
}
