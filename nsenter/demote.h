/*
 * demote.h - takes the privileges of all threads but the caller's.
 */
#ifndef RT_DEMOTE_H
#define RT_DEMOTE_H

#include <stdint.h>

/*
 * rt_demote_others gives every other thread of the process these ids, no
 * supplementary groups, no capabilities and no_new_privs. It returns 0 or a
 * negative errno. /proc must be a procfs that shows the process.
 */
int rt_demote_others(uint32_t uid, uint32_t gid);

#endif
