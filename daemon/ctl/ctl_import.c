/* ctl_import.c - kcptun's JSON files as one kcptun.ini. */
#include "ctl_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "compat.h"
#include "wire.h"

enum { NAME_BYTES = 48 }; /* of a tunnel's name, with what makes it unique */

/* A tunnel, and where the address stands that it listens on. */
struct imported {
	struct conf_tunnel *tunnel;
	const char *path;
	int line; /* 0: it was not given */
};

struct import {
	FILE *out;
	struct imported *tunnels;
	size_t tunnel_count;
	char (*names)[NAME_BYTES]; /* of the tunnels so far */
	size_t name_count;
	conf_report_fn *report;
	void *user;
};

/* ---- names of tunnels -------------------------------------------------------- */

static bool is_taken(const struct import *im, const char *name)
{
	for (size_t i = 0; i < im->name_count; i++) {
		if (strcmp(im->names[i], name) == 0)
			return true;
	}
	return false;
}

/* "/etc/kcptun/my home.json" -> "my-home", or "my-home-2" if that is taken. */
static const char *name_tunnel(struct import *im, const char *path, const char *otherwise)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	int n = (int)(dot && dot > base ? (size_t)(dot - base) : strlen(base));
	char stem[NAME_BYTES - 8], *name = im->names[im->name_count];

	snprintf(stem, sizeof(stem), "%.*s", n, n > 0 ? base : otherwise);
	for (char *p = stem; *p; p++) {
		if (!strchr(allowed, *p))
			*p = '-';
	}
	snprintf(name, NAME_BYTES, "%s", stem[0] ? stem : otherwise);
	for (unsigned i = 2; is_taken(im, name); i++)
		snprintf(name, NAME_BYTES, "%.30s-%u", stem, i);
	im->name_count++;
	return name;
}

/* ---- roles ------------------------------------------------------------------- */

/* The line of it; 0: there is none. */
static int find_member(const struct compat_json *j, const char *wanted)
{
	json_t *value;
	const char *name;

	json_object_foreach(j->object, name, value) {
		if (strcasecmp(name, wanted) == 0 && !json_is_null(value))
			return compat_json_line(j, name);
	}
	return 0;
}

static int find_either(const struct compat_json *j, const char *a, const char *b)
{
	int line = find_member(j, a);

	return line > 0 ? line : find_member(j, b);
}

/* Only the addresses tell a client's file from a server's. */
static bool find_role(struct compat *c, const struct compat_json *j)
{
	int client = find_either(j, "localaddr", "remoteaddr");
	int server = find_either(j, "listen", "target");

	c->role = server > 0 ? ROLE_SERVER : ROLE_CLIENT;
	if ((client > 0) != (server > 0))
		return true;
	if (client > 0)
		compat_say(c, CONF_ERROR, NULL,
			   "has the addresses of a client, in line %d, and of a server, in line %d",
			   client, server);
	else
		compat_say(c, CONF_ERROR, NULL,
			   "has none of localaddr, remoteaddr, listen and target: it is neither a client's "
			   "nor a server's");
	return false;
}

/* ---- what kcptun has built in ------------------------------------------------ */

static void tell_defaults(struct compat *c)
{
	static const char *const addresses[][2] = {
		[ROLE_CLIENT] = { "localaddr", "remoteaddr" },
		[ROLE_SERVER] = { "listen", "target" },
	};

	for (size_t i = 0; i < 2; i++) {
		if (!settings_get(&c->settings, addresses[c->role][i]))
			compat_say(c, CONF_WARNING, addresses[c->role][i],
				   "is missing, so that "
				   "kcptun's own is taken");
	}
	if (c->log_path)
		compat_say(c, CONF_WARNING, "log",
			   "is left out: messages go to stderr, and from there "
			   "to the journal");
}

/* ---- keys that an INI file cannot hold --------------------------------------- */

static void ignore(void *user, enum conf_severity severity, const char *line)
{
}

