//go:build clients

package podman

import (
	"slices"
	"strings"
)

var podChecks = []check{
	{"pod/shared-namespaces", both, func(p *podman) {
		pod := p.pod()
		a := p.inPod(pod, "-a")
		b := p.inPod(pod, "-b")
		for _, which := range []string{"ipc", "net", "uts"} {
			is(p.t, p.ok("exec", b, "readlink", "/proc/self/ns/"+which), p.ok("exec", a, "readlink", "/proc/self/ns/"+which))
		}
		if p.ok("exec", b, "readlink", "/proc/self/ns/pid") == p.ok("exec", a, "readlink", "/proc/self/ns/pid") {
			p.t.Error("the pid namespace is shared")
		}
	}},
	{"pod/shared-pid", both, func(p *podman) {
		pod := p.pod("--share", "pid,net,ipc,uts")
		p.inPod(pod, "-a")
		has(p.t, p.ok("exec", p.inPod(pod, "-b"), "ps", "-o", "args"), "sleep 100000", "sleep 1000")
	}},
	{"pod/hostname", both, func(p *podman) {
		pod := p.pod("--hostname", "the-pod")
		is(p.t, p.ok("exec", p.inPod(pod, "-a"), "hostname"), "the-pod")
	}},
	{"pod/localhost-is-shared", both, func(p *podman) {
		pod := p.pod()
		p.ok("exec", "-d", p.inPod(pod, "-a"), "sh", "-c", "mkdir /www && echo served >/www/index.html && httpd -f -p 127.0.0.1:80 -h /www")
		b := p.inPod(pod, "-b")
		p.await("the page", func() bool { return p.do("exec", b, "wget", "-q", "-O-", "http://127.0.0.1/").Stdout == "served\n" })
	}},
	{"pod/stop-start-remove", both, func(p *podman) {
		pod := p.pod()
		a := p.inPod(pod, "-a")
		p.ok("pod", "stop", "-t", "0", pod)
		is(p.t, p.inspect(a, "{{.State.Status}}"), "exited")
		p.ok("pod", "start", pod)
		is(p.t, p.inspect(a, "{{.State.Status}}"), "running")
		p.ok("pod", "kill", pod)
		p.await("the end", func() bool { return p.inspect(a, "{{.State.Status}}") == "exited" })
		p.ok("pod", "rm", "-f", "-t", "0", pod)
		p.refuses(1, nil, "pod", "exists", pod)
	}},
	{"pod/pause", rootful, func(p *podman) {
		pod := p.pod()
		a := p.inPod(pod, "-a")
		p.ok("pod", "pause", pod)
		is(p.t, p.inspect(a, "{{.State.Status}}"), "paused")
		p.ok("pod", "unpause", pod)
		is(p.t, p.inspect(a, "{{.State.Status}}"), "running")
	}},
	{"pod/cgroup", rootful, func(p *podman) {
		pod := p.pod("--memory", "64m")
		has(p.t, p.cgroupDir(p.inPod(pod, "-a"), "memory"), p.ok("pod", "inspect", "--format", "{{.ID}}", pod))
	}},
	{"pod/userns", rootful, func(p *podman) {
		pod := p.pod("--uidmap", "0:300000:2000", "--gidmap", "0:300000:2000")
		has(p.t, p.ok("exec", p.inPod(pod, "-a"), "cat", "/proc/self/uid_map"), "300000")
	}},
	{"pod/keep-id", rootless, func(p *podman) {
		pod := p.pod("--userns", "keep-id")
		is(p.t, p.ok("exec", p.inPod(pod, "-a"), "id", "-u"), "4242")
	}},
	{"pod/top-and-stats", rootful, func(p *podman) {
		pod := p.pod()
		p.inPod(pod, "-a")
		has(p.t, p.ok("pod", "top", pod, "args"), "sleep 1000")
		has(p.t, p.ok("pod", "stats", "--no-stream", pod), "PIDS")
	}},
	{"kube/play-and-down", both, func(p *podman) {
		name := p.label()
		path := p.file(p.temp(), "pod.yaml", strings.ReplaceAll(kube, "NAME", name))
		p.t.Cleanup(func() {
			p.ok("play", "kube", "--down", path)
			p.refuses(1, nil, "pod", "exists", name)
		})
		p.ok("play", "kube", "--network", "none", path)
		is(p.t, p.ok("exec", name+"-first", "sh", "-c", "echo $GREETING; id -u; cat /data/shared 2>/dev/null; pwd"), "hello\n1000\n/tmp")
		p.ok("exec", name+"-second", "sh", "-c", "echo shared >/data/shared")
		is(p.t, p.ok("exec", name+"-first", "cat", "/data/shared"), "shared")
	}},
	{"kube/generate", both, func(p *podman) {
		has(p.t, p.ok("generate", "kube", p.sleeping()), "kind: Pod", "- sleep", `- "1000"`)
	}},
}

const kube = `apiVersion: v1
kind: Pod
metadata:
  name: NAME
spec:
  containers:
  - name: first
    image: localhost/bb:latest
    command: ["sleep", "1000"]
    workingDir: /tmp
    env:
    - name: GREETING
      value: hello
    securityContext:
      runAsUser: 1000
      capabilities:
        drop: ["ALL"]
    volumeMounts:
    - name: both
      mountPath: /data
  - name: second
    image: localhost/bb:latest
    command: ["sleep", "1000"]
    volumeMounts:
    - name: both
      mountPath: /data
  volumes:
  - name: both
    emptyDir: {}
`

// pod makes a pod of this test.
func (p *podman) pod(flags ...string) string {
	p.t.Helper()
	name := p.label() + "-pod"
	p.ok(slices.Concat([]string{"pod", "create", "--name", name, "--network", "none"}, flags)...)
	p.t.Cleanup(func() { p.ok("pod", "rm", "-f", "-i", "-t", "0", name) })
	return name
}

// inPod is a running container of the pod.
func (p *podman) inPod(pod, suffix string) string {
	p.t.Helper()
	name := p.name(suffix)
	p.ok("run", "-d", "--pod", pod, "--name", name, image, "sleep", "1000")
	return name
}
