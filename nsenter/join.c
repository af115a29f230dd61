/*
 * join.c - the joiner of rt exec, which goes into a running container and gives
 * birth to the program there; and the init of most containers, which becomes
 * the program itself. It runs before the Go runtime and instead of it, in a
 * process that was started with RT_JOIN_ENV, does the operations it is told in
 * their order and decides nothing; planner/join.go and planner/init.go write
 * the lists.
 *
 * Why not in Go: a process that is born in the container's pid namespace can be
 * seen by the container, so nothing may be born there before all privileges are
 * gone. That takes a fork at the very end, which a program of many threads
 * cannot do; and the start of a second Go runtime would be half of all that an
 * exec costs, and a good part of a container's start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "join.h"
#include "start.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define DEVPTS_MAGIC 0x1cd1
#define KEY_JOIN_SESSION 1 /* KEYCTL_JOIN_SESSION_KEYRING */
#define IOPRIO_PROCESS 1   /* IOPRIO_WHO_PROCESS */

/* What the child tells its sibling, the joiner: they share the page. */
struct shared {
	int32_t op, error; /* what failed; error 0: nothing has */
	int32_t listener;  /* fd plus one */
	int32_t resume;
};

static int sock;
static struct rt_join request;
static const struct rt_join_op *ops;
static char *bytes;
static int fds[RT_JOIN_MAX_FDS];
static const char *program;
static char **argv, **envp;
static int path = -1; /* what find came to */
static int inside; /* the working directory is the one that was asked for */
static int starter = -1; /* who has said "start", and hears of what fails then */

/* send_message sends a message with up to two fds, in one piece. */
static ssize_t send_message(int to, struct iovec *iov, size_t parts, const int *rights, int count)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * 2)];
	} control;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = parts };
	ssize_t n;

	if (count > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), rights, sizeof(int) * count);
	}
	do {
		n = sendmsg(to, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* answer says 0 also where nobody is there any more to hear it. */
static int answer(int kind, int op, int error, int value, const int *rights, int count)
{
	struct rt_join_reply r = { .kind = kind, .op = op, .error = error, .value = value, .path = path };
	struct iovec iov = { .iov_base = &r, .iov_len = sizeof(r) };

	if (send_message(sock, &iov, 1, rights, count) >= 0 || errno == EPIPE || errno == ECONNRESET)
		return 0;
	return -1;
}

/* reply ends us where it cannot be sent: the end of the socket says so, and
 * nobody waits for more. */
static void reply(int kind, int op, int error, int value, const int *rights, int count)
{
	if (answer(kind, op, error, value, rights, count) != 0)
		_exit(1);
}

/* open_root is for looking at the program. Behind a filter it is the very call
 * that package seccomp looks at: C libraries open by others, too. */
static int open_root(void)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * refuse tells whoever has started the container, which may be a process that
 * knows nothing of our list, what has failed: a frame of package wire. With the
 * container's root it can look why a program cannot be executed.
 */
static void refuse(const struct rt_join_op *op, int error)
{
	const int is_exec = op->code == RT_OP_EXEC && program;
	struct rt_refusal r = { .code = (int32_t)op->code, .error = error, .detail = (int32_t)op->a };
	const uint32_t length = (uint32_t)(sizeof(r) + (is_exec ? strlen(program) : 0));
	unsigned char head[RT_WIRE_HEADER] = {
		RT_WIRE_REFUSED, (unsigned char)length, (unsigned char)(length >> 8),
		(unsigned char)(length >> 16), (unsigned char)(length >> 24),
	};
	struct iovec iov[3] = {
		{ .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = &r, .iov_len = sizeof(r) },
		{ .iov_base = (char *)program, .iov_len = is_exec ? strlen(program) : 0 },
	};
	int root = open_root();

	if (send_message(starter, iov, 3, &root, root >= 0) < 0 && root >= 0)
		(void)send_message(starter, iov, 3, NULL, 0);
}

/* linger waits until the other end has seen enough: an init's mounts end with
 * it. The calls behind a filter are those that package seccomp looks at. */
static void linger(int peer)
{
	char c;

	while (read(peer, &c, 1) > 0)
		;
}

/* fail ends us. With the container's root the other end can look why a program
 * cannot be executed. */
static void fail(int op, int error, int with_root)
{
	int root;

	if (starter >= 0 && op >= 0) {
		refuse(&ops[op], error);
		linger(starter);
		_exit(1);
	}
	root = with_root ? open_root() : -1;
	if (answer(RT_JOIN_FAILED, op, error, 0, &root, root >= 0) != 0)
		reply(RT_JOIN_FAILED, op, error, 0, NULL, 0);
	if (root >= 0)
		linger(sock);
	_exit(1);
}

static void fill(void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = recv(sock, (char *)to + done, size - done, MSG_WAITALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1); /* whoever started us is gone */
		done += (size_t)n;
	}
}

/* receive takes the next request. */
static void receive(void)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * RT_JOIN_MAX_FDS)];
	} control;
	struct iovec iov = { .iov_base = &request, .iov_len = sizeof(request) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c;
	size_t got = 0, size;
	ssize_t n;
	char *p;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		_exit(1);
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (got > RT_JOIN_MAX_FDS)
			got = RT_JOIN_MAX_FDS;
		memcpy(fds, CMSG_DATA(c), got * sizeof(int));
	}
	if (n != sizeof(request) || request.magic != RT_JOIN_MAGIC || request.fds != got ||
	    request.bytes > RT_JOIN_MAX_BYTES || request.count > 1024)
		fail(-1, EPROTO, 0);
	size = request.count * sizeof(*ops) + request.bytes + 1;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		fail(-1, errno, 0);
	fill(p, size - 1);
	ops = (const struct rt_join_op *)p;
	bytes = p + request.count * sizeof(*ops);
	for (uint32_t i = 0; i < request.count; i++)
		if (ops[i].text > request.bytes || ops[i].length > request.bytes - ops[i].text)
			fail((int)i, EPROTO, 0);
}

