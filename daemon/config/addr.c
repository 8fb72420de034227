/* addr.c - addresses: their text to parts, and whether two collide. */
#include "config_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

enum { HOST_MAX = 253, PORT_DIGITS = 5 };

/* ---- ports ----------------------------------------------------------------- */

/* Digits up to `end` as a port; 0 when they are none. */
static uint16_t port_number(const char *p, const char *end)
{
	uint32_t v = 0;

	if (p == end || end - p > PORT_DIGITS)
		return 0;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		v = v * 10 + (uint32_t)(*p - '0');
	}
	return v <= UINT16_MAX ? (uint16_t)v : 0;
}

static bool parse_ports(struct conf_addr *a, const char *text, unsigned allow, char *why)
{
	const char *dash = strchr(text, '-'), *end = text + strlen(text);
	char quoted[CONF_QUOTE_BYTES];

	a->port = port_number(text, dash ? dash : end);
	a->port_last = dash ? port_number(dash + 1, end) : a->port;
	if (a->port == 0 || a->port_last == 0)
		return conf_wrong(why, "'%s' is no port%s: 1 to 65535%s", conf_quote(quoted, text),
				  dash ? " range" : "", allow & ADDR_RANGE ? ", or first-last" : "");
	if (dash && !(allow & ADDR_RANGE))
		return conf_wrong(why, "takes one port, not the range %s", conf_quote(quoted, text));
	if (a->port > a->port_last)
		return conf_wrong(why, "the port range %s ends before it starts",
				  conf_quote(quoted, text));
	return true;
}

/* ---- hosts ----------------------------------------------------------------- */

