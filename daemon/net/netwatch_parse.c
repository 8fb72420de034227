/* netwatch_parse.c - which messages of rtnetlink(7) may change the way to a host. */
#include "netwatch_impl.h"

#ifdef __linux__

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* One that is not yet known to be no duplicate cannot be used; when it can, that is told, too. */
static bool address_matters(const struct ifaddrmsg *a)
{
	return !(a->ifa_flags & IFA_F_TENTATIVE);
}

/* Local and broadcast routes come with addresses. */
static bool route_matters(const struct rtmsg *r)
{
	return !(r->rtm_flags & RTM_F_CLONED) && r->rtm_type != RTN_LOCAL &&
	       r->rtm_type != RTN_BROADCAST && r->rtm_type != RTN_ANYCAST &&
	       r->rtm_type != RTN_MULTICAST;
}

/* The IPv4 routes of a link that is taken down go without a word. */
static bool link_matters(const struct ifinfomsg *i)
{
	return i->ifi_change & IFF_UP;
}

static bool message_matters(const struct nlmsghdr *h)
{
	size_t bytes = h->nlmsg_len - NLMSG_HDRLEN;
	const void *body = (const unsigned char *)h + NLMSG_HDRLEN;

	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return bytes >= sizeof(struct ifaddrmsg) && address_matters(body);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return bytes >= sizeof(struct rtmsg) && route_matters(body);
	case RTM_NEWLINK:
		return bytes >= sizeof(struct ifinfomsg) && link_matters(body);
	case RTM_DELLINK:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return true;
	default:
		return false;
	}
}

bool netwatch_matters(const void *datagram, size_t bytes)
{
	const unsigned char *at = datagram;

	while (bytes >= NLMSG_HDRLEN) {
		const struct nlmsghdr *h = (const void *)at;
		size_t step;

		if (h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > bytes)
			return false;
		if (message_matters(h))
			return true;
		step = NLMSG_ALIGN((size_t)h->nlmsg_len);
		if (step >= bytes)
			return false;
		at += step;
		bytes -= step;
	}
	return false;
}

#else

bool netwatch_matters(const void *datagram, size_t bytes)
{
	(void)datagram;
	(void)bytes;
	return false;
}

#endif
