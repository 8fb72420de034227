/* ctl_client.c - kcptunctl's end of the control channel. */
#include "ctl_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "control_socket.h"

/* More than any document, so that whatever answers there cannot fill the memory. */
static const size_t ANSWER_MAX = (size_t)1 << 30;

static bool wrong(struct ctl_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(struct ctl_client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return false;
}

void ctl_client_init(struct ctl_client *c)
{
	*c = (struct ctl_client){ .fd = -1 };
}

void ctl_client_disconnect(struct ctl_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void ctl_client_close(struct ctl_client *c)
{
	ctl_client_disconnect(c);
	text_dispose(&c->answer);
}

/* The unit whose socket has that path: kcptund, or kcptund@NAME.  False: it is none of those. */
static bool unit_of(const char *path, char *unit, size_t cap)
{
	static const char folder[] = CTL_SOCKET_FOLDER, end[] = CTL_SOCKET_END;
	const char *name = path + sizeof(folder) - 1;
	size_t n;

	if (strncmp(path, folder, sizeof(folder) - 1) != 0 || strchr(name, '/') != NULL)
		return false;
	n = strlen(name);
	if (n < sizeof(end) || strcmp(name + n - (sizeof(end) - 1), end) != 0)
		return false;
	if (strcmp(path, CONF_CONTROL_DEFAULT) == 0)
		snprintf(unit, cap, "kcptund");
	else
		snprintf(unit, cap, "kcptund@%.*s", (int)(n - (sizeof(end) - 1)), name);
	return true;
}

static bool unreachable(struct ctl_client *c, const char *path, int err)
{
	char unit[sizeof(((struct sockaddr_un *)0)->sun_path) + 16];

	if (err == EACCES || err == EPERM)
		return wrong(c,
			     "%s: permission denied; join the group " CONTROL_GROUP
			     " (usermod -aG " CONTROL_GROUP
			     " USER, then log in again), or ask as root",
			     path);
	if ((err == ENOENT || err == ECONNREFUSED || err == ENOTDIR) &&
	    unit_of(path, unit, sizeof(unit)))
		return wrong(c,
			     "nobody answers on %s: %s is not running; "
			     "see why: systemctl status %s, or start it: systemctl start %s",
			     path, unit, unit, unit);
	if (err == ENOENT || err == ECONNREFUSED || err == ENOTDIR)
		return wrong(c,
			     "nobody answers on %s: kcptund is not running, or its control key names "
			     "another path",
			     path);
	if (err == EAGAIN)
		return wrong(c, "%s: kcptund does not accept connections", path);
	return wrong(c, "%s: %s", path, strerror(err));
}

bool ctl_client_connect(struct ctl_client *c, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = CTL_ANSWER_S };

	ctl_client_disconnect(c);
	if (strlen(path) >= sizeof(un.sun_path))
		return wrong(c, "%s: the path is too long for a socket", path);
	strcpy(un.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return wrong(c, "socket: %s", strerror(errno));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(c->fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return true;
	unreachable(c, path, errno);
	ctl_client_disconnect(c);
	return false;
}

static bool lost(struct ctl_client *c, int err)
{
	ctl_client_disconnect(c);
	if (err == EAGAIN || err == EWOULDBLOCK)
		return wrong(c, "kcptund did not answer within %d s", CTL_ANSWER_S);
	return wrong(c, "kcptund closed the connection%s%s", err != 0 ? ": " : "",
		     err != 0 ? strerror(err) : "");
}

static bool send_all(struct ctl_client *c, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t put = send(c->fd, bytes, n, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return lost(c, errno);
		bytes += put;
		n -= (size_t)put;
	}
	return true;
}

bool ctl_client_send(struct ctl_client *c, const char *command)
{
	text_clear(&c->answer);
	return send_all(c, command, strlen(command)) && send_all(c, "\n", 1);
}

static enum ctl_received receive(struct ctl_client *c, int flags)
{
	char piece[65536];
	ssize_t got = recv(c->fd, piece, sizeof(piece), flags);

	if (got < 0 && errno == EINTR)
		return CTL_PART;
	if (got < 0 && flags != 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CTL_PART;
	if (got <= 0) {
		lost(c, got < 0 ? errno : 0);
		return CTL_LOST;
	}
	text_add(&c->answer, piece, (size_t)got);
	if (c->answer.failed || c->answer.len > ANSWER_MAX) {
		lost(c, ENOMEM);
		return CTL_LOST;
	}
	if (piece[got - 1] != '\n')
		return CTL_PART;
	c->answer.p[--c->answer.len] = '\0';
	return CTL_WHOLE;
}

enum ctl_received ctl_client_receive(struct ctl_client *c)
{
	return receive(c, MSG_DONTWAIT);
}

bool ctl_client_ask(struct ctl_client *c, const char *command)
{
	enum ctl_received r = CTL_PART;

	if (!ctl_client_send(c, command))
		return false;
	while (r == CTL_PART)
		r = receive(c, 0);
	return r == CTL_WHOLE;
}

json_t *ctl_client_json(const struct ctl_client *c)
{
	return json_loadb(c->answer.p, c->answer.len, 0, NULL);
}
