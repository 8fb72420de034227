/* binding.c - the sockets of an address to listen on, opened before anybody uses them. */
#include "binding.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "resolve.h"

/* ---- one socket ----------------------------------------------------------------------- */

/* The file must never be there with more rights than in the end; nobody gets in before listen(). */
static int bind_path(int fd, const struct sockaddr_storage *addr, const struct conf_rights *rights)
{
	const char *path = ((const struct sockaddr_un *)addr)->sun_path;
	mode_t before = rights->has_mode ? umask(0777 & ~rights->mode) : 0;
	int rc = bind(fd, (const struct sockaddr *)addr, sizeof(struct sockaddr_un)), saved = errno;

	if (rights->has_mode)
		umask(before);
	errno = saved;
	if (rc != 0 || !rights->has_group || lchown(path, (uid_t)-1, rights->group) == 0)
		return rc;
	saved = errno;
	unlink(path);
	errno = saved;
	return -1;
}

static int bind_to(int fd, const struct sockaddr_storage *addr, const struct conf_rights *rights)
{
	return addr->ss_family == AF_UNIX
		       ? bind_path(fd, addr, rights)
		       : bind(fd, (const struct sockaddr *)addr, sockaddr_len(addr));
}

static int bind_stream(const struct sockaddr_storage *addr, const struct conf_rights *rights)
{
	int fd = socket(addr->ss_family, SOCK_STREAM, 0), on = 1, off = 0;
	int saved;

	if (fd < 0)
		return -1;
	socket_prepare(fd);
	if (addr->ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind_to(fd, addr, rights) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static const char *path_of(const struct bound *s)
{
	return ((const struct sockaddr_un *)&s->addr)->sun_path;
}

/* A path that nobody accepts on any more was left by a process that crashed. */
static void remove_stale(const struct bound *s)
{
	struct stat st;
	int fd;

	if (lstat(path_of(s), &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); /* who lives may be busy */
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&s->addr, sizeof(struct sockaddr_un)) != 0 &&
	    errno == ECONNREFUSED)
		unlink(path_of(s));
	close(fd);
}

static void note_file(struct bound *s)
{
	struct stat st;

	if (lstat(path_of(s), &st) != 0)
		return;
	s->device = st.st_dev;
	s->inode = st.st_ino;
}

void bound_note_path(struct bound *s, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&s->addr;

	un->sun_family = AF_UNIX;
	strncpy(un->sun_path, path, sizeof(un->sun_path) - 1);
	note_file(s);
}

static mode_t usual_mode(void)
{
	mode_t mask = umask(0777);

	umask(mask);
	return 0777 & ~mask;
}

/* That of the process, but in a folder that gives its own to what is made there. */
static gid_t usual_group(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	return stat(folder, &st) == 0 && st.st_mode & S_ISGID ? st.st_gid : getegid();
}

/* Of a socket that was another's until now: as if it were made now.  It listens already, so that it is no reason to
 * have none. */
static void renew_rights(const struct bound *s)
{
	const struct conf_rights *rights = &s->rights;
	mode_t mode = rights->has_mode ? rights->mode : usual_mode();
	struct stat st;
	gid_t group;

	if (s->addr.ss_family != AF_UNIX || lstat(path_of(s), &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	group = rights->has_group ? rights->group : usual_group(path_of(s));
	if (st.st_gid != group && lchown(path_of(s), (uid_t)-1, group) != 0)
		log_warn(NULL, "%s cannot be given to its socketgroup: %s", path_of(s),
			 strerror(errno));
	if ((st.st_mode & 07777) != mode &&
	    fchmodat(AT_FDCWD, path_of(s), mode, AT_SYMLINK_NOFOLLOW) != 0)
		log_warn(NULL, "%s cannot be given its socketmode: %s", path_of(s), strerror(errno));
}

/* 0 or errno.  Only who listens has a TCP address for himself. */
static int open_stream(struct bound *s)
{
	bool is_path = s->addr.ss_family == AF_UNIX;
	int err;

	if (is_path)
		remove_stale(s);
	s->fd = bind_stream(&s->addr, &s->rights);
	if (s->fd < 0)
		return errno;
	if (is_path)
		note_file(s);
	if (listen(s->fd, SOCKET_BACKLOG) == 0)
		return 0;
	err = errno;
	bound_close(s);
	return err;
}

int bound_open(struct bound *s, const struct udp_options *udp)
{
	if (udp == NULL)
		return open_stream(s);
	return -udp_listen(&s->udp, (const struct sockaddr *)&s->addr, sockaddr_len(&s->addr), udp);
}

void bound_close(struct bound *s)
{
	struct stat st;
	int fd = s->fd;

	if (s->udp.fd >= 0)
		udp_close(&s->udp);
	s->fd = -1;
	if (fd < 0)
		return;
	close(fd);
	if (s->inode != 0 && lstat(path_of(s), &st) == 0 && st.st_dev == s->device &&
	    st.st_ino == s->inode)
		unlink(path_of(s));
}

/* ---- all of them ---------------------------------------------------------------------- */

static void close_all(struct binding *b)
{
	for (size_t i = 0; i < b->count; i++)
		bound_close(&b->list[i]);
	free(b->list);
	b->list = NULL;
	b->count = 0;
}

/* bind() says of any file that the address is in use. */
static const char *reason(const struct binding *b, int err, char buf[UDP_WHY_BYTES])
{
	struct stat st;

	if (b->spec.datagrams)
		return udp_refusal_text(b->step, err, &b->spec.udp, buf);
	if (err == EPERM && b->spec.at->rights.has_group)
		return "only root or a member can give it to its socketgroup";
	if (err == EADDRINUSE && b->spec.at->path != NULL && lstat(b->spec.at->path, &st) == 0 &&
	    !S_ISSOCK(st.st_mode))
		return "it is there and is no socket";
	return strerror(err);
}

static void explain(struct binding *b, unsigned number, int err)
{
	const struct conf_addr *at = b->spec.at;
	char port[16] = "", buf[UDP_WHY_BYTES];

	if (at->port != at->port_last)
		snprintf(port, sizeof(port), ", port %u", number);
	snprintf(b->why, sizeof(b->why), "cannot listen on %s%s%s: %s",
		 b->spec.datagrams ? "udp " : "", at->text, port, reason(b, err, buf));
}

static void set_port(struct sockaddr_storage *ss, unsigned number)
{
	if (ss->ss_family == AF_INET)
		((struct sockaddr_in *)ss)->sin_port = htons((uint16_t)number);
	else if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons((uint16_t)number);
}

static unsigned port_of(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)ss)->sin_port);
	return ss->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)ss)->sin6_port) : 0;
}

