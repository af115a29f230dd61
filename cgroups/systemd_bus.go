package cgroups

// Talking to systemd: the calls that a unit needs, and waiting for the jobs
// that they queue. See org.freedesktop.systemd1(5).

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rt/cgroups/dbus"
	"rt/libcontainer/fault"
)

const (
	busName      = "org.freedesktop.systemd1"
	managerPath  = "/org/freedesktop/systemd1"
	managerIface = busName + ".Manager"
	unitIface    = busName + ".Unit"
	propsIface   = "org.freedesktop.DBus.Properties"
)

// Names of systemd's errors.
const (
	errUnitExists = busName + ".UnitExists"
	errNoSuchUnit = busName + ".NoSuchUnit"
)

// bus is a connection to the systemd of the host, or of a user.
type bus struct {
	*dbus.Conn
	user    bool
	version int
	watched bool
}

// busAddresses are the places to find systemd, best first: a message bus, then
// the socket that systemd itself listens on, which a small host may have alone.
func busAddresses(user bool) []dbus.Address {
	if !user {
		list := dbus.ParseAddress(os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"))
		if list == nil {
			list = append(list, dbus.Address{Path: "/run/dbus/system_bus_socket", Bus: true})
		}
		return append(list, dbus.Address{Path: "/run/systemd/private"})
	}
	list := dbus.ParseAddress(os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/run/user/" + strconv.Itoa(ownerUID())
	}
	return append(list, dbus.Address{Path: dir + "/bus", Bus: true}, dbus.Address{Path: dir + "/systemd/private"})
}

// ownerUID is the uid that the host knows this process by.
func ownerUID() int {
	uid := os.Geteuid()
	if !inUserNS() {
		return uid
	}
	// What RootlessKit leaves to its child, whose id map may have two steps.
	if n, err := strconv.Atoi(os.Getenv("ROOTLESSKIT_PARENT_EUID")); err == nil && n >= 0 {
		return n
	}
	data, err := readFile("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	return mappedUID(string(data), uid)
}

// mappedUID looks uid up in a uid_map file (user_namespaces(7)).
func mappedUID(table string, uid int) int {
	for line := range strings.Lines(table) {
		var n [3]int
		f := strings.Fields(line)
		if len(f) != len(n) {
			continue
		}
		for i := range n {
			n[i], _ = strconv.Atoi(f[i])
		}
		if uid >= n[0] && uid-n[0] < n[2] {
			return n[1] + uid - n[0]
		}
	}
	return uid
}

// connect reaches systemd. All that is done on the connection is done by end.
func connect(user bool, end time.Time) (*bus, error) {
	var first *fault.Error
	for _, a := range busAddresses(user) {
		c, err := dbus.Dial(a, end)
		if err == nil {
			b := &bus{Conn: c, user: user}
			if err = b.readVersion(); err == nil {
				return b, nil
			}
			c.Close()
		}
		// The socket that is there says more than one that is not.
		if first == nil || errors.Is(first.Err, unix.ENOENT) && !errors.Is(err, unix.ENOENT) {
			first = fault.New(step, "systemd", "connect to "+a.Path, err)
		}
	}
	return nil, first.WithHint(connectHint(user, first.Err))
}

func connectHint(user bool, err error) string {
	const other = "have rt make the cgroups itself: --cgroup-manager=cgroupfs"
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "systemd does not answer; is the bus overloaded?"
	case user:
		return "the user's systemd is reached by DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR (log in, or loginctl enable-linger); or " + other
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED):
		return "systemd does not run here, or its socket is not in this container; " + other
	}
	return other
}

func (b *bus) readVersion() error {
	v, err := b.property(managerPath, managerIface, "Version")
	if err != nil {
		return err
	}
	text, _ := v.(string)
	b.version = leadingNumber(text)
	return nil
}

// leadingNumber reads 252 out of "v252.4-1.fc32" or "252~rc1".
func leadingNumber(text string) int {
	text = strings.TrimLeft(text, `"v`)
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	n, _ := strconv.Atoi(text[:i])
	return n
}

func (b *bus) manager(method string, args ...any) ([]any, error) {
	return b.Call(busName, managerPath, managerIface, method, args...)
}

