/* value.c - one value: its text to a field of a struct, and back. */
#include "config_impl.h"

#include <assert.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include <openssl/crypto.h>

#include "log.h"

static void *field(const struct conf_row *row, void *base)
{
	return (uint8_t *)base + row->offset;
}

static const void *field_const(const struct conf_row *row, const void *base)
{
	return (const uint8_t *)base + row->offset;
}

void conf_wipe_free(void *p, size_t n)
{
	if (p)
		OPENSSL_cleanse(p, n);
	free(p);
}

enum { CHOICES_MAX = 32 };

/* Index of `text` in a list of `count` names that `name_of` tells; `count` when it is none.  Then
 * `why` lists them, and says which was meant: what `foreign`, if not NULL, has for it, or the nearest. */
static size_t choose(const char *text, size_t count, const char *(*name_of)(size_t),
		     const char *(*foreign)(const char *), char *why)
{
	char quoted[CONF_QUOTE_BYTES];
	const char *names[CHOICES_MAX], *meant;
	size_t len;

	assert(count <= CHOICES_MAX);
	for (size_t i = 0; i < count; i++) {
		names[i] = name_of(i);
		if (strcmp(text, names[i]) == 0)
			return i;
	}
	conf_why(why, "'%s' is none of", conf_quote(quoted, text));
	for (size_t i = 0; i < count; i++) {
		len = strlen(why);
		snprintf(why + len, CONF_WHY_BYTES - len, "%s %s", i > 0 ? "," : "", names[i]);
	}
	meant = foreign ? foreign(text) : NULL;
	if (!meant)
		meant = conf_nearest(text, names, count);
	len = strlen(why);
	if (meant)
		snprintf(why + len, CONF_WHY_BYTES - len, "; did you mean %s?", meant);
	return count;
}

/* ---- numbers ---------------------------------------------------------------- */

/* Decimal digits up to `end`; false when there is anything else or it passes INT64_MAX. */
static bool digits(const char *p, const char *end, int64_t *out)
{
	int64_t v = 0;

	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return false;
	}
	*out = v;
	return true;
}

static bool in_range(const struct conf_row *row, int64_t v, char *why)
{
	if (v < row->min)
		return conf_wrong(why, "%" PRId64 " is below %" PRId64 ", the least allowed", v,
				  row->min);
	if (v > row->max)
		return conf_wrong(why, "%" PRId64 " is above %" PRId64 "%s%s", v, row->max,
				  row->beyond ? ": " : ", the most allowed",
				  row->beyond ? row->beyond : "");
	return true;
}

static bool parse_number(const struct conf_row *row, const char *text, int64_t *out, char *why)
{
	const char *first = text + (text[0] == '-');
	bool or_auto = row->type == &conf_type_auto;
	char quoted[CONF_QUOTE_BYTES];
	int64_t v;

	if (!digits(first, text + strlen(text), &v))
		return conf_wrong(why, "'%s' is %s a number from %" PRId64 " to %" PRId64,
				  conf_quote(quoted, text), or_auto ? "neither auto nor" : "not",
				  row->min, row->max);
	*out = first > text ? -v : v;
	return in_range(row, *out, why);
}

static bool parse_unsigned(const struct conf_row *row, const char *text, void *base, char *why)
{
	int64_t v;

	if (!parse_number(row, text, &v, why))
		return false;
	*(unsigned *)field(row, base) = (unsigned)v;
	return true;
}

static void print_unsigned(const struct conf_row *row, const void *base, FILE *out)
{
	fprintf(out, "%u", *(const unsigned *)field_const(row, base));
}

static bool parse_auto(const struct conf_row *row, const char *text, void *base, char *why)
{
	if (strcmp(text, "auto") != 0)
		return parse_unsigned(row, text, base, why);
	*(unsigned *)field(row, base) = CONF_AUTO;
	return true;
}

static void print_auto(const struct conf_row *row, const void *base, FILE *out)
{
	if (*(const unsigned *)field_const(row, base) == CONF_AUTO)
		fputs("auto", out);
	else
		print_unsigned(row, base, out);
}

/* -1 means that it never ends; 0 .. max are seconds. */
static bool parse_ttl(const struct conf_row *row, const char *text, void *base, char *why)
{
	int64_t v;

	if (!parse_number(row, text, &v, why))
		return false;
	*(int *)field(row, base) = (int)v;
	return true;
}