/* Does the key come out of a kcptun.ini as it went in?  Whoever reads the file is asked. */
static bool survives(const char *key)
{
	struct config *c = NULL;
	char *text;
	bool same;

	if (asprintf(&text, "[client x]\nlocaladdr = :1\nremoteaddr = x:1\nkey = %s\n", key) < 0)
		return false;
	c = config_read_text(text, strlen(text), "key", ignore, NULL);
	same = c && c->tunnels[0]->key_len == strlen(key) &&
	       memcmp(c->tunnels[0]->key, key, strlen(key)) == 0;
	config_free(c);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return same;
}

static bool same_content(const char *path, const char *text)
{
	struct config *c;
	char *ini;
	bool same = false;

	if (asprintf(&ini, "[client x]\nlocaladdr = :1\nremoteaddr = x:1\nkeyfile = %s\n", path) < 0)
		return false;
	c = config_read_text(ini, strlen(ini), "", ignore, NULL);
	same = c && c->tunnels[0]->key_len == strlen(text) &&
	       memcmp(c->tunnels[0]->key, text, strlen(text)) == 0;
	config_free(c);
	free(ini);
	return same;
}

static bool write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, text, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		text += put;
		n -= (size_t)put;
	}
	return true;
}

/* The newline at the end is not part of the key. */
static bool write_key(const char *path, const char *key)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return errno == EEXIST && same_content(path, key);
	ok = write_all(fd, key, strlen(key)) && write_all(fd, "\n", 1);
	return close(fd) == 0 && ok;
}

static void move_key(struct compat *c, const char *name)
{
	const char *key = settings_get(&c->settings, "key");
	char path[NAME_BYTES + sizeof(".key")];

	if (!key || key[0] == '\0' || survives(key))
		return;
	snprintf(path, sizeof(path), "%s.key", name);
	if (!write_key(path, key)) {
		compat_say(c, CONF_ERROR, "key",
			   "cannot stand in an INI file as it is, and %s cannot "
			   "be written: %s",
			   path, strerror(errno));
		return;
	}
	compat_say(c, CONF_WARNING, "key",
		   "cannot stand in an INI file as it is; it is now in %s, "
		   "which belongs beside kcptun.ini",
		   path);
	settings_set(&c->settings, "keyfile", path);
	settings_drop(&c->settings, "key");
}

/* ---- output ------------------------------------------------------------------ */

/* Of other values only the path of a Unix socket could do harm. */
static bool is_plain(const char *value)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)value[i] < 0x20 || value[i] == 0x7f)
			return false;
	}
	return n > 0 && value[0] != ' ' && value[0] != ';' && value[n - 1] != ' ' &&
	       !strstr(value, " ;");
}

/* A key of [daemon] that tunnels have as well. */
static bool is_of_tunnels(const char *name)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		if (strcmp(info.name, name) == 0 && info.where != ON_DAEMON)
			return true;
	}
	return false;
}

static void print_key(struct compat *c, FILE *out, const struct conf_tunnel *t,
		      const struct conf_key_info *key)
{
	const char *value = settings_get(&c->settings, key->name);

	if (!value || conf_key_idle(t, key->name))
		return;
	if (key->where != ON_DAEMON) {
		if (strcmp(key->name, "key") != 0 && !is_plain(value))
			compat_say(c, CONF_ERROR, key->name, "cannot stand in an INI file");
		fprintf(out, "%s = %s\n", key->name, value);
	} else if (strcmp(key->name, "control") != 0 && !is_of_tunnels(key->name)) {
		compat_say(c, CONF_WARNING, key->name,
			   "is one for the whole daemon: write "
			   "\"%s = %.200s\" into [daemon]",
			   key->name, value);
	}
}

static void print_tunnel(struct compat *c, FILE *out, const struct conf_tunnel *t, const char *name)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	fprintf(out, "%s[%s %s]\n", ftell(out) > 0 ? "\n" : "",
		c->role == ROLE_CLIENT ? "client" : "server", name);
	for (size_t i = 0; i < conf_key_count(); i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		print_key(c, out, t, &info);
	}
}

/* ---- between files ----------------------------------------------------------- */

static const char *bound_key(const struct conf_tunnel *t)
{
	return t->role == ROLE_CLIENT ? "localaddr" : "listen";
}

