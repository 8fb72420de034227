/* way_value.c - values of bind, interface and fwmark: which way a tunnel's datagrams take. */
#include "config_impl.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of a socket option that this system does not have at all. */
#ifdef SO_BINDTODEVICE
#define HAVE_DEVICE true
#else
#define HAVE_DEVICE false
#endif
#ifdef SO_MARK
#define HAVE_MARK true
#else
#define HAVE_MARK false
#endif
#define NOT_HERE "takes %s, a socket option that this system does not have"

static char **text_of(const struct conf_row *row, void *base)
{
	return (char **)(void *)((uint8_t *)base + row->offset);
}

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

static bool keep(const struct conf_row *row, const char *text, void *base, char *why)
{
	char *copy = strdup(text);

	if (!copy)
		return conf_wrong(why, "out of memory");
	*text_of(row, base) = copy;
	return true;
}

static void print_or_none(const struct conf_row *row, const void *base, FILE *out)
{
	const char *text = *(char *const *)(const void *)((const uint8_t *)base + row->offset);

	fputs(text ? text : "none", out);
}

static void dispose(const struct conf_row *row, void *base)
{
	char **p = text_of(row, base);

	free(*p);
	*p = NULL;
}

/* ---- interface ------------------------------------------------------------------------- */

/* As the kernel has it (dev_valid_name()). */
static bool is_device_name(const char *text)
{
	if (text[0] == '\0' || strlen(text) >= IFNAMSIZ || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		return false;
	for (; *text; text++)
		if (*text == '/' || *text == ':' || isspace((unsigned char)*text))
			return false;
	return true;
}

static bool parse_device(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (is_none(text))
		return true;
	if (!HAVE_DEVICE)
		return conf_wrong(why, NOT_HERE, "SO_BINDTODEVICE");
	if (!is_device_name(text))
		return conf_wrong(why,
				  "'%s' is no name of a network device, such as eth0: at most %d "
				  "characters, without slash, colon or blank",
				  conf_quote(quoted, text), IFNAMSIZ - 1);
	return keep(row, text, base, why);
}

/* ---- bind ------------------------------------------------------------------------------ */

/* A zone may follow: fe80::1%eth0. */
static bool is_v6(const char *text, struct in6_addr *addr)
{
	size_t n = strcspn(text, "%");
	char bare[INET6_ADDRSTRLEN];

	if (n >= sizeof(bare))
		return false;
	memcpy(bare, text, n);
	bare[n] = '\0';
	return inet_pton(AF_INET6, bare, addr) == 1 &&
	       (text[n] == '\0' || is_device_name(text + n + 1));
}

static bool parse_source(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES], v4[INET_ADDRSTRLEN];
	struct in6_addr addr;
	struct in_addr addr4;

	if (is_none(text))
		return true;
	if (inet_pton(AF_INET, text, &addr4) == 1)
		return keep(row, text, base, why);
	if (!is_v6(text, &addr))
		return conf_wrong(why,
				  "'%s' is neither an IPv4 nor an IPv6 address; write it without port "
				  "and brackets, as 192.0.2.7 or 2001:db8::7",
				  conf_quote(quoted, text));
	if (IN6_IS_ADDR_V4MAPPED(&addr))
		return conf_wrong(why, "'%s' is an IPv4 address; write %s", conf_quote(quoted, text),
				  inet_ntop(AF_INET, addr.s6_addr + 12, v4, sizeof(v4)));
	return keep(row, text, base, why);
}

/* ---- fwmark ---------------------------------------------------------------------------- */

/* Decimal or hexadecimal, as ip-rule(8) and iptables(8) take it. */
static bool parse_mark(const struct conf_row *row, const char *text, void *base, char *why)
{
	bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	const char *first = hex ? text + 2 : text;
	size_t n = strspn(first, hex ? "0123456789abcdefABCDEF" : "0123456789");
	char quoted[CONF_QUOTE_BYTES];
	uint64_t v = 0;

	if (n > 0 && first[n] == '\0' && strlen(first) <= 16)
		v = strtoull(first, NULL, hex ? 16 : 10);
	else
		n = 0;
	if (n == 0 || v > UINT32_MAX)
		return conf_wrong(why, "'%s' is no mark: 0 to 4294967295, or 0x0 to 0xffffffff",
				  conf_quote(quoted, text));
	if (v != 0 && !HAVE_MARK)
		return conf_wrong(why, NOT_HERE, "SO_MARK");
	*(unsigned *)(void *)((uint8_t *)base + row->offset) = (unsigned)v;
	return true;
}

static void print_mark(const struct conf_row *row, const void *base, FILE *out)
{
	fprintf(out, "%u", *(const unsigned *)(const void *)((const uint8_t *)base + row->offset));
}

/* ---- between tunnels ------------------------------------------------------------------- */

static bool same_device(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	return a->interface && b->interface ? strcmp(a->interface, b->interface) == 0
					    : a->interface == b->interface;
}

/* A client's are for the datagrams that it sends, not for where it listens. */
bool conf_tunnels_apart(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	return a->role == ROLE_SERVER && b->role == ROLE_SERVER && a->interface && b->interface &&
	       !same_device(a, b);
}

bool conf_tunnels_same_way(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	return a->role == ROLE_CLIENT || (same_device(a, b) && a->fwmark == b->fwmark);
}

const struct conf_type conf_type_source = { CONF_TEXT, "address or none", parse_source,
					    print_or_none, dispose };
const struct conf_type conf_type_device = { CONF_TEXT, "name or none", parse_device, print_or_none,
					    dispose };
const struct conf_type conf_type_mark = { CONF_NUMBER, "0..0xffffffff", parse_mark, print_mark, NULL };