static void print_ttl(const struct conf_row *row, const void *base, FILE *out)
{
	fprintf(out, "%d", *(const int *)field_const(row, base));
}

/* A number with one of K, M, G behind it, of 1024 each. */
static bool parse_size(const struct conf_row *row, const char *text, int64_t *out, char *why)
{
	static const char units[] = "kmg";
	const char *end = text + strlen(text);
	const char *unit = end > text ? strchr(units, end[-1] | 0x20) : NULL;
	int64_t scale = unit ? INT64_C(1) << 10 * (unit - units + 1) : 1;
	char quoted[CONF_QUOTE_BYTES];
	int64_t v;

	if (!digits(text, unit ? end - 1 : end, &v) || __builtin_mul_overflow(v, scale, out))
		return conf_wrong(why, "'%s' is not a number of bytes, such as 65536, 64K or 4M",
				  conf_quote(quoted, text));
	return in_range(row, *out, why);
}

static bool parse_bytes(const struct conf_row *row, const char *text, void *base, char *why)
{
	int64_t v;

	if (!parse_size(row, text, &v, why))
		return false;
	*(unsigned *)field(row, base) = (unsigned)v;
	return true;
}

static bool parse_auto_bytes(const struct conf_row *row, const char *text, void *base, char *why)
{
	if (strcmp(text, "auto") != 0)
		return parse_bytes(row, text, base, why);
	*(unsigned *)field(row, base) = CONF_AUTO;
	return true;
}

static bool parse_rate(const struct conf_row *row, const char *text, void *base, char *why)
{
	int64_t v;

	if (!parse_size(row, text, &v, why))
		return false;
	*(uint64_t *)field(row, base) = (uint64_t)v;
	return true;
}

static void print_rate(const struct conf_row *row, const void *base, FILE *out)
{
	fprintf(out, "%" PRIu64, *(const uint64_t *)field_const(row, base));
}

const struct conf_type conf_type_unsigned = { CONF_NUMBER, NULL, parse_unsigned, print_unsigned,
					      NULL };
const struct conf_type conf_type_auto = { CONF_NUMBER, NULL, parse_auto, print_auto, NULL };
const struct conf_type conf_type_bytes = { CONF_NUMBER, NULL, parse_bytes, print_unsigned, NULL };
const struct conf_type conf_type_auto_bytes = { CONF_NUMBER, NULL, parse_auto_bytes, print_auto,
						NULL };
const struct conf_type conf_type_rate = { CONF_NUMBER, NULL, parse_rate, print_rate, NULL };
const struct conf_type conf_type_ttl = { CONF_NUMBER, NULL, parse_ttl, print_ttl, NULL };

/* ---- yes or no -------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const words[4])
{
	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

static bool parse_bool(const struct conf_row *row, const char *text, void *base, char *why)
{
	static const char *const yes[4] = { "yes", "true", "on", "1" };
	static const char *const no[4] = { "no", "false", "off", "0" };
	bool is_yes = is_one_of(text, yes);
	char quoted[CONF_QUOTE_BYTES];

	if (!is_yes && !is_one_of(text, no))
		return conf_wrong(why, "'%s' is neither yes nor no", conf_quote(quoted, text));
	*(bool *)field(row, base) = is_yes;
	return true;
}

static void print_bool(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(*(const bool *)field_const(row, base) ? "yes" : "no", out);
}

const struct conf_type conf_type_bool = { CONF_SWITCH, "yes or no", parse_bool, print_bool, NULL };

/* ---- text ------------------------------------------------------------------- */

static bool parse_path(const struct conf_row *row, const char *text, void *base, char *why)
{
	char *copy = strdup(text);

	if (!copy)
		return conf_wrong(why, "out of memory");
	*(char **)field(row, base) = copy;
	return true;
}

static void print_path(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(*(char *const *)field_const(row, base), out);
}

static void dispose_path(const struct conf_row *row, void *base)
{
	char **p = field(row, base);

	free(*p);
	*p = NULL;
}

/* The only row of this type is `key` of a tunnel. */
static bool parse_secret(const struct conf_row *row, const char *text, void *base, char *why)
{
	struct conf_tunnel *t = base;

	t->key = (uint8_t *)strdup(text);
	if (!t->key)
		return conf_wrong(why, "out of memory");
	t->key_len = strlen(text);
	return true;
}

