// Probe runs inside a test's container, as a static program without libc, and
// does the few things that busybox cannot: hog memory, notify, die in a
// syscall. It knows nothing of rt.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fatal("which probe?")
	}
	args := os.Args[2:]
	switch os.Args[1] {
	case "hog": // MIB: touch that much memory
		hog(number(args))
	case "notify": // send args to $NOTIFY_SOCKET
		notify(strings.Join(args, "\n"))
	case "syscall": // NR [ARG...]: print its errno
		raw(args)
	case "fetch": // URL: print the page
		fetch(args[0])
	case "write": // PATH: open PATH for writing and say what came of it
		write(args[0])
	case "bomb": // N: N processes, each of which is born, forks one and ends
		bomb(number(args))
	case "hunt": // SECONDS OUT: try to get at each process that is born, and say so in OUT
		hunt(number(args), args[1])
	case "spy": // OUT STOP MARK: look into each process that comes from outside, until STOP is there
		spy(args[0], args[1], args[2])
	case "plant": // KEYRING: join it, open it to all, put a key into it, stay
		plant(args[0])
	case "planted": // print whether the key of another's plant is found
		planted()
	case "keylabel": // print the SELinux label of the session keyring
		keyLabel()
	default:
		fatal("unknown probe " + os.Args[1])
	}
}

func hog(mib int) {
	var kept [][]byte
	for range mib {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
	fmt.Println("touched", len(kept), "MiB")
}

func notify(text string) {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		fatal(err.Error())
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		fatal(err.Error())
	}
}

func raw(args []string) {
	var a [7]uintptr
	for i := range args {
		a[i] = uintptr(number(args[i:]))
	}
	_, _, errno := syscall.Syscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
	fmt.Println(int(errno))
}

func write(path string) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	_, err = f.WriteString("overwritten by a container")
	fmt.Println("opened:", err)
}

func fetch(url string) {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		fatal(err.Error())
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		fatal(fmt.Sprint(resp.Status, err))
	}
}

func number(args []string) int {
	if len(args) == 0 {
		fatal("a number is missing")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		fatal(err.Error())
	}
	return n
}

func fatal(text string) {
	fmt.Fprintln(os.Stderr, "probe:", text)
	os.Exit(1)
}
