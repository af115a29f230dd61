package cgroups

// A systemd that is made up: it speaks the part of the interface that is used,
// makes the directories of its units, and fails on request.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	godbus "github.com/godbus/dbus/v5"
)

type fakeUnit struct {
	props map[string]any
	state string
	dir   string // below each mount
	id    []byte
}

type fakeSystemd struct {
	t       *testing.T
	path    string
	bus     bool
	version string
	// mounts are where a unit gets a directory; files are made in it, unless
	// it is a kernel's.
	mounts []string
	files  map[string]string
	root   string // cgroup of the manager

	mu      sync.Mutex
	units   map[string]*fakeUnit
	calls   []string
	refuse  map[string]string // method -> name of the error
	result  string            // of every job; "never": it does not end
	matched bool
	serial  byte
}

// newFake listens on a socket of its own, and the environment leads there.
func newFake(t *testing.T, user bool) *fakeSystemd {
	t.Helper()
	f := &fakeSystemd{t: t, bus: true, version: "252 (252.4-1)", result: "done", path: filepath.Join(t.TempDir(), "bus"),
		units: map[string]*fakeUnit{}, refuse: map[string]string{}}
	f.listen()
	name := "DBUS_SYSTEM_BUS_ADDRESS"
	if user {
		name = "DBUS_SESSION_BUS_ADDRESS"
		f.root = "/user.slice/user@7.service"
		t.Setenv("XDG_RUNTIME_DIR", filepath.Dir(f.path))
	}
	t.Setenv(name, "unix:path="+f.path)
	return f
}

func (f *fakeSystemd) listen() {
	l, err := net.Listen("unix", f.path)
	must(f.t, err)
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Add(1)
			go func() {
				defer all.Done()
				defer c.Close()
				f.serve(bufio.NewReader(c), c)
			}()
		}
	}()
	f.t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
}

func (f *fakeSystemd) serve(r *bufio.Reader, w io.Writer) {
	for _, want := range []string{"\x00AUTH EXTERNAL\r\n", "DATA\r\n", "BEGIN\r\n"} {
		if line, err := r.ReadString('\n'); err != nil || line != want {
			return
		}
	}
	_, _ = io.WriteString(w, "DATA\r\nOK 00\r\n")
	for {
		call, err := godbus.DecodeMessage(r)
		if err != nil {
			return
		}
		var out bytes.Buffer
		f.answer(call, &out)
		if _, err := w.Write(out.Bytes()); err != nil {
			return
		}
	}
}

// answer appends the messages that a call leads to: signals first, as they may
// come, and the reply.
func (f *fakeSystemd) answer(call *godbus.Message, out *bytes.Buffer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	method := call.Headers[godbus.FieldMember].Value().(string)
	object := string(call.Headers[godbus.FieldPath].Value().(godbus.ObjectPath))
	f.calls = append(f.calls, method)
	m := &godbus.Message{Type: godbus.TypeMethodReply, Headers: map[godbus.HeaderField]godbus.Variant{
		godbus.FieldReplySerial: godbus.MakeVariant(call.Serial()),
	}}
	name := f.refuse[method]
	if name == "" {
		m.Body, name = f.do(method, object, call.Body)
	}
	if name != "" {
		m.Type = godbus.TypeError
		m.Headers[godbus.FieldErrorName] = godbus.MakeVariant(name)
		m.Body = []any{"refused: " + name}
	}
	if len(m.Body) > 0 {
		m.Headers[godbus.FieldSignature] = godbus.MakeVariant(godbus.SignatureOf(m.Body...))
	}
	if job, ok := first(m.Body).(godbus.ObjectPath); ok && f.result != "never" && (f.matched || !f.bus) {
		for _, j := range []godbus.ObjectPath{"/job/another", job} {
			f.signal(out, uint32(1), j, "some.scope", f.result)
		}
	}
	if err := m.EncodeTo(out, binary.LittleEndian); err != nil {
		f.t.Errorf("fake systemd: %v", err)
	}
}

func first(body []any) any {
	if len(body) == 0 {
		return nil
	}
	return body[0]
}

func (f *fakeSystemd) signal(out *bytes.Buffer, body ...any) {
	s := godbus.Message{Type: godbus.TypeSignal, Headers: map[godbus.HeaderField]godbus.Variant{
		godbus.FieldPath:      godbus.MakeVariant(godbus.ObjectPath(managerPath)),
		godbus.FieldInterface: godbus.MakeVariant(managerIface), godbus.FieldMember: godbus.MakeVariant("JobRemoved"),
		godbus.FieldSignature: godbus.MakeVariant(godbus.SignatureOf(body...)),
	}, Body: body}
	if err := s.EncodeTo(out, binary.BigEndian); err != nil {
		f.t.Errorf("fake systemd: %v", err)
	}
}