static void dispose_secret(const struct conf_row *row, void *base)
{
	struct conf_tunnel *t = base;

	conf_wipe_free(t->key, t->key_len);
	t->key = NULL;
	t->key_len = 0;
}

const struct conf_type conf_type_path = { CONF_TEXT, "path", parse_path, print_path, dispose_path };
const struct conf_type conf_type_secret = { CONF_HIDDEN, "text", parse_secret, NULL, dispose_secret };

/* ---- addresses -------------------------------------------------------------- */

static bool parse_stream(const struct conf_row *row, const char *text, void *base, char *why)
{
	return conf_addr_parse(field(row, base), text, ADDR_PATH | ADDR_WILDCARD, why);
}

static bool parse_listen(const struct conf_row *row, const char *text, void *base, char *why)
{
	return conf_addr_parse(field(row, base), text, ADDR_RANGE | ADDR_WILDCARD, why);
}

static void print_addr(const struct conf_row *row, const void *base, FILE *out)
{
	const struct conf_addr *a = field_const(row, base);

	fputs(a->text, out);
}

static void dispose_addr(const struct conf_row *row, void *base)
{
	conf_addr_dispose(field(row, base));
}

const struct conf_type conf_type_stream_addr = { CONF_TEXT, "host:port or path", parse_stream,
						 print_addr, dispose_addr };
const struct conf_type conf_type_listen_addr = { CONF_TEXT, "host:port[-port]", parse_listen,
						 print_addr, dispose_addr };

/* ---- sockets of the daemon itself -------------------------------------------- */

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

static bool parse_control(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (is_none(text))
		return true;
	if (text[0] != '/')
		return conf_wrong(why, "'%s' is neither none nor a path that starts with /",
				  conf_quote(quoted, text));
	if (strlen(text) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return conf_wrong(why, "'%s' is too long for the path of a socket",
				  conf_quote(quoted, text));
	return parse_path(row, text, base, why);
}

static void print_control(const struct conf_row *row, const void *base, FILE *out)
{
	const char *path = *(char *const *)field_const(row, base);

	fputs(path ? path : "none", out);
}

static bool parse_metrics(const struct conf_row *row, const char *text, void *base, char *why)
{
	return is_none(text) || conf_addr_parse(field(row, base), text, ADDR_WILDCARD, why);
}

static void print_metrics(const struct conf_row *row, const void *base, FILE *out)
{
	const struct conf_addr *a = field_const(row, base);

	fputs(a->text ? a->text : "none", out);
}

/* A layout with a slash at its end names no file. */
static bool parse_snmplog(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (is_none(text))
		return true;
	if (text[strlen(text) - 1] == '/')
		return conf_wrong(why, "'%s' is a folder; name a file in it",
				  conf_quote(quoted, text));
	if (strlen(text) >= PATH_MAX / 2) /* a layout may be longer when it is filled in */
		return conf_wrong(why, "'%s' is too long for the path of a file",
				  conf_quote(quoted, text));
	return parse_path(row, text, base, why);
}

/* Of several folders that systemd made the first. */
static bool parse_statedir(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES], first[PATH_MAX];
	const char *dirs = getenv("STATE_DIRECTORY");
	struct conf_daemon *d = base;

	d->statedir_auto = strcmp(text, "auto") == 0;
	if (d->statedir_auto) {
		if (dirs == NULL || dirs[0] != '/')
			return true;
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(dirs, ":"), dirs);
		text = first;
	}
	if (is_none(text))
		return true;
	if (text[0] != '/')
		return conf_wrong(why, "'%s' is neither auto nor none nor a path that starts with /",
				  conf_quote(quoted, text));
	return parse_path(row, text, base, why);
}

/* ---- further files ------------------------------------------------------------- */

/* It is followed where it stands, and leaves no value. */
static bool parse_include(const struct conf_row *row, const char *text, void *base, char *why)
{
	return true;
}

static void print_include(const struct conf_row *row, const void *base, FILE *out)
{
}

const struct conf_type conf_type_include = { CONF_TEXT, "path or pattern", parse_include,
					     print_include, NULL };

/* ---- users and groups --------------------------------------------------------- */

/* An unknown one is a fault at once: later nobody is left to become another. */
static bool parse_user(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (is_none(text))
		return true;
	if (getpwnam(text) == NULL)
		return conf_wrong(why, "there is no user '%s' here", conf_quote(quoted, text));
	return parse_path(row, text, base, why);
}

