package sys

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestRtnlLoopback asks the kernel about the one interface that every network
// namespace has.
func TestRtnlLoopback(t *testing.T) {
	r, err := OpenRtnl()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lo, err := r.Link("lo")
	if err != nil || lo.Index != 1 {
		t.Fatalf("lo is %+v, %v", lo, err)
	}
	if name, err := r.Name(lo.Index); err != nil || name != "lo" {
		t.Errorf("interface 1 is %q, %v", name, err)
	}
	// 127.0.0.1 has host scope, and so is none of those that move.
	if list, err := r.Addresses(lo.Index); err != nil || len(list) != 0 {
		t.Errorf("%d global addresses on lo, %v", len(list), err)
	}
	if _, err := r.Link("no-such-link"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("an interface that is not there: %v", err)
	}
}

func TestAddressLabel(t *testing.T) {
	for _, test := range []struct{ name, old, want string }{
		{"web0", "eth0", "web0"},
		{"web0", "eth0:1", "web0:1"},
		{"fifteen-letters", "eth0", "fifteen-letters"},
		{"fifteen-letters", "eth0:alias", "fifteen-l:alias"},
		{"web0", "e:fourteenlette", "w:fourteenlette"},
	} {
		if got := label(test.name, test.old); got != test.want || len(got) >= unix.IFNAMSIZ {
			t.Errorf("label(%q, %q) = %q, want %q", test.name, test.old, got, test.want)
		}
	}
}

func TestRtnlAnswers(t *testing.T) {
	request := newMessage(unix.RTM_NEWLINK, 0, linkHeader(7, 0, 0))
	request.text(unix.IFLA_IFNAME, "x")
	header := func(size byte, kind, flags byte, rest ...byte) []byte {
		return append([]byte{size, 0, 0, 0, kind, 0, flags, 0, 9, 0, 0, 0, 0, 0, 0, 0}, rest...)
	}
	refused := header(20, unix.NLMSG_ERROR, 0, 0xff, 0xff, 0xff, 0xff) // -1
	ok := header(20, unix.NLMSG_ERROR, 0, 0, 0, 0, 0)
	other := header(20, unix.NLMSG_ERROR, 0, 0xff, 0xff, 0xff, 0xff)
	other[8] = 8
	text := header(44, unix.NLMSG_ERROR, 0, 0xea, 0xff, 0xff, 0xff) // -22
	text[7] = unix.NLM_F_ACK_TLVS >> 8
	text = append(text, make([]byte, unix.SizeofNlMsghdr)...)
	text = append(text, 8, 0, unix.NLMSGERR_ATTR_MSG, 0, 'n', 'o', '!', 0)
	for _, test := range []struct {
		name  string
		input []byte
		done  bool
		err   string
	}{
		{"success", ok, true, ""},
		{"refused", refused, true, "operation not permitted"},
		{"with words", text, true, "invalid argument (no!)"},
		{"of another request", other, false, ""},
		{"then ours", append(append([]byte(nil), other...), ok...), true, ""},
		{"the end of a dump", header(16, unix.NLMSG_DONE, 0), true, ""},
		{"cut off", refused[:18], true, errBadAnswer.Error()},
		{"too short to be one", header(4, unix.NLMSG_DONE, 0), true, errBadAnswer.Error()},
		{"a dump that was interrupted", header(16, unix.RTM_NEWADDR, unix.NLM_F_DUMP_INTR), true, errInterrupted.Error()},
		{"nothing", nil, false, ""},
	} {
		done, err := answers(test.input, 9, nil)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if done != test.done || got != test.err {
			t.Errorf("%s: %v, %q; want %v, %q", test.name, done, got, test.done, test.err)
		}
	}
}

// TestRtnlAttributes: what is added is what is read.
func TestRtnlAttributes(t *testing.T) {
	m := &message{}
	m.text(1, "lo")
	m.number(2, 0xdeadbeef)
	m.add(3, nil)
	type attribute struct {
		kind uint16
		size int
	}
	var got []attribute
	for kind, value := range attributes(m.b) {
		got = append(got, attribute{kind, len(value)})
	}
	if diff := cmp.Diff([]attribute{{1, 3}, {2, 4}, {3, 0}}, got, cmp.AllowUnexported(attribute{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzRtnlAnswers(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 2, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = answers(data, 9, func(_ uint16, body []byte) {
			if len(body) >= unix.SizeofIfAddrmsg {
				_ = addressFlags(body)
			}
		})
	})
}

// TestRtnlInAnother: the process stays where it is, also its main thread.
func TestRtnlInAnother(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	var ns int
	var err error
	OnOwnThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer Close(ns)
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		r, err := OpenRtnlIn(ns)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		if after, err := os.Readlink("/proc/self/ns/net"); after != before {
			t.Fatalf("the main thread went from %s to %s, %v", before, after, err)
		}
	}
}
