/* check.c - rules between keys and between tunnels, and what follows from them. */
#include "config_impl.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "fec.h"
#include "kcp.h"

/* kcptun has this key built in, so everybody knows it. */
static const char published_key[] = "it's a secrect";

#define MAKE_KEY "make one with: " CONF_GENKEY

enum { TITLE_BYTES = CONF_NAME_MAX + 16, IN_LINE_BYTES = CONF_LINE_BYTES + 8, SHARDS_BYTES = 16 };

/* The tunnel that is being checked. */
struct check {
	struct conf_reporter *r;
	struct conf_tunnel *t;
	char title[TITLE_BYTES]; /* "[client home]" */
};

static struct check check_of(struct conf_reporter *r, struct conf_tunnel *t)
{
	struct check k = { .r = r, .t = t };

	snprintf(k.title, sizeof(k.title), "[%s %s]", t->role == ROLE_CLIENT ? "client" : "server",
		 t->name);
	return k;
}

static enum conf_from from(const struct conf_tunnel *t, enum conf_id id)
{
	return t->origins[id].from;
}

/* Where a value was given, or for a built-in one the tunnel's header. */
static struct conf_place place(const struct check *k, enum conf_id id)
{
	const struct conf_origin *o = &k->t->origins[id];

	return (struct conf_place){
		.file = o->from == CONF_BUILTIN ? k->t->file : o->file,
		.line = o->from == CONF_BUILTIN ? k->t->line : o->line,
		.section = o->from == CONF_DEFAULTS ? "[defaults]" : k->title,
		.key = conf_rows[id].name,
	};
}

/* Of the keys in a rule the one to name: that given closest to the tunnel. */
static struct conf_place blame(const struct check *k, const enum conf_id *ids, size_t count)
{
	enum conf_id worst = ids[0];

	for (size_t i = 1; i < count; i++) {
		if (from(k->t, ids[i]) > from(k->t, worst))
			worst = ids[i];
	}
	return place(k, worst);
}

/* " in line 12", as the key `here` is to name it; nothing when there are no lines. */
static const char *in_line(const struct check *k, enum conf_id here, enum conf_id id,
			   char buf[static IN_LINE_BYTES])
{
	const struct conf_origin *o = &k->t->origins[id];
	char line[CONF_LINE_BYTES];

	buf[0] = '\0';
	if (!k->r->no_file)
		snprintf(buf, IN_LINE_BYTES, " in %s",
			 conf_line_text(k->r, place(k, here).file, o->file, o->line, line));
	return buf;
}

/* A rule about values of which one did not parse has nothing to say. */
static bool known(const struct check *k, const enum conf_id *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (k->t->origins[ids[i]].bad)
			return false;
	}
	return true;
}

/* ---- what must be there ------------------------------------------------------- */

static void need_address(const struct check *k, enum conf_id id, const char *example)
{
	if (from(k->t, id) == CONF_BUILTIN)
		conf_fault(k->r, place(k, id), "is missing; for example %s = %s",
			   conf_rows[id].name, example);
}

static void check_addresses(const struct check *k)
{
	if (k->t->role == ROLE_CLIENT) {
		need_address(k, KEY_LOCALADDR, "127.0.0.1:12948");
		need_address(k, KEY_REMOTEADDR, "vps.example.net:29900");
	} else {
		need_address(k, KEY_LISTEN, ":29900");
		need_address(k, KEY_TARGET, "127.0.0.1:8388");
	}
}

/* ---- the key ------------------------------------------------------------------ */

static void forget_key(struct conf_tunnel *t)
{
	conf_wipe_free(t->key, t->key_len);
	t->key = NULL;
	t->key_len = 0;
}

static void load_keyfile(const struct check *k)
{
	char why[CONF_WHY_BYTES], warning[CONF_WHY_BYTES];
	unsigned file = k->t->origins[KEY_KEYFILE].file;

	forget_key(k->t); /* the one inherited */
	if (!conf_keyfile_read(k->t, k->r->no_file ? "" : conf_reporter_file(k->r, file), why, warning))
		conf_fault(k->r, place(k, KEY_KEYFILE), "%s", why);
	else if (warning[0] != '\0')
		conf_warn(k->r, place(k, KEY_KEYFILE), "%s", warning);
}

