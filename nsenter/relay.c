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

static struct sigaction before[65];

/* A fault of this program itself is not somebody's word to the other one. */
static int is_fault(int sig, const siginfo_t *info)
{
	switch (sig) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
		return info->si_code > 0; /* by the kernel (sigaction(2)) */
	}
	return 0;
}

static void pass(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	unsigned char number = (unsigned char)sig;

	if (is_fault(sig, info)) {
		if (before[sig].sa_flags & SA_SIGINFO)
			before[sig].sa_sigaction(sig, info, context);
		else
			signal(sig, SIG_DFL); /* it faults again */
		return;
	}
	/* A full pipe holds thousands already. */
	if (write(relay_fd, &number, 1) < 0)
		errno = saved;
	errno = saved;
}

int rt_relay(int fd, const int32_t *signals, int count)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = pass;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART; /* Go's stacks are small */
	sigfillset(&action.sa_mask);
	relay_fd = fd;
	for (int i = 0; i < count; i++) {
		struct sigaction *old = &before[signals[i]];

		if (sigaction(signals[i], &action, old) != 0)
			return -errno;
		/* Under nohup(1) a hangup is not meant for the program either. */
		if (old->sa_handler == SIG_IGN && sigaction(signals[i], old, NULL) != 0)
			return -errno;
	}
	return 0;
}
