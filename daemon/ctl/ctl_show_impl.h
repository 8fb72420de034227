/* ctl_show_impl.h - what the tables of the documents share. */
#ifndef KT_CTL_SHOW_IMPL_H
#define KT_CTL_SHOW_IMPL_H

#include "ctl_format.h"
#include "ctl_show.h"
#include "ctl_table.h"

const char *show_or_dash(const char *s);
enum table_look show_state_look(const char *state);
/* Numbers of FEC: "10+3", or "-". */
const char *show_shards(ctl_text out, const json_t *row, const char *key);
/* Says so if there are no rows. */
bool show_is_empty(const struct ctl_view *v, const json_t *rows, const char *what);

/* sessions.c */
void show_sessions(const struct ctl_view *v, const json_t *doc, const json_t *before);

#endif
