package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHome(t *testing.T) {
	passwd := "root:x:0:0:root:/root:/bin/sh\nbad line\n:::::\nu:x:1000:1:,:/home/u:/bin/sh\nu2:x:1000:1::/second:\nrel:x:5:5::rel:\nshort:x:6:6::/x\n"
	for uid, want := range map[uint32]string{0: "/root", 1000: "/home/u", 5: "", 6: "", 7: ""} {
		if got := passwdHome(passwd, uid); got != want {
			t.Errorf("%d: %q, want %q", uid, got, want)
		}
	}
	file := filepath.Join(t.TempDir(), "passwd")
	long := strings.Repeat("x:x:4:4:x:/x:/x\n", 10000)
	if err := os.WriteFile(file, []byte(long+passwd), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := file + ".fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "/home/u", fifo: "/", "/dev/zero": "/", "/no/such": "/", "/": "/"} {
		if got := Own.homeOf(path, 1000); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func FuzzPasswdHome(f *testing.F) {
	f.Add("u:x:1000:1:,:/home/u:/bin/sh\n")
	f.Fuzz(func(t *testing.T, text string) {
		if dir := passwdHome(text, 1000); dir != "" && (dir[0] != '/' || strings.ContainsAny(dir, "\x00\n:")) {
			t.Errorf("%q", dir)
		}
	})
}