static bool parse_group(const struct conf_row *row, const char *text, void *base, char *why)
{
	char quoted[CONF_QUOTE_BYTES];

	if (is_none(text))
		return true;
	if (getgrnam(text) == NULL)
		return conf_wrong(why, "there is no group '%s' here", conf_quote(quoted, text));
	return parse_path(row, text, base, why);
}

/* Three or four octal digits, without the bits that mean nothing for a socket. */
static bool parse_file_mode(const struct conf_row *row, const char *text, void *base, char *why)
{
	const char *digit = text[0] == '0' && strlen(text) == 4 ? text + 1 : text;
	char quoted[CONF_QUOTE_BYTES];
	unsigned mode = 0;

	if (strcmp(text, "auto") == 0) {
		*(unsigned *)field(row, base) = CONF_AUTO;
		return true;
	}
	if (strlen(digit) != 3 || strspn(digit, "01234567") != 3)
		return conf_wrong(why, "'%s' is neither auto nor a mode, such as 0660",
				  conf_quote(quoted, text));
	for (; *digit; digit++)
		mode = mode << 3 | (unsigned)(*digit - '0');
	*(unsigned *)field(row, base) = mode;
	return true;
}

static void print_file_mode(const struct conf_row *row, const void *base, FILE *out)
{
	unsigned mode = *(const unsigned *)field_const(row, base);

	if (mode == CONF_AUTO)
		fputs("auto", out);
	else
		fprintf(out, "%04o", mode);
}

const struct conf_type conf_type_file_mode = { CONF_TEXT, "auto or a mode", parse_file_mode,
					       print_file_mode, NULL };
const struct conf_type conf_type_user = { CONF_TEXT, "name or none", parse_user, print_control,
					  dispose_path };
const struct conf_type conf_type_group = { CONF_TEXT, "name or none", parse_group, print_control,
					   dispose_path };
const struct conf_type conf_type_control = { CONF_TEXT, "path or none", parse_control,
					     print_control, dispose_path };
const struct conf_type conf_type_snmplog = { CONF_TEXT, "path or none", parse_snmplog,
					     print_control, dispose_path };
const struct conf_type conf_type_statedir = { CONF_TEXT, "path, auto or none", parse_statedir,
					      print_control, dispose_path };
const struct conf_type conf_type_metrics = { CONF_TEXT, "host:port or none", parse_metrics,
					     print_metrics, dispose_addr };

/* ---- names ------------------------------------------------------------------ */

static const char *crypt_name(size_t i)
{
	return seal_methods[i].name;
}

/* What others call them. */
static const char *foreign_crypt(const char *text)
{
	static const struct {
		const char *name, *ours;
	} names[] = {
		{ "aes-256", "aes, which is AES-256, or aes-256-gcm" },
		{ "aes256", "aes, which is AES-256, or aes-256-gcm" },
		{ "aes128", "aes-128 or aes-128-gcm" },
		{ "aes192", "aes-192" },
		{ "aes-cfb", "aes" },
		{ "aes-256-cfb", "aes" },
		{ "aes-192-cfb", "aes-192" },
		{ "aes-128-cfb", "aes-128" },
		{ "aes-gcm", "aes-256-gcm or aes-128-gcm" },
		{ "aes-192-gcm", "aes-256-gcm or aes-128-gcm" },
		{ "chacha20", "chacha20-poly1305" },
		{ "chacha20-ietf", "chacha20-poly1305" },
		{ "chacha20-ietf-poly1305", "chacha20-poly1305" },
		{ "xchacha20-poly1305", "chacha20-poly1305" },
		{ "des", "3des" },
		{ "tripledes", "3des" },
		{ "plain", "null or none" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcasecmp(names[i].name, text) == 0)
			return names[i].ours;
	}
	return NULL;
}

static bool parse_crypt(const struct conf_row *row, const char *text, void *base, char *why)
{
	const struct seal_method *m = seal_method_find(text);

	if (!m) {
		choose(text, seal_method_count, crypt_name, foreign_crypt, why);
		return false;
	}
	*(const struct seal_method **)field(row, base) = m;
	return true;
}

static void print_crypt(const struct conf_row *row, const void *base, FILE *out)
{
	fputs((*(const struct seal_method *const *)field_const(row, base))->name, out);
}