// do carries a call out; it returns the reply's body or an error's name.
func (f *fakeSystemd) do(method, object string, args []any) (body []any, errName string) {
	switch method {
	case "Hello":
		return []any{":1.1"}, ""
	case "AddMatch":
		f.matched = true
		return nil, ""
	case "Subscribe":
		return nil, ""
	case "Get":
		v := f.get(object, args[1].(string))
		if v == nil {
			return nil, errNoSuchUnit
		}
		return []any{godbus.MakeVariant(v)}, ""
	}
	unit, _ := args[0].(string)
	u := f.units[unit]
	switch method {
	case "StartTransientUnit":
		if u != nil {
			return nil, errUnitExists
		}
		f.start(unit, args[2].([][]any))
		return []any{godbus.ObjectPath("/job/1")}, ""
	case "StopUnit":
		if u == nil {
			return nil, errNoSuchUnit
		}
		f.remove(unit)
		return []any{godbus.ObjectPath("/job/2")}, ""
	case "ResetFailedUnit":
		if u == nil {
			return nil, errNoSuchUnit
		}
		if u.state == "failed" {
			f.remove(unit)
		}
		return nil, ""
	case "SetUnitProperties":
		if u == nil {
			return nil, errNoSuchUnit
		}
		u.set(args[2].([][]any))
		return nil, ""
	case "AttachProcessesToUnit":
		f.attach(u, args[2].([]uint32))
		return nil, ""
	}
	f.t.Errorf("fake systemd: call of %s", method)
	return nil, "org.freedesktop.DBus.Error.UnknownMethod"
}

func (f *fakeSystemd) get(object, name string) any {
	if object == managerPath {
		return map[string]any{"Version": f.version, "ControlGroup": f.root}[name]
	}
	for unit, u := range f.units {
		if unitPath(unit) == object {
			return map[string]any{"InvocationID": u.id, "ControlGroup": u.dir, "ActiveState": u.state}[name]
		}
	}
	// systemd makes up a unit for whoever asks.
	return map[string]any{"InvocationID": []byte{}, "ControlGroup": "", "ActiveState": "inactive"}[name]
}

func (u *fakeUnit) set(props [][]any) {
	for _, p := range props {
		u.props[p[0].(string)] = p[1].(godbus.Variant).Value()
	}
}

func (f *fakeSystemd) start(unit string, props [][]any) {
	f.serial++
	u := &fakeUnit{props: map[string]any{}, state: "active", id: []byte{0xab, f.serial}}
	u.set(props)
	slice, _ := u.props["Slice"].(string)
	u.dir = f.root + unitName{unit, slice}.dir()
	for _, mount := range f.mounts {
		dir := mount + u.dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			f.t.Errorf("fake systemd: %v", err)
		}
		for name, content := range f.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				f.t.Errorf("fake systemd: %v", err)
			}
		}
	}
	pids, _ := u.props["PIDs"].([]uint32)
	f.attach(u, pids)
	f.units[unit] = u
}

func (f *fakeSystemd) attach(u *fakeUnit, pids []uint32) {
	for _, mount := range f.mounts {
		for _, pid := range pids {
			file := filepath.Join(mount+u.dir, "cgroup.procs")
			if err := os.WriteFile(file, []byte(strconv.Itoa(int(pid))), 0o600); err != nil {
				f.t.Errorf("fake systemd: %v", err)
			}
		}
	}
}

// remove ends a unit. The directories are left, as by systemd before 241.
func (f *fakeSystemd) remove(unit string) {
	if f.files != nil { // plain files: the kernel would not mind them
		for _, mount := range f.mounts {
			_ = os.RemoveAll(mount + f.units[unit].dir)
		}
	}
	delete(f.units, unit)
}

// called are the calls so far without those of every connection.
func (f *fakeSystemd) called() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, c := range f.calls {
		switch c {
		case "Hello", "AddMatch", "Subscribe", "Get":
		default:
			list = append(list, c)
		}
	}
	f.calls = nil
	return strings.Join(list, " ")
}

func (f *fakeSystemd) unit(name string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.units[name]
	if u == nil {
		return nil
	}
	all := map[string]any{}
	for k, v := range u.props {
		all[k] = fmt.Sprint(v)
	}
	return all
}

func (f *fakeSystemd) put(name string, u *fakeUnit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.units[name] = u
}
