/*
 * spawn.h - starts what is to be C from its first instruction: the joiner of
 * exec, and a container's init.
 */
#ifndef RT_SPAWN_H
#define RT_SPAWN_H

#include <stdint.h>

struct rt_spawn {
	int exe;      /* the program */
	int sock;     /* becomes fd target, which is above those that are passed on */
	int target;
	int stdio[3]; /* become 0, 1 and 2 */
	int cgroup;   /* directory of cgroup2 to be born in, or -1 */
	const int *doors; /* files "tasks" of cgroup v1 that it goes in by, ending with -1 */
	int flags;    /* CLONE_NEWPID or 0 */
	int procs;    /* this many new file systems of type proc, for fsconfig, are
		       * sent over sock, with one byte, before the program begins */
	int hide;     /* others are in the pid namespace: it is not to be inspected */
	int small;    /* it has no huge pages while it waits. Others of this process's
		       * children must not be executed meanwhile */
	int files;    /* the limit on open files is that which we were started with */
	const char *oom; /* its oom_score_adj, or NULL: as the caller's */
	unsigned long slack; /* of timers, in ns; 0: as the caller's */
	int oom_failed; /* set by rt_spawn where that was what failed */
};

/*
 * rt_spawn executes the program as "rt init" with the caller's fds that are not
 * close-on-exec beside those named. All signals are blocked in it; mask is what
 * the caller had. It returns the pid or a negative errno; pidfd is
 * close-on-exec, and there while the call still waits for the execve.
 */
int rt_spawn(struct rt_spawn *s, int *pidfd, uint64_t *mask);

#endif
