/*
 * nsenter.c - joins what a multi-threaded Go process cannot: an existing user
 * or time namespace; and makes new namespaces inside a joined user namespace.
 * It runs before the Go runtime, only in an init that was started with
 * RT_ENTER_ENV, does what the request says and decides nothing. In every init
 * (RT_INIT_ENV) it closes the fds that are not init's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nsenter.h"
#include "start.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static void reply(int sock, int step, int object, int error, int pid)
{
	struct rt_enter_reply r = {
		.step = step, .error = error, .object = object, .pid = pid
	};
	ssize_t n;

	do {
		n = send(sock, &r, sizeof(r), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
}

static void die(int sock, int step, int object)
{
	reply(sock, step, object, errno, 0);
	_exit(1);
}

/* receive takes the request; EOF means that the parent is dead. */
static void receive(int sock, struct rt_enter *req, int fds[RT_ENTER_MAX])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * RT_ENTER_MAX)];
	} control;
	struct iovec iov = { .iov_base = req, .iov_len = sizeof(*req) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c;
	size_t got = 0;
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(1);
	if (n < 0)
		die(sock, RT_STEP_RECEIVE, 0);
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (got > RT_ENTER_MAX)
			got = RT_ENTER_MAX;
		memcpy(fds, CMSG_DATA(c), got * sizeof(int));
	}
	if (n != sizeof(*req) || req->magic != RT_ENTER_MAGIC ||
	    req->count > RT_ENTER_MAX || req->count != got ||
	    req->offsets_len > RT_ENTER_OFFSETS) {
		errno = EPROTO;
		die(sock, RT_STEP_RECEIVE, 0);
	}
}

/*
 * join enters the namespaces. One that belongs to the host can only be entered
 * before the user namespace is, one that belongs to the user namespace only
 * after it by a caller without privilege: so what answers EPERM at first is
 * tried again behind the user namespace.
 */
static void join(int sock, const struct rt_enter *req, const int fds[])
{
	uint32_t again = 0;
	uint32_t i;

	for (i = 0; i < req->count; i++) {
		if (req->flags[i] == CLONE_NEWUSER)
			continue;
		if (setns(fds[i], (int)req->flags[i]) == 0)
			continue;
		if (errno != EPERM)
			die(sock, RT_STEP_SETNS, (int)i);
		again |= 1u << i;
	}
	for (i = 0; i < req->count; i++)
		if (req->flags[i] == CLONE_NEWUSER &&
		    setns(fds[i], CLONE_NEWUSER) != 0)
			die(sock, RT_STEP_SETNS, (int)i);
	for (i = 0; i < req->count; i++)
		if ((again & (1u << i)) && setns(fds[i], (int)req->flags[i]) != 0)
			die(sock, RT_STEP_SETNS, (int)i);
	for (i = 0; i < req->count; i++)
		if (close(fds[i]) != 0)
			die(sock, RT_STEP_SETNS, (int)i);
}

static void write_offsets(int sock, const struct rt_enter *req, int fd)
{
	if (write(fd, req->offsets, req->offsets_len) != (ssize_t)req->offsets_len)
		die(sock, RT_STEP_OFFSETS, 0);
	if (close(fd) != 0)
		die(sock, RT_STEP_OFFSETS, 0);
}

/*
 * go_on_in_child leaves the rest to a child of our parent. The reply comes
 * from here: only here the child's pid is the one that the parent sees.
 */
static void go_on_in_child(int sock)
{
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid < 0)
		die(sock, RT_STEP_FORK, 0);
	if (pid > 0) {
		reply(sock, RT_STEP_DONE, 0, 0, (int)pid);
		_exit(0);
	}
}

__attribute__((constructor)) static void nsenter(int argc, char **argv)
{
	const char *env = getenv(RT_INIT_ENV);
	struct rt_enter req;
	int fds[RT_ENTER_MAX];
	int sock, offsets = -1;

	/* An init's last argument is that fd too, whatever the program is: a
	 * variable that strayed here says nothing. */
	if (!env)
		return;
	rt_arguments(&argc, &argv);
	if (argc < 2 || strcmp(argv[argc - 1], env) != 0)
		return;
	sock = atoi(env);
	/*
	 * What the program that started us has left open on exec must not be
	 * here while the container comes to be: a directory of the host is a
	 * way out of it. Now, because a little later there are fds of Go's own.
	 */
	if (syscall(SYS_close_range, sock + 1, ~0U, 0) != 0) {
		static const char text[] = "rt: init: close_range is refused; rt needs Linux 5.14\n";
		ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

		_exit(n < 0 ? 2 : 1);
	}
	if (!getenv(RT_ENTER_ENV))
		return;
	memset(&req, 0, sizeof(req));
	receive(sock, &req, fds);
	/* Opened before the next step makes the files of /proc/self root's. */
	if (req.offsets_len) {
		offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (offsets < 0)
			die(sock, RT_STEP_OFFSETS, 0);
	}
	/*
	 * Whoever has CAP_SYS_PTRACE in the user namespace that is joined could
	 * take over a process of the host that comes in. Not one that is not
	 * dumpable: that needs the capability where the program was executed.
	 */
	if (req.count && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		die(sock, RT_STEP_SETNS, 0);
	join(sock, &req, fds);
	if (req.unshare && unshare((int)req.unshare) != 0)
		die(sock, RT_STEP_UNSHARE, 0);
	if (req.offsets_len)
		write_offsets(sock, &req, offsets);
	if (req.fork)
		go_on_in_child(sock);
	else
		reply(sock, RT_STEP_DONE, 0, 0, 0);
}
