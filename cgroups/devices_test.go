package cgroups

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// decide is what a list of rules means, one kind of access at a time.
func decide(rules []rule, d device, want access) bool {
	for _, bit := range []access{accMknod, accRead, accWrite} {
		if want&bit == 0 {
			continue
		}
		allowed := false
		for _, r := range rules {
			if r.covers(d) && r.access&bit != 0 {
				allowed = r.allow
			}
		}
		if !allowed {
			return false
		}
	}
	return true
}

// run interprets a program as the kernel would. It also fails on an
// instruction that no path reaches, which the verifier refuses.
func run(t *testing.T, p []insn, d device, want access) bool {
	t.Helper()
	kind := uint64(kindChar)
	if d.kind == 'b' {
		kind = kindBlock
	}
	ctx := map[int16]uint64{0: uint64(want)<<16 | kind, 4: uint64(d.major), 8: uint64(d.minor)}
	var reg [11]uint64
	for pc := 0; pc < len(p); pc++ {
		i := p[pc]
		switch i.code {
		case opLoad32:
			reg[i.dst] = ctx[i.off]
		case opMov:
			reg[i.dst] = uint64(i.imm)
		case opMovReg:
			reg[i.dst] = reg[i.src]
		case opAnd:
			reg[i.dst] &= uint64(i.imm)
		case opShift:
			reg[i.dst] >>= uint(i.imm)
		case opJne:
			if reg[i.dst] != uint64(i.imm) {
				pc += int(i.off)
			}
		case opJset:
			if reg[i.dst]&uint64(i.imm) != 0 {
				pc += int(i.off)
			}
		case opJump:
			pc += int(i.off)
		case opExit:
			return reg[0] == 1
		default:
			t.Fatalf("insn %d: opcode %#x", pc, i.code)
		}
	}
	t.Fatal("the program runs off its end")
	return false
}

func unreachable(p []insn) int {
	seen := make([]bool, len(p))
	var visit func(int)
	visit = func(pc int) {
		for pc < len(p) && !seen[pc] {
			seen[pc] = true
			switch p[pc].code {
			case opExit:
				return
			case opJump:
				pc += int(p[pc].off)
			case opJne, opJset:
				visit(pc + 1 + int(p[pc].off))
			}
			pc++
		}
	}
	visit(0)
	return slices.Index(seen, false)
}

func randomRule(r *rand.Rand) rule {
	number := func() int64 { return []int64{anyNumber, 1, 3}[r.IntN(3)] }
	return rule{r.IntN(2) == 0, device{"abc"[r.IntN(3)], number(), number()}, access(1 + r.IntN(7))}
}

func randomDevice(r *rand.Rand) device {
	return device{"bc"[r.IntN(2)], []int64{1, 2, 3}[r.IntN(3)], []int64{1, 2, 3}[r.IntN(3)]}
}

func TestProgramMeansTheRules(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var rules []rule
		for range r.IntN(8) {
			rules = append(rules, randomRule(r))
		}
		p := program(rules)
		if at := unreachable(p); at >= 0 {
			t.Fatalf("%v: instruction %d cannot be reached", rules, at)
		}
		for range 20 {
			d, a := randomDevice(r), access(1+r.IntN(7))
			if got, want := run(t, p, d, a), decide(rules, d, a); got != want {
				t.Fatalf("rules %v: %v %v: program %v, rules %v", rules, d, a, got, want)
			}
		}
	}
}

// decideV1 is what the kernel makes of a v1 state, one bit at a time.
func decideV1(s v1State, d device, want access) bool {
	for _, bit := range []access{accMknod, accRead, accWrite} {
		excepted := slices.ContainsFunc(s.exceptions, func(e exception) bool { return e.covers(d) && e.access&bit != 0 })
		if want&bit != 0 && excepted == s.allow {
			return false
		}
	}
	return true
}

func TestFoldMeansTheRules(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	folded := 0
	for range 5000 {
		var rules []rule
		for range r.IntN(6) {
			rules = append(rules, randomRule(r))
		}
		s, err := foldV1(rules)
		if err != nil {
			continue // not for v1
		}
		folded++
		for range 20 {
			d, a := randomDevice(r), access(1+r.IntN(7))
			if got, want := decideV1(s, d, a), decide(rules, d, a); got != want {
				t.Fatalf("rules %v: %v %v: folded %v, rules %v", rules, d, a, got, want)
			}
		}
	}
	if folded < 1000 {
		t.Fatalf("only %d lists could be folded", folded)
	}
}

