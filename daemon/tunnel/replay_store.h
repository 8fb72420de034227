/* replay_store.h - which datagrams came before that open sessions, remembered across restarts.
 *
 * What is kept: of every datagram that opens a session, or could have opened one (the copies of the first ones, which
 * came while the session was there), whatever was made of it.  An honest peer never sends one datagram twice; what the
 * network doubles brings nothing new.
 *
 * One store for all tunnels of one key and cipher, since what was recorded on the way to one of them can be sent to
 * another, and a tunnel may be replaced by another while it ends.  The filter (replay.h) is in memory; in the state
 * directory, if there is one, stand two files, one for each generation:
 *
 *     replay-DIGEST.0, replay-DIGEST.1    DIGEST: of the key and cipher; another key has other files
 *
 * New prints are appended in one write at the end of the iteration in which they came; once written they outlast the
 * process, however it ends, though not a power failure of the next seconds.  An append that fails is told of and tried again with the next one.  The digest is an HMAC under the key that
 * a datagram is sealed with, so that a file gives away no more of the key than any datagram does.
 *
 * Memory instead of a mapped file because a full disk, or a file that somebody cuts, must be an error and not a
 * SIGBUS; and because what is on disk is then in the order of time, of which a torn end is the last print. */
#ifndef KT_REPLAY_STORE_H
#define KT_REPLAY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_tunnel;
struct reactor;
struct replay_store;

/* Where the files of stores opened from now on are, a folder that is made if it is missing; copied.  NULL: nowhere, they
 * are in memory only. */
void replay_store_set_dir(const char *dir);

/* The one for this tunnel's key and cipher, which others may be using.  NULL after having logged why. */
struct replay_store *replay_store_open(struct reactor *r, const struct conf_tunnel *conf);
void replay_store_close(struct replay_store *s); /* NULL is fine */

/* A datagram that opens a session or could, by its identity (seal.h).  False: it came before. */
bool replay_store_note(struct replay_store *s, const uint8_t *identity, size_t len);

#endif