static void doubt_key(const struct check *k)
{
	const uint8_t *key = k->t->key;
	size_t n = k->t->key_len;

	if (n == strlen(published_key) && memcmp(key, published_key, n) == 0)
		conf_warn(k->r, place(k, KEY_KEY),
			  "is the one built into kcptun, which everybody "
			  "knows; " MAKE_KEY);
	else if (n == strlen(CONF_NOT_SHOWN) && memcmp(key, CONF_NOT_SHOWN, n) == 0)
		conf_warn(k->r, place(k, KEY_KEY),
			  "is what stands for a key that was not shown, and no secret");
	else if (n >= 2 && (key[0] == '"' || key[0] == '\'') && key[n - 1] == key[0])
		conf_warn(k->r, place(k, KEY_KEY), "the quotes around it are part of it");
}

/* Wherever it is from. */
static void doubt_length(const struct check *k, enum conf_id id)
{
	if (k->t->key && k->t->key_len < CONF_KEY_GOOD)
		conf_warn(k->r, place(k, id),
			  "the key has fewer than %d characters, so that it can be guessed; " MAKE_KEY,
			  CONF_KEY_GOOD);
}

/* Of key and keyfile the one given closer to the tunnel holds. */
static void settle_key(const struct check *k)
{
	struct conf_tunnel *t = k->t;
	enum conf_from key = from(t, KEY_KEY), keyfile = from(t, KEY_KEYFILE);
	char line[IN_LINE_BYTES];

	if (t->origins[KEY_KEY].bad || t->origins[KEY_KEYFILE].bad)
		return;
	if (key == CONF_BUILTIN && keyfile == CONF_BUILTIN) {
		conf_fault(k->r, place(k, KEY_KEY),
			   "is missing, as is keyfile; both ends need "
			   "the same, " MAKE_KEY);
	} else if (key == keyfile) {
		conf_fault(k->r, place(k, KEY_KEYFILE), "stands beside key%s; give one of them",
			   in_line(k, KEY_KEYFILE, KEY_KEY, line));
	} else if (keyfile > key) {
		load_keyfile(k);
		doubt_length(k, KEY_KEYFILE);
	} else {
		free(t->keyfile);
		t->keyfile = NULL;
		doubt_key(k);
		doubt_length(k, KEY_KEY);
	}
}

/* ---- a Unix socket --------------------------------------------------------------- */

/* A group is given it to connect. */
static void settle_rights(const struct check *k)
{
	enum { FOR_GROUP = 0660 };
	struct conf_tunnel *t = k->t;
	struct conf_rights *rights = &t->localaddr.rights;
	const struct group *g = t->socketgroup ? getgrnam(t->socketgroup) : NULL;

	if (!t->localaddr.path)
		return;
	rights->has_group = g != NULL;
	rights->group = g ? g->gr_gid : 0;
	rights->has_mode = t->socketmode != CONF_AUTO || g;
	rights->mode = t->socketmode != CONF_AUTO ? t->socketmode : FOR_GROUP;
}

/* ---- keys that follow from others ----------------------------------------------- */

static void settle_mode(const struct check *k)
{
	struct conf_tunnel *t = k->t;
	const struct conf_mode *m = &conf_modes[t->mode];

	if (conf_is_manual(t))
		return;
	t->nodelay = m->nodelay;
	t->interval_ms = m->interval_ms;
	t->resend = m->resend;
	t->nc = m->nc;
}

/* Who comes from kcptun's manual mode says it by nc. */
bool conf_nc_decides(const struct conf_tunnel *t)
{
	return conf_is_manual(t) && from(t, KEY_NC) != CONF_BUILTIN &&
	       from(t, KEY_CONGESTION) == CONF_BUILTIN;
}

