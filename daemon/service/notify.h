/* notify.h - words for the service manager: systemd's notify protocol, written out.
 *
 * One datagram of lines NAME=VALUE to the Unix socket that $NOTIFY_SOCKET names, as in
 * sd_notify(3).  Without that variable all of this does nothing. */
#ifndef KT_NOTIFY_H
#define KT_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un addr;
	socklen_t addr_len;
	uint64_t watchdog_us; /* the service is killed after so long without a ping; 0: never */
};

/* Take $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.  0, also when there is nobody to tell; or -1
 * with errno when the socket cannot be used, as if there were nobody then. */
int notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Changes of state, which may wait a second for room in the manager's queue.  `status` is for
 * people, in one line, or NULL. */
void notify_ready(const struct notify *n, const char *status);
void notify_reloading(const struct notify *n, const char *status);
void notify_stopping(const struct notify *n, const char *status);

/* What can be told another time never waits: 0, or -1 with errno when it was not sent. */
int notify_status(const struct notify *n, const char *status);
int notify_watchdog(const struct notify *n);

#endif
