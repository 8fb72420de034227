/* source.c - the text of a file as sections of (key, value, line).
 *
 * inih splits the lines into names and values.  It silently cuts a line longer than its
 * buffer, joins an indented line to the one before, tells only the first line that it
 * could not read and says nothing of sections without keys.  So it gets its lines from
 * a reader of ours, which measures them, takes the indentation off, handles the section
 * headers itself and notices when nothing came of a line. */
#include "config_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* ---- bytes of a file --------------------------------------------------------- */

static char *slurp_into(int fd, size_t max, size_t *len, char *buf, char *why)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, buf + n, max + 1 - n);
		if (got < 0 && errno != EINTR) {
			conf_why(why, "cannot be read: %s", strerror(errno));
			return NULL;
		}
		n += got > 0 ? (size_t)got : 0;
	} while (got != 0 && n <= max);
	if (n > max) {
		conf_why(why, "is larger than %zu KiB", max >> 10);
		return NULL;
	}
	buf[n] = '\0';
	*len = n;
	return buf;
}

char *conf_slurp(int fd, size_t max, size_t *len, char *why)
{
	char *buf = malloc(max + 1);

	if (!buf) {
		conf_why(why, "out of memory");
		return NULL;
	}
	if (slurp_into(fd, max, len, buf, why))
		return buf;
	conf_wipe_free(buf, max + 1);
	return NULL;
}

/* ---- sections ---------------------------------------------------------------- */

static struct conf_section *section_new(unsigned where, int line, const char *title, const char *name)
{
	struct conf_section *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->where = where;
	s->line = line;
	s->title = strdup(title);
	s->name = name ? strdup(name) : NULL;
	if (s->title && (s->name || !name))
		return s;
	free(s->title);
	free(s->name);
	free(s);
	return NULL;
}

static void section_free(struct conf_section *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (s->values[i].text)
			conf_wipe_free(s->values[i].text, strlen(s->values[i].text));
	}
	free(s->title);
	free(s->name);
	free(s);
}