static void settle_congestion(const struct check *k)
{
	struct conf_tunnel *t = k->t;

	if (conf_nc_decides(t))
		t->congestion = t->nc ? SESSION_NONE : SESSION_RENO;
}

/* nocomp = no says that there is to be some, where nothing says of which kind. */
static bool agree(const struct conf_tunnel *t)
{
	if (t->compression == CODEC_UNKNOWN)
		return !t->nocomp && from(t, KEY_NOCOMP) <= from(t, KEY_COMPRESSION);
	return t->nocomp == (t->compression == CODEC_NONE);
}

/* Of nocomp and compression the one given closer to the tunnel holds. */
static void settle_compression(const struct check *k)
{
	static const enum conf_id ids[] = { KEY_NOCOMP, KEY_COMPRESSION };
	struct conf_tunnel *t = k->t;
	enum conf_from nocomp = from(t, KEY_NOCOMP), compression = from(t, KEY_COMPRESSION);
	char line[IN_LINE_BYTES];

	if (!known(k, ids, ARRAY_LEN(ids)))
		return;
	if (!agree(t) && nocomp == compression && nocomp != CONF_BUILTIN)
		conf_fault(k->r, place(k, KEY_NOCOMP), "contradicts compression%s",
			   in_line(k, KEY_NOCOMP, KEY_COMPRESSION, line));
	else if (!agree(t) && nocomp > compression)
		t->compression = t->nocomp ? CODEC_NONE : CODEC_SNAPPY;
	t->nocomp = t->compression == CODEC_NONE;
}

/* Who gives one gets it, or a word of why not. */
static void check_codec(const struct check *k)
{
	static const enum conf_id ids[] = { KEY_COMPRESSION, KEY_NOCOMP };
	const struct conf_tunnel *t = k->t;

	if (t->role != ROLE_CLIENT || !known(k, ids, ARRAY_LEN(ids)) ||
	    t->compression == CODEC_UNKNOWN || codec_built_in(t->compression))
		return;
	conf_fault(k->r, blame(k, ids, ARRAY_LEN(ids)),
		   "is %s, which this kcptund was built without; say nocomp = yes, and the same at a server "
		   "that is a kcptun",
		   codec_name(t->compression));
}

static void check_cipher(const struct check *k)
{
	const struct conf_tunnel *t = k->t;

	if (!t->origins[KEY_CRYPT].bad && !seal_built_in(t->crypt))
		conf_fault(k->r, place(k, KEY_CRYPT), "is %s: %s", t->crypt->name,
			   seal_missing(t->crypt));
}

static const char *shards_text(unsigned shards, char buf[static SHARDS_BYTES])
{
	if (shards == CONF_AUTO)
		return "auto";
	snprintf(buf, SHARDS_BYTES, "%u", shards);
	return buf;
}

/* Of a set of which only one number is known nothing can be made. */
static void check_half_auto(const struct check *k, struct conf_place at)
{
	const struct conf_tunnel *t = k->t;
	char data[SHARDS_BYTES], parity[SHARDS_BYTES];

	if (t->datashard != t->parityshard)
		conf_fault(k->r, at,
			   "datashard is %s and parityshard is %s; give a number to both, or to neither",
			   shards_text(t->datashard, data), shards_text(t->parityshard, parity));
}

/* Of the one that is not 0, if it was given where the other was, or closer: what a tunnel turns off is
 * of use to others. */
static void warn_of_half_fec(const struct check *k)
{
	const struct conf_tunnel *t = k->t;
	enum conf_id zero = t->datashard == 0 ? KEY_DATASHARD : KEY_PARITYSHARD;
	enum conf_id other = t->datashard == 0 ? KEY_PARITYSHARD : KEY_DATASHARD;
	unsigned value = t->datashard == 0 ? t->parityshard : t->datashard;

	if (value != 0 && value != CONF_AUTO && from(t, other) >= from(t, zero))
		conf_warn(k->r, place(k, other),
			  "has no effect with %s = 0: there is no error correction",
			  conf_rows[zero].name);
}

