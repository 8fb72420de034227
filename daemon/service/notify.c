/* notify.c - words for the service manager: systemd's notify protocol, written out. */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, STATE_WAIT_S = 1 };

/* ---- the environment -------------------------------------------------------------- */

/* A whole decimal number above zero; anything else is 0. */
static uint64_t number(const char *text)
{
	char *end;
	unsigned long long value;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno != 0 || *end != '\0' ? 0 : value;
}

/* The variables are inherited by children, for whom the watchdog is not meant. */
static uint64_t watchdog_interval(void)
{
	const char *pid = getenv("WATCHDOG_PID");

	if (pid != NULL && number(pid) != (uint64_t)getpid())
		return 0;
	return number(getenv("WATCHDOG_USEC"));
}

/* A path, or behind an '@' a name in the abstract namespace, where no NUL ends it. */
static int take_address(struct notify *n, const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (len >= sizeof(n->addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	n->addr.sun_family = AF_UNIX;
	memcpy(n->addr.sun_path, name, len + 1);
	n->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@')
		n->addr.sun_path[0] = '\0';
	else
		n->addr_len++;
	return 0;
}

int notify_open(struct notify *n)
{
	const struct timeval wait = { .tv_sec = STATE_WAIT_S };
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct notify){ .fd = -1 };
	if (name == NULL || name[0] == '\0')
		return 0;
	if (take_address(n, name) < 0)
		return -1;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return -1;
	setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	n->watchdog_us = watchdog_interval();
	return 0;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	n->watchdog_us = 0;
}

/* ---- messages ------------------------------------------------------------------------ */

static int send_text(const struct notify *n, const char *text, size_t len, int flags)
{
	ssize_t sent;

	if (n->fd < 0)
		return 0;
	/* Addressed each time: a manager that was restarted has a new socket there. */
	do
		sent = sendto(n->fd, text, len, MSG_NOSIGNAL | flags,
			      (const struct sockaddr *)&n->addr, n->addr_len);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* A status ends where its line ends: what follows would be taken for a word of ours. */
static int send_words(const struct notify *n, const char *state, const char *status, int flags)
{
	char text[MESSAGE_MAX];
	int len;

	if (status == NULL)
		len = snprintf(text, sizeof(text), "%s", state);
	else
		len = snprintf(text, sizeof(text), "%sSTATUS=%.*s\n", state,
			       (int)strcspn(status, "\n"), status);
	if (len < 0)
		return -1;
	if ((size_t)len >= sizeof(text))
		len = sizeof(text) - 1; /* a status too long is cut */
	return send_text(n, text, (size_t)len, flags);
}

void notify_ready(const struct notify *n, const char *status)
{
	send_words(n, "READY=1\n", status, 0);
}

/* The manager takes a READY for the answer to its reload only if that started after it asked. */
void notify_reloading(const struct notify *n, const char *status)
{
	struct timespec now;
	char state[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
		 (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	send_words(n, state, status, 0);
}

void notify_stopping(const struct notify *n, const char *status)
{
	send_words(n, "STOPPING=1\n", status, 0);
}

int notify_status(const struct notify *n, const char *status)
{
	return send_words(n, "", status, MSG_DONTWAIT);
}

int notify_watchdog(const struct notify *n)
{
	return send_words(n, "WATCHDOG=1\n", NULL, MSG_DONTWAIT);
}
