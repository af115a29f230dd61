package install

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
)

// fuzz: whatever the text is, an editor refuses it or makes just the change,
// which it checks itself, and the way back is there.
func fuzz(f *testing.F, kind editor, pattern string) {
	cases, err := filepath.Glob("testdata/" + pattern)
	if err != nil || len(cases) == 0 {
		f.Fatal("no cases: ", err)
	}
	for _, path := range cases {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			if file.Name != want {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		with, err := kind.set(text, edit{"/usr/sbin/rt", true})
		if err != nil {
			return
		}
		if again, err := kind.set(with, edit{"/usr/sbin/rt", true}); err != nil || string(again) != string(with) {
			t.Errorf("a second time: %v\n%s", err, again)
		}
		without, err := kind.unset(with)
		if err != nil {
			t.Fatalf("no way back: %v\n%s", err, with)
		}
		if twice, err := kind.unset(without); err != nil || string(twice) != string(without) {
			t.Errorf("something is left: %v\n%s", err, twice)
		}
	})
}

func FuzzDocker(f *testing.F)     { fuzz(f, daemonJSON{}, "docker-*.txtar") }
func FuzzContainerd(f *testing.F) { fuzz(f, containerdTOML{}, "containerd-*.txtar") }
func FuzzBuildkit(f *testing.F)   { fuzz(f, buildkitTOML{"/usr/sbin/rt"}, "buildkit-*.txtar") }

func FuzzDiff(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), []byte("a\nx\nc\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var olds, news []string
		for _, l := range compare(lines(a), lines(b)) {
			if l.sign != '+' {
				olds = append(olds, l.text)
			}
			if l.sign != '-' {
				news = append(news, l.text)
			}
		}
		if !slices.Equal(olds, lines(a)) || !slices.Equal(news, lines(b)) {
			t.Errorf("%q and %q from %q and %q", olds, news, a, b)
		}
	})
}