static int write_file(const struct rt_join_op *op)
{
	const char *name = bytes + op->text;
	size_t skip = strlen(name) + 1;
	int fd, failed;

	if (skip > op->length) {
		errno = EPROTO;
		return -1;
	}
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	failed = write(fd, name + skip, op->length - skip) != (ssize_t)(op->length - skip);
	if (failed) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return close(fd);
}

static int open_at(int dir, const char *name, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
	int tries = 0;
	long fd;

	/* EAGAIN: somebody renames or mounts while ".." is resolved. */
	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < 256);
	return (int)fd;
}

static int send_master(int console, const char *name, size_t length, int master)
{
	struct iovec iov = { .iov_base = (char *)name, .iov_len = length };

	return send_message(console, &iov, 1, &master, 1) == (ssize_t)length ? 0 : -1;
}

/* pts_name writes "/dev/pts/N" and returns its length. */
static size_t pts_name(char name[32], unsigned number)
{
	char digits[12];
	size_t at = strlen(strcpy(name, "/dev/pts/"));
	int n = 0;

	do {
		digits[n++] = (char)('0' + number % 10);
	} while (number /= 10);
	while (n > 0)
		name[at++] = digits[--n];
	name[at] = '\0';
	return at;
}

/*
 * open_pty makes stdin, stdout and stderr of a new terminal of the container's
 * own devpts and sends the master away. No link is followed and nothing is
 * opened that is not of devpts: an image cannot put anything in its place.
 */
