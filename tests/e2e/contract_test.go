package e2e

import "testing"

// TestContract plays what clients call, word for word and in their order: a
// change of the command line that breaks one of them fails here at once. Each
// client is a container's life; a line is one call.
//
//	$ID $BUNDLE $ROOT $LOG $PID   the container, and files of the client's
//	$PROCESS $RESOURCES           process.json and linux.resources
//	$TTY $PIDFD                   sockets that a terminal, or a pidfd, is sent to
//
// The words come from go-runc, containerd's shim, dockerd, BuildKit, conmon,
// conmon-rs, Podman, buildah and CRI-O themselves.
func TestContract(t *testing.T) {
	for _, client := range clients() {
		t.Run(client.name, func(t *testing.T) {
			p := newPlay(t, client)
			for _, c := range client.calls {
				if c.err == noCheckpoint && !p.c.Runtime.Is("rt") {
					continue // its peers make them
				}
				p.call(c)
			}
			p.c.CheckGone()
		})
	}
}

// client is a caller of the runtime, with how it calls.
type client struct {
	name string
	// env is the whole environment.
	env []string
	// fds are open besides stdio; none may reach the container.
	fds int
	// global stands in front of each command.
	global string
	// ownRoot: it names no --root, and has the default one.
	ownRoot bool
	// oci is the ociVersion of its configurations, "1.0.2-dev" if it is empty.
	oci string
	// since names what the calls need that came late to runc.
	since string
	calls []call
}

// call is one line: what is called and what must come back. Status 0 and an
// empty stderr are wanted unless told otherwise.
type call struct {
	argv string
	code int
	// out is an expression for the whole of stdout; "" is no output at all.
	out string
	// err is an expression for the msg of the last error in $LOG, or for stderr
	// where the client gives no --log.
	err string
	// stdin is "resources" or empty.
	stdin string
	// bare: without the client's global flags.
	bare bool
	// then looks at what the call did.
	then func(*play)
}

