/* keys.c - the table of keys: the one place that knows them all. */
#include "config_impl.h"

#include <string.h>

#include "fec.h"
#include "kcp.h"
#include "packet.h"
#include "qpp.h"
#include "smux.h"

#define T(field) offsetof(struct conf_tunnel, field)
#define D(field) offsetof(struct conf_daemon, field)

enum {
	YEAR_S = 365 * 24 * 3600,
	BUFFER_MIN = 1 << 12,
	MEMORY_MIN = 1 << 22, /* below, streams are given up all the time */
	BUFFER_MAX = 1 << 30, /* what fits the int of SO_RCVBUF, and memory */
	CONN_MAX = 1024,      /* a socket each */
	SESSIONS_MAX = 1 << 20,
	RATE_MAX_GIB = 1024,
};

#define WND_BEYOND "the window field on the wire has 16 bits"
#define KEEPALIVE_BEYOND \
	"a peer gives up after 30 s of silence, so that a longer keepalive can never work"

/* clang-format off */
/* What every row has stands in the order of the struct; the rest is named. */
const struct conf_row conf_rows[KEY_COUNT] = {
	[KEY_INCLUDE] = { "include", ON_DAEMON, CONF_IN_USE, &conf_type_include, 0, "",
		.help = "further files to read, each with sections of its own; a pattern means all "
			"whose names match, in the order of names, and a relative path starts at "
			"this file's folder" },
	[KEY_LOGLEVEL] = { "loglevel", ON_DAEMON, CONF_IN_USE, &conf_type_loglevel,
		D(loglevel), "info",
		.help = "the least important messages that are logged" },
	[KEY_CONTROL] = { "control", ON_DAEMON, CONF_IN_USE, &conf_type_control,
		D(control), CONF_CONTROL_DEFAULT,
		.help = "the Unix socket on which kcptunctl is answered" },
	[KEY_METRICS] = { "metrics", ON_DAEMON, CONF_IN_USE, &conf_type_metrics, D(metrics), "none",
		.help = "where Prometheus may fetch /metrics, over HTTP; 127.0.0.1:9329 for "
			"example" },
	[KEY_STATEDIR] = { "statedir", ON_DAEMON, CONF_RESTART, &conf_type_statedir, D(statedir), "auto",
		.help = "the folder where servers keep what they refuse to take a second time, also "
			"after a restart; auto is that of systemd, or none" },
	[KEY_USER] = { "user", ON_DAEMON, CONF_RESTART, &conf_type_user, D(user), "none",
		.help = "whom the daemon becomes when root starts it; for starts without systemd, "
			"whose unit says it" },
	[KEY_GROUP] = { "group", ON_DAEMON, CONF_RESTART, &conf_type_group, D(group), "none",
		.help = "the group that it then has, instead of that user's own" },
	[KEY_DAEMON_SNMPLOG] = { "snmplog", ON_DAEMON, CONF_IN_USE, &conf_type_snmplog,
		D(snmplog), "none",
		.help = "the file for the counters of all tunnels together, as lines of CSV" },
	[KEY_DAEMON_SNMPPERIOD] = { "snmpperiod", ON_DAEMON, CONF_IN_USE, &conf_type_unsigned,
		D(snmpperiod_s), "60", .max = YEAR_S,
		.help = "seconds between two lines of snmplog; 0 writes none" },

	[KEY_LOCALADDR] = { "localaddr", ON_CLIENT, CONF_RESTART, &conf_type_stream_addr,
		T(localaddr), "",
		.help = "where connections are accepted: TCP, or the path of a Unix socket; :12948 "
			"means every local address" },
	[KEY_SOCKETMODE] = { "socketmode", ON_CLIENT, CONF_RESTART, &conf_type_file_mode,
		T(socketmode), "auto",
		.help = "who may connect to a Unix socket at localaddr, by its mode; auto is what the "
			"umask leaves, or 0660 with socketgroup" },
	[KEY_SOCKETGROUP] = { "socketgroup", ON_CLIENT, CONF_RESTART, &conf_type_group,
		T(socketgroup), "none",
		.help = "the group that a Unix socket at localaddr is given" },
	[KEY_REMOTEADDR] = { "remoteaddr", ON_CLIENT, CONF_RESTART, &conf_type_servers,
		T(remoteaddr), "",
		.help = "the server, over UDP, or several in the order in which they are wanted; of a "
			"range of ports each session draws one" },
	[KEY_LISTEN] = { "listen", ON_SERVER, CONF_RESTART, &conf_type_listen_addr, T(listen), "",
		.help = "where clients are awaited, over UDP, on every port of a range" },
	[KEY_TARGET] = { "target", ON_SERVER, CONF_IN_USE, &conf_type_targets, T(target), "",
		.help = "where each stream is connected to: TCP, or the path of a Unix socket; of several, "
			"with commas between them, the first that answers" },
	[KEY_PROXYPROTOCOL] = { "proxyprotocol", ON_SERVER, CONF_IN_USE, &conf_type_proxy,
		T(proxyprotocol), "no",
		.help = "tell the target in a header of HAProxy's PROXY protocol which tunnel client a "
			"stream is from" },

	[KEY_KEY] = { "key", ON_BOTH, CONF_RESTART, &conf_type_secret, T(key), "",
		.help = "the secret that both ends share; this or keyfile is required" },
	[KEY_KEYFILE] = { "keyfile", ON_BOTH, CONF_RESTART, &conf_type_path, T(keyfile), "",
		.help = "a file whose content, less one newline at its end, is the key; a bare "
			"name may be that of a systemd credential, and a relative path starts at "
			"this file's folder" },
	[KEY_CRYPT] = { "crypt", ON_BOTH, CONF_RESTART, &conf_type_crypt, T(crypt), "aes",
		.help = "the cipher, by its name; both ends must agree" },
	[KEY_QPP] = { "qpp", ON_BOTH, CONF_RESTART, &conf_type_bool, T(qpp), "no",
		.help = "permute the bytes of each stream by keyed pads as well; both ends must "
			"agree" },
	[KEY_QPP_COUNT] = { "qpp-count", ON_BOTH, CONF_RESTART, &conf_type_unsigned,
		T(qpp_count), "61", .min = 1, .max = QPP_COUNT_MAX,
		.help = "number of pads, best a prime; both ends must agree" },

	[KEY_MODE] = { "mode", ON_BOTH, CONF_IN_USE, &conf_type_mode, T(mode), "auto",
		.help = "how eagerly lost data is sent again: auto goes by the round trips that it "
			"measures, manual by the four keys below" },
	[KEY_NODELAY] = { "nodelay", ON_BOTH, CONF_IN_USE, &conf_type_unsigned, T(nodelay), "0",
		.max = 3,
		.help = "mode = manual: 0 waits longer for an acknowledgement, 1 and 2 shorter, 3 "
			"by the round trips measured" },
	[KEY_INTERVAL] = { "interval", ON_BOTH, CONF_IN_USE, &conf_type_unsigned,
		T(interval_ms), "50", .min = 10, .max = 5000,
		.help = "mode = manual: milliseconds that an acknowledgement may wait" },
	[KEY_RESEND] = { "resend", ON_BOTH, CONF_IN_USE, &conf_type_unsigned, T(resend), "0",
		.max = 255,
		.help = "mode = manual: a packet is lost when so many later ones arrived; 0 waits "
			"for the timeout" },
	[KEY_NC] = { "nc", ON_BOTH, CONF_IN_USE, &conf_type_unsigned, T(nc), "",
		.max = 1,
		.help = "mode = manual: 0 means congestion = reno, 1 means congestion = none" },
	[KEY_CONGESTION] = { "congestion", ON_BOTH, CONF_IN_USE, &conf_type_congestion,
		T(congestion), "model",
		.help = "what bounds the packets in flight below the windows: a model of what the "
			"path carries, a window that each loss halves (reno), or nothing" },
	[KEY_COPIES] = { "copies", ON_BOTH, CONF_IN_USE, &conf_type_auto, T(copies), "auto",
		.max = KCP_COPIES_MAX,
		.help = "further copies of each small packet, sent along against loss; auto follows "
			"the loss measured, and sends parity where both ends know how" },
	[KEY_SNDWND] = { "sndwnd", ON_BOTH, CONF_IN_USE, &conf_type_auto, T(sndwnd_segs), "auto",
		.min = 1, .max = KCP_WND_MAX, .beyond = WND_BEYOND,
		.help = "packets in flight at most; auto sets no bound of its own" },
	[KEY_RCVWND] = { "rcvwnd", ON_BOTH, CONF_IN_USE, &conf_type_auto, T(rcvwnd_segs), "auto",
		.min = 1, .max = KCP_WND_MAX, .beyond = WND_BEYOND,
		.help = "packets that the peer may have in flight; auto sets no bound of its "
			"own" },
	[KEY_MTU] = { "mtu", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_auto, T(mtu_bytes), "auto",
		.min = KCP_MTU_MIN, .max = PACKET_MTU_MAX,
		.help = "bytes of the largest datagram; what the path takes is found out, up to that" },
	[KEY_RATELIMIT] = { "ratelimit", ON_BOTH, CONF_IN_USE, &conf_type_rate,
		T(ratelimit_bytes), "0", .max = (int64_t)RATE_MAX_GIB << 30,
		.help = "bytes per second that a session may send; 0 for no limit" },
	[KEY_ACKNODELAY] = { "acknodelay", ON_BOTH, CONF_IN_USE, &conf_type_bool,
		T(acknodelay), "no",
		.help = "acknowledge each packet at once" },

	[KEY_DATASHARD] = { "datashard", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_auto,
		T(datashard), "auto", .max = FEC_SHARDS_MAX - 1,
		.help = "packets in a set of forward error correction; 0 for none; a server "
			"follows each client" },
	[KEY_PARITYSHARD] = { "parityshard", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_auto,
		T(parityshard), "auto", .max = FEC_SHARDS_MAX - 1,
		.help = "packets added to a set: so many losses in it are repaired; a server "
			"follows each client" },

	[KEY_COMPRESSION] = { "compression", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_compression,
		T(compression), "auto",
		.help = "what a client compresses with, zstd between kcptunds only; auto is snappy, or none "
			"where a server takes only that; a server follows each client" },
	[KEY_NOCOMP] = { "nocomp", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_bool, T(nocomp), "no",
		.help = "yes means compression = none" },
	[KEY_SMUXVER] = { "smuxver", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_auto,
		T(smuxver), "auto", .min = 1, .max = 2,
		.help = "version of the stream protocol; auto is 2, or 1 where a server takes only "
			"that; a server follows each client" },
	[KEY_SMUXBUF] = { "smuxbuf", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_auto_bytes,
		T(smuxbuf_bytes), "auto", .min = BUFFER_MIN, .max = BUFFER_MAX,
		.help = "bytes received and not yet passed on, per session; auto is half of what a "
			"tunnel may hold" },
	[KEY_FRAMESIZE] = { "framesize", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_bytes,
		T(framesize_bytes), "8192", .min = 1, .max = SMUX_FRAME_MAX,
		.beyond = "the length field on the wire has 16 bits",
		.help = "bytes of the largest piece of a stream that goes out in one" },
	[KEY_STREAMBUF] = { "streambuf", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_auto_bytes,
		T(streambuf_bytes), "auto", .min = BUFFER_MIN, .max = BUFFER_MAX,
		.help = "bytes received and not yet passed on, per stream (smuxver 2); it bounds how "
			"fast a stream can be on a long path; auto is an eighth of what a tunnel may "
			"hold" },
	[KEY_MEMORY] = { "memory", ON_BOTH, CONF_IN_USE, &conf_type_bytes, T(memory_bytes),
		"268435456", .min = MEMORY_MIN, .max = BUFFER_MAX,
		.help = "bytes that all sessions together may hold, of streams and of packets in "
			"flight" },
	[KEY_KEEPALIVE] = { "keepalive", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_unsigned,
		T(keepalive_s), "10", .min = 1, .max = 29, .beyond = KEEPALIVE_BEYOND,
		.help = "seconds of silence before a sign of life is sent" },
	[KEY_SESSIONTIMEOUT] = { "sessiontimeout", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_unsigned,
		T(sessiontimeout_s), "60", .min = 2, .max = 3600,
		.help = "seconds of silence that end a session; 30 at most with a kcptun peer" },
	[KEY_MAXSTREAMS] = { "maxstreams", ON_BOTH, CONF_NEW_SESSIONS, &conf_type_unsigned,
		T(maxstreams), "4096", .min = 1, .max = SESSIONS_MAX,
		.help = "streams at once in one session; more are refused" },
	[KEY_CLOSEWAIT] = { "closewait", ON_BOTH, CONF_IN_USE, &conf_type_unsigned,
		T(closewait_s), "30", .max = YEAR_S,
		.help = "seconds that a stream closed in one direction may be idle" },

	[KEY_TCPTIMEOUT] = { "tcptimeout", ON_BOTH, CONF_IN_USE, &conf_type_unsigned,
		T(tcptimeout_s), "30", .max = YEAR_S,
		.help = "seconds after which a local peer that vanished is given up; 0 is never" },
	[KEY_CONNECTTIMEOUT] = { "connecttimeout", ON_CLIENT, CONF_IN_USE, &conf_type_unsigned,
		T(connecttimeout_s), "60", .max = YEAR_S,
		.help = "seconds that a connection waits for a server to answer, then it is reset; 0 is "
			"for ever" },
	[KEY_CONN] = { "conn", ON_CLIENT, CONF_RESTART, &conf_type_auto, T(conn), "auto",
		.min = 1, .max = CONN_MAX,
		.help = "sessions in use at once, each from a UDP port of its own" },
	[KEY_AUTOEXPIRE] = { "autoexpire", ON_CLIENT, CONF_NEW_SESSIONS, &conf_type_unsigned,
		T(autoexpire_s), "0", .max = YEAR_S,
		.help = "seconds after which a session gets no new streams and is replaced; 0 for "
			"never" },
	[KEY_SCAVENGETTL] = { "scavengettl", ON_CLIENT, CONF_IN_USE, &conf_type_ttl,
		T(scavengettl_s), "600", .min = -1, .max = YEAR_S,
		.help = "seconds that a replaced session may go on; -1 for no end" },
	[KEY_MAXSESSIONS] = { "maxsessions", ON_SERVER, CONF_IN_USE, &conf_type_unsigned,
		T(maxsessions), "4096", .min = 1, .max = SESSIONS_MAX,
		.help = "sessions at once; more are refused" },

	[KEY_BIND] = { "bind", ON_CLIENT, CONF_RESTART, &conf_type_source, T(bind), "none",
		.help = "the address of this machine that datagrams leave from; none is the "
			"kernel's choice" },
	[KEY_INTERFACE] = { "interface", ON_BOTH, CONF_RESTART, &conf_type_device, T(interface),
		"none",
		.help = "the one network device that datagrams leave and come by, whatever the routes "
			"say" },
	[KEY_FWMARK] = { "fwmark", ON_BOTH, CONF_RESTART, &conf_type_mark, T(fwmark), "0",
		.help = "the mark by which rules of routing and the packet filter know what is sent; 0 "
			"for none" },
	[KEY_DSCP] = { "dscp", ON_BOTH, CONF_RESTART, &conf_type_unsigned, T(dscp), "0",
		.max = 63, .beyond = "the field has 6 bits",
		.help = "DSCP value in the IP header of every packet" },
	[KEY_SOCKBUF] = { "sockbuf", ON_BOTH, CONF_RESTART, &conf_type_bytes,
		T(sockbuf_bytes), "4194304", .min = BUFFER_MIN, .max = BUFFER_MAX,
		.help = "bytes of the UDP socket's buffers in the kernel" },
	[KEY_QUIET] = { "quiet", ON_BOTH, CONF_IN_USE, &conf_type_bool, T(quiet), "no",
		.help = "tell of no stream at loglevel = debug, nor as a server of sessions that come and "
			"go" },
	[KEY_ACCESSLOG] = { "accesslog", ON_BOTH, CONF_IN_USE, &conf_type_bool, T(accesslog), "no",
		.help = "one line for each stream when it has ended: whose, bytes, seconds, and why" },
	[KEY_SNMPLOG] = { "snmplog", ON_BOTH, CONF_IN_USE, &conf_type_snmplog, T(snmplog), "none",
		.help = "the file for this tunnel's counters, as lines of CSV" },
	[KEY_SNMPPERIOD] = { "snmpperiod", ON_BOTH, CONF_IN_USE, &conf_type_unsigned,
		T(snmpperiod_s), "60", .max = YEAR_S,
		.help = "seconds between two lines of snmplog; 0 writes none" },
};
/* clang-format on */

const struct conf_row *conf_row_find(const char *name, unsigned where)
{
	const struct conf_row *elsewhere = NULL;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strcmp(conf_rows[i].name, name) != 0)
			continue;
		if (conf_rows[i].where & where)
			return &conf_rows[i];
		elsewhere = &conf_rows[i];
	}
	return elsewhere;
}