static void settle_fec(const struct check *k)
{
	static const enum conf_id ids[] = { KEY_DATASHARD, KEY_PARITYSHARD };
	struct conf_tunnel *t = k->t;

	if (!known(k, ids, ARRAY_LEN(ids)))
		return;
	if (t->datashard == 0 || t->parityshard == 0) {
		warn_of_half_fec(k);
		t->datashard = t->parityshard = 0;
	} else if (t->datashard == CONF_AUTO || t->parityshard == CONF_AUTO)
		check_half_auto(k, blame(k, ids, ARRAY_LEN(ids)));
	else if (t->datashard + t->parityshard > FEC_SHARDS_MAX)
		conf_fault(k->r, blame(k, ids, ARRAY_LEN(ids)),
			   "datashard + parityshard is %u; "
			   "at most %d shards make a set",
			   t->datashard + t->parityshard, FEC_SHARDS_MAX);
}

/* ---- sizes ------------------------------------------------------------------------ */

/* A server may have to follow a client that has it. */
static size_t fec_bytes(const struct conf_tunnel *t)
{
	return t->role == ROLE_CLIENT && t->datashard == 0 ? 0 : FEC_HEADER_DATA;
}

static void check_mtu(const struct check *k)
{
	static const enum conf_id ids[] = { KEY_MTU, KEY_CRYPT, KEY_DATASHARD, KEY_PARITYSHARD };
	const struct conf_tunnel *t = k->t;
	size_t seal, fec, least;

	if (!known(k, ids, ARRAY_LEN(ids)))
		return;
	seal = t->crypt->head + t->crypt->tail;
	fec = fec_bytes(t);
	least = seal + fec + KCP_MTU_MIN;
	if (t->mtu_bytes < least)
		conf_fault(k->r, blame(k, ids, ARRAY_LEN(ids)),
			   "an mtu of %u is below %zu: %s "
			   "takes %zu, error correction %zu and KCP %d",
			   t->mtu_bytes, least, t->crypt->name, seal, fec, KCP_MTU_MIN);
}

static void check_buffers(const struct check *k)
{
	static const enum conf_id ids[] = { KEY_STREAMBUF, KEY_SMUXBUF, KEY_FRAMESIZE, KEY_SMUXVER };
	const struct conf_tunnel *t = k->t;

	if (!known(k, ids, ARRAY_LEN(ids)) || (t->role == ROLE_CLIENT && t->smuxver == 1))
		return;
	if (t->streambuf_bytes == CONF_AUTO)
		return;
	if (t->streambuf_bytes > t->smuxbuf_bytes)
		conf_fault(k->r, blame(k, ids, 2),
			   "streambuf, %u, is above smuxbuf, %u: one "
			   "stream cannot hold more than the session",
			   t->streambuf_bytes, t->smuxbuf_bytes);
	if (t->framesize_bytes > t->streambuf_bytes)
		conf_warn(k->r, blame(k, (enum conf_id[]){ KEY_FRAMESIZE, KEY_STREAMBUF }, 2),
			  "framesize, %u, is above streambuf, %u: a frame so large will not be sent "
			  "to a peer with the same streambuf",
			  t->framesize_bytes, t->streambuf_bytes);
}

static void check_silence(const struct check *k)
{
	static const enum conf_id ids[] = { KEY_SESSIONTIMEOUT, KEY_KEEPALIVE };
	const struct conf_tunnel *t = k->t;

	if (known(k, ids, ARRAY_LEN(ids)) && t->sessiontimeout_s <= t->keepalive_s)
		conf_fault(k->r, blame(k, ids, ARRAY_LEN(ids)),
			   "a sessiontimeout of %u ends sessions before the next sign of life, after a "
			   "keepalive of %u",
			   t->sessiontimeout_s, t->keepalive_s);
}

static void check_qpp(const struct check *k)
{
	const struct conf_tunnel *t = k->t;

	if (t->qpp && !t->origins[KEY_QPP_COUNT].bad && t->qpp_count % 2 == 0)
		conf_warn(k->r, place(k, KEY_QPP_COUNT),
			  "%u is even, which makes QPP weak; take a "
			  "prime, such as 61",
			  t->qpp_count);
}

