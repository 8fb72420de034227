/* metrics.c - the counters over HTTP, at /metrics, for Prometheus.
 *
 * As little of HTTP/1.1 as that takes: GET and HEAD, one request a connection, and the end of the
 * connection is the end of the body.  Who prefers OpenMetrics gets that, which says itself that it is whole
 * ("# EOF"); others the older text format. */
#include "metrics.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "backoff.h"
#include "binding.h"
#include "conn.h"
#include "listener.h"
#include "log.h"
#include "openmetrics.h"

enum { LINES_PER_STEP = 32 };

struct metrics {
	const struct report_source *src;
	struct conf_addr at; /* owned: a reload may bring another configuration; text is NULL: none */
	struct binding *binding;   /* while the address is opened */
	struct backoff backoff;    /* when that failed */
	struct listener *listener; /* NULL until it is open */
	metrics_ready_fn *ready;   /* NULL: was called */
	void *ready_user;
	struct conn_set clients;
	/* going over to another address */
	struct conf_addr next;
	struct binding *moving; /* NULL: it does not */
	metrics_moved_fn *moved;
	void *moved_user;
};

/* An answer under way: the document is made first, because a family's points must stand
 * together and are of all tunnels. */
struct scrape {
	struct report *report; /* NULL once the document is whole */
	json_t *document, *rows;
	struct openmetrics writer;
};

/* ---- answers ---------------------------------------------------------------------- */

static void end_scrape(struct conn *c)
{
	struct scrape *s = c->user;

	c->user = NULL;
	if (s == NULL)
		return;
	report_free(s->report);
	json_decref(s->document);
	free(s);
}

static bool begin_scrape(struct conn *c, bool old)
{
	const struct metrics *m = c->set->owner;
	struct scrape *s = calloc(1, sizeof(*s));

	c->user = s;
	if (s == NULL)
		return false;
	s->writer.old = old;
	s->report = report_new(m->src, REPORT_STATS, NULL);
	s->document = s->report != NULL ? report_head(s->report) : NULL;
	s->rows = json_array();
	if (s->document != NULL &&
	    json_object_set_new(s->document, report_list(s->report), s->rows) == 0)
		return true;
	end_scrape(c);
	return false;
}

static enum conn_more collect(struct scrape *s)
{
	json_t *row;

	switch (report_next(s->report, &row)) {
	case REPORT_ROW:
		return json_array_append_new(s->rows, row) == 0 ? CONN_MORE : CONN_FAILED;
	case REPORT_MORE:
		return CONN_MORE;
	case REPORT_FAILED:
		return CONN_FAILED;
	case REPORT_END:
		report_free(s->report);
		s->report = NULL;
		return CONN_MORE;
	}
	return CONN_FAILED;
}

static enum conn_more produce(struct conn *c, unsigned steps)
{
	struct scrape *s = c->user;

	for (unsigned i = 0; i < steps; i++) {
		if (s->report != NULL) {
			if (collect(s) == CONN_FAILED)
				return CONN_FAILED;
		} else if (openmetrics_write(&s->writer, &c->out, s->document, LINES_PER_STEP)) {
			return CONN_DONE;
		}
	}
	return CONN_MORE;
}

static void head(struct conn *c, const char *status, const char *type, const char *more)
{
	text_printf(&c->out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\n%s\r\n",
		    status, type, more);
}

static void fault(struct conn *c, const char *status, const char *more, bool with_body)
{
	head(c, status, "text/plain; charset=utf-8", more);
	if (with_body)
		text_printf(&c->out, "%s\n", status);
}

/* ---- requests --------------------------------------------------------------------- */