static int open_pty(const struct rt_join_op *op)
{
	struct winsize size = { .ws_col = (unsigned short)(op->c >> 16), .ws_row = (unsigned short)op->c };
	struct statfs fs;
	unsigned number;
	int dir, master, slave, unlock = 0;
	char name[32];
	size_t length;

	dir = open_at(AT_FDCWD, "/dev/pts", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (dir < 0 || fstatfs(dir, &fs) != 0)
		return -1;
	if (fs.f_type != DEVPTS_MAGIC) {
		errno = ENODEV;
		return -1;
	}
	master = open_at(dir, "ptmx", O_RDWR | O_NOCTTY,
			 RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (master < 0 || close(dir) != 0)
		return -1;
	if (ioctl(master, TIOCGPTN, &number) != 0 || ioctl(master, TIOCSPTLCK, &unlock) != 0)
		return -1;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -1;
	if (op->c && ioctl(slave, TIOCSWINSZ, &size) != 0)
		return -1;
	/* Without a mapping for the uid there is nobody to give it to. */
	if (fchown(slave, (uid_t)op->b, (gid_t)-1) != 0 && errno != EINVAL && errno != EPERM)
		return -1;
	length = pts_name(name, number);
	if (send_master(fds[op->a], name, length, master) != 0)
		return -1;
	close(master);
	close(fds[op->a]);
	for (int fd = 0; fd < 3; fd++)
		if (dup3(slave, fd, 0) < 0)
			return -1;
	return close(slave);
}

/*
 * enter changes into the program's directory and makes sure that it lies inside
 * the container: no magic link of /proc, nothing outside of the root
 * (CVE-2024-21626).
 */
static int enter(const char *name)
{
	char now[4096];
	int fd = open_at(AT_FDCWD, name, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return -1;
	if (fchdir(fd) != 0)
		return -1;
	close(fd);
	if (syscall(SYS_getcwd, now, sizeof(now)) < 0)
		return -1;
	if (now[0] != '/') {
		errno = EXDEV;
		return -1;
	}
	inside = 1;
	return 0;
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
	};

	return (int)syscall(SYS_capset, &header, data);
}

static int drop_bounding(uint64_t keep, uint64_t last)
{
	for (uint64_t n = 0; n <= last && n < 64; n++)
		if (!(keep & (1ull << n)) && prctl(PR_CAPBSET_DROP, n, 0, 0, 0) != 0)
			return -1;
	return 0;
}

static void raise_ambient(uint64_t mask, uint64_t last)
{
	for (uint64_t n = 0; n <= last && n < 64; n++)
		if (mask & (1ull << n))
			(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0);
}

static int owner(int keep_groups, uid_t uid, gid_t gid)
{
	if (!keep_groups && syscall(SYS_setgroups, 0, NULL) != 0 && errno != EPERM)
		return -1;
	if (syscall(SYS_setresgid, gid, gid, gid) != 0)
		return -1;
	return (int)syscall(SYS_setresuid, uid, uid, uid);
}

static int executable(const char *name)
{
	struct stat st;

	if (syscall(SYS_faccessat2, AT_FDCWD, name, X_OK, AT_EACCESS) != 0 || stat(name, &st) != 0)
		return errno;
	return S_ISDIR(st.st_mode) ? EACCES : 0;
}

/* find takes the first of the paths that can be executed. One that is there and
 * may not be is worth more to the user than those that are not. */
static void find(int index, const struct rt_join_op *op)
{
	const char *name = bytes + op->text;
	int error = ENOENT;

	for (uint64_t i = 0; i < op->a; i++) {
		int e = executable(name);

		if (e == 0) {
			program = name;
			path = (int)i;
			return;
		}
		if (e == EACCES && path < 0)
			path = (int)i;
		if (op->a == 1)
			error = e;
		name += strlen(name) + 1;
	}
	fail(index, error, 1);
}

/* arguments makes the arrays that execve takes. */
static int arguments(const struct rt_join_op *op)
{
	size_t count = op->a + op->b + 2;
	char *text = bytes + op->text;
	char **list;

	if (op->a == 0 || count > RT_JOIN_MAX_BYTES) {
		errno = EPROTO;
		return -1;
	}
	list = mmap(NULL, count * sizeof(*list), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (list == MAP_FAILED)
		return -1;
	argv = list;
	envp = list + op->a + 1;
	for (uint64_t i = 0; i < op->a + op->b; i++) {
		list[i < op->a ? i : i + 1] = text;
		text += strlen(text) + 1;
	}
	return 0;
}

static int seccomp(const struct rt_join_op *op, struct shared *with)
{
	struct sock_fprog prog = {
		.len = (unsigned short)(op->length / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(bytes + op->text),
	};
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op->a, &prog);

	if (fd < 0)
		return -1;
	if (op->a & SECCOMP_FILTER_FLAG_NEW_LISTENER) { /* the child's only */
		__atomic_store_n(&with->listener, (int32_t)fd + 1, __ATOMIC_SEQ_CST);
		/* Sleeping would be a system call, which the filter may forbid. */
		while (!__atomic_load_n(&with->resume, __ATOMIC_SEQ_CST))
			;
	}
	return 0;
}

static int limit(const struct rt_join_op *op)
{
	struct { uint64_t soft, hard; } value = { op->b, op->c };

	return (int)syscall(SYS_prlimit64, 0, op->a, &value, NULL);
}

/* default_action undoes what the caller may have done to the signals that C
 * libraries keep for themselves: make(1) has its children ignore them. */
static void default_action(int signal)
{
	uint64_t action[4] = { 0 };

	syscall(SYS_rt_sigaction, signal, action, NULL, 8);
}

/* own_op are the operations of whoever is to be the program: init, or the
 * joiner's child. with is the child's. */
static long own_op(const struct rt_join_op *op, struct shared *with)
{
	switch (op->code) {
	case RT_OP_SESSION:
		for (int signal = 32; signal <= 34; signal++) /* glibc's two, musl's three */
			default_action(signal);
		return setsid();
	case RT_OP_TERMINAL:
		return ioctl(0, TIOCSCTTY, 0);
	case RT_OP_SIGMASK:
		return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &op->a, NULL, sizeof(op->a));
	case RT_OP_LIMIT:
		return limit(op);
	case RT_OP_TRY_CAPS:
		(void)set_caps(op->a, op->b, op->c);
		return 0;
	case RT_OP_SECCOMP:
		return seccomp(op, with);
	case RT_OP_EXEC:
		return syscall(SYS_execve, program, argv, envp);
	}
	errno = EPROTO;
	return -1;
}

/*
 * child is the container's from its first instruction: it has the ids and the
 * capabilities of the program, with CAP_SYS_ADMIN besides where the filter
 * needs it, and no file of the host's but the socket, if that.
 */
static void child(uint32_t i, struct shared *with, int shares_files)
{
	if (!shares_files)
		close(sock);
	for (; i < request.count; i++)
		if (own_op(&ops[i], with) < 0)
			break;
	with->op = (int32_t)i;
	__atomic_store_n(&with->error, errno, __ATOMIC_SEQ_CST);
	syscall(SYS_exit_group, 255);
	__builtin_trap(); /* the filter does not let us exit */
}

/* give_up ends the child, which turns and turns, and us. Its ids are ours. */
static void give_up(int pidfd)
{
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	_exit(1);
}

/* may_go_on takes a byte. Without it who started us is gone. */
static void may_go_on(int pidfd)
{
	ssize_t n;
	char c;

	while ((n = recv(sock, &c, 1, 0)) < 0 && errno == EINTR)
		;
	if (n != 1)
		give_up(pidfd);
}

/* hand_over waits for the listener of the child's filter, lets the other end
 * take it to its agent, and then for the program to be executed. */
static void hand_over(struct shared *with, int pid, int pidfd, int alive[2])
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int32_t listener;
	char c;

	while (!(listener = __atomic_load_n(&with->listener, __ATOMIC_SEQ_CST)))
		if (poll(&end, 1, 1) > 0)
			return; /* dead; the shared page may say why */
	{
		int pair[2] = { pidfd, listener - 1 };

		if (answer(RT_JOIN_LISTENER, 0, 0, pid, pair, 2) != 0)
			give_up(pidfd);
	}
	close(listener - 1); /* the child's too: it must not answer for itself */
	may_go_on(pidfd);
	__atomic_store_n(&with->resume, 1, __ATOMIC_SEQ_CST);
	/* From here on the child's files are its own, and what execve closes
	 * in them is closed. */
	if (unshare(CLONE_FILES) != 0)
		return;
	close(alive[1]);
	while (read(alive[0], &c, 1) < 0 && errno == EINTR)
		;
}

static void birth(uint32_t i)
{
	const int notify = ops[i].a != 0;
	/* Our parent's child, as we are; vfork: until it has executed. */
	const unsigned long flags = CLONE_PARENT | CLONE_PIDFD | SIGCHLD |
		(notify ? CLONE_FILES : CLONE_VFORK);
	int pidfd = -1, alive[2] = { -1, -1 }, rights[2];
	struct shared *with;
	int count = 1;
	long pid;

	with = mmap(NULL, sizeof(*with), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (with == MAP_FAILED || (notify && pipe2(alive, O_CLOEXEC) != 0))
		fail((int)i, errno, 0);
#ifdef __s390x__
	pid = syscall(SYS_clone, 0, flags, &pidfd, 0, 0);
#else
	pid = syscall(SYS_clone, flags, 0, &pidfd, 0, 0);
#endif
	if (pid < 0)
		fail((int)i, errno, 0);
	if (pid == 0)
		child(i + 1, with, notify);
	if (notify)
		hand_over(with, (int)pid, pidfd, alive);
	rights[0] = pidfd;
	if (with->error) {
		rights[1] = open_root();
		count += rights[1] >= 0;
	}
	reply(RT_JOIN_BORN, with->op, with->error, (int)pid, rights, count);
	_exit(0);
}

static int send_root(void)
{
	int root = open_root();

	if (root < 0)
		return -1;
	reply(RT_JOIN_ROOT, 0, 0, 0, &root, 1);
	return close(root);
}

/* terminal makes an fd stdin, stdout and stderr, and the controlling terminal. */
static int terminal(int slave)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup3(slave, fd, 0) < 0)
			return -1;
	if (close(slave) != 0)
		return -1;
	return ioctl(0, TIOCSCTTY, 0);
}

