/*
 * spawn.h - starts the joiner of exec.
 */
#ifndef RT_SPAWN_H
#define RT_SPAWN_H

#include <stdint.h>

/*
 * rt_spawn_joiner executes the program behind exe as "rt init" with stdin,
 * stdout and stderr of the caller, its fds that are not close-on-exec, and
 * sock as fd target. All signals are blocked in it; mask is what the caller
 * had. It returns the pid or a negative errno; pidfd is close-on-exec.
 */
int rt_spawn_joiner(int exe, int sock, int target, int *pidfd, uint64_t *mask);

#endif
