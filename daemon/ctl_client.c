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

static void disconnect(struct ctl_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void ctl_client_close(struct ctl_client *c)
{
	disconnect(c);
	text_dispose(&c->answer);
}

static bool unreachable(struct ctl_client *c, const char *path, int err)
{
	bool is_default = strcmp(path, CONF_CONTROL_DEFAULT) == 0;

	if (err == EACCES || err == EPERM)
		return wrong(c, "%s: permission denied; join the group " CONTROL_GROUP " (usermod -aG "
			     CONTROL_GROUP " USER, then log in again), or ask as root", path);
	if (err == ENOENT || err == ECONNREFUSED || err == ENOTDIR)
		return wrong(c, "nobody answers on %s: kcptund is not running%s", path,
			     is_default ? "; start it with: systemctl start kcptund"
					: ", or its control key names another path");
	if (err == EAGAIN)
		return wrong(c, "%s: kcptund does not accept connections", path);
	return wrong(c, "%s: %s", path, strerror(err));
}

bool ctl_client_connect(struct ctl_client *c, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = CTL_ANSWER_S };

	disconnect(c);
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
	disconnect(c);
	return false;
}

static bool lost(struct ctl_client *c, int err)
{
	disconnect(c);
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

bool ctl_client_ask(struct ctl_client *c, const char *command)
{
	char piece[65536];

	if (!send_all(c, command, strlen(command)) || !send_all(c, "\n", 1))
		return false;
	text_clear(&c->answer);
	for (;;) {
		ssize_t got = recv(c->fd, piece, sizeof(piece), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return lost(c, got < 0 ? errno : 0);
		text_add(&c->answer, piece, (size_t)got);
		if (c->answer.failed || c->answer.len > ANSWER_MAX)
			return lost(c, ENOMEM);
		if (piece[got - 1] == '\n')
			break;
	}
	c->answer.p[--c->answer.len] = '\0';
	return true;
}

json_t *ctl_client_json(const struct ctl_client *c)
{
	return json_loadb(c->answer.p, c->answer.len, 0, NULL);
}
