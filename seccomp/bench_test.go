package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
)

// bigProfile allows some 350 syscalls on three architectures, as Docker's does.
func bigProfile() *specs.LinuxSeccomp {
	var names []string
	for n := range libseccomp.ScmpSyscall(450) {
		if name, err := n.GetName(); err == nil {
			names = append(names, name)
		}
	}
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno,
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
		Syscalls:      []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}},
	}
}

func BenchmarkCompile(b *testing.B) {
	p := bigProfile()
	for b.Loop() {
		if _, _, err := Compile(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCached(b *testing.B) {
	p, dir := bigProfile(), b.TempDir()+"/cache"
	for b.Loop() {
		if _, _, err := Cached(dir, p); err != nil {
			b.Fatal(err)
		}
	}
}
