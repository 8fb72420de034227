/* udp_way.c - which way the datagrams of a socket take: by which device, with which mark, from which address of ours. */
#include "udp_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- device and mark ----------------------------------------------------------------- */

/* Since Linux 5.7 everybody may bind to a device what is bound to none yet. */
static int set_device(const struct udp *u, const char *device)
{
#ifdef SO_BINDTODEVICE
	return setsockopt(u->fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0
		       ? -errno
		       : 0;
#else
	(void)u;
	(void)device;
	return -ENOSYS;
#endif
}

static int set_mark(const struct udp *u, uint32_t mark)
{
#ifdef SO_MARK
	return setsockopt(u->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ? -errno : 0;
#else
	(void)u;
	(void)mark;
	return -ENOSYS;
#endif
}

int udp_set_way(struct udp *u, const struct udp_options *opt)
{
	int err = 0;

	if (opt->device != NULL) {
		u->step = UDP_DEVICE;
		err = set_device(u, opt->device);
	}
	if (err == 0 && opt->mark != 0) {
		u->step = UDP_MARK;
		err = set_mark(u, opt->mark);
	}
	return err;
}

bool udp_lost_device(const struct udp *u, const struct udp_options *opt)
{
#ifdef SO_BINDTODEVICE
	char name[IFNAMSIZ + 1] = "";
	socklen_t len = IFNAMSIZ;

	if (opt->device == NULL)
		return false;
	return getsockopt(u->fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) != 0 ||
	       strcmp(name, opt->device) != 0;
#else
	(void)u;
	(void)opt;
	return false;
#endif
}

/* ---- the source ---------------------------------------------------------------------- */

/* Of "fe80::1%eth0" the device, by its name or number; 0: there is none. */
static uint32_t zone_of(const char *text)
{
	unsigned index = if_nametoindex(text);

	return index != 0 ? index : (uint32_t)strtoul(text, NULL, 10);
}

static bool is_v4(const char *text)
{
	struct in_addr addr;

	return inet_pton(AF_INET, text, &addr) == 1;
}

static int parse_v6(const char *text, union udp_sockaddr *a)
{
	char bare[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "%");

	snprintf(bare, sizeof(bare), "%.*s", (int)n, text);
	a->v6.sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, bare, &a->v6.sin6_addr) != 1)
		return -EINVAL;
	if (text[n] != '%')
		return 0;
	a->v6.sin6_scope_id = zone_of(text + n + 1);
	return a->v6.sin6_scope_id != 0 ? 0 : -ENODEV;
}

static int bind_source(int fd, sa_family_t family, const char *text)
{
	union udp_sockaddr a;
	int err = 0;

	memset(&a, 0, sizeof(a));
	if (family != (is_v4(text) ? AF_INET : AF_INET6))
		return -EAFNOSUPPORT;
	a.sa.sa_family = family;
	if (family == AF_INET)
		inet_pton(AF_INET, text, &a.v4.sin_addr);
	else
		err = parse_v6(text, &a);
	if (err == 0 && bind(fd, &a.sa, family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)) < 0)
		err = -errno;
	return err;
}

int udp_bind_source(struct udp *u, const struct udp_options *opt)
{
	if (opt->source == NULL)
		return 0;
	u->step = UDP_SOURCE;
	return bind_source(u->fd, u->family, opt->source);
}

bool udp_source_suits(const struct udp_path *peer, const struct udp_options *opt)
{
	return opt->source == NULL ||
	       peer->peer.sa.sa_family == (is_v4(opt->source) ? AF_INET : AF_INET6);
}

static int source_of(int fd, struct udp_path *ours)
{
	union udp_sockaddr a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) < 0)
		return -errno;
	return udp_path_init(ours, &a.sa, len) ? 0 : -EAFNOSUPPORT;
}

int udp_source(const struct udp *u, struct udp_path *ours)
{
	return source_of(u->fd, ours);
}

int udp_source_to(const struct udp_path *peer, const struct udp_options *opt, struct udp_path *ours)
{
	struct udp probe = { .family = peer->peer.sa.sa_family };
	int err;

	probe.fd = udp_open_socket(probe.family);
	if (probe.fd < 0)
		return -errno;
	err = udp_set_way(&probe, opt);
	if (err == 0)
		err = udp_bind_source(&probe, opt);
	if (err == 0)
		err = connect(probe.fd, &peer->peer.sa, peer->peer_len) < 0
			      ? -errno
			      : udp_source(&probe, ours);
	close(probe.fd);
	return err;
}

/* ---- in words ------------------------------------------------------------------------ */

static const char *device_text(int err)
{
	switch (err) {
	case ENODEV:
		return "there is no such device";
	case EPERM:
		return "not permitted; before Linux 5.7 it takes CAP_NET_RAW";
	default:
		return strerror(err);
	}
}

static const char *mark_text(int err)
{
	return err == EPERM ? "not permitted; it takes CAP_NET_ADMIN, as kcptun.ini(5) says"
			    : strerror(err);
}

static const char *source_text(int err)
{
	switch (err) {
	case EADDRNOTAVAIL:
		return "this machine does not have the address";
	case ENODEV:
		return "there is no device of the name that is behind its percent sign";
	case EAFNOSUPPORT:
		return "the address is not of the server's family";
	default:
		return strerror(err);
	}
}

/* "with bind = 192.0.2.1, fwmark = 0x7": what narrows the ways that a socket can take. */
static void add_ways(const struct udp_options *opt, char *buf)
{
	const char *before = "with ";
	size_t n = 0;

	buf[0] = '\0';
	if (opt->source != NULL) {
		n += (size_t)snprintf(buf + n, UDP_WHY_BYTES - n, "%sbind = %.64s", before,
				      opt->source);
		before = ", ";
	}
	if (opt->device != NULL) {
		n += (size_t)snprintf(buf + n, UDP_WHY_BYTES - n, "%sinterface = %.32s", before,
				      opt->device);
		before = ", ";
	}
	if (opt->mark != 0)
		snprintf(buf + n, UDP_WHY_BYTES - n, "%sfwmark = %#x", before, opt->mark);
}

const char *udp_refusal_text(enum udp_step step, int err, const struct udp_options *opt,
			     char buf[UDP_WHY_BYTES])
{
	size_t n;

	err = err < 0 ? -err : err;
	switch (step) {
	case UDP_DEVICE:
		snprintf(buf, UDP_WHY_BYTES, "interface = %s: %s", opt->device, device_text(err));
		break;
	case UDP_MARK:
		snprintf(buf, UDP_WHY_BYTES, "fwmark = %#x: %s", opt->mark, mark_text(err));
		break;
	case UDP_SOURCE:
		snprintf(buf, UDP_WHY_BYTES, "bind = %s: %s", opt->source, source_text(err));
		break;
	case UDP_CONNECT:
		add_ways(opt, buf);
		n = strlen(buf);
		snprintf(buf + n, UDP_WHY_BYTES - n, "%s%s", n > 0 ? ": " : "", strerror(err));
		break;
	default:
		snprintf(buf, UDP_WHY_BYTES, "%s", strerror(err));
	}
	return buf;
}