static void check_tunnel(struct conf_tunnel *t, struct conf_reporter *r)
{
	struct check k = check_of(r, t);

	check_addresses(&k);
	settle_rights(&k);
	settle_key(&k);
	settle_mode(&k);
	settle_congestion(&k);
	settle_compression(&k);
	check_codec(&k);
	check_cipher(&k);
	settle_fec(&k);
	check_mtu(&k);
	check_buffers(&k);
	check_silence(&k);
	check_qpp(&k);
}

/* ---- keys without effect ------------------------------------------------------------ */

static bool nc_has_effect(const struct conf_tunnel *t, const char **why)
{
	bool manual = conf_is_manual(t) || t->origins[KEY_MODE].bad;

	*why = manual ? "has no effect beside congestion" : "has no effect without mode = manual";
	return manual && (from(t, KEY_CONGESTION) == CONF_BUILTIN || t->origins[KEY_CONGESTION].bad);
}

bool conf_key_has_effect(const struct conf_tunnel *t, enum conf_id id, const char **why)
{
	switch (id) {
	case KEY_NODELAY:
	case KEY_INTERVAL:
	case KEY_RESEND:
		*why = "has no effect without mode = manual";
		return conf_is_manual(t) || t->origins[KEY_MODE].bad;
	case KEY_NC:
		return nc_has_effect(t, why);
	case KEY_SCAVENGETTL:
		*why = "has no effect without autoexpire";
		return t->autoexpire_s > 0 || t->origins[KEY_AUTOEXPIRE].bad;
	case KEY_QPP_COUNT:
		*why = "has no effect without qpp = yes";
		return t->qpp || t->origins[KEY_QPP].bad;
	case KEY_STREAMBUF:
		*why = "has no effect with smuxver = 1";
		return t->role == ROLE_SERVER || t->smuxver != 1;
	case KEY_SOCKETMODE:
	case KEY_SOCKETGROUP:
		*why = "has no effect unless localaddr is a path";
		return t->localaddr.path || t->origins[KEY_LOCALADDR].bad;
	case KEY_SNMPPERIOD:
		*why = "has no effect without snmplog";
		return t->snmplog || t->origins[KEY_SNMPLOG].bad;
	case KEY_COMPRESSION:
	case KEY_NOCOMP:
	case KEY_SMUXVER:
		*why = "has no effect in a server, which follows each client";
		return t->role == ROLE_CLIENT;
	default:
		return true;
	}
}

bool conf_key_idle(const struct conf_tunnel *t, const char *name)
{
	unsigned where = conf_where(t->role);
	const struct conf_row *row = conf_row_find(name, where);
	const char *why;

	return row && !conf_key_has_effect(t, (enum conf_id)(row - conf_rows), &why);
}

static bool belongs(const struct conf_tunnel *t, enum conf_id id)
{
	return conf_rows[id].where & conf_where(t->role);
}

/* A value of [defaults] is idle when all that inherit it have no use for it. */
static void check_effect(struct config *c, enum conf_id id, struct conf_reporter *r)
{
	struct conf_tunnel *idle = NULL;
	const char *why = "", *idle_why = "";
	bool used = false;

	for (size_t i = 0; i < c->tunnel_count; i++) {
		struct conf_tunnel *t = c->tunnels[i];
		struct check k = check_of(r, t);
		bool effect;

		if (!belongs(t, id) || from(t, id) == CONF_BUILTIN || t->origins[id].bad)
			continue;
		effect = conf_key_has_effect(t, id, &why);
		if (from(t, id) == CONF_DEFAULTS) {
			used = used || effect;
			idle = t;
			idle_why = why;
		} else if (!effect) {
			conf_warn(r, place(&k, id), "%s", why);
		}
	}
	if (idle && !used) {
		struct check k = check_of(r, idle);

		conf_warn(r, place(&k, id), "%s", idle_why);
	}
}

/* ---- between tunnels ------------------------------------------------------------------ */