const struct conf_mode conf_modes[CONF_MODE_COUNT] = {
	{ "auto", 3, 10, 2, 1 },  { "normal", 0, 40, 2, 1 }, { "fast", 0, 30, 2, 1 },
	{ "fast2", 1, 20, 2, 1 }, { "fast3", 1, 10, 2, 1 },  { "manual", 0, 0, 0, 0 },
};

static const char *mode_name(size_t i)
{
	return conf_modes[i].name;
}

static bool parse_mode(const struct conf_row *row, const char *text, void *base, char *why)
{
	size_t i = choose(text, CONF_MODE_COUNT, mode_name, NULL, why);

	if (i == CONF_MODE_COUNT)
		return false;
	*(int *)field(row, base) = (int)i;
	return true;
}

static void print_mode(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(conf_modes[*(const int *)field_const(row, base)].name, out);
}

static const char *const congestions[] = {
	[SESSION_MODEL] = "model",
	[SESSION_RENO] = "reno",
	[SESSION_NONE] = "none",
};

static const char *congestion_name(size_t i)
{
	return congestions[i];
}

static bool parse_congestion(const struct conf_row *row, const char *text, void *base, char *why)
{
	size_t i = choose(text, ARRAY_LEN(congestions), congestion_name, NULL, why);

	if (i == ARRAY_LEN(congestions))
		return false;
	*(enum session_congestion *)field(row, base) = (enum session_congestion)i;
	return true;
}

static void print_congestion(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(congestions[*(const enum session_congestion *)field_const(row, base)], out);
}

static const char *const proxies[] = {
	[CONF_PROXY_NO] = "no",
	[CONF_PROXY_V2] = "v2",
};

static const char *proxy_name(size_t i)
{
	return proxies[i];
}

static bool parse_proxy(const struct conf_row *row, const char *text, void *base, char *why)
{
	size_t i = choose(text, ARRAY_LEN(proxies), proxy_name, NULL, why);

	if (i == ARRAY_LEN(proxies))
		return false;
	*(enum conf_proxy *)field(row, base) = (enum conf_proxy)i;
	return true;
}

static void print_proxy(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(proxies[*(const enum conf_proxy *)field_const(row, base)], out);
}

/* CODEC_UNKNOWN is auto. */
static const enum codec_kind codecs[] = { CODEC_UNKNOWN, CODEC_SNAPPY, CODEC_ZSTD, CODEC_NONE };

static const char *codec_or_auto(enum codec_kind kind)
{
	return kind == CODEC_UNKNOWN ? "auto" : codec_name(kind);
}

static const char *compression_name(size_t i)
{
	return codec_or_auto(codecs[i]);
}

static bool parse_compression(const struct conf_row *row, const char *text, void *base, char *why)
{
	size_t i = choose(text, ARRAY_LEN(codecs), compression_name, NULL, why);

	if (i == ARRAY_LEN(codecs))
		return false;
	*(enum codec_kind *)field(row, base) = codecs[i];
	return true;
}

static void print_compression(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(codec_or_auto(*(const enum codec_kind *)field_const(row, base)), out);
}

static const char *level_name(size_t i)
{
	return log_level_names[i];
}

static bool parse_loglevel(const struct conf_row *row, const char *text, void *base, char *why)
{
	size_t count = LOG_LEVEL_DEBUG + 1, i = choose(text, count, level_name, NULL, why);

	if (i == count)
		return false;
	*(int *)field(row, base) = (int)i;
	return true;
}

static void print_loglevel(const struct conf_row *row, const void *base, FILE *out)
{
	fputs(log_level_names[*(const int *)field_const(row, base)], out);
}

const struct conf_type conf_type_crypt = { CONF_TEXT, "name", parse_crypt, print_crypt, NULL };
const struct conf_type conf_type_mode = { CONF_TEXT, "auto, normal, fast, fast2, fast3 or manual",
					  parse_mode, print_mode, NULL };
const struct conf_type conf_type_congestion = { CONF_TEXT, "model, reno or none", parse_congestion,
						print_congestion, NULL };
const struct conf_type conf_type_proxy = { CONF_TEXT, "no or v2", parse_proxy, print_proxy, NULL };
const struct conf_type conf_type_compression = { CONF_TEXT, "auto, snappy, zstd or none",
						 parse_compression, print_compression, NULL };
const struct conf_type conf_type_loglevel = { CONF_TEXT, "error, warn, info or debug",
					      parse_loglevel, print_loglevel, NULL };