/* The bytes of a request up to the empty line, 0 when it is not there yet. */
static size_t request_len(const char *bytes, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (bytes[i] != '\n')
			continue;
		if (bytes[i + 1] == '\n')
			return i + 2;
		if (i + 2 < n && bytes[i + 1] == '\r' && bytes[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* "GET /metrics?x HTTP/1.1" to its parts; false when it is nothing like that. */
static bool parse_line(char *line, char **method, char **path)
{
	char *rest = NULL, *version;

	*method = strtok_r(line, " ", &rest);
	*path = strtok_r(NULL, " ", &rest);
	version = strtok_r(NULL, " ", &rest);
	if (*method == NULL || *path == NULL || version == NULL || (*path)[0] != '/' ||
	    strtok_r(NULL, " ", &rest) != NULL || strncmp(version, "HTTP/1.", 7) != 0)
		return false;
	(*path)[strcspn(*path, "?")] = '\0';
	return true;
}

static bool prefers_old(const char *request, size_t n)
{
	unsigned open = accept_quality(request, n, OPENMETRICS_MEDIA);

	return open == 0 || open < accept_quality(request, n, "text/plain");
}

static void respond(struct conn *c, char *line, bool old)
{
	const char *type = old ? OPENMETRICS_OLD_TYPE : OPENMETRICS_TYPE;
	char *method, *path;
	bool is_head;

	if (!parse_line(line, &method, &path)) {
		fault(c, "400 Bad Request", "", true);
		return;
	}
	is_head = strcmp(method, "HEAD") == 0;
	if (!is_head && strcmp(method, "GET") != 0) {
		fault(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", true);
	} else if (strcmp(path, "/metrics") != 0) {
		fault(c, "404 Not Found", "", !is_head);
	} else if (is_head) {
		head(c, "200 OK", type, "");
	} else if (begin_scrape(c, old)) {
		head(c, "200 OK", type, "");
		conn_produce(c);
	} else {
		fault(c, "503 Service Unavailable", "", true);
	}
}

static size_t input(struct conn *c, const char *bytes, size_t n, bool eof)
{
	size_t len = request_len(bytes, n), end;
	char line[CONN_INPUT_MAX + 1];

	if (len == 0 && n < CONN_INPUT_MAX)
		return 0;
	conn_close_after(c);
	if (len == 0) {
		fault(c, "431 Request Header Fields Too Large", "", true);
		return n;
	}
	for (end = 0; bytes[end] != '\n'; end++)
		;
	if (end > 0 && bytes[end - 1] == '\r')
		end--;
	memcpy(line, bytes, end);
	line[end] = '\0';
	respond(c, line, prefers_old(bytes, len));
	return len;
}

/* ---- clients ---------------------------------------------------------------------- */

static bool arrived(struct conn *c)
{
	return true;
}

static const struct conn_ops client_ops = {
	.arrived = arrived,
	.input = input,
	.produce = produce,
	.left = end_scrape,
};

static void on_accept(void *user, int fd)
{
	struct metrics *m = user;

	conn_add(&m->clients, fd);
}

/* ---- the first address -------------------------------------------------------------- */

static void tell(struct metrics *m, bool good)
{
	metrics_ready_fn *ready = m->ready;

	m->ready = NULL;
	if (ready != NULL)
		ready(m->ready_user, good);
}

static bool serve(struct metrics *m, enum binding_end end, const char *why)
{
	if (end != BINDING_OPEN) {
		log_err("metrics", "%s", why);
		return false;
	}
	m->listener = listener_new(m->src->reactor, m->binding, "metrics", on_accept, m);
	if (m->listener == NULL)
		log_err("metrics", "out of memory");
	return m->listener != NULL;
}

/* A daemon that comes up before its name servers must not end for that. */
static void on_bound(void *user, enum binding_end end, const char *why)
{
	struct metrics *m = user;
	bool good = serve(m, end, why);

	binding_free(m->binding);
	m->binding = NULL;
	if (!good)
		backoff_failed(&m->backoff);
	tell(m, good || end == BINDING_NO_NAME);
}

static void open_address(void *user)
{
	struct metrics *m = user;
	struct binding_spec spec = { .at = &m->at };

	m->binding = binding_start(m->src->reactor, &spec, on_bound, m);
	if (m->binding == NULL)
		backoff_failed(&m->backoff);
}

bool metrics_start(struct metrics *m, const struct conf_addr *at, metrics_ready_fn *ready, void *user)
{
	if (!conf_addr_copy(&m->at, at))
		return false;
	m->ready = ready;
	m->ready_user = user;
	open_address(m);
	return true;
}

/* ---- from one address to another ---------------------------------------------------- */

static enum socket_place held(void *user, const struct sockaddr_storage *addr)
{
	const struct metrics *m = user;

	return m->listener != NULL ? listener_place(m->listener, addr) : SOCKET_ELSEWHERE;
}

static bool is_in_way(const struct metrics *m)
{
	for (size_t i = 0; i < m->moving->count; i++)
		if (m->moving->list[i].held == SOCKET_IN_WAY)
			return true;
	return false;
}

/* Where the old is merely in the way it is closed for the moment of the try.  False: it has its sockets again, or will. */
static bool make_way(struct metrics *m)
{
	if (!is_in_way(m))
		return true;
	listener_suspend(m->listener);
	if (binding_open_in_way(m->moving))
		return true;
	if (!listener_resume(m->listener)) {
		log_err("metrics", "%s cannot be listened on again; trying on", m->at.text);
		listener_free(m->listener);
		m->listener = NULL;
		backoff_failed(&m->backoff);
	}
	return false;
}

static void leave_address(struct metrics *m)
{
	binding_free(m->binding);
	m->binding = NULL;
	backoff_stop(&m->backoff);
	listener_free(m->listener);
	m->listener = NULL;
	conf_addr_dispose(&m->at);
}

/* The listener is made before anything is taken from the old one. */
static bool go_over(struct metrics *m)
{
	struct binding *b = m->moving;
	struct listener *fresh = listener_prepare(m->src->reactor, b->count, "metrics", on_accept, m);

	if (fresh == NULL)
		snprintf(b->why, sizeof(b->why), "out of memory");
	if (fresh == NULL || !make_way(m)) {
		listener_free(fresh);
		return false;
	}
	for (size_t i = 0; i < b->count; i++)
		if (b->list[i].held == SOCKET_THERE)
			listener_yield(m->listener, &b->list[i]);
	binding_complete(b);
	listener_take(fresh, b);
	leave_address(m);
	m->listener = fresh;
	m->at = m->next;
	m->next = (struct conf_addr){ 0 };
	return true;
}

static void on_moved(void *user, enum binding_end end, const char *why)
{
	struct metrics *m = user;
	char text[BINDING_WHY_BYTES];
	bool good = end == BINDING_OPEN && go_over(m);

	snprintf(text, sizeof(text), "%s", good ? "" : m->moving->why);
	metrics_cancel_move(m);
	m->moved(m->moved_user, good ? NULL : text);
}

void metrics_move(struct metrics *m, const struct conf_addr *at, metrics_moved_fn *moved, void *user)
{
	struct binding_spec spec = { .at = &m->next, .held = held, .held_user = m };

	m->moved = moved;
	m->moved_user = user;
	if (at->text == NULL) {
		leave_address(m);
		moved(user, NULL);
		return;
	}
	if (conf_addr_copy(&m->next, at))
		m->moving = binding_start(m->src->reactor, &spec, on_moved, m);
	if (m->moving == NULL) {
		metrics_cancel_move(m);
		moved(user, "out of memory");
	}
}

void metrics_cancel_move(struct metrics *m)
{
	binding_free(m->moving);
	m->moving = NULL;
	conf_addr_dispose(&m->next);
}

/* ---- life ------------------------------------------------------------------------- */

struct metrics *metrics_new(const struct report_source *src)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->src = src;
	m->clients = (struct conn_set){
		.reactor = src->reactor,
		.ops = &client_ops,
		.owner = m,
		.request_s = METRICS_REQUEST_S,
		.max = METRICS_CLIENTS_MAX,
	};
	backoff_init(&m->backoff, src->reactor, open_address, m);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	metrics_cancel_move(m);
	leave_address(m);
	conn_set_dispose(&m->clients);
	free(m);
}
