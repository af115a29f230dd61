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
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "join.h"
#include "spawn.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
#define FSOPEN_CLOSE_ON_EXEC 1
#define STACK 16384
#define MAX_PROCS 8

struct order {
	struct rt_spawn *spawn;
	struct rlimit files; /* rlim_max 0: as it is */
	int error;
	char env[64];
};

/*
 * small_pages forbids huge ones, and says whether that is new. Among Go's 34 MB
 * of zeroes, which are mapped and never touched in C, lie the few of the C
 * library: where huge pages are used always, one of 2 MB could be theirs for as
 * long as a container waits. It stays through execve (prctl(2),
 * PR_SET_THP_DISABLE), so the child takes it back, and so do we.
 */
static int small_pages(void)
{
	return prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0 && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;
}

/* put makes to a copy of fd that survives exec. */
static int put(int fd, int to)
{
	if (fd == to)
		return fcntl(fd, F_SETFD, 0);
	return dup3(fd, to, 0) < 0 ? -1 : 0;
}

/* out_of_the_way moves an fd whose number the child's own need. */
static int out_of_the_way(int fd, const struct rt_spawn *s)
{
	return fd > s->target ? fd : fcntl(fd, F_DUPFD_CLOEXEC, s->target + 1);
}

/* place_files gives the child its fds, and returns that of the program. */
static int place_files(const struct rt_spawn *s)
{
	int exe = out_of_the_way(s->exe, s), sock = s->sock, from[3];

	if (exe < 0)
		return -1;
	if (sock != s->target)
		sock = out_of_the_way(sock, s);
	if (sock < 0)
		return -1;
	for (int fd = 0; fd < 3; fd++) {
		from[fd] = s->stdio[fd] == fd ? fd : out_of_the_way(s->stdio[fd], s);
		if (from[fd] < 0)
			return -1;
	}
	if (put(sock, s->target) != 0)
		return -1;
	for (int fd = 0; fd < 3; fd++)
		if (from[fd] != fd && put(from[fd], fd) != 0)
			return -1;
	return exe;
}

/*
 * send_procs opens what only a process of the new pid namespace can: procfs
 * shows that of whoever opens it. The rest of its way is the parent's.
 */
