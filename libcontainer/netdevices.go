package libcontainer

// netdevices.go moves interfaces of rt's network namespace into the
// container's (runtime-spec config-linux.md, "Network Devices"): with a new
// name if one is asked for, with the addresses that are meant to stay, and up.
// When the container's network namespace ends, what becomes of them is the
// kernel's business: hardware returns to the first network namespace, the rest
// ends with it.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// netDevice is one interface on its way.
type netDevice struct {
	host, name string // name may end in %d
	sys.Link
	addresses []sys.Address
	inside    int // its index in the container's namespace, once it is there
}

// fault is an error with the device's JSON path.
func (d *netDevice) fault(op string, err error) error {
	e := fault.New("network", "linux.netDevices["+strconv.Quote(d.host)+"]", op, err)
	switch {
	case errors.Is(err, unix.EPERM):
		e.Hint = "moving an interface needs CAP_NET_ADMIN in rt's network namespace and in the container's"
	case errors.Is(err, unix.EINVAL):
		e.Hint = "some interfaces belong to their network namespace for ever: lo, a bridge, a tunnel's fallback device"
	}
	return e
}

// moveNetDevices runs before the prestart and createRuntime hooks, which so
// find the container's network complete. Either all devices have arrived, or
// those that had are back.
func (l *launch) moveNetDevices() (err error) {
	if l.spec.Linux == nil || len(l.spec.Linux.NetDevices) == 0 {
		return nil
	}
	m, err := l.openMover()
	if err != nil {
		return err
	}
	defer m.close()
	devices := l.netDevices()
	for _, d := range devices {
		if err := m.look(d); err != nil {
			return err
		}
	}
	for i, d := range devices {
		if err := m.move(d); err != nil {
			for _, moved := range devices[:i+1] {
				m.back(moved)
			}
			return err
		}
		l.rt.log.Debug("network device moved", "id", l.opts.ID, "name", d.host, "to", d.name)
	}
	return nil
}

// netDevices are the spec's in a fixed order, plain names before templates: a
// template must not take a name that is asked for.
func (l *launch) netDevices() []*netDevice {
	var list []*netDevice
	for host, d := range l.spec.Linux.NetDevices {
		list = append(list, &netDevice{host: host, name: cmp.Or(d.Name, host)})
	}
	slices.SortFunc(list, func(a, b *netDevice) int {
		if a.template() != b.template() {
			return map[bool]int{false: -1, true: 1}[a.template()]
		}
		return strings.Compare(a.host, b.host)
	})
	return list
}

func (d *netDevice) template() bool { return strings.Contains(d.name, "%") }

// mover holds both network namespaces.
type mover struct {
	host, container *sys.Rtnl
	// hostNS and containerNS are fds of the namespaces.
	hostNS, containerNS int
}

func (l *launch) openMover() (m mover, err error) {
	m = mover{hostNS: -1, containerNS: -1}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	const self = "/proc/thread-self/ns/net"
	if m.hostNS, _, err = sys.OpenNamespace(self); err != nil {
		return m, fault.New("network", self, "open", err)
	}
	path := fmt.Sprintf("/proc/%d/ns/net", l.init.pid)
	if m.containerNS, _, err = sys.OpenNamespace(path); err != nil {
		return m, fault.New("network", path, "open", err)
	}
	if m.host, err = sys.OpenRtnl(); err != nil {
		return m, fault.New("network", "", "open an rtnetlink socket", err)
	}
	if m.container, err = sys.OpenRtnlIn(m.containerNS); err != nil {
		return m, fault.New("network", path, "open an rtnetlink socket in it", err).
			WithHint("linux.netDevices needs CAP_SYS_ADMIN over the container's network namespace")
	}
	return m, nil
}

func (m *mover) close() {
	for _, r := range []*sys.Rtnl{m.host, m.container} {
		if r != nil {
			r.Close()
		}
	}
	for _, fd := range []int{m.hostNS, m.containerNS} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
}

// look reads what a device is like, and sees to it that its new name is free,
// while nothing has been changed yet.
func (m *mover) look(d *netDevice) (err error) {
	if d.Link, err = m.host.Link(d.host); err != nil {
		err := fault.New("network", "linux.netDevices["+strconv.Quote(d.host)+"]", "find it", err)
		if errors.Is(err, unix.ENODEV) {
			err.Hint = "there is no interface of this name in rt's network namespace (ip link)"
		}
		return err
	}
	if d.addresses, err = m.host.Addresses(d.Index); err != nil {
		return d.fault("read its addresses", err)
	}
	if d.template() {
		return nil
	}
	switch _, err := m.container.Link(d.name); {
	case err == nil:
		return d.clash()
	case !errors.Is(err, unix.ENODEV):
		return d.fault("look for "+d.name+" in the container", err)
	}
	return nil
}

func (d *netDevice) clash() error {
	return fault.New("network", "linux.netDevices["+strconv.Quote(d.host)+"].name", d.name, unix.EEXIST).
		WithHint("the container's network namespace has an interface of this name; end the name in %d to get a free one")
}

// move goes by way of a name that nobody has: so the device can be found again
// in the other namespace, where the kernel may have to give it another index,
// whether or not the name that it is to have is a template or taken meanwhile.
func (m *mover) move(d *netDevice) error {
	passing := fmt.Sprintf("rt-%x", d.Index)
	if err := m.host.Move(d.Index, m.containerNS, passing); err != nil {
		return d.fault("move", err)
	}
	link, err := m.container.Link(passing)
	if err != nil {
		return d.fault("find it in the container", err)
	}
	d.inside = link.Index
	if err := m.container.Rename(d.inside, d.name); errors.Is(err, unix.EEXIST) {
		return d.clash()
	} else if err != nil {
		return d.fault("rename to "+d.name, err)
	}
	if d.template() {
		if d.name, err = m.container.Name(d.inside); err != nil {
			return d.fault("read its new name", err)
		}
	}
	if err := settle(m.container, d.inside, d.name, d.addresses); err != nil {
		return d.fault("add an address", err)
	}
	if err := m.container.SetUp(d.inside); err != nil {
		return d.fault("set up", err)
	}
	return nil
}

// settle gives an interface back the addresses that it has lost on the way.
func settle(r *sys.Rtnl, index int, name string, addresses []sys.Address) error {
	for _, a := range addresses {
		if err := r.Add(index, name, a); err != nil {
			return err
		}
	}
	return nil
}

// back returns a device to where it was, as it was. It is best effort, on the
// way out with another error.
func (m *mover) back(d *netDevice) {
	if d.inside == 0 {
		return
	}
	if m.container.Move(d.inside, m.hostNS, d.host) != nil {
		return
	}
	link, err := m.host.Link(d.host)
	if err != nil {
		return
	}
	_ = settle(m.host, link.Index, d.host, d.addresses)
	if d.Up {
		_ = m.host.SetUp(link.Index)
	}
}
