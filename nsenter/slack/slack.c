/*
 * slack.c - makes the kernel wake this program's sleepers together. Go's watcher
 * thread sleeps 20 us at a time while anything runs. With the usual slack of
 * 50 us a timer is set and a processor interrupted for each of its naps; with a
 * millisecond they end with the tick, or with what else wakes the processor.
 *
 * A thread gets its slack from that which makes it, so this comes before Go's
 * first one. So does a process, and what it executes keeps it (prctl(2),
 * PR_SET_TIMERSLACK): before a fork the thread gets back what was given.
 */
#include <stdlib.h>
#include <sys/prctl.h>

#include "join.h"
#include "nsenter.h"
#include "slack.h"

#define SLACK 1000000 /* ns */

unsigned long rt_given_slack;

__attribute__((constructor)) static void slack(void)
{
	int given;

	/* What these execute is the container. */
	if (getenv(RT_INIT_ENV) || getenv(RT_JOIN_ENV))
		return;
	given = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	/* 0 is the slack of a real-time task, which sleeps exactly. */
	if (given > 0 && given < SLACK && prctl(PR_SET_TIMERSLACK, SLACK, 0, 0, 0) == 0)
		rt_given_slack = (unsigned long)given;
}