/* "a.json:3" */
static void print_place(FILE *out, const struct imported *i)
{
	fputs(i->path, out);
	if (i->line > 0)
		fprintf(out, ":%d", i->line);
}

static void tell_collision(const struct import *im, const struct imported *a, const struct imported *b)
{
	char *line = NULL;
	size_t len;
	FILE *out = open_memstream(&line, &len);

	if (!out)
		return;
	print_place(out, b);
	fprintf(out, ": %s: %s collides with %s of ", bound_key(b->tunnel),
		conf_tunnel_bound(b->tunnel)->text, conf_tunnel_bound(a->tunnel)->text);
	print_place(out, a);
	if (fclose(out) == 0)
		im->report(im->user, CONF_ERROR, line);
	free(line);
}

/* Each is good by itself, but two may want the same address.  Takes the tunnel; false: it is told. */
static bool join(struct import *im, struct compat *c, struct conf_tunnel *t)
{
	const struct conf_setting *bound = settings_find(&c->settings, bound_key(t));
	struct imported *fresh = &im->tunnels[im->tunnel_count];
	bool good = true;

	*fresh = (struct imported){ .tunnel = t, .path = c->where, .line = bound ? bound->line : 0 };
	for (size_t i = 0; i < im->tunnel_count; i++) {
		if (!conf_tunnels_collide(im->tunnels[i].tunnel, t))
			continue;
		tell_collision(im, &im->tunnels[i], fresh);
		good = false;
	}
	im->tunnel_count++;
	return good;
}

/* ---- files ------------------------------------------------------------------- */

/* The options are all there: check them, and print them. */
static void convert(struct import *im, struct compat *c)
{
	const char *name = name_tunnel(im, c->where, c->role == ROLE_CLIENT ? "client" : "server");
	struct config *config;

	tell_defaults(c);
	compat_default_key(c);
	compat_finish(c);
	config = compat_config(c);
	if (!config) {
		c->error_count++;
		return;
	}
	move_key(c, name);
	print_tunnel(c, im->out, config->tunnels[0], name);
	if (!join(im, c, config->tunnels[0]))
		c->error_count++;
	config->tunnels[0] = NULL;
	config_free(config);
}

static bool import_file(struct import *im, const char *path)
{
	struct compat c = { .where = path, .report = im->report, .user = im->user };
	struct compat_json json;
	bool good;

	if (compat_json_load(&c, path, &json) && find_role(&c, &json)) {
		compat_json_take(&c, &json);
		if (c.error_count == 0)
			convert(im, &c);
	}
	compat_json_dispose(&json);
	good = c.error_count == 0 && !c.settings.failed;
	compat_dispose(&c);
	return good;
}

static bool import_all(struct import *im, const char *const *paths, size_t count)
{
	bool good = true;

	for (size_t i = 0; i < count; i++)
		good &= import_file(im, paths[i]);
	return good;
}

static void only_errors(void *user, enum conf_severity severity, const char *line)
{
	const struct import *im = user;

	if (severity == CONF_ERROR)
		im->report(im->user, severity, line);
}

/* What the checks of single files and of their addresses did not find. */
static bool check_whole(struct import *im, const char *text, size_t len)
{
	struct config *config = config_read_text(text, len, "kcptun.ini", only_errors, im);

	config_free(config);
	return config != NULL;
}

char *import_files(const char *const *paths, size_t count, conf_report_fn *report, void *user)
{
	struct import im = { .report = report, .user = user };
	char *text = NULL;
	size_t len = 0;
	bool good;

	im.names = calloc(count, sizeof(*im.names));
	im.tunnels = calloc(count, sizeof(*im.tunnels));
	im.out = im.names && im.tunnels ? open_memstream(&text, &len) : NULL;
	good = im.out && import_all(&im, paths, count);
	if (im.out)
		good = fclose(im.out) == 0 && good;
	else
		report(user, CONF_ERROR, "out of memory");
	free(im.names);
	for (size_t i = 0; i < im.tunnel_count; i++)
		conf_tunnel_free(im.tunnels[i].tunnel);
	free(im.tunnels);
	if (good && check_whole(&im, text, len))
		return text;
	if (text)
		OPENSSL_cleanse(text, len);
	free(text);
	return NULL;
}