struct conf_section *conf_source_add_tunnel(struct conf_source *s, unsigned where, unsigned file,
					    int line, const char *title, const char *name)
{
	struct conf_section **grown;
	struct conf_section *section;

	grown = realloc(s->tunnels, (s->tunnel_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	s->tunnels = grown;
	section = section_new(where, line, title, name);
	if (!section)
		return NULL;
	section->file = file;
	s->tunnels[s->tunnel_count++] = section;
	return section;
}

/* ---- the reader -------------------------------------------------------------- */

struct reader {
	struct conf_source *source;
	struct conf_reporter *reporter;
	unsigned file, depth;         /* its number; how many lie between it and the first */
	int lines;                    /* taken so far */
	struct view line;             /* the last one */
	const char *at, *end;         /* what is still to be read */
	struct conf_section *current; /* NULL: of a header with a fault, its keys are skipped */
	bool started;                 /* a header was seen */
	bool expecting; /* inih was given a line with a key and has not called back yet */
};

static struct conf_place here(const struct reader *rd)
{
	return (struct conf_place){
		.file = rd->file,
		.line = rd->lines,
		.section = rd->current ? rd->current->title : NULL,
	};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct view trim(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	while (p < end && is_space(end[-1]))
		end--;
	return (struct view){ (const uint8_t *)p, (size_t)(end - p) };
}

static struct view take_line(struct reader *rd)
{
	size_t left = (size_t)(rd->end - rd->at);
	const char *start = rd->at, *newline = memchr(start, '\n', left);

	rd->at = newline ? newline + 1 : rd->end;
	rd->lines++;
	return trim(start, newline ? newline : rd->end);
}

static bool has_control(struct view line)
{
	for (size_t i = 0; i < line.n; i++) {
		if ((line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
			return true;
	}
	return false;
}

/* ---- section headers ---------------------------------------------------------- */

static const struct {
	const char *word;
	unsigned where;
	bool named;
} headers[] = {
	{ "daemon", ON_DAEMON, false },
	{ "defaults", ON_BOTH, false },
	{ "client", ON_CLIENT, true },
	{ "server", ON_SERVER, true },
};

static bool is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	return strspn(name, allowed) == strlen(name);
}

static const struct conf_section *find_tunnel(const struct conf_source *s, const char *name)
{
	for (size_t i = 0; i < s->tunnel_count; i++) {
		if (strcmp(s->tunnels[i]->name, name) == 0)
			return s->tunnels[i];
	}
	return NULL;
}

static void unknown_header(struct reader *rd, const char *title, const char *word)
{
	const char *words[ARRAY_LEN(headers)], *nearest;
	char quoted[CONF_QUOTE_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		words[i] = headers[i].word;
	nearest = conf_nearest(word, words, ARRAY_LEN(headers));
	if (nearest)
		conf_fault(rd->reporter, here(rd), "%s: unknown section; did you mean [%s%s]?",
			   conf_quote(quoted, title), nearest, nearest[0] == 'd' ? "" : " NAME");
	else
		conf_fault(rd->reporter, here(rd),
			   "%s: unknown section; there are [daemon], "
			   "[defaults], [client NAME] and [server NAME]",
			   conf_quote(quoted, title));
}

/* [daemon] or [defaults], each once in a file. */
static void open_single(struct reader *rd, size_t kind, const char *name)
{
	struct conf_source *s = rd->source;
	struct conf_section *section = headers[kind].where == ON_DAEMON ? s->daemon : s->defaults;
	bool is_second = section->line > 0 && section->file == rd->file;

	if (name[0] != '\0')
		conf_fault(rd->reporter, here(rd), "%s: this section takes no name", section->title);
	else if (is_second)
		conf_fault(rd->reporter, here(rd),
			   "%s: a second such section; the first is at "
			   "line %d",
			   section->title, section->line);
	if (!is_second) {
		section->file = rd->file;
		section->line = rd->lines;
	}
	rd->current = section;
}

static void add_tunnel(struct reader *rd, size_t kind, const char *title, const char *name,
		       const char *quoted)
{
	struct conf_source *s = rd->source;
	const struct conf_section *twin = find_tunnel(s, name);
	char line[CONF_LINE_BYTES];

	if (twin) /* it is read all the same, for its own faults */
		conf_fault(rd->reporter, here(rd), "%s: the name is taken by %s at %s", quoted,
			   twin->title,
			   conf_line_text(rd->reporter, rd->file, twin->file, twin->line, line));
	rd->current = conf_source_add_tunnel(s, headers[kind].where, rd->file, rd->lines, title, name);
	if (rd->current == NULL)
		conf_fault(rd->reporter, here(rd), "out of memory");
}

static void open_tunnel(struct reader *rd, size_t kind, const char *title, const char *name)
{
	struct conf_source *s = rd->source;
	char quoted[CONF_QUOTE_BYTES];

	conf_quote(quoted, title);
	if (name[0] == '\0')
		conf_fault(rd->reporter, here(rd), "%s: the tunnel needs a name: [%s NAME]", quoted,
			   headers[kind].word);
	else if (!is_name(name))
		conf_fault(rd->reporter, here(rd),
			   "%s: a name has letters, digits, '.', '_' and "
			   "'-' only",
			   quoted);
	else if (strlen(name) > CONF_NAME_MAX)
		conf_fault(rd->reporter, here(rd), "%s: a name has at most %d characters", quoted,
			   CONF_NAME_MAX);
	else if (s->tunnel_count == CONF_TUNNELS_MAX)
		conf_fault(rd->reporter, here(rd), "%s: more than %d tunnels", quoted,
			   CONF_TUNNELS_MAX);
	else
		add_tunnel(rd, kind, title, name, quoted);
}

/* "client  home " -> "client" and "home"; either may be empty. */
static void split_header(char *text, char **word, char **name)
{
	char *end = text + strlen(text);

	while (end > text && is_space(end[-1]))
		end--;
	*end = '\0';
	*word = text + strspn(text, " \t");
	*name = *word + strcspn(*word, " \t");
	if (**name == '\0')
		return;
	*(*name)++ = '\0';
	*name += strspn(*name, " \t");
}

/* `text` is what stands between the brackets. */
static void open_section(struct reader *rd, char *text)
{
	char *word, *name, *title;
	size_t kind = 0;

	split_header(text, &word, &name);
	if (asprintf(&title, "[%s%s%s]", word, *name ? " " : "", name) < 0) {
		conf_fault(rd->reporter, here(rd), "out of memory");
		return;
	}
	while (kind < ARRAY_LEN(headers) && strcmp(headers[kind].word, word) != 0)
		kind++;
	if (kind == ARRAY_LEN(headers))
		unknown_header(rd, title, word);
	else if (headers[kind].named)
		open_tunnel(rd, kind, title, name);
	else
		open_single(rd, kind, name);
	free(title);
}

/* A line that starts with '['. */
static void read_header(struct reader *rd, struct view line)
{
	const uint8_t *close = memchr(line.p, ']', line.n);
	struct view rest;
	char *text;

	rd->started = true;
	rd->current = NULL;
	if (!close) {
		conf_fault(rd->reporter, here(rd), "the section's name has no ']' at its end");
		return;
	}
	rest = trim((const char *)close + 1, (const char *)line.p + line.n);
	if (rest.n > 0 && rest.p[0] != ';' && rest.p[0] != '#') {
		conf_fault(rd->reporter, here(rd), "after the ']' only a comment may follow");
		return;
	}
	text = strndup((const char *)line.p + 1, (size_t)(close - line.p) - 1);
	if (text)
		open_section(rd, text);
	else
		conf_fault(rd->reporter, here(rd), "out of memory");
	free(text);
}

/* ---- lines to inih ------------------------------------------------------------- */

/* Told of the line before, which inih was given and could not split. */
static void tell_unread(struct reader *rd)
{
	if (rd->expecting)
		conf_fault(rd->reporter, here(rd),
			   "this line is no section, no comment and has no "
			   "'='");
	rd->expecting = false;
}

/* Is this line one for inih, which has `room` bytes for it, newline and NUL
 * included?  What the line says itself is handled here. */
static bool wants_inih(struct reader *rd, struct view line, size_t room)
{
	if (line.n == 0 || line.p[0] == ';' || line.p[0] == '#')
		return false;
	if (has_control(line)) {
		conf_fault(rd->reporter, here(rd), "a control character is in this line");
		return false;
	}
	if (line.p[0] == '[') {
		read_header(rd, line);
		return false;
	}
	if (line.n + sizeof("\n") > room) {
		conf_fault(rd->reporter, here(rd),
			   "the line has %zu bytes, but at most %zu can be "
			   "read; a long key goes into a keyfile",
			   line.n, room - sizeof("\n"));
		return false;
	}
	return true;
}

/* fgets() for inih; `size` is its buffer. */
static char *next_line(char *out, int size, void *stream)
{
	struct reader *rd = stream;
	struct view line;

	tell_unread(rd);
	if (rd->at == rd->end || conf_reporter_full(rd->reporter)) {
		OPENSSL_cleanse(out, (size_t)size); /* a key may have been in it */
		return NULL;
	}
	line = rd->line = take_line(rd);
	if (!wants_inih(rd, line, (size_t)size))
		line.n = 0;
	rd->expecting = line.n > 0;
	memcpy(out, line.p, line.n);
	memcpy(out + line.n, "\n", sizeof("\n"));
	return out;
}

/* ---- keys ------------------------------------------------------------------------ */

/* What the other role calls the ends of a tunnel. */
static const char *ends_of(unsigned where)
{
	return where == ON_CLIENT
		       ? "a client takes connections on localaddr and carries them to remoteaddr"
		       : "a server awaits clients on listen and carries their streams to target";
}

static void misplaced(struct reader *rd, const struct conf_row *row)
{
	const char *owner = row->where == ON_SERVER ? "server" : "client";
	bool is_end = row >= &conf_rows[KEY_LOCALADDR] && row <= &conf_rows[KEY_TARGET];
	struct conf_place at = here(rd);

	at.key = row->name;
	if (row->where == ON_DAEMON)
		conf_fault(rd->reporter, at, "belongs into [daemon]");
	else if (rd->current->where == ON_DAEMON)
		conf_fault(rd->reporter, at,
			   "is a tunnel's key: it belongs into [defaults] or "
			   "into a tunnel");
	else if (is_end)
		conf_fault(rd->reporter, at, "is a %s's key; %s", owner, ends_of(rd->current->where));
	else
		conf_fault(rd->reporter, at,
			   "is a %s's key and means nothing here; it may stand "
			   "in [defaults]",
			   owner);
}

/* What people may have meant as a part of the value. */
static void warn_of_cut(struct reader *rd, struct conf_place at, const char *text)
{
	const char *line = (const char *)rd->line.p, *end = line + rd->line.n;
	const char *equals = line;
	bool is_key = strcmp(at.key, conf_rows[KEY_KEY].name) == 0;

	while (equals < end && *equals != '=' && *equals != ':')
		equals++; /* the first of them is where inih splits the line */
	if (equals == end || trim(equals + 1, end).n == strlen(text))
		return;
	conf_warn(rd->reporter, at, "ends at the \" ;\": what follows is a comment; %s",
		  is_key ? "a key that has it in it belongs into a keyfile"
			 : "one in a line of its own is not taken for a part of the value");
}

static void note_key(struct reader *rd)
{
	struct conf_file *file;

	if (rd->file >= conf_files_count(rd->source->files))
		return;
	file = conf_files_at(rd->source->files, rd->file);
	if (file->key_line == 0)
		file->key_line = rd->lines;
}

static void keep(struct reader *rd, const struct conf_row *row, const char *text, struct conf_place at)
{
	struct conf_value *v = &rd->current->values[row - conf_rows];

	v->text = strdup(text);
	v->file = at.file;
	v->line = at.line;
	if (!v->text)
		conf_fault(rd->reporter, at, "out of memory");
	if (row == &conf_rows[KEY_KEY])
		note_key(rd);
}

static void store(struct reader *rd, const struct conf_row *row, const char *text)
{
	const struct conf_value *v = &rd->current->values[row - conf_rows];
	struct conf_place at = here(rd);
	char line[CONF_LINE_BYTES];

	at.key = row->name;
	if (v->text)
		conf_fault(rd->reporter, at, "is given twice, first in %s",
			   conf_line_text(rd->reporter, at.file, v->file, v->line, line));
	else if (text[0] == '\0')
		conf_fault(rd->reporter, at, "has no value");
	else
		keep(rd, row, text, at);
	warn_of_cut(rd, at, text);
}

/* It may stand there several times. */
static void include(struct reader *rd, const char *text)
{
	struct conf_place at = here(rd);

	at.key = conf_rows[KEY_INCLUDE].name;
	if (text[0] == '\0')
		conf_fault(rd->reporter, at, "has no value");
	else if (conf_files_count(rd->source->files) == 0)
		conf_fault(rd->reporter, at, "means nothing here: this text is no file");
	else
		conf_include_note(rd->source, text, at, rd->depth, rd->reporter);
	warn_of_cut(rd, at, text);
}

static void unknown_key(struct reader *rd, const char *name)
{
	struct conf_place at = here(rd);
	char quoted[CONF_QUOTE_BYTES], why[CONF_WHY_BYTES];

	if (name[0] == '\0') {
		conf_fault(rd->reporter, at, "there is no key before the '='");
		return;
	}
	conf_hint_key(name, rd->current->where, why);
	at.key = conf_quote(quoted, name);
	conf_fault(rd->reporter, at, "%s", why);
}

static int take_pair(void *user, const char *section, const char *name, const char *text)
{
	struct reader *rd = user;
	const struct conf_row *row = conf_row_find(name, rd->current ? rd->current->where : 0);

	rd->expecting = false;
	if (!rd->started)
		conf_fault(rd->reporter, here(rd), "a key stands before the first section");
	else if (!rd->current)
		return 1;
	else if (!row)
		unknown_key(rd, name);
	else if (!(row->where & rd->current->where))
		misplaced(rd, row);
	else if (row == &conf_rows[KEY_INCLUDE])
		include(rd, text);
	else
		store(rd, row, text);
	return 1;
}

/* ---- the file --------------------------------------------------------------------- */

void conf_source_parse(struct conf_source *s, const char *text, size_t len, unsigned file,
		       unsigned depth, struct conf_reporter *r)
{
	static const char bom[] = "\xef\xbb\xbf";
	bool marked = len >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0;
	size_t skip = marked ? strlen(bom) : 0;
	struct conf_place whole = { .file = file };
	struct reader rd = {
		.source = s,
		.reporter = r,
		.file = file,
		.depth = depth,
		.at = text + skip,
		.end = text + len,
	};
	int rc;

	if (memchr(text, '\0', len)) {
		conf_fault(r, whole, "is not a text file: it has NUL bytes");
		return;
	}
	rc = ini_parse_stream(next_line, &rd, take_pair, &rd);
	/* an inih that is built to stop at the first line it cannot read */
	tell_unread(&rd);
	if (rc != 0 && r->error_count == 0)
		conf_fault(r, whole, "out of memory");
}

/* What comes from a pipe is no file that others could read. */
static void note_stat(struct conf_file *file, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		conf_file_note(file, &st);
}

static char *load(struct conf_source *s, const char *path, size_t *len, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct conf_file *file;
	char *text;

	if (fd < 0) {
		conf_why(why, "cannot be opened: %s", strerror(errno));
		return NULL;
	}
	file = conf_files_add(s->files, CONF_FILE_INI, path);
	if (file) {
		note_stat(file, fd);
		text = conf_slurp(fd, CONF_FILE_MAX, len, why);
	} else {
		conf_why(why, "out of memory");
		text = NULL;
	}
	close(fd);
	return text;
}

bool conf_source_init(struct conf_source *s, struct conf_reporter *r)
{
	*s = (struct conf_source){
		.daemon = section_new(ON_DAEMON, 0, "[daemon]", NULL),
		.defaults = section_new(ON_BOTH, 0, "[defaults]", NULL),
		.files = conf_files_new(),
	};
	r->files = s->files;
	if (s->daemon && s->defaults && s->files)
		return true;
	conf_fault(r, (struct conf_place){ 0 }, "out of memory");
	return false;
}

bool conf_source_text(struct conf_source *s, const char *text, size_t len, struct conf_reporter *r)
{
	if (!conf_source_init(s, r))
		return false;
	conf_source_parse(s, text, len, 0, 0, r);
	return true;
}

/* Whoever can read the file has the key. */
static void warn_of_public(const struct conf_source *s, struct conf_reporter *r)
{
	for (size_t i = 0; i < conf_files_count(s->files); i++) {
		const struct conf_file *file = conf_files_at(s->files, i);
		struct conf_place at = { .file = (unsigned)i, .line = file->key_line, .key = "key" };

		if (file->is_public && file->key_line > 0)
			conf_warn(r, at, "stands in a file that every user can read; chmod o= %s",
				  file->path);
	}
}

bool conf_source_read(struct conf_source *s, const char *path, struct conf_reporter *r)
{
	char why[CONF_WHY_BYTES];
	size_t len;
	char *text;

	if (!conf_source_init(s, r))
		return false;
	text = load(s, path, &len, why);
	if (!text) {
		conf_fault(r, (struct conf_place){ 0 }, "%s", why);
		return false;
	}
	conf_source_parse(s, text, len, 0, 0, r);
	conf_wipe_free(text, len);
	conf_include_all(s, r);
	warn_of_public(s, r);
	return true;
}

void conf_source_dispose(struct conf_source *s)
{
	for (size_t i = 0; i < s->tunnel_count; i++)
		section_free(s->tunnels[i]);
	free(s->tunnels);
	for (size_t i = 0; i < s->include_count; i++)
		free(s->includes[i].text);
	free(s->includes);
	section_free(s->daemon);
	section_free(s->defaults);
	conf_files_unref(s->files);
}
