/* ctl_format.h - numbers as people read them. */
#ifndef KT_CTL_FORMAT_H
#define KT_CTL_FORMAT_H

#include <stdint.h>

enum { CTL_TEXT_BYTES = 32 };
typedef char ctl_text[CTL_TEXT_BYTES];

/* All return their buffer.  What is not known (NAN) is "-". */
const char *ctl_bytes(ctl_text out, double bytes);  /* 12.3 MiB */
const char *ctl_rate(ctl_text out, double bytes_s); /* 12.3 MiB/s */
const char *ctl_count(ctl_text out, double n);      /* 12345, 1.2 M */
const char *ctl_per_second(ctl_text out, double n); /* 0.4, 12, 3456 */
const char *ctl_ms(ctl_text out, double ms);        /* 0.8 ms, 41 ms, 1.25 s */
const char *ctl_age(ctl_text out, double seconds);  /* 12s, 5m12s, 3h20m, 3d4h */
const char *ctl_share(ctl_text out, double share);  /* 0.12 % */
const char *ctl_ratio(ctl_text out, double ratio);  /* 1.35 */

/* Two that belong together, in one unit. */
const char *ctl_two_rates(ctl_text out, double a, double b);  /* 0.9/12.3 MiB/s */
const char *ctl_two_ms(ctl_text out, double a, double b);     /* 41/160 ms */
const char *ctl_two_shares(ctl_text out, double a, double b); /* 0.12/12.3 % */

/* What the daemon calls a limit, as people do; borrowed or static. */
const char *ctl_limit(const char *word);

#endif