/* told waits for one frame of package wire without a payload; 0: there is none
 * to come. */
static int told(int from)
{
	unsigned char head[RT_WIRE_HEADER];
	ssize_t n;

	do {
		n = recv(from, head, sizeof(head), MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(head) || head[1] || head[2] || head[3] || head[4])
		return 0;
	return head[0];
}

/*
 * ends_us says whether a signal that came while we waited ends the container.
 * As init of a pid namespace we have no default actions, and all signals are
 * blocked until the program begins: so this is for us to say.
 */
static int ends_us(uint32_t number)
{
	struct sigaction now;

	switch (number) {
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGTERM:
		/* Under nohup(1) a hangup is meant for nobody. */
		return sigaction((int)number, NULL, &now) == 0 && now.sa_handler != SIG_IGN;
	}
	return 0;
}

/* knock waits for somebody at the container's socket. */
static int knock(int listener, int signals)
{
	struct pollfd who[2] = { { .fd = listener, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(who, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (who[1].revents) {
			if (read(signals, &info, sizeof(info)) == sizeof(info) && ends_us(info.ssi_signo))
				_exit(128 + (int)info.ssi_signo);
			continue;
		}
		return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
}

/*
 * wait_for_start says that the container is created and waits: for the word of
 * whoever made it, or, when that has gone, for one who connects to the
 * container's socket. A caller who only looks whether we are here closes again;
 * one who hangs must not keep others out.
 */
static int wait_for_start(const struct rt_join_op *op)
{
	const struct timeval patience = { .tv_sec = RT_START_PATIENCE };
	sigset_t all;
	int signals, listener, kind;

	reply(RT_JOIN_READY, 0, 0, 0, NULL, 0);
	kind = told(sock);
	if (kind == RT_WIRE_START) {
		starter = sock;
		return 0;
	}
	if (kind != RT_WIRE_DETACH || op->a >= request.fds)
		_exit(1); /* nobody knows of us */
	close(sock);
	listener = fds[op->a];
	memset(&all, 0xff, sizeof(all)); /* sigfillset leaves out what C libraries use */
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		_exit(1);
	for (;;) {
		int fd = knock(listener, signals);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			_exit(1);
		}
		if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
		    told(fd) == RT_WIRE_START) {
			starter = fd;
			close(signals);
			return close(listener);
		}
		close(fd);
	}
}

static long do_op(uint32_t i, const struct rt_join_op *op)
{
	const char *text = bytes + op->text;

	switch (op->code) {
	case RT_OP_DUMPABLE:
		return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	case RT_OP_WRITE:
		return write_file(op);
	case RT_OP_SETNS:
		return setns(fds[op->a], (int)op->b) != 0 ? -1 : close(fds[op->a]);
	case RT_OP_CHROOT:
		return fchdir(fds[op->a]) != 0 || chroot(".") != 0 ? -1 : close(fds[op->a]);
	case RT_OP_OWNER:
		return owner(op->a != 0, (uid_t)op->b, (gid_t)op->c);
	case RT_OP_KEYRING:
		/* A kernel without keyrings has none that could be shared. */
		return syscall(SYS_keyctl, KEY_JOIN_SESSION, 0, 0, 0, 0) < 0 && errno != ENOSYS ? -1 : 0;
	case RT_OP_SEND_ROOT:
		return send_root();
	case RT_OP_PTY:
		return open_pty(op);
	case RT_OP_SCHEDULER:
		return syscall(SYS_sched_setattr, 0, text, 0);
	case RT_OP_IO_PRIORITY:
		return syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, (int)op->a);
	case RT_OP_AFFINITY:
		return syscall(SYS_sched_setaffinity, 0, (unsigned long)op->length, text) < 0 && !op->a ? -1 : 0;
	case RT_OP_MEMPOLICY:
		/* Without nodes the kernel wants no mask at all. */
		return syscall(SYS_set_mempolicy, (int)op->a, op->length ? text : NULL,
			       op->length ? op->length * 8ul + 1 : 0ul);
	case RT_OP_PERSONALITY:
		return personality((unsigned long)op->a);
	case RT_OP_CWD:
		return inside || enter(text) == 0 || op->a ? 0 : -1;
	case RT_OP_UMASK:
		umask((mode_t)op->a);
		return 0;
	case RT_OP_BOUNDING:
		return drop_bounding(op->a, op->b);
	case RT_OP_KEEP_CAPS:
		return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	case RT_OP_GROUPS:
		return syscall(SYS_setgroups, op->length / sizeof(gid_t), text) != 0 && !(op->a && errno == EPERM) ? -1 : 0;
	case RT_OP_GID:
		return syscall(SYS_setresgid, (gid_t)op->a, (gid_t)op->a, (gid_t)op->a);
	case RT_OP_UID:
		return syscall(SYS_setresuid, (uid_t)op->a, (uid_t)op->a, (uid_t)op->a);
	case RT_OP_CAPS:
		if (op->extra && set_caps(op->a, op->b | 1ull << (op->extra - 1), op->c) == 0)
			return 0;
		return set_caps(op->a, op->b, op->c);
	case RT_OP_CLEAR_AMBIENT:
		return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	case RT_OP_AMBIENT:
		raise_ambient(op->a, op->b);
		return 0;
	case RT_OP_NO_NEW_PRIVS:
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	case RT_OP_FIND:
		find((int)i, op);
		return 0;
	case RT_OP_ARGS:
		return arguments(op);
	case RT_OP_CLOSE_FROM:
		return syscall(SYS_close_range, (unsigned)op->a, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
	case RT_OP_BIRTH:
		birth(i); /* does not come back */
		break;
	case RT_OP_UNSHARE:
		return unshare((int)op->a);
	case RT_OP_STDIO:
		return terminal(fds[op->a]);
	case RT_OP_READY:
		return wait_for_start(op);
	}
	return own_op(op, NULL);
}

static struct rlimit files_at_start;

/* rt_files_limit is the limit that this program was started with. */
struct rlimit rt_files_limit(void)
{
	return files_at_start;
}

__attribute__((constructor)) static void join(int argc, char **args)
{
	const char *env = getenv(RT_JOIN_ENV);

	if (env)
		rt_arguments(&argc, &args);
	if (!env || argc < 2 || strcmp(args[1], "init") != 0) {
		/* Go raises it, and what we start must not notice. */
		(void)getrlimit(RLIMIT_NOFILE, &files_at_start);
		return;
	}
	sock = atoi(env);
	if (strchr(env, RT_JOIN_HIDE) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		fail(-1, errno, 0);
	if (strchr(env, RT_JOIN_SMALL) && prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) != 0)
		fail(-1, errno, 0);
	/* What who started us has left open on exec is not ours, nor the program's. */
	if (syscall(SYS_close_range, (unsigned)sock + 1, ~0u, 0) != 0)
		fail(-1, errno, 0);
	for (;;) {
		receive();
		for (uint32_t i = 0; i < request.count; i++) {
			const struct rt_join_op *op = &ops[i];

			if ((op->code == RT_OP_SETNS || op->code == RT_OP_CHROOT || op->code == RT_OP_PTY ||
			     op->code == RT_OP_STDIO) &&
			    op->a >= request.fds)
				fail((int)i, EPROTO, 0);
			if (do_op(i, op) < 0)
				fail((int)i, errno, 0);
		}
		reply(RT_JOIN_DONE, 0, 0, 0, NULL, 0);
	}
}