static int send_procs(const struct rt_spawn *s)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * MAX_PROCS)];
	} control;
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = CMSG_SPACE(sizeof(int) * s->procs),
	};
	struct cmsghdr *c;
	int fds[MAX_PROCS];
	ssize_t n;

	if (s->procs == 0)
		return 0;
	memset(&control, 0, sizeof(control));
	for (int i = 0; i < s->procs; i++) {
		fds[i] = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOSE_ON_EXEC);
		if (fds[i] < 0)
			return -1;
	}
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * s->procs);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * s->procs);
	do {
		n = sendmsg(s->target, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

#if !defined(__x86_64__) && !defined(__aarch64__)
static int enter_cgroup(int dir)
{
	int fd = openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "0", 1) != 1 || close(fd) != 0 ? -1 : 0;
}
#endif

/*
 * enter_doors moves the child, which has a single thread. Others are moved by
 * their pid, and that waits until no thread of the host is in a fork or an exit:
 * a grace period of the kernel, 7 to 20 ms when there was none just before. Who
 * moves only itself, by "0" in a file tasks, does not wait (Linux 5.5).
 */
static int enter_doors(const int *doors)
{
	for (; doors && *doors >= 0; doors++)
		if (write(*doors, "0", 1) != 1)
			return -1;
	return 0;
}

/*
 * set_oom writes the child's oom_score_adj. It can only itself, and only now,
 * where the caller is not root: a program that may not be inspected has files in
 * /proc that are root's. A child by vfork is told apart from who shares its
 * memory.
 */
static int set_oom(const char *value)
{
	size_t n = value ? strlen(value) : 0;
	int fd, ok;

	if (n == 0)
		return 0;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ok = write(fd, value, n) == (ssize_t)n;
	close(fd);
	return ok ? 0 : -1;
}

/* The child shares our memory until it has executed: no Go, no allocation. */
static int run(void *arg)
{
	struct order *o = arg;
	struct rt_spawn *s = o->spawn;
	char *argv[] = { "rt", "init", NULL };
	char *envp[] = { o->env, NULL };
	int exe;

#if !defined(__x86_64__) && !defined(__aarch64__)
	if (s->cgroup >= 0 && enter_cgroup(s->cgroup) != 0)
		goto failed;
#endif
	if (set_oom(s->oom) != 0) {
		s->oom_failed = 1;
		goto failed;
	}
	if (enter_doors(s->doors) != 0) /* their numbers may be needed */
		goto failed;
	exe = place_files(s);
	if (exe < 0 || send_procs(s) != 0)
		goto failed;
	if (o->files.rlim_max && setrlimit(RLIMIT_NOFILE, &o->files) != 0)
		goto failed;
	syscall(SYS_execveat, exe, "", argv, envp, AT_EMPTY_PATH);
failed:
	o->error = errno;
	_exit(127);
}

/*
 * clone_into is clone(2) into a cgroup, which only clone3 can, and that has no
 * function in the C library because its child comes back on another stack. So
 * the child is called from here.
 */
static int clone_into(struct order *o, char *stack, uint64_t flags, int *pidfd)
{
	const struct rt_spawn *s = o->spawn;
#if defined(__x86_64__) || defined(__aarch64__)
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} args;
	long r;

	memset(&args, 0, sizeof(args));
	args.flags = flags | CLONE_INTO_CGROUP;
	args.pidfd = (uint64_t)(uintptr_t)pidfd;
	args.exit_signal = SIGCHLD;
	args.stack = (uint64_t)(uintptr_t)stack;
	args.stack_size = STACK;
	args.cgroup = (uint64_t)s->cgroup;
	if (s->cgroup >= 0) {
#ifdef __x86_64__
		register int (*fn)(void *) __asm__("r12") = run;
		register void *arg __asm__("r13") = o;

		__asm__ volatile("syscall\n\t"
				 "testq %%rax, %%rax\n\t"
				 "jnz 1f\n\t"
				 "xorl %%ebp, %%ebp\n\t"
				 "movq %%r13, %%rdi\n\t"
				 "callq *%%r12\n\t"
				 "hlt\n"
				 "1:"
				 : "=a"(r)
				 : "a"((long)SYS_clone3), "D"(&args), "S"(sizeof(args)), "r"(fn), "r"(arg)
				 : "rcx", "r11", "memory");
#else
		register long number __asm__("x8") = SYS_clone3;
		register long x0 __asm__("x0") = (long)&args;
		register long x1 __asm__("x1") = sizeof(args);
		register int (*fn)(void *) __asm__("x19") = run;
		register void *arg __asm__("x20") = o;

		__asm__ volatile("svc #0\n\t"
				 "cbnz x0, 1f\n\t"
				 "mov x29, #0\n\t"
				 "mov x0, x20\n\t"
				 "blr x19\n\t"
				 "brk #0\n"
				 "1:"
				 : "+r"(x0)
				 : "r"(number), "r"(x1), "r"(fn), "r"(arg)
				 : "memory", "cc");
		r = x0;
#endif
		if (r < 0) {
			errno = (int)-r;
			return -1;
		}
		return (int)r;
	}
#endif
	(void)s;
	return clone(run, stack + STACK, (int)(flags | SIGCHLD), o, pidfd, NULL, NULL);
}

/* given_files: Go has raised the soft limit to one below the hard one. If it is
 * something else by now, somebody wants it so. */
static void given_files(struct order *o)
{
	struct rlimit now, start = rt_files_limit();

	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == now.rlim_max - 1 &&
	    now.rlim_max == start.rlim_max && start.rlim_cur < now.rlim_cur)
		o->files = start;
}

int rt_spawn(struct rt_spawn *s, int *pidfd, uint64_t *mask)
{
	_Alignas(16) char stack[STACK];
	struct order o = { .spawn = s };
	const uint64_t all = ~0ull;
	int pid, small;

	if (s->procs > MAX_PROCS)
		return -E2BIG;
	if (s->files)
		given_files(&o);
	/* The child's is that of the thread that makes it. */
	if (s->slack && prctl(PR_SET_TIMERSLACK, s->slack, 0, 0, 0) != 0)
		return -errno;
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, mask, sizeof(all)) != 0)
		return -errno;
	small = s->small && small_pages();
	snprintf(o.env, sizeof(o.env), "%s=%d%.*s%.*s", RT_JOIN_ENV, s->target,
		 s->hide, (char[]){ RT_JOIN_HIDE, 0 }, small, (char[]){ RT_JOIN_SMALL, 0 });
	pid = clone_into(&o, stack, (uint64_t)(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | s->flags), pidfd);
	if (pid < 0)
		o.error = errno;
	if (small)
		prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(all));
	if (pid < 0)
		return -o.error;
	if (o.error) {
		siginfo_t info;
		int fd = *pidfd;

		waitid(P_PID, (id_t)pid, &info, WEXITED);
		*pidfd = -1; /* somebody may look */
		close(fd);
		return -o.error;
	}
	return pid;
}