static bool is_v6(const char *host)
{
	struct in6_addr addr;
	size_t n = strcspn(host, "%");
	char bare[INET6_ADDRSTRLEN];

	if (n >= sizeof(bare))
		return false;
	memcpy(bare, host, n);
	bare[n] = '\0';
	/* a scope may follow: fe80::1%eth0 */
	return inet_pton(AF_INET6, bare, &addr) == 1 && (host[n] == '\0' || host[n + 1] != '\0');
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

static bool check_name(const char *host, char *why)
{
	struct in_addr v4;
	char quoted[CONF_QUOTE_BYTES];

	if (strlen(host) > HOST_MAX)
		return conf_wrong(why, "the host name is longer than %d characters", HOST_MAX);
	for (const char *p = host; *p; p++) {
		if (!is_name_char(*p))
			return conf_wrong(why, "'%s' is no host name or address%s",
					  conf_quote(quoted, host),
					  strcmp(host, "*") == 0
						  ? "; every local address is written :PORT"
						  : "");
	}
	/* No name ends in a number, so this was meant as an address. */
	if (strspn(host, "0123456789.") == strlen(host) && inet_pton(AF_INET, host, &v4) != 1)
		return conf_wrong(why, "'%s' is no IPv4 address", conf_quote(quoted, host));
	return true;
}

static bool check_host(const char *host, bool bracketed, unsigned allow, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (bracketed) {
		if (is_v6(host))
			return true;
		return conf_wrong(why, "'%s' in brackets is no IPv6 address",
				  conf_quote(quoted, host));
	}
	if (host[0] == '\0') {
		if (allow & ADDR_WILDCARD)
			return true;
		return conf_wrong(why, "the host before the port is missing");
	}
	if (strchr(host, ':'))
		return conf_wrong(why, "an IPv6 address goes in brackets: [::1]:29900");
	return check_name(host, why);
}

/* ---- whole addresses ------------------------------------------------------- */

static bool parse_path(struct conf_addr *a, const char *text, unsigned allow, char *why)
{
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (!(allow & ADDR_PATH))
		return conf_wrong(why, "is UDP and takes host:port, not a path");
	if (strlen(text) > max)
		return conf_wrong(why, "the path is longer than %zu bytes, the most a socket can have",
				  max);
	a->path = strdup(text);
	return a->path || conf_wrong(why, "out of memory");
}

/* host:port or [host]:port. */
static bool parse_host_port(struct conf_addr *a, const char *text, unsigned allow, char *why)
{
	bool bracketed = text[0] == '[';
	const char *host = text + bracketed;
	const char *end = bracketed ? strchr(text, ']') : strrchr(text, ':');
	const char *colon = bracketed && end ? end + 1 : end;
	char quoted[CONF_QUOTE_BYTES];

	if (bracketed && !end)
		return conf_wrong(why, "a ']' is missing");
	if (!colon || *colon != ':')
		return conf_wrong(why, "'%s' has no port; write host:port%s",
				  conf_quote(quoted, text),
				  allow & ADDR_PATH ? ", or a path with a slash in it" : "");
	a->host = strndup(host, (size_t)(end - host));
	if (!a->host)
		return conf_wrong(why, "out of memory");
	return check_host(a->host, bracketed, allow, why) && parse_ports(a, colon + 1, allow, why);
}

bool conf_addr_parse(struct conf_addr *a, const char *text, unsigned allow, char *why)
{
	struct conf_addr fresh = { .text = strdup(text) };
	bool ok;

	if (!fresh.text)
		return conf_wrong(why, "out of memory");
	ok = strchr(text, '/') ? parse_path(&fresh, text, allow, why)
			       : parse_host_port(&fresh, text, allow, why);
	if (!ok) {
		conf_addr_dispose(&fresh);
		return false;
	}
	*a = fresh;
	return true;
}

/* False when there was something to copy and no memory for it. */
static bool copy_text(char **to, const char *from)
{
	*to = from != NULL ? strdup(from) : NULL;
	return *to != NULL || from == NULL;
}

bool conf_addr_copy(struct conf_addr *to, const struct conf_addr *from)
{
	*to = (struct conf_addr){ .port = from->port,
				  .port_last = from->port_last,
				  .rights = from->rights };
	if (copy_text(&to->text, from->text) && copy_text(&to->host, from->host) &&
	    copy_text(&to->path, from->path))
		return true;
	conf_addr_dispose(to);
	return false;
}

void conf_addr_dispose(struct conf_addr *a)
{
	free(a->text);
	free(a->host);
	free(a->path);
	*a = (struct conf_addr){ 0 };
}

/* ---- collisions ------------------------------------------------------------ */

/* What a socket bound to a host takes. */
enum reach {
	REACH_ALL,  /* "" or [::], which takes IPv4 as well */
	REACH_ALL4, /* 0.0.0.0 */
	REACH_V4,
	REACH_V6,
	REACH_NAME,
};

struct place {
	enum reach reach;
	uint8_t addr[16];
	const char *rest; /* of REACH_NAME the name, of REACH_V6 the scope */
};

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

static struct place place_of_v6(const char *host)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct place p = { .reach = REACH_V6, .rest = host + strcspn(host, "%") };
	char bare[INET6_ADDRSTRLEN] = "";

	memcpy(bare, host, (size_t)(p.rest - host)); /* is_v6() saw that it fits */
	inet_pton(AF_INET6, bare, p.addr);
	if (all_zero(p.addr, sizeof(p.addr))) {
		p.reach = REACH_ALL;
	} else if (memcmp(p.addr, mapped, sizeof(mapped)) == 0) {
		memmove(p.addr, p.addr + sizeof(mapped), 4);
		memset(p.addr + 4, 0, sizeof(mapped));
		p.reach = all_zero(p.addr, 4) ? REACH_ALL4 : REACH_V4;
	}
	return p;
}

static struct place place_of(const char *host)
{
	struct place p = { .reach = REACH_NAME, .rest = host };

	if (host[0] == '\0')
		p.reach = REACH_ALL;
	else if (inet_pton(AF_INET, host, p.addr) == 1)
		p.reach = all_zero(p.addr, 4) ? REACH_ALL4 : REACH_V4;
	else if (is_v6(host))
		p = place_of_v6(host);
	return p;
}

static bool places_collide(const struct place *a, const struct place *b)
{
	if (a->reach == REACH_ALL || b->reach == REACH_ALL)
		return true;
	if (a->reach == REACH_ALL4)
		return b->reach == REACH_ALL4 || b->reach == REACH_V4;
	if (b->reach == REACH_ALL4)
		return a->reach == REACH_V4;
	if (a->reach != b->reach)
		return false;
	if (a->reach == REACH_NAME)
		return strcasecmp(a->rest, b->rest) == 0;
	if (a->reach == REACH_V6 && strcmp(a->rest, b->rest) != 0)
		return false;
	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

bool conf_addr_collide(const struct conf_addr *a, const struct conf_addr *b)
{
	struct place pa, pb;

	if (a->path || b->path)
		return a->path && b->path && strcmp(a->path, b->path) == 0;
	if (a->port > b->port_last || b->port > a->port_last)
		return false;
	pa = place_of(a->host);
	pb = place_of(b->host);
	return places_collide(&pa, &pb);
}