func clients() []client {
	path := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	shim := "--root $ROOT --log $LOG --log-format json "
	conmon := "--log-format=json --log $LOG "
	return []client{
		{name: "containerd 1.6", env: append(path, "GOMAXPROCS=2", "NAMESPACE=moby"), global: shim, calls: []call{
			{argv: "create --bundle $BUNDLE --pid-file $PID $ID", then: isCreated},
			{argv: "state $ID", out: stateOf("created")},
			{argv: "start $ID", then: isUp},
			{argv: "state $ID", out: stateOf("running")},
			{argv: "exec --process $PROCESS --detach --pid-file $EXECPID $ID", then: hasExec},
			{argv: "ps --format json $ID", out: `\[\d+(,\d+)+\]`},
			{argv: "events --stats $ID", out: statsEvent},
			{argv: "pause $ID"},
			{argv: "state $ID", out: stateOf("paused")},
			{argv: "resume $ID"},
			{argv: "update --resources - $ID", stdin: "resources", then: isLimited},
			{argv: "checkpoint --image-path $BUNDLE/image --work-path $BUNDLE/work --leave-running $ID", code: 1, err: noCheckpoint},
			{argv: "checkpoint --image-path $BUNDLE/image --work-path $BUNDLE/work --tcp-established --ext-unix-sk --shell-job --file-locks --empty-ns network $ID", code: 1, err: noCheckpoint},
			{argv: "exec --process $BADPROCESS --detach --pid-file $BADPID $ID", code: 255, err: `exec: "nowhere": executable file not found in \$PATH`, then: noPid},
			{argv: "kill $ID 15"},
			{argv: "kill $ID 9", then: isStopped},
			{argv: "kill $ID 9", code: 1, err: "container not running"},
			{argv: "kill --all $ID 9"},
			{argv: "state $ID", out: stateOf("stopped")},
			{argv: "delete $ID"},
			{argv: "delete --force $ID"},
			{argv: "delete $ID", code: 1, err: "does not exist"},
			{argv: "kill $ID 9", code: 1, err: "does not exist"},
			{argv: "state $ID", code: 1, err: "does not exist"},
			{argv: "restore --image-path $BUNDLE/image --work-path $BUNDLE/work --detach --pid-file $PID -no-subreaper --bundle $BUNDLE $ID", code: 1, err: noCheckpoint},
		}},
		{name: "containerd 2", env: path, global: shim, oci: "1.3.0", since: "runtime-spec 1.3", calls: []call{
			{argv: "features", bare: true, out: `(?s)\{.*"ociVersionMax": "1\.3.*\}`},
			{argv: "create --bundle $BUNDLE --pid-file $PID --no-pivot --no-new-keyring $ID", then: isCreated},
			{argv: "start $ID", then: isUp},
			{argv: "update --resources=- $ID", stdin: "resources", then: isLimited},
			{argv: "exec --process $PROCESS --detach --pid-file $EXECPID $ID", then: hasExec},
			{argv: "delete $ID", code: 1, err: "running"},
			{argv: "kill --all $ID 9", then: isStopped},
			{argv: "delete $ID"},
		}},
		{name: "containerd with a terminal", env: path, global: shim, calls: []call{
			{argv: "create --bundle $BUNDLE --pid-file $PID --console-socket $TTY $ID", then: hasTerminal},
			{argv: "start $ID", then: isUp},
			{argv: "exec --process $TTYPROCESS --console-socket $TTY --detach --pid-file $EXECPID $ID", then: hasExecTerminal},
			{argv: "delete --force $ID"},
		}},
		{name: "go-runc's other calls", env: path, global: "--root $ROOT --debug --log $LOG --log-format json --rootless=false ", oci: "1.2.1", since: "--pidfd-socket of runc 1.2", calls: []call{
			{argv: "--version", bare: true, out: `\w+ version \S+\ncommit: .*\nspec: 1\.\d+\.\d+(-dev)?\n(?s).*`},
			{argv: "run --bundle $BUNDLE --pid-file $PID --pidfd-socket $PIDFD --no-pivot --no-new-keyring --detach $ID", then: hasPidfd},
			{argv: "list --format=json", out: `\[\{"ociVersion":"1\.\d+\.\d+(-dev)?","id":"$ID","pid":\d+,"status":"running","bundle":"$BUNDLE","rootfs":"[^"]+","created":"[^"]+",(?s).*\}\]`},
			{argv: "ps --format table $ID -opid,comm", out: `(?s) +PID COMMAND\n +\d+ \w+\n.*`},
			{argv: "ps --format table $ID -ef", out: `(?s)UID +PID .*\n\S+ +\d+ .*`},
			{argv: "exec --process $PROCESS --pidfd-socket $PIDFD --detach --pid-file $EXECPID $ID", then: hasExecPidfd},
			{argv: "kill --all $ID 9", then: isStopped},
			{argv: "delete --force $ID"},
			{argv: "list --format=json", out: `\[\]|null`},
		}},
		{name: "go-runc, systemd", env: path, global: "--root $ROOT --log $LOG --log-format json --systemd-cgroup ", calls: []call{
			{argv: "state $ID", code: 1, err: "does not exist"},
			{argv: "delete --force $ID"},
			{argv: "kill $ID 9", code: 1, err: "does not exist"},
			// containerd 1 with a criu_path.
			{argv: "--root $ROOT --log $LOG --log-format json --criu /usr/sbin/criu --systemd-cgroup delete --force $ID", bare: true},
		}},
		{name: "dockerd", env: path, calls: []call{
			{argv: "--version", out: `\w+ version [^\n]+\ncommit: [^\n]+\n(?s).*`},
			{argv: "features", out: `(?s)\{.*\}`},
			// A runtime with runtimeArgs is a script of dockerd's: its words come first.
			{argv: "--debug --log-format text " + shim + "create --bundle $BUNDLE --pid-file $PID $ID", then: isCreated},
			{argv: "--debug --log-format text " + shim + "delete --force $ID"},
		}},
		{name: "BuildKit", env: path, global: "--log $LOG --log-format json ", ownRoot: true, calls: []call{
			{argv: "run --bundle $BUNDLE --keep $QUICK", code: 7},
			{argv: "delete $QUICK"},
			{argv: "run --bundle $BUNDLE --no-pivot --keep $QUICK", code: 7},
			{argv: "delete $QUICK"},
			{argv: "run --bundle $BUNDLE --detach $ID", then: isUp},
			{argv: "state $ID", out: stateOf("running")},
			{argv: "exec --process $BADPROCESS --pid-file $BADPID $ID", code: 255, err: "executable file not found"},
			{argv: "kill $ID 9", then: isStopped},
			{argv: "delete $ID"},
		}},
		{name: "conmon and Podman", env: []string{"XDG_RUNTIME_DIR="}, fds: 15, ownRoot: true, calls: []call{
			{argv: "checkpoint --help", code: 1, err: noCheckpoint},
			{argv: "restore --lsm-mount-context", code: 1, err: noCheckpoint},
			{argv: conmon + "create --bundle $BUNDLE --pid-file $PID $ID", then: isCreated},
			{argv: "start $ID", then: isUp},
			{argv: "state $ID", out: stateOf("running")},
			{argv: conmon + "exec --pid-file $EXECPID --process $PROCESS --detach $ID", then: hasExec},
			{argv: conmon + "exec --pid-file $BADPID --process $BADPROCESS --detach $ID", code: 255, err: `executable file not found`, then: onlyLine},
			{argv: "pause $ID"},
			{argv: "resume $ID"},
			{argv: "update --resources=$RESOURCES $ID", then: isLimited},
			{argv: "kill $ID 15"},
			{argv: "kill --all $ID 9", then: isStopped},
			{argv: "kill $ID 9", code: 1, err: "container not running"},
			{argv: "delete --force $ID"},
			{argv: "delete --force $ID"},
			{argv: "state $ID", code: 1, err: "does not exist"},
		}},
		{name: "conmon and Podman, a terminal and fds", env: []string{"XDG_RUNTIME_DIR=/run/user/0", "HOME=/root"}, fds: 15, global: conmon, ownRoot: true, calls: []call{
			{argv: "create --bundle $BUNDLE --pid-file $PID --no-pivot --no-new-keyring --console-socket $TTY $ID", then: hasTerminal},
			{argv: "start $ID", bare: true, then: isUp},
			{argv: "exec --pid-file $EXECPID --process $TTYPROCESS --detach --console-socket $TTY $ID", then: hasExecTerminal},
			{argv: "exec --pid-file $EXECPID --process $PROCESS --detach --preserve-fds 2 $ID", then: hasExecFds},
			{argv: "delete --force $ID"},
		}},
		{name: "CRI-O", env: nil, fds: 4, global: "--root $ROOT ", calls: []call{
			{argv: "--root=$ROOT create --bundle $BUNDLE --pid-file $PID $ID", bare: true, then: isCreated},
			{argv: "start $ID", then: isUp},
			{argv: "state $ID", out: stateOf("running")},
			{argv: "exec --process $ECHOPROCESS $ID", out: "echo\n"},
			{argv: "--root=$ROOT exec --pid-file $EXECPID --process $PROCESS --detach $ID", bare: true, then: hasExec},
			{argv: "update --resources - $ID", stdin: "resources", then: isLimited},
			{argv: "kill $ID TERM"},
			{argv: "kill $ID KILL", then: isStopped},
			{argv: "kill $ID KILL", code: 1, err: "container not running"},
			{argv: "kill -a $ID 9"},
			{argv: "checkpoint --file-locks --image-path /i --work-path /w --leave-running $ID", code: 1, err: noCheckpoint},
			{argv: "delete --force $ID"},
			{argv: "delete --force $ID"},
		}},
		{name: "conmon-rs", env: nil, fds: 6, global: "--root=$ROOT ", calls: []call{
			{argv: "create --bundle $BUNDLE --pid-file $PID $ID", then: isCreated},
			{argv: "start $ID", then: isUp},
			{argv: "exec -d --pid-file=$EXECPID $ID sleep 1000", then: isInside},
			{argv: "exec -d --console-socket=$TTY --tty --pid-file=$EXECPID $ID tty", then: hasExecTerminal},
			{argv: "exec -d --pid-file=$BADPID $ID nowhere", code: 255, err: `exec: "nowhere": executable file not found in \$PATH`, then: noPid},
			{argv: "delete --force $ID"},
		}},
		{name: "buildah", env: path, fds: 3, ownRoot: true, calls: []call{
			{argv: "create --bundle $BUNDLE --pid-file $PID --no-new-keyring $ID", then: isCreated},
			{argv: "start $ID", then: isUp},
			{argv: "state $ID", out: stateOf("running")},
			{argv: "kill $ID"},
			{argv: "kill $ID SIGKILL", then: isStopped},
			{argv: "state $ID", out: stateOf("stopped")},
			{argv: "delete $ID"},
		}},
	}
}

const (
	noCheckpoint = "not supported: rt does not make checkpoints"
	statsEvent   = `\{"type":"stats","id":"$ID","data":\{"cpu":\{"usage":\{"total":\d+,.*"memory":.*"pids":\{"current":\d+.*\}\n`
)

// stateOf is the answer to `state`: runc's keys, of which clients read some.
func stateOf(status string) string {
	pid := `[1-9]\d*`
	if status == "stopped" {
		pid = "0"
	}
	return `(?s)\{\s*"ociVersion": "1\.\d+\.\d+(-dev)?",\s*"id": "$ID",\s*"pid": ` + pid + `,\s*"status": "` + status +
		`",\s*"bundle": "$BUNDLE",\s*"rootfs": "$BUNDLE/rootfs",\s*"created": "[^"]+",.*\}\s*`
}