static enum conf_id bound_key(const struct conf_tunnel *t)
{
	return t->role == ROLE_CLIENT ? KEY_LOCALADDR : KEY_LISTEN;
}

const struct conf_addr *conf_tunnel_bound(const struct conf_tunnel *t)
{
	return t->role == ROLE_CLIENT ? &t->localaddr : &t->listen;
}

static void tell_collision(struct conf_tunnel *a, struct conf_tunnel *b, struct conf_reporter *r)
{
	enum conf_id id = bound_key(a);
	struct check ka = check_of(r, a), kb = check_of(r, b);
	struct conf_place at_a = place(&ka, id), at_b = place(&kb, id);
	char line[CONF_LINE_BYTES];

	if (from(a, id) == CONF_DEFAULTS && from(b, id) == CONF_DEFAULTS)
		conf_fault(r, at_b, "%s is inherited by %s and by %s; each needs its own",
			   conf_tunnel_bound(b)->text, ka.title, kb.title);
	else
		conf_fault(r, at_b, "%s collides with %s of %s in %s", conf_tunnel_bound(b)->text,
			   conf_tunnel_bound(a)->text, ka.title,
			   conf_line_text(r, at_b.file, at_a.file, at_a.line, line));
}

/* Clients listen on TCP or a Unix socket and servers on UDP: they never meet. */
bool conf_tunnels_collide(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	return a->role == b->role && conf_tunnel_bound(a)->text && conf_tunnel_bound(b)->text &&
	       conf_addr_collide(conf_tunnel_bound(a), conf_tunnel_bound(b)) &&
	       !conf_tunnels_apart(a, b);
}

static void check_collisions(struct config *c, struct conf_reporter *r)
{
	for (size_t i = 1; i < c->tunnel_count && !conf_reporter_full(r); i++) {
		struct conf_tunnel *b = c->tunnels[i];

		for (size_t j = 0; j < i; j++)
			if (conf_tunnels_collide(c->tunnels[j], b))
				tell_collision(c->tunnels[j], b, r);
	}
}

/* ---- files of counters ----------------------------------------------------------------- */

/* Who writes a snmplog: a tunnel or the daemon. */
struct writer {
	const char *path; /* NULL: nobody */
	const char *title;
	const struct conf_origin *origin;
};

static struct writer writer_of(const struct config *c, const struct check *k)
{
	if (k->t)
		return (struct writer){ k->t->snmplog, k->title, &k->t->origins[KEY_SNMPLOG] };
	return (struct writer){ c->daemon.snmplog, "[daemon]",
				&c->daemon.origins[KEY_DAEMON_SNMPLOG] };
}

/* Past slashes and "./" that do not change what a path means. */
static const char *next_part(const char *path)
{
	while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	return path;
}

static bool same_path(const char *a, const char *b)
{
	if ((a[0] == '/') != (b[0] == '/'))
		return false;
	for (;;) {
		size_t n;

		a = next_part(a);
		b = next_part(b);
		n = strcspn(a, "/");
		if (n != strcspn(b, "/") || memcmp(a, b, n) != 0)
			return false;
		if (n == 0)
			return true;
		a += n;
		b += n;
	}
}

/* Lines of two in one file cannot be told apart. */
static void tell_shared(const struct writer *a, const struct writer *b, struct conf_reporter *r)
{
	bool inherited = b->origin->from == CONF_DEFAULTS;
	struct conf_place at = {
		.file = b->origin->file,
		.line = b->origin->line,
		.section = inherited ? "[defaults]" : b->title,
		.key = "snmplog",
	};
	char line[CONF_LINE_BYTES];

	if (inherited && a->origin->from == CONF_DEFAULTS)
		conf_fault(r, at, "%s is inherited by %s and by %s; each needs its own", b->path,
			   a->title, b->title);
	else
		conf_fault(r, at, "%s is the file of %s, too, in %s; each needs its own", b->path,
			   a->title,
			   conf_line_text(r, at.file, a->origin->file, a->origin->line, line));
}