func (b *bus) property(object, iface, name string) (any, error) {
	out, err := b.Call(busName, object, propsIface, "Get", iface, name)
	if err != nil {
		return nil, err
	}
	if len(out) != 1 {
		return nil, errors.New("systemd's answer has no value")
	}
	return out[0], nil
}

// unitText is a property of a unit that is a string, "" when it cannot be read.
func (b *bus) unitText(unit, iface, name string) string {
	v, _ := b.property(unitPath(unit), iface, name)
	text, _ := v.(string)
	return text
}

// invocation tells one life of a unit from the next of the same name. It is ""
// for a unit that is not there.
func (b *bus) invocation(unit string) (string, error) {
	v, err := b.property(unitPath(unit), unitIface, "InvocationID")
	if isError(err, errNoSuchUnit) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id, _ := v.([]byte)
	return hexText(id), nil
}

func hexText(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

// controlGroup is a unit's cgroup as systemd names it, "" when it has none.
func (b *bus) controlGroup(unit string) string {
	return b.unitText(unit, unitInterface(unit), "ControlGroup")
}

func unitInterface(unit string) string {
	if strings.HasSuffix(unit, sliceSuffix) {
		return busName + ".Slice"
	}
	return busName + ".Scope"
}

// watch asks for the signals that end jobs. systemd sends them while somebody
// has subscribed.
func (b *bus) watch() error {
	if b.watched {
		return nil
	}
	b.watched = true
	err := b.Match("type='signal',sender='" + busName + "',interface='" + managerIface + "',member='JobRemoved'")
	if err != nil {
		return err
	}
	_, err = b.manager("Subscribe")
	return err
}

// job calls a method that queues a job and waits until that is done. result is
// "done", or another word for how the job ended.
func (b *bus) job(method string, args ...any) (result string, err error) {
	if err := b.watch(); err != nil {
		return "", err
	}
	out, err := b.manager(method, args...)
	if err != nil {
		return "", err
	}
	if len(out) != 1 {
		return "", errors.New("systemd's answer names no job")
	}
	for {
		s, err := b.Signal()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return "", errJobTime
		}
		if err != nil {
			return "", err
		}
		// JobRemoved(u id, o job, s unit, s result)
		if s.Interface == managerIface && s.Member == "JobRemoved" && len(s.Args) == 4 && s.Args[1] == out[0] {
			result, _ := s.Args[3].(string)
			return result, nil
		}
	}
}

var errJobTime = errors.New("systemd has queued the job but not ended it in time")

func (b *bus) start(unit string, p properties) error {
	result, err := b.job("StartTransientUnit", unit, "replace", []dbus.Property(p), []dbus.Unit{})
	if err == nil && result != "done" {
		err = errors.New("systemd's job ended as " + result)
	}
	if err == nil {
		return nil
	}
	return fault.New(step, "unit "+unit, "start", err).WithHint(b.hint(unit, err))
}

func (b *bus) hint(unit string, err error) string {
	var answer *dbus.Error
	if errors.As(err, &answer) {
		switch {
		case strings.Contains(answer.Name, "AccessDenied"), strings.Contains(answer.Name, "InteractiveAuthorizationRequired"):
			return "this user may not start units there"
		case strings.Contains(answer.Name, "PropertyReadOnly"), strings.Contains(answer.Name, "UnknownProperty"):
			return "this version of systemd (" + strconv.Itoa(b.version) + ") does not have the property"
		}
	}
	status := "systemctl status "
	if b.user {
		status = "systemctl --user status "
	}
	return "see " + status + unit
}

// stop ends a unit and forgets that it may have failed. A unit that is not
// there is what was wanted.
func (b *bus) stop(unit string) error {
	result, err := b.job("StopUnit", unit, "replace")
	if isError(err, errNoSuchUnit) {
		err = nil
	} else if err == nil && result != "done" && result != "canceled" {
		err = errors.New("systemd's job ended as " + result)
	}
	b.resetFailed(unit)
	if err != nil {
		return fault.New(step, "unit "+unit, "stop", err).WithHint(b.hint(unit, err))
	}
	return nil
}

// resetFailed lets systemd forget a failed unit. One that has not failed or is
// gone is an error that means nothing.
func (b *bus) resetFailed(unit string) { _, _ = b.manager("ResetFailedUnit", unit) }

func isError(err error, name string) bool {
	var answer *dbus.Error
	return errors.As(err, &answer) && answer.Name == name
}