static int open_one(struct binding *b, struct bound *s)
{
	int err;

	s->held = SOCKET_ELSEWHERE;
	err = bound_open(s, b->spec.datagrams ? &b->spec.udp : NULL);
	b->step = s->udp.step;
	return err;
}

static enum socket_place held(const struct binding *b, const struct sockaddr_storage *addr)
{
	return b->spec.held != NULL ? b->spec.held(b->spec.held_user, addr) : SOCKET_ELSEWHERE;
}

/* 0 or errno.  Who seemed to be in the way need not be. */
static int try_one(struct binding *b, struct bound *s)
{
	enum socket_place place = s->held;
	int err = open_one(b, s);

	if (err != EADDRINUSE || place != SOCKET_IN_WAY)
		return err;
	s->held = place;
	return 0;
}

/* Open or note the next of the list.  0 or errno, and then there is none more in it. */
static int add(struct binding *b, const struct sockaddr_storage *addr, unsigned number)
{
	struct bound *s = &b->list[b->count];
	int err = 0;

	*s = (struct bound){ .addr = *addr, .rights = b->spec.at->rights, .fd = -1, .udp.fd = -1 };
	set_port(&s->addr, number);
	s->held = held(b, &s->addr);
	if (s->held != SOCKET_THERE)
		err = try_one(b, s);
	b->count += err == 0;
	return err;
}

/* Every address of one port. */
static int add_port(struct binding *b, const struct sockaddr_storage *addrs, size_t count,
		    unsigned number)
{
	size_t before = b->count;
	int err = 0;

	for (size_t i = 0; i < count; i++) {
		err = add(b, &addrs[i], number);
		if (err != 0 && !socket_no_address_here(err))
			return err;
	}
	return b->count > before ? 0 : err;
}

