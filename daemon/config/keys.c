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
	BUFFER_MAX = 1 << 30, /* what fits the int of SO_RCVBUF, and memory */
	CONN_MAX = 1024,      /* a socket each */
	SESSIONS_MAX = 1 << 20,
	RATE_MAX_GIB = 1024,
};

#define WND_BEYOND "the window field on the wire has 16 bits"
#define KEEPALIVE_BEYOND \
	"a peer gives up after 30 s of silence, so that a longer keepalive can never work"

const struct conf_row conf_rows[KEY_COUNT] = {
	[KEY_LOGLEVEL] = { "loglevel", ON_DAEMON, &conf_type_loglevel, D(loglevel), 0, 0, "info",
		NULL, NULL, "the least important messages that are logged" },
	[KEY_CONTROL] = { "control", ON_DAEMON, &conf_type_control, D(control), 0, 0,
		CONF_CONTROL_DEFAULT, NULL, NULL, "the Unix socket on which kcptunctl is answered" },
	[KEY_METRICS] = { "metrics", ON_DAEMON, &conf_type_metrics, D(metrics), 0, 0, "none", NULL,
		NULL, "where Prometheus may fetch /metrics, over HTTP; 127.0.0.1:9329 for example" },
	[KEY_DAEMON_SNMPLOG] = { "snmplog", ON_DAEMON, &conf_type_snmplog, D(snmplog), 0, 0, "none",
		NULL, NULL, "the file for the counters of all tunnels together, as lines of CSV" },
	[KEY_DAEMON_SNMPPERIOD] = { "snmpperiod", ON_DAEMON, &conf_type_unsigned, D(snmpperiod_s), 0,
		YEAR_S, "60", NULL, NULL, "seconds between two lines of snmplog; 0 writes none" },

	[KEY_LOCALADDR] = { "localaddr", ON_CLIENT, &conf_type_stream_addr, T(localaddr), 0, 0, "",
		NULL, NULL, "where connections are accepted: TCP, or the path of a Unix socket; "
		":12948 means every local address" },
	[KEY_REMOTEADDR] = { "remoteaddr", ON_CLIENT, &conf_type_remote_addr, T(remoteaddr), 0, 0,
		"", NULL, NULL, "the server, over UDP; of a range of ports each session draws one" },
	[KEY_LISTEN] = { "listen", ON_SERVER, &conf_type_listen_addr, T(listen), 0, 0, "", NULL,
		NULL, "where clients are awaited, over UDP, on every port of a range" },
	[KEY_TARGET] = { "target", ON_SERVER, &conf_type_target_addr, T(target), 0, 0, "", NULL,
		NULL, "where each stream is connected to: TCP, or the path of a Unix socket" },

	[KEY_KEY] = { "key", ON_BOTH, &conf_type_secret, T(key), 0, 0, "", NULL, NULL,
		"the secret that both ends share; this or keyfile is required" },
	[KEY_KEYFILE] = { "keyfile", ON_BOTH, &conf_type_path, T(keyfile), 0, 0, "", NULL, NULL,
		"a file whose content, less one newline at its end, is the key; a bare name may be "
		"that of a systemd credential, and a relative path starts at this file's folder" },
	[KEY_CRYPT] = { "crypt", ON_BOTH, &conf_type_crypt, T(crypt), 0, 0, "aes", NULL, NULL,
		"the cipher, by its name; both ends must agree" },
	[KEY_QPP] = { "qpp", ON_BOTH, &conf_type_bool, T(qpp), 0, 0, "no", NULL, NULL,
		"permute the bytes of each stream by keyed pads as well; both ends must agree" },
	[KEY_QPP_COUNT] = { "qpp-count", ON_BOTH, &conf_type_unsigned, T(qpp_count), 1,
		QPP_COUNT_MAX, "61", NULL, NULL, "number of pads, best a prime; both ends must agree" },

	[KEY_MODE] = { "mode", ON_BOTH, &conf_type_mode, T(mode), 0, 0, "fast", NULL, NULL,
		"how eagerly lost data is sent again; manual takes the four keys below" },
	[KEY_NODELAY] = { "nodelay", ON_BOTH, &conf_type_unsigned, T(nodelay), 0, 2, "0", NULL, NULL,
		"mode = manual: 0 waits longer for an acknowledgement, 1 and 2 shorter" },
	[KEY_INTERVAL] = { "interval", ON_BOTH, &conf_type_unsigned, T(interval_ms), 10, 5000, "50",
		NULL, NULL, "mode = manual: milliseconds that an acknowledgement may wait" },
	[KEY_RESEND] = { "resend", ON_BOTH, &conf_type_unsigned, T(resend), 0, 255, "0", NULL, NULL,
		"mode = manual: a packet is lost when so many later ones arrived; 0 waits for the "
		"timeout" },
	[KEY_NC] = { "nc", ON_BOTH, &conf_type_unsigned, T(nc), 0, 1, "0", NULL, NULL,
		"mode = manual: 0 keeps a congestion window, 1 sends as the windows allow" },
	[KEY_SNDWND] = { "sndwnd", ON_BOTH, &conf_type_unsigned, T(sndwnd_segs), 1, KCP_WND_MAX,
		"128", "1024", WND_BEYOND, "packets in flight at most" },
	[KEY_RCVWND] = { "rcvwnd", ON_BOTH, &conf_type_unsigned, T(rcvwnd_segs), 1, KCP_WND_MAX,
		"512", "1024", WND_BEYOND, "packets that the peer may have in flight" },
	[KEY_MTU] = { "mtu", ON_BOTH, &conf_type_unsigned, T(mtu_bytes), KCP_MTU_MIN,
		PACKET_MTU_MAX, "1350", NULL, NULL, "bytes of the largest datagram" },
	[KEY_RATELIMIT] = { "ratelimit", ON_BOTH, &conf_type_rate, T(ratelimit_bytes), 0,
		(int64_t)RATE_MAX_GIB << 30, "0", NULL, NULL,
		"bytes per second that a session may send; 0 for no limit" },
	[KEY_ACKNODELAY] = { "acknodelay", ON_BOTH, &conf_type_bool, T(acknodelay), 0, 0, "no", NULL,
		NULL, "acknowledge each packet at once" },

	[KEY_DATASHARD] = { "datashard", ON_BOTH, &conf_type_unsigned, T(datashard), 0,
		FEC_SHARDS_MAX - 1, "10", NULL, NULL,
		"packets in a set of forward error correction; 0 for none; a server follows each client" },
	[KEY_PARITYSHARD] = { "parityshard", ON_BOTH, &conf_type_unsigned, T(parityshard), 0,
		FEC_SHARDS_MAX - 1, "3", NULL, NULL,
		"packets added to a set: so many losses in it are repaired; a server follows each client" },

	[KEY_COMPRESSION] = { "compression", ON_BOTH, &conf_type_compression, T(compression), 0, 0,
		"snappy", NULL, NULL, "what a client compresses with, zstd between kcptunds only; a "
		"server follows each client" },
	[KEY_NOCOMP] = { "nocomp", ON_BOTH, &conf_type_bool, T(nocomp), 0, 0, "no", NULL, NULL,
		"yes means compression = none" },
	[KEY_SMUXVER] = { "smuxver", ON_BOTH, &conf_type_unsigned, T(smuxver), 1, 2, "2", NULL, NULL,
		"version of the stream protocol; a server follows each client" },
	[KEY_SMUXBUF] = { "smuxbuf", ON_BOTH, &conf_type_bytes, T(smuxbuf_bytes), BUFFER_MIN,
		BUFFER_MAX, "4194304", NULL, NULL, "bytes received and not yet passed on, per session" },
	[KEY_FRAMESIZE] = { "framesize", ON_BOTH, &conf_type_bytes, T(framesize_bytes), 1,
		SMUX_FRAME_MAX, "8192", NULL, "the length field on the wire has 16 bits",
		"bytes of the largest piece of a stream that goes out in one" },
	[KEY_STREAMBUF] = { "streambuf", ON_BOTH, &conf_type_bytes, T(streambuf_bytes), BUFFER_MIN,
		BUFFER_MAX, "2097152", NULL, NULL,
		"bytes received and not yet passed on, per stream (smuxver 2)" },
	[KEY_KEEPALIVE] = { "keepalive", ON_BOTH, &conf_type_unsigned, T(keepalive_s), 1, 29, "10",
		NULL, KEEPALIVE_BEYOND, "seconds of silence before a sign of life is sent" },
	[KEY_MAXSTREAMS] = { "maxstreams", ON_BOTH, &conf_type_unsigned, T(maxstreams), 1,
		SESSIONS_MAX, "4096", NULL, NULL, "streams at once in one session; more are refused" },
	[KEY_CLOSEWAIT] = { "closewait", ON_BOTH, &conf_type_unsigned, T(closewait_s), 0, YEAR_S,
		"30", NULL, NULL, "seconds that a stream closed in one direction may be idle" },

	[KEY_CONN] = { "conn", ON_CLIENT, &conf_type_unsigned, T(conn), 1, CONN_MAX, "1", NULL, NULL,
		"sessions in use at once, each from a UDP port of its own" },
	[KEY_AUTOEXPIRE] = { "autoexpire", ON_CLIENT, &conf_type_unsigned, T(autoexpire_s), 0,
		YEAR_S, "0", NULL, NULL,
		"seconds after which a session gets no new streams and is replaced; 0 for never" },
	[KEY_SCAVENGETTL] = { "scavengettl", ON_CLIENT, &conf_type_ttl, T(scavengettl_s), -1, YEAR_S,
		"600", NULL, NULL, "seconds that a replaced session may go on; -1 for no end" },
	[KEY_MAXSESSIONS] = { "maxsessions", ON_SERVER, &conf_type_unsigned, T(maxsessions), 1,
		SESSIONS_MAX, "4096", NULL, NULL, "sessions at once; more are refused" },

	[KEY_DSCP] = { "dscp", ON_BOTH, &conf_type_unsigned, T(dscp), 0, 63, "0", NULL,
		"the field has 6 bits", "DSCP value in the IP header of every packet" },
	[KEY_SOCKBUF] = { "sockbuf", ON_BOTH, &conf_type_bytes, T(sockbuf_bytes), BUFFER_MIN,
		BUFFER_MAX, "4194304", NULL, NULL, "bytes of the UDP socket's buffers in the kernel" },
	[KEY_QUIET] = { "quiet", ON_BOTH, &conf_type_bool, T(quiet), 0, 0, "no", NULL, NULL,
		"do not log each stream" },
	[KEY_SNMPLOG] = { "snmplog", ON_BOTH, &conf_type_snmplog, T(snmplog), 0, 0, "none", NULL,
		NULL, "the file for this tunnel's counters, as lines of CSV" },
	[KEY_SNMPPERIOD] = { "snmpperiod", ON_BOTH, &conf_type_unsigned, T(snmpperiod_s), 0, YEAR_S,
		"60", NULL, NULL, "seconds between two lines of snmplog; 0 writes none" },
};

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

const char *conf_row_default(const struct conf_row *row, unsigned where)
{
	return where == ON_SERVER && row->dflt_server ? row->dflt_server : row->dflt;
}
