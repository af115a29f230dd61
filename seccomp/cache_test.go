package seccomp

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const cachedProfile = `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_PARISC","SCMP_ARCH_X86"],
	"syscalls":[{"names":["read","no_such_call"],"action":"SCMP_ACT_ALLOW"}]}`

// onlyFile is the one file in dir.
func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v: want one file", entries, err)
	}
	return filepath.Join(dir, entries[0].Name())
}

func TestCacheHit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "seccomp")
	p := profileJSON(t, cachedProfile)
	want, wantWarnings, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, warnings, err := Cached(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantWarnings, warnings); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	// The second answer came from the file: an entry put in its place is
	// what a third one gets.
	file := onlyFile(t, dir)
	key, err := cacheKey(p)
	if err != nil {
		t.Fatal(err)
	}
	want.Flags = 77
	if err := os.WriteFile(file, encodeEntry(key, entry{want, nil}), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := Cached(dir, p); got.Flags != 77 {
		t.Error("the file was not used")
	}
}

func TestCacheKeyTellsFlagsApart(t *testing.T) {
	none, _ := cacheKey(profileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW"}`))
	empty, _ := cacheKey(profileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","flags":[]}`))
	if none == empty {
		t.Error("no flags and an empty list share a key")
	}
}

// TestCacheHostile puts every kind of bad file where the entry should be. None
// may be used, all must be replaced by a good one.
func TestCacheHostile(t *testing.T) {
	p := profileJSON(t, cachedProfile)
	good, _, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := cacheKey(p)
	evil := good
	evil.BPF = encode(stub([]newest{{audit: 1, nr: 1}}))
	evilData := encodeEntry(key, entry{evil, nil})
	flip := func(at int) []byte {
		d := bytes.Clone(encodeEntry(key, entry{good, nil}))
		d[at] ^= 1
		return d
	}
	write := func(data []byte, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, put := range map[string]func(*testing.T, string){
		"empty":          write(nil, 0o600),
		"magic":          write(flip(0), 0o600),
		"checksum":       write(flip(len(cacheFormat)), 0o600),
		"body":           write(flip(len(cacheFormat)+sha256.Size+40), 0o600),
		"cut short":      write(evilData[:len(evilData)-1], 0o600),
		"too long":       write(make([]byte, maxCacheFile+1), 0o600),
		"other key":      write(encodeEntry([32]byte{}, entry{evil, nil}), 0o600),
		"group-writable": write(evilData, 0o620),
		"world-writable": write(evilData, 0o602),
		"no filter":      write(encodeEntry(key, entry{}), 0o600),
		"symbolic link": func(t *testing.T, file string) {
			target := filepath.Join(t.TempDir(), "evil")
			write(evilData, 0o600)(t, target)
			if err := os.Symlink(target, file); err != nil {
				t.Fatal(err)
			}
		},
		"hard link": func(t *testing.T, file string) {
			write(evilData, 0o600)(t, file)
			if err := os.Link(file, filepath.Join(t.TempDir(), "evil")); err != nil {
				t.Fatal(err)
			}
		},
		"directory": func(t *testing.T, file string) {
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"other owner": func(t *testing.T, file string) {
			write(evilData, 0o600)(t, file)
			if os.Geteuid() != 0 {
				t.Skip("needs root to give a file away")
			}
			if err := os.Chown(file, 65534, -1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, _, err := Cached(dir, p); err != nil {
				t.Fatal(err)
			}
			file := onlyFile(t, dir)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			put(t, file)
			got, _, err := Cached(dir, p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(good, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if name == "directory" {
				return // stays, harmless
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if e, err := decodeEntry(data, key); err != nil || !cmp.Equal(e.Filter, good) {
				t.Errorf("the bad file was not replaced: %v", err)
			}
		})
	}
}

func TestCacheDirectory(t *testing.T) {
	p := profileJSON(t, cachedProfile)
	for name, make := range map[string]func(string) error{
		"open to others": func(dir string) error { return os.Mkdir(dir, 0o755) },
		"symbolic link": func(dir string) error {
			if err := os.Mkdir(dir+".real", 0o700); err != nil {
				return err
			}
			return os.Symlink(dir+".real", dir)
		},
		"a file": func(dir string) error { return os.WriteFile(dir, nil, 0o700) },
		"other owner": func(dir string) error {
			if err := os.Mkdir(dir, 0o700); err != nil || os.Geteuid() != 0 {
				return err
			}
			return os.Chown(dir, 65534, -1)
		},
	} {
		dir := filepath.Join(t.TempDir(), "cache")
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Cached(dir, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 && (name != "other owner" || os.Geteuid() == 0) {
			t.Errorf("%s: was used", name)
		}
	}
	if _, _, err := Cached("/no/such/parent", p); err != nil {
		t.Error(err)
	}
}

func TestCacheStaysBounded(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range maxCacheEntries + 10 {
		file := filepath.Join(dir, "old."+strconv.Itoa(i))
		if err := os.WriteFile(file, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(time.Duration(i-1000) * time.Second)
		if err := os.Chtimes(file, past, past); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Cached(dir, profileJSON(t, cachedProfile)); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != maxCacheEntries {
		t.Errorf("%d entries, want %d", len(entries), maxCacheEntries)
	}
	if _, err := os.Stat(filepath.Join(dir, "old.0")); err == nil {
		t.Error("the oldest is still there")
	}
}

func FuzzDecodeEntry(f *testing.F) {
	var key [sha256.Size]byte
	f.Add(encodeEntry(key, entry{Filter{BPF: make([]byte, 16), Skipped: []string{"a"}}, []string{"w"}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		// A right checksum, so that the parser behind it is reached.
		sum := sha256.Sum256(body)
		data := append(append([]byte(cacheFormat), sum[:]...), body...)
		for _, d := range [][]byte{body, data} {
			e, err := decodeEntry(d, key)
			if err != nil {
				continue
			}
			if again, err := decodeEntry(encodeEntry(key, e), key); err != nil || !cmp.Equal(e, again) {
				t.Fatalf("does not survive a round trip: %v", err)
			}
		}
	})
}
