/* relay_log.c - what the log is told of a relay: that it began, and with what it ended. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "relay_impl.h"

static bool is_client(const struct relay *relay)
{
	return relay->tunnel->conf->role == ROLE_CLIENT;
}

/* A server's is its peer: who is behind that one it is not told. */
static const char *client_text(const struct relay *relay, char buf[static UDP_ADDR_TEXT])
{
	if (!is_client(relay))
		return relay->link != NULL ? relay->link->peer : "-";
	return relay->local.peer_len > 0 ? udp_path_text(&relay->local, buf) : "unix";
}

const char *relay_name(const struct relay *relay, char buf[static RELAY_NAME_BYTES])
{
	char id[RELAY_ID_BYTES], addr[UDP_ADDR_TEXT];
	const char *client = client_text(relay, addr);

	if (relay->stream == NULL)
		snprintf(buf, RELAY_NAME_BYTES, "connection of %s", client);
	else
		snprintf(buf, RELAY_NAME_BYTES, "stream %s of %s", relay_id(relay, id), client);
	return buf;
}

/* Of a server what it was connected to or, before that, what it is to be; of a client "". */
static const char *target_text(const struct relay *relay, char buf[static UDP_ADDR_TEXT])
{
	if (is_client(relay))
		return "";
	return relay->local.peer_len > 0 ? udp_path_text(&relay->local, buf)
					 : relay->tunnel->conf->target.text;
}

/* ---- how it ended ----------------------------------------------------------------- */

enum { END_TEXT_BYTES = 160 };

static const char *local_reset_text(const struct relay *relay, char buf[static END_TEXT_BYTES])
{
	const char *who = is_client(relay) ? "client" : "target";

	switch (relay->error) {
	case 0:
	case ECONNRESET:
	case EPIPE:
		snprintf(buf, END_TEXT_BYTES, "reset by the %s", who);
		break;
	case ETIMEDOUT:
		snprintf(buf, END_TEXT_BYTES, "the %s vanished", who);
		break;
	default:
		snprintf(buf, END_TEXT_BYTES, "the connection to the %s failed: %s", who,
			 strerror(relay->error));
		break;
	}
	return buf;
}

static const char *session_lost_text(const struct relay *relay, char buf[static END_TEXT_BYTES])
{
	enum session_end end = relay->link != NULL ? relay->link->end : SESSION_ALIVE;

	snprintf(buf, END_TEXT_BYTES, "its session ended%s%s", end != SESSION_ALIVE ? ": " : "",
		 end != SESSION_ALIVE ? session_end_text(end) : "");
	return buf;
}

static const char *end_text(const struct relay *relay, char buf[static END_TEXT_BYTES])
{
	bool client = is_client(relay);

	switch (relay->cause) {
	case RELAY_CLOSED:
		return "closed";
	case RELAY_LOCAL_RESET:
		return local_reset_text(relay, buf);
	case RELAY_LOCAL_VANISHED:
		return client ? "the client vanished" : "the target vanished";
	case RELAY_FAR_RESET:
		return client ? "reset by the server" : "reset by the client";
	case RELAY_HALF_CLOSED:
		return "timed out, half closed (closewait)";
	case RELAY_HELD_MEMORY:
		return "reset for the memory that it held";
	case RELAY_SESSION_LOST:
		return session_lost_text(relay, buf);
	case RELAY_SESSION_EXPIRED:
		return "its session ended: scavengettl after it expired";
	case RELAY_SESSION_CLOSED:
		return "its session ended: closed by kcptunctl";
	case RELAY_STREAM_CLOSED:
		return "reset by kcptunctl";
	case RELAY_UNREACHABLE:
		return "the target could not be reached";
	case RELAY_UNANSWERED:
		return "no server answered (connecttimeout)";
	case RELAY_FORSAKEN:
		return "the client left before a server answered";
	case RELAY_REFUSED:
		return "refused: no session took it";
	case RELAY_NO_RESOURCES:
		return "reset for want of memory or descriptors";
	case RELAY_STOPPED:
		return "the tunnel stopped";
	}
	return "";
}

/* ---- lines ------------------------------------------------------------------------ */

/* No quota holds for these: at debug somebody looks, and who has an access log kept counts on it. */
static bool is_told(const struct relay *relay, enum log_level level)
{
	if (!log_enabled(level))
		return false;
	return level == LOG_LEVEL_INFO ? relay->tunnel->conf->accesslog : !relay->tunnel->conf->quiet;
}

void relay_log_opened(const struct relay *relay)
{
	char name[RELAY_NAME_BYTES], addr[UDP_ADDR_TEXT];

	if (is_told(relay, LOG_LEVEL_DEBUG))
		log_debug(relay->tunnel->name, "%s%s%s opened", relay_name(relay, name),
			  is_client(relay) ? "" : " to ", target_text(relay, addr));
}

void relay_log_moves(const struct relay *relay)
{
	char name[RELAY_NAME_BYTES];

	if (is_told(relay, LOG_LEVEL_DEBUG))
		log_debug(relay->tunnel->name, "%s waits for another session",
			  relay_name(relay, name));
}

/* One line at info stands for that at debug as well. */
void relay_log_ended(const struct relay *relay)
{
	bool access = is_told(relay, LOG_LEVEL_INFO);
	uint64_t ms = (relay->tunnel->reactor->now_us - relay->opened_us) / 1000;
	char name[RELAY_NAME_BYTES], addr[UDP_ADDR_TEXT], text[END_TEXT_BYTES];

	if (!access && !is_told(relay, LOG_LEVEL_DEBUG))
		return;
	log_msg(access ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, relay->tunnel->name,
		"%s%s%s ended after %" PRIu64 ".%03u s, %" PRIu64 " bytes out, %" PRIu64 " in: %s",
		relay_name(relay, name), is_client(relay) ? "" : " to ", target_text(relay, addr),
		ms / 1000, (unsigned)(ms % 1000), relay->sent, relay->received,
		end_text(relay, text));
}