static void check_snmplogs(struct config *c, struct conf_reporter *r)
{
	for (size_t i = 0; i < c->tunnel_count && !conf_reporter_full(r); i++) {
		struct check kb = check_of(r, c->tunnels[i]);
		struct writer b = writer_of(c, &kb);

		for (size_t j = 0; b.path && j <= i; j++) {
			struct check ka = { 0 };
			struct writer a;

			if (j > 0)
				ka = check_of(r, c->tunnels[j - 1]);
			a = writer_of(c, &ka);
			if (a.path && same_path(a.path, b.path))
				tell_shared(&a, &b, r);
		}
	}
}

static struct conf_place daemon_place(const struct config *c, enum conf_id id)
{
	const struct conf_origin *o = &c->daemon.origins[id];

	return (struct conf_place){ .file = o->file,
				    .line = o->line,
				    .section = "[daemon]",
				    .key = conf_rows[id].name };
}

static void refuse_without_jansson(const struct config *c, enum conf_id id, bool set,
				   struct conf_reporter *r)
{
	if (set && c->daemon.origins[id].from != CONF_BUILTIN)
		conf_fault(r, daemon_place(c, id), CONF_WITHOUT_JANSSON);
}

static void check_daemon(struct config *c, struct conf_reporter *r)
{
	const struct conf_origin *period = &c->daemon.origins[KEY_DAEMON_SNMPPERIOD];

	if (period->from != CONF_BUILTIN && !c->daemon.snmplog &&
	    !c->daemon.origins[KEY_DAEMON_SNMPLOG].bad)
		conf_warn(r, daemon_place(c, KEY_DAEMON_SNMPPERIOD), "has no effect without snmplog");
	if (c->daemon.group && !c->daemon.user && !c->daemon.origins[KEY_USER].bad)
		conf_warn(r, daemon_place(c, KEY_GROUP), "has no effect without user");
	if (KT_JANSSON)
		return;
	refuse_without_jansson(c, KEY_CONTROL, c->daemon.control != NULL, r);
	refuse_without_jansson(c, KEY_METRICS, c->daemon.metrics.text != NULL, r);
	if (c->daemon.origins[KEY_CONTROL].from == CONF_BUILTIN) {
		free(c->daemon.control);
		c->daemon.control = NULL;
	}
}

/* Both are TCP, and only one of them could listen. */
static void check_metrics(struct config *c, struct conf_reporter *r)
{
	const struct conf_origin *metrics = &c->daemon.origins[KEY_METRICS];

	for (size_t i = 0; i < c->tunnel_count && !conf_reporter_full(r); i++) {
		struct conf_tunnel *t = c->tunnels[i];
		struct check k = check_of(r, t);
		struct conf_place at = place(&k, KEY_LOCALADDR);
		char line[CONF_LINE_BYTES];

		if (!c->daemon.metrics.text || !t->localaddr.text ||
		    !conf_addr_collide(&c->daemon.metrics, &t->localaddr))
			continue;
		if (r->no_file)
			conf_fault(r, at, "%s collides with metrics, %s", t->localaddr.text,
				   c->daemon.metrics.text);
		else
			conf_fault(r, at, "%s collides with metrics, %s, of [daemon] in %s",
				   t->localaddr.text, c->daemon.metrics.text,
				   conf_line_text(r, at.file, metrics->file, metrics->line, line));
	}
}

void conf_check(struct config *c, struct conf_reporter *r)
{
	for (size_t i = 0; i < c->tunnel_count; i++)
		check_tunnel(c->tunnels[i], r);
	for (enum conf_id id = 0; id < KEY_COUNT; id++)
		check_effect(c, id, r);
	check_collisions(c, r);
	check_metrics(c, r);
	check_snmplogs(c, r);
	check_daemon(c, r);
	/* The last: a file of which nothing else is wrong may just not be filled in yet. */
	if (c->tunnel_count == 0 && r->error_count == 0)
		conf_fault(r, (struct conf_place){ 0 },
			   "has no tunnel; add a section [client NAME] "
			   "or [server NAME]");
}
