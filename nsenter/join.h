/*
 * join.h - the contract between rt exec, create and run (Go) and join.c: what
 * the joiner, or a container's init, is told to do, one operation after the
 * other, and what it answers. join.go mirrors it; TestJoinLayout compares the
 * two.
 *
 * A request is a header with its file descriptors (SCM_RIGHTS), then the
 * operations, then the bytes that they point into. There can be several.
 */
#ifndef RT_JOIN_H
#define RT_JOIN_H

#include <stdint.h>
#include <sys/resource.h>

#define RT_JOIN_ENV "_RT_JOIN_FD" /* decimal fd of the socket; behind it the letters: */
#define RT_JOIN_HIDE 'h'           /* do not be inspected, from the first instruction on */
#define RT_JOIN_SMALL 's'          /* it has no huge pages; the program may have */
#define RT_JOIN_MAGIC 0x72740002u
#define RT_JOIN_MAX_FDS 4
#define RT_JOIN_MAX_BYTES (64u << 20)

struct rt_join {
	uint32_t magic;
	uint32_t count; /* operations */
	uint32_t bytes; /* behind them */
	uint32_t fds;
};

/* What a, b, c and the text mean is said at each code. */
struct rt_join_op {
	uint32_t code;
	uint32_t text; /* offset into the bytes */
	uint32_t length;
	uint32_t extra;
	uint64_t a, b, c;
};

enum rt_join_code {
	RT_OP_DUMPABLE = 1, /* forbid to be inspected */
	RT_OP_WRITE,        /* text: file NUL value */
	RT_OP_SETNS,        /* a: index of an fd, b: CLONE_NEW*; closes the fd */
	RT_OP_CHROOT,       /* a: index of an fd of the root; closes the fd */
	RT_OP_OWNER,        /* a: groups stay, b: uid, c: gid */
	RT_OP_KEYRING,
	RT_OP_SEND_ROOT,    /* answer with an O_PATH fd of the root */
	RT_OP_PTY,          /* a: index of the console socket, b: uid, c: cols << 16 | rows */
	RT_OP_SCHEDULER,    /* text: struct sched_attr */
	RT_OP_IO_PRIORITY,  /* a: value of ioprio_set */
	RT_OP_AFFINITY,     /* text: mask; a: an error is none */
	RT_OP_MEMPOLICY,    /* a: mode, text: mask of nodes */
	RT_OP_PERSONALITY,  /* a */
	RT_OP_CWD,          /* text: path; a: 1 = a later one tries again */
	RT_OP_UMASK,        /* a */
	RT_OP_BOUNDING,     /* a: mask to keep, b: highest capability */
	RT_OP_KEEP_CAPS,
	RT_OP_GROUPS,       /* text: gids; a: EPERM is no error */
	RT_OP_GID,          /* a */
	RT_OP_UID,          /* a */
	RT_OP_CAPS,         /* a: effective, b: permitted, c: inheritable; extra: one
			     * capability plus one that stays permitted if it can */
	RT_OP_CLEAR_AMBIENT,
	RT_OP_AMBIENT,      /* a: mask to raise, b: highest; an error is none */
	RT_OP_NO_NEW_PRIVS,
	RT_OP_FIND,         /* text: a paths, each with its NUL; the first that can be executed */
	RT_OP_ARGS,         /* text: a arguments, b environment entries, each with its NUL */
	RT_OP_CLOSE_FROM,   /* a: first fd that is closed by execve */
	RT_OP_BIRTH,        /* what follows is done in a child; a: a listener comes of it */
	/* in init only */
	RT_OP_UNSHARE,      /* a: CLONE_NEW* */
	RT_OP_STDIO,        /* a: index of an fd: stdin, stdout, stderr and the controlling terminal */
	RT_OP_READY,        /* wait for start; a: index of the listening socket, beyond the
			     * fds: there is none. What fails afterwards is a refusal */
	/* in init, or in the child */
	RT_OP_SESSION,
	RT_OP_TERMINAL,     /* fd 0 becomes the controlling terminal */
	RT_OP_SIGMASK,      /* a: blocked signals */
	RT_OP_LIMIT,        /* a: resource, b: soft, c: hard */
	RT_OP_TRY_CAPS,     /* as RT_OP_CAPS; an error is none */
	RT_OP_SECCOMP,      /* a: flags, text: struct sock_filter[] */
	RT_OP_EXEC,
};

enum rt_join_kind {
	RT_JOIN_DONE = 1, /* all operations of a request; the next one may come */
	RT_JOIN_FAILED,   /* op, error */
	RT_JOIN_ROOT,     /* with an fd */
	RT_JOIN_LISTENER, /* value: the child's pid; with its pidfd and the listener */
	RT_JOIN_BORN,     /* value: pid, with its pidfd; it has executed, or error and op */
	RT_JOIN_READY,    /* the container is created; from here on frames of package wire */
};

struct rt_join_reply {
	int32_t kind;
	int32_t op; /* index in the request */
	int32_t error;
	int32_t value;
	int32_t path; /* index in RT_OP_FIND: what it took, or what may not be executed; else -1 */
};

/* A frame of package wire: kind, then the payload's length in little endian.
 * TestWireKinds compares. */
#define RT_WIRE_HEADER 5
#define RT_WIRE_START 6
#define RT_WIRE_DETACH 7
#define RT_WIRE_REFUSED 9
#define RT_START_PATIENCE 10 /* seconds that a caller may take to say "start" */

/* The payload of a refusal, and behind it the path of the program that cannot
 * be executed. */
struct rt_refusal {
	int32_t code; /* RT_OP_* */
	int32_t error;
	int32_t detail; /* a of the operation: the resource of a limit */
};

struct rlimit rt_files_limit(void);

#endif
