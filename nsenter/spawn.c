/*
 * spawn.c - a fork and exec that knows that its child will not run Go. Go's own
 * takes back each of its 63 signal handlers in the child, by a system call
 * each; here signals stay blocked until execve has taken them all back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "join.h"
#include "spawn.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#define STACK 16384

struct order {
	int exe, sock, target, error;
	char env[64];
};

/* The child shares our memory until it has executed: no Go, no allocation. */
static int run(void *arg)
{
	struct order *o = arg;
	char *argv[] = { "rt", "init", NULL };
	char *envp[] = { o->env, NULL };

	if (dup3(o->sock, o->target, 0) >= 0)
		syscall(SYS_execveat, o->exe, "", argv, envp, AT_EMPTY_PATH);
	o->error = errno;
	_exit(127);
}

int rt_spawn_joiner(int exe, int sock, int target, int *pidfd, uint64_t *mask)
{
	_Alignas(16) char stack[STACK];
	struct order o = { .exe = exe, .sock = sock, .target = target };
	const uint64_t all = ~0ull;
	int pid;

	snprintf(o.env, sizeof(o.env), "%s=%d", RT_JOIN_ENV, target);
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, mask, sizeof(all)) != 0)
		return -errno;
	pid = clone(run, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &o, pidfd, NULL, NULL);
	if (pid < 0)
		o.error = errno;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(all));
	if (pid < 0)
		return -o.error;
	if (o.error) {
		siginfo_t info;

		waitid(P_PID, (id_t)pid, &info, WEXITED);
		close(*pidfd);
		return -o.error;
	}
	return pid;
}
