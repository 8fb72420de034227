/* config_manual.c - what the manual says of each key beyond the table of keys. */
#include "config_manual.h"

#define SNMPLOG_LAYOUT \
	"The last part of the path is a time layout of Go, which shows how the moment Mon Jan 2 " \
	"15:04:05 2006 would be written: `snmp-20060102.log` makes a file a day. "

/* clang-format off */
const struct conf_manual conf_manuals[KEY_COUNT] = {
	[KEY_INCLUDE] = { "/etc/kcptun/tunnels.d/*.ini", NULL,
		"It may stand there several times, also in the [daemon] of a file that was named so. "
		"Of a path only the name behind the last slash may be a pattern, with `*`, `?` and "
		"`[...]` as in a shell; what begins with a dot matches none that does not. A pattern "
		"that nothing matches is no fault, a missing file or folder is one. All files are "
		"one configuration: [defaults] hold for the tunnels of all of them, [daemon] and "
		"[defaults] may stand in each, and no key may be given twice. A file is read once, "
		"4096 of them at most, of 1 MiB each and 16 MiB together, and they may name others "
		"8 deep. " },
	[KEY_LOGLEVEL] = { NULL, NULL,
		"error is what needs a human, warn what does not work, info the life of tunnels and "
		"sessions, debug more, each stream among it. " },
	[KEY_CONTROL] = { NULL,
		"Root and the group kcptun may ask; only root and the daemon's own user may change "
		"anything. ",
		"`none` turns it off. A second instance, kcptund@NAME, has "
		"/run/kcptun/NAME.sock. A reload makes the new socket, as the user that the daemon is by "
		"then, before it removes the old one, and answers whoever asked there. With another path "
		"than the unit's, `systemctl reload` needs another ExecReload= in the unit. " },
	[KEY_METRICS] = { NULL,
		"There is no password: anyone who can reach the address can read the numbers. ",
		"A reload listens at the new address before it leaves the old one. " },
	[KEY_STATEDIR] = { "/var/lib/kcptun", NULL,
		"It is made with mode 0700 if it is missing. Another one takes a restart of the "
		"daemon, of which each reload tells. A process needs one of its own. With `none`, or where auto finds that "
		"$STATE_DIRECTORY is not set, sessions that were recorded may be replayed once after "
		"each restart. " },
	[KEY_USER] = { "kcptun", NULL,
		"Who is not root at the start stays who he is. Other groups of that user are his as "
		"well; of root's rights only the one to bind ports below 1024 is kept, for a reload, "
		"and that which `fwmark` takes if a tunnel has one at the start. "
		"The configuration and the keys are read, and the control socket and a missing "
		"`statedir` are made, before; all else is done by that user, at the start as in a "
		"reload, which must be able to read the configuration: `kcptund -t` tells if it is "
		"not. Another one takes a restart of the daemon, of which each reload tells. " },
	[KEY_GROUP] = { "kcptun", NULL, "Another one takes a restart of the daemon, too. " },
	[KEY_DAEMON_SNMPLOG] = { NULL,
		SNMPLOG_LAYOUT "A relative path starts at the working folder, under systemd at "
		"/var/log/kcptun. ",
		"The first line names kcptun's counters; each further one begins with the Unix "
		"time and tells what was counted since the one before, of gauges the present "
		"value. What cannot be written is told once a minute, and comes with the next "
		"line. " },
	[KEY_DAEMON_SNMPPERIOD] = { NULL, NULL, NULL },

	[KEY_LOCALADDR] = { "127.0.0.1:12948", NULL,
		"What has a slash in it is the path of a Unix socket. A stale socket there is "
		"replaced, one that is in use is not. " },
	[KEY_SOCKETMODE] = { "0660", NULL,
		"The digits are octal, as those of chmod(1). Whoever may write to the socket may "
		"connect. " },
	[KEY_SOCKETGROUP] = { "www-data", NULL,
		"Only root can give it to any group; others, as the user of the units is, to one that "
		"they are members of. " },
	[KEY_REMOTEADDR] = { "vps.example.net:29900-29999", NULL,
		"A name is resolved anew for each session, and all its addresses are tried. With a "
		"range, sessions are spread over its ports; the server must listen on all of "
		"them. Of several servers, 8 at most and all with the same key and cipher, the first "
		"one that answers serves. When it falls silent the next one does; streams stay where "
		"they are. Those before it are tried again, as long as there are connections, and as "
		"soon as one answers it gets all that is new. " },
	[KEY_LISTEN] = { ":29900-29999", NULL,
		"`:29900` is every local address, IPv4 and IPv6. Replies leave from the address "
		"and port that were asked. " },
	[KEY_TARGET] = { "127.0.0.1:8388", NULL,
		"A name is resolved anew for each stream. While the target cannot be reached, "
		"streams are closed at once. `127.0.0.1:8388, 127.0.0.1:8389, /run/app.sock` are "
		"several, of which there may be 8; so a path has no comma in it. A stream is "
		"connected to the first; to the next one when that fails, or when nothing was heard "
		"of it for 1 s, and then to whichever answers sooner. It ends when all have "
		"failed. What failed is tried last for 10 s, and then again in its place. To answer "
		"means to accept the connection. " },
	[KEY_PROXYPROTOCOL] = { "v2", NULL,
		"With `v2` each connection to a target begins with a binary header of version 2, "
		"also that to a Unix socket. Its source is the address and port from which the "
		"client's datagrams come, so those of the other kcptund, or of the address "
		"translator before it: who connected to that client is not known here, and all "
		"streams of a session have the same. Its destination is the address and port "
		"where the session reached us; the address is all zero where the system does not "
		"tell. The target has to expect the header, as nginx with `listen ... "
		"proxy_protocol` and HAProxy with `accept-proxy`, and should believe it only "
		"from here: whoever else reaches the target can write one. " },

	[KEY_KEY] = { NULL,
		"There is none built in. Make one with: `kcptunctl genkey`. ",
		"Of key and keyfile, the one given closer to the tunnel holds. The key is never "
		"shown, by the log, by kcptunctl or by `kcptund -t`. " },
	[KEY_KEYFILE] = { NULL,
		"As a credential, in `systemctl edit kcptund`: "
		"`LoadCredential=home.key:/etc/kcptun/home.key`. ",
		"It should be readable for its owner alone; kcptund warns of others. A reload reads "
		"it again. " },
	[KEY_CRYPT] = { NULL, NULL, /* the names are from the table of ciphers */
		"kcptun of 2021 takes aes, without a word, for names that it does not know, such as "
		"null and aes-128-gcm. With xor and none whoever recorded a session can open it again, since "
		"he can change what it is known by, and with null there is nothing to know it by; with "
		"the others a server refuses that. " },
	[KEY_QPP] = { NULL, NULL,
		"This is kcptun's quantum permutation pad, of its 2026 line. It adds no strength "
		"that could be relied upon to a good cipher, and costs time. " },
	[KEY_QPP_COUNT] = { NULL, NULL, NULL },

	[KEY_MODE] = { NULL, NULL,
		"With `auto` nothing has to be tuned: a packet is sent again when the round trips "
		"measured and how much they vary say that it must be lost. The modes stand for "
		"(`nodelay`, `interval`, `resend`): auto (3, 10, 2), and as in kcptun normal (0, 40, "
		"2), fast (0, 30, 2), fast2 (1, 20, 2), fast3 (1, 10, 2). Of kcptun's, a later one "
		"answers and resends sooner, and sends more packets for the same data. Every mode "
		"leaves `sndwnd` and all other keys at their own values. " },
	[KEY_NODELAY] = { NULL, NULL,
		"With 0 a packet is sent again no sooner than after 100 ms, with 1 and 2 after 30 ms "
		"and with less patience each further time, and with 3 as in the mode `auto`. " },
	[KEY_INTERVAL] = { NULL, NULL, NULL },
	[KEY_RESEND] = { NULL, NULL, NULL },
	[KEY_NC] = { "1",
		"This is kcptun's way to say it, of use where `congestion` is not given. There is "
		"no default. ",
		NULL },
	[KEY_CONGESTION] = { NULL, NULL,
		"`model` measures the bottleneck's rate and the round trip, and keeps as much in "
		"flight as they hold; a loss that is no sign of congestion does not slow it down. "
		"`reno` leaves the line to others at each loss. `none` sends as fast as the windows "
		"allow, whatever else goes over the line, as kcptun's modes do. " },
	[KEY_COPIES] = { NULL, NULL,
		"They save small requests and answers the wait for a packet to be sent again, where "
		"many are lost. " },
	[KEY_SNDWND] = { NULL, NULL,
		"Then it is up to `congestion` and to the peer's `rcvwnd`. A number bounds the speed: "
		"packets in flight times `mtu` per round trip, so that 1024 are good for 100 Mbit/s "
		"over 100 ms. " },
	[KEY_RCVWND] = { NULL, NULL,
		"It bounds what the peer can send, as `sndwnd` does there. With `auto` a peer that "
		"floods the line, as kcptun does, is told of less. " },
	[KEY_MTU] = { NULL, NULL,
		"With cipher and error correction, but without the headers of UDP and IP (28 bytes, "
		"48 with IPv6). Datagrams begin with 1200, become as long as is found to pass, with "
		"`auto` what fits into 1500 at most, and shorter when the path does. A kcptun at the "
		"other end has an `mtu` of its own, which stays as it is. " },
	[KEY_RATELIMIT] = { NULL, NULL, "What is resent, parity and the cipher's bytes count, too. " },
	[KEY_ACKNODELAY] = { NULL, NULL,
		"Otherwise acknowledgements wait for each other for up to the interval of the "
		"mode, with mode `auto` for up to a quarter of the round trip, 25 ms at most. It "
		"takes more packets. " },

	[KEY_DATASHARD] = { NULL, NULL,
		"After so many packets, `parityshard` more are sent. Together they are 255 at "
		"most; when one of them is 0, there is no error correction. With `auto`, which is "
		"for both or for neither, two kcptunds send parity where it pays: for what is too "
		"small to be a bulk transfer, once something is lost, and as much as the loss calls "
		"for. To kcptun a client sends none then, and repairs with what the server sends. The two ends need not have the same numbers: a receiver finds "
		"out what the sender has, a kcptund server answers with those of each client, and a "
		"client that has numbers goes over to those of a kcptun server. " },
	[KEY_PARITYSHARD] = { NULL, NULL,
		"The share of parity is that of the bandwidth it takes: 10 and 3 add 30 percent. " },

	[KEY_COMPRESSION] = { NULL, NULL,
		"`snappy` is kcptun's. `none` suits data that does not shrink, such as what is "
		"encrypted already. A kcptun server takes only what it was started with: `auto` tries "
		"`snappy` and then `none`, each with both versions of `smuxver`, sees within a round trip or two "
		"which it is, and begins with that from then on. `zstd` has to be given. What is given "
		"is obeyed. " },
	[KEY_NOCOMP] = { NULL, NULL,
		"kcptun's name for it. Of this and compression, the one given closer to the tunnel "
		"holds. " },
	[KEY_SMUXVER] = { NULL, NULL,
		"A kcptun server takes only one, which `auto` finds out as with `compression`: 1 is that of a "
		"kcptun-server of 2021 without `--smuxver 2`. With 2 each "
		"stream has a window of its own, so that a slow one does not stop the others. " },
	[KEY_SMUXBUF] = { NULL, NULL, NULL },
	[KEY_FRAMESIZE] = { NULL, NULL,
		"Smaller pieces of many streams take turns sooner, at the price of 8 bytes each. " },
	[KEY_STREAMBUF] = { NULL, NULL,
		"It bounds the speed of one stream: so many bytes per round trip. " },
	[KEY_MEMORY] = { NULL, NULL,
		"A quarter is sure to what comes and to what goes, and no session takes all of the "
		"rest: so that many stalled streams of one cannot stop another. A lower number "
		"holds from then on for what is new. " },
	[KEY_MAXSTREAMS] = { NULL, NULL,
		"A client accepts no connection that no session has room for. " },
	[KEY_KEEPALIVE] = { NULL, NULL,
		"A shorter keepalive also holds the mappings of address translators open. " },
	[KEY_SESSIONTIMEOUT] = { NULL, NULL,
		"As long as that the streams of a session wait for a path that is down to come back. It has to be "
		"longer than keepalive, at both ends. " },
	[KEY_TCPTIMEOUT] = { NULL, NULL,
		"The kernel asks a connection that is idle whether its other end is there. One that answers and does not read is "
		"not given up. " },
	[KEY_CONNECTTIMEOUT] = { NULL, NULL,
		"Nothing is read from it before that, so it can still be given to a server that comes in time. " },
	[KEY_CLOSEWAIT] = { NULL, NULL,
		"A stream that is closed in one direction goes on in the other as long as data "
		"comes. With 0 both directions end together, as in kcptun of 2021. " },

	[KEY_CONN] = { NULL, NULL,
		"Streams are spread over them, so that what one has lost does not hold up the others. "
		"With `auto` each new stream has one of its own, up to 8; those that are quiet end "
		"after a minute. All of them share what is known of the path, and its rate. " },
	[KEY_AUTOEXPIRE] = { NULL, NULL,
		"For networks that treat long flows worse than new ones. The old session goes on "
		"until its streams have ended, or until `scavengettl`. " },
	[KEY_SCAVENGETTL] = { NULL, NULL, NULL },
	[KEY_MAXSESSIONS] = { NULL, NULL, NULL },

	[KEY_BIND] = { "192.0.2.7", NULL,
		"An IPv4 or IPv6 address without port or brackets; of the server's addresses only "
		"those of that family are tried. While this machine does not have it there are no new "
		"sessions, which the log and `kcptunctl check` tell, and it is tried again. " },
	[KEY_INTERFACE] = { "eth1", NULL,
		"Every user may name one since Linux 5.7. A client goes on when a device of that "
		"name goes and comes back; a server does, too, and hears nobody in between. Servers "
		"with different ones may share an address to listen on. " },
	[KEY_FWMARK] = { "0x1a", NULL,
		"It is the mark of ip-rule(8), iptables(8) and nft(8). Setting one takes "
		"CAP_NET_ADMIN, which the units do not give: `systemctl edit kcptund` with the two "
		"lines `AmbientCapabilities=CAP_NET_ADMIN` and "
		"`CapabilityBoundingSet=CAP_NET_ADMIN`, both in `[Service]`, and where AppArmor is in "
		"use the line `capability net_admin,` in /etc/apparmor.d/local/kcptund. " },
	[KEY_DSCP] = { NULL, NULL, "46 asks for expedited forwarding, where the network cares. " },
	[KEY_SOCKBUF] = { NULL, NULL,
		"When the kernel grants less, the log says which sysctl to set. " },
	[KEY_QUIET] = { NULL, NULL, "It silences neither `accesslog` nor warnings. kcptun has it, too. " },
	[KEY_ACCESSLOG] = { NULL, NULL,
		"It is of the level info, and names the stream as `kcptunctl streams` does, with its session: "
		"`stream NAME/1/3 of ADDRESS ended after 2.041 s, 512 bytes out, 90210 in: closed`, a server's "
		"with the words `to TARGET` behind the address. ADDRESS is the client's, `unix` on a Unix socket, and for a "
		"server where the session's datagrams come from; out is towards the other end of the tunnel. At "
		"the end stands what else may have happened: who reset it, what timed out, why the session was "
		"lost. A client's connection that never got a stream has such a line as well. kcptund holds no "
		"line back, however many there are. journald may, and says how many: see `LogRateLimitBurst` in "
		"systemd.exec(5). " },
	[KEY_SNMPLOG] = { NULL,
		SNMPLOG_LAYOUT "Two tunnels cannot write to one file. ",
		"Lines, paths and troubles are those of `snmplog` in `[daemon]`. " },
	[KEY_SNMPPERIOD] = { NULL, NULL, NULL },
};
/* clang-format on */

const struct conf_group conf_groups[] = {
	{ KEY_LOGLEVEL, "The daemon as a whole" },
	{ KEY_LOCALADDR, "Addresses" },
	{ KEY_KEY, "What both ends must agree upon" },
	{ KEY_MODE, "How eagerly data is sent" },
	{ KEY_DATASHARD, "Forward error correction" },
	{ KEY_COMPRESSION, "Streams" },
	{ KEY_CONN, "Sessions" },
	{ KEY_BIND, "Sockets, log and counters" },
};
const size_t conf_group_count = ARRAY_LEN(conf_groups);
