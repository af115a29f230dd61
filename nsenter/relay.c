/*
 * relay.c - takes signals over from the Go runtime, whose own way costs a
 * conversation between two threads for each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"

static volatile int relay_fd = -1;

static void pass(int sig)
{
	int saved = errno;
	unsigned char number = (unsigned char)sig;

	/* A full pipe holds thousands already. */
	if (write(relay_fd, &number, 1) < 0)
		errno = saved;
	errno = saved;
}

int rt_relay(int fd, const int32_t *signals, int count)
{
	struct sigaction now, action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = pass;
	action.sa_flags = SA_ONSTACK | SA_RESTART; /* Go's stacks are small */
	sigfillset(&action.sa_mask);
	relay_fd = fd;
	for (int i = 0; i < count; i++) {
		/* Under nohup(1) a hangup is not meant for the program either. */
		if (sigaction(signals[i], NULL, &now) != 0)
			return -errno;
		if (now.sa_handler != SIG_IGN && sigaction(signals[i], &action, NULL) != 0)
			return -errno;
	}
	return 0;
}