func TestDeviceRulesV1(t *testing.T) {
	defaults := []string{
		"devices.allow=c *:* m", "devices.allow=b *:* m", "devices.allow=c 1:3 rwm", "devices.allow=c 1:5 rwm", "devices.allow=c 1:7 rwm",
		"devices.allow=c 1:8 rwm", "devices.allow=c 1:9 rwm", "devices.allow=c 5:0 rwm", "devices.allow=c 5:1 rwm", "devices.allow=c 5:2 rwm",
		"devices.allow=c 136:* rwm", "devices.allow=c 10:200 rwm"}
	for _, tc := range []struct {
		name string
		list []specs.LinuxDeviceCgroup
		want []string
		err  string
	}{
		{"none", nil, append([]string{"devices.deny=a"}, defaults...), ""},
		{"docker: deny all first", []specs.LinuxDeviceCgroup{
			{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(5)), Access: "rwm"}},
			append([]string{"devices.deny=a", "devices.allow=c 1:5 rwm", "devices.allow=c *:* m", "devices.allow=b *:* m", "devices.allow=c 1:3 rwm"}, defaults[4:]...), ""},
		{"config before defaults", []specs.LinuxDeviceCgroup{
			{Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rwm"},
			{Allow: true, Type: "b", Major: ptr(int64(8)), Minor: ptr(int64(20)), Access: "rw"},
			{Allow: true, Type: "b", Major: ptr(int64(8)), Minor: ptr(int64(20)), Access: "m"}},
			append([]string{"devices.deny=a", "devices.allow=c 10:229 rwm", "devices.allow=b 8:20 rwm"}, defaults...), ""},
		{"privileged", []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, []string{"devices.allow=a"}, ""},
		{"privileged but one", []specs.LinuxDeviceCgroup{{Allow: true}, {Type: "b", Major: ptr(int64(8)), Minor: ptr(int64(0)), Access: "w"}},
			[]string{"devices.allow=a", "devices.deny=b 8:0 w"}, ""},
		{"part of an a rule", []specs.LinuxDeviceCgroup{{Allow: true, Type: "a", Major: ptr(int64(7)), Access: "r"}},
			append([]string{"devices.deny=a", "devices.allow=b 7:* r", "devices.allow=c 7:* r"}, defaults...), ""},
		{"a hole", []specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Major: ptr(int64(7))}, {Type: "c", Major: ptr(int64(7)), Minor: ptr(int64(1))}},
			nil, "cgroup: linux.resources.devices: cgroup v1 cannot take c 7:1 rwm out of c 7:* rwm"},
		{"bad type", []specs.LinuxDeviceCgroup{{Type: "p"}}, nil, `cgroup: linux.resources.devices[0]: type "p" is none of a, b, c`},
		{"bad access", []specs.LinuxDeviceCgroup{{}, {Access: "rx"}}, nil, `cgroup: linux.resources.devices[1]: access "rx" has other letters than r, w, m`},
		{"bad major", []specs.LinuxDeviceCgroup{{Major: ptr(int64(-2))}}, nil, `cgroup: linux.resources.devices[0]: major -2 is no device number`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			rules, err := deviceRules(tc.list)
			if err == nil {
				var s v1State
				if s, err = foldV1(rules); err == nil {
					got = show(writesV1(nil, s))
				}
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if d := cmp.Diff(tc.err, text); d != "" {
				t.Error("error:", d)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error("writes:", d)
			}
		})
	}
}

func TestTransitionV1(t *testing.T) {
	e := func(k byte, major, minor int64, a access) exception { return exception{device{k, major, minor}, a} }
	for _, tc := range []struct {
		name     string
		from, to v1State
		want     []string
	}{
		{"same", v1State{exceptions: []exception{e('c', 1, 3, accAll)}}, v1State{exceptions: []exception{e('c', 1, 3, accAll)}}, nil},
		{"less and more", v1State{exceptions: []exception{e('c', 1, 3, accAll), e('b', 8, 0, accRead)}},
			v1State{exceptions: []exception{e('c', 1, 3, accRead), e('c', 1, anyNumber, accMknod)}},
			[]string{"devices.deny=c 1:3 wm", "devices.deny=b 8:0 r", "devices.allow=c 1:* m"}},
		{"to all", v1State{exceptions: []exception{e('c', 1, 3, accAll)}}, v1State{allow: true}, []string{"devices.allow=a"}},
		{"from all", v1State{allow: true}, v1State{exceptions: []exception{e('c', 1, 3, accAll)}}, []string{"devices.deny=a", "devices.allow=c 1:3 rwm"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, show(writesV1(&tc.from, tc.to))); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzParseDevicesList(f *testing.F) {
	f.Add("a *:* rwm\n")
	f.Add("c 1:3 rwm\nb *:* m\n")
	f.Fuzz(func(t *testing.T, data string) {
		s, ok := parseDevicesList(data)
		if !ok {
			return
		}
		text := ""
		for _, e := range s.exceptions {
			if e.access != 0 {
				text += e.String() + "\n"
			}
		}
		if again, ok := parseDevicesList(text); !s.allow && (!ok || again.allow) {
			t.Fatalf("%q -> %q", data, text)
		}
	})
}