static enum binding_end open_all(struct binding *b, const struct sockaddr_storage *addrs, size_t count)
{
	unsigned first = b->spec.at->port, last = b->spec.at->port_last;

	if (last < first)
		last = first;
	b->list = calloc((last - first + 1) * count, sizeof(*b->list));
	if (b->list == NULL) {
		snprintf(b->why, sizeof(b->why), "out of memory");
		return BINDING_FAILED;
	}
	for (unsigned number = first; number <= last; number++) {
		int err = add_port(b, addrs, count, number);

		if (err == 0)
			continue;
		explain(b, number, err);
		close_all(b);
		return BINDING_FAILED;
	}
	return BINDING_OPEN;
}

/* Open those that are held so.  False: not all could be, and why is in b->why. */
static bool open_held(struct binding *b, enum socket_place place)
{
	for (size_t i = 0; i < b->count; i++) {
		struct bound *s = &b->list[i];
		int err = s->held == place ? open_one(b, s) : 0;

		if (err == 0)
			continue;
		explain(b, port_of(&s->addr), err);
		return false;
	}
	return true;
}

bool binding_open_in_way(struct binding *b)
{
	return open_held(b, SOCKET_IN_WAY);
}

/* What was its holder's until now is ours, with our options; what nobody has any more is opened. */
bool binding_complete(struct binding *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct bound *s = &b->list[i];

		if (s->fd < 0 && s->udp.fd < 0)
			continue;
		if (s->held == SOCKET_THERE && s->udp.fd >= 0)
			udp_renew(&s->udp, &b->spec.udp);
		else if (s->held == SOCKET_THERE)
			renew_rights(s);
		s->held = SOCKET_ELSEWHERE;
	}
	return open_held(b, SOCKET_THERE) && open_held(b, SOCKET_IN_WAY);
}

/* ---- from the address to the sockets -------------------------------------------------- */

static void finish(struct binding *b, enum binding_end end)
{
	b->done(b->user, end, end == BINDING_OPEN ? NULL : b->why);
}

static void on_resolved(void *user, const struct sockaddr_storage *addrs, size_t count,
			const char *error)
{
	struct binding *b = user;

	b->query = NULL;
	if (count > 0) {
		finish(b, open_all(b, addrs, count));
		return;
	}
	snprintf(b->why, sizeof(b->why), "cannot listen on %s: %s", b->spec.at->text, error);
	finish(b, BINDING_NO_NAME);
}

static bool have_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* What needs no name: a path, or every address, of both families in one socket. */
static void on_soon(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct binding *b = w->data;
	struct sockaddr_storage addr = { .ss_family = have_ipv6() ? AF_INET6 : AF_INET };
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&addr;
	const char *path = b->spec.at->path;

	if (path != NULL && strlen(path) >= sizeof(un->sun_path)) {
		snprintf(b->why, sizeof(b->why), "%.300s: the path is too long for a socket", path);
		finish(b, BINDING_FAILED);
		return;
	}
	if (path != NULL) {
		un->sun_family = AF_UNIX;
		strcpy(un->sun_path, path);
	}
	finish(b, open_all(b, &addr, 1));
}

struct binding *binding_start(struct reactor *r, const struct binding_spec *spec,
			      binding_done_fn *done, void *user)
{
	struct binding *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->reactor = r;
	b->spec = *spec;
	b->done = done;
	b->user = user;
	ev_timer_init(&b->soon, on_soon, 0., 0.);
	b->soon.data = b;
	if (spec->at->path != NULL || spec->at->host[0] == '\0') {
		ev_timer_start(r->loop, &b->soon);
		return b;
	}
	b->query = resolve_start(r->resolver, spec->at->host, spec->at->port, on_resolved, b);
	if (b->query != NULL)
		return b;
	free(b);
	return NULL;
}

void binding_free(struct binding *b)
{
	if (b == NULL)
		return;
	if (b->query != NULL)
		resolve_cancel(b->query);
	ev_timer_stop(b->reactor->loop, &b->soon);
	close_all(b);
	free(b);
}
