package seccomp

// cache.go keeps compiled filters in a directory, because compiling a profile
// of a few hundred syscalls costs libseccomp more than all the rest of a
// container's start. A filter is a security boundary, so a file is used only
// if it provably is what this user wrote: directory and file belong to the
// caller's euid, nobody else can write them, no symbolic link is followed, and
// the content's checksum and key fit. Anything else is compiled anew and
// replaced. No trouble with the cache is ever an error.

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/quickjson"
	"rt/libcontainer/sys"
)

const (
	// cacheFormat changes with the meaning of a cached file or with what the
	// compiler makes of a profile.
	cacheFormat = "rt seccomp cache 2\n"

	maxCacheFile    = 256 << 10
	maxCacheEntries = 64
	maxCacheBytes   = 4 << 20
)

// errUntrusted stands for everything that makes a cached file unusable.
var errUntrusted = errors.New("not a file of this cache")

// Cached is Compile with a memory: dir holds compiled filters and is made if
// its parent exists. Both must not be writable by others; dir is made with
// mode 0700. The same profile gives the same answer with and without a cache.
func Cached(dir string, p *specs.LinuxSeccomp) (Filter, []string, error) {
	key, err := cacheKey(p)
	if err != nil {
		return Compile(p)
	}
	dirFd, err := openCache(dir)
	if err != nil {
		return Compile(p)
	}
	defer sys.Close(dirFd)
	name := hex.EncodeToString(key[:])
	if e, err := readEntry(dirFd, name, key); err == nil {
		return e.Filter, e.Warnings, nil
	}
	filter, warnings, err := Compile(p)
	if err == nil {
		storeEntry(dirFd, name, key, entry{filter, warnings})
	}
	return filter, warnings, err
}

type entry struct {
	Filter   Filter
	Warnings []string
}

func cacheKey(p *specs.LinuxSeccomp) (key [sha256.Size]byte, err error) {
	profile, err := quickjson.Marshal(struct {
		Format  string              `json:"format"`
		Library string              `json:"library"`
		NoFlags bool                `json:"noFlags"` // JSON of the profile has no flags either way
		Profile *specs.LinuxSeccomp `json:"profile"`
	}{cacheFormat, Version(), p.Flags == nil, p})
	return sha256.Sum256(profile), err
}

// openCache opens the directory and makes sure that it is the caller's alone.
func openCache(dir string) (int, error) {
	fd, err := sys.OpenDirAt(unix.AT_FDCWD, dir)
	if errors.Is(err, unix.ENOENT) {
		if err := sys.MakeDirAt(unix.AT_FDCWD, dir, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return -1, err
		}
		fd, err = sys.OpenDirAt(unix.AT_FDCWD, dir)
	}
	if err != nil {
		return -1, err
	}
	st, err := sys.Fstat(fd)
	if err == nil && (int(st.Uid) != os.Geteuid() || st.Mode&0o7777 != 0o700) {
		err = errUntrusted
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

func readEntry(dirFd int, name string, key [sha256.Size]byte) (entry, error) {
	fd, err := sys.OpenFileAt(dirFd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return entry{}, err
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	if err != nil {
		return entry{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o022 != 0 || int(st.Uid) != os.Geteuid() ||
		st.Nlink != 1 || st.Size > maxCacheFile {
		return entry{}, errUntrusted
	}
	data := make([]byte, st.Size)
	if n, err := sys.Pread(fd, data, 0); err != nil || n != len(data) {
		return entry{}, errUntrusted
	}
	return decodeEntry(data, key)
}

// storeEntry writes the entry and keeps the cache within its bounds. Whatever
// goes wrong, the next start compiles again.
func storeEntry(dirFd int, name string, key [sha256.Size]byte, e entry) {
	data := encodeEntry(key, e)
	if len(data) > maxCacheFile {
		return
	}
	prune(dirFd, int64(len(data)))
	temp := "tmp." + strconv.Itoa(os.Getpid()) + "." + name
	fd, err := sys.OpenFileAt(dirFd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		_ = sys.RemoveFileAt(dirFd, temp) // left by a crash; the next start gets it
		return
	}
	err = sys.WriteAll(fd, data)
	sys.Close(fd)
	if err == nil {
		err = sys.RenameAt(dirFd, temp, name)
	}
	if err != nil {
		_ = sys.RemoveFileAt(dirFd, temp)
	}
}

// prune removes the oldest entries until one more of incoming bytes fits.
func prune(dirFd int, incoming int64) {
	names, err := sys.ReadNames(dirFd)
	if err != nil {
		return
	}
	type file struct {
		name  string
		size  int64
		mtime int64
	}
	var files []file
	total := incoming
	for _, name := range names {
		st, err := sys.Lstat(dirFd, name)
		if err != nil {
			continue
		}
		files = append(files, file{name, st.Size, st.Mtim.Nano()})
		total += st.Size
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.mtime, b.mtime) })
	for _, f := range files {
		if len(files) < maxCacheEntries && total <= maxCacheBytes {
			return
		}
		_ = sys.RemoveFileAt(dirFd, f.name)
		files = files[1:]
		total -= f.size
	}
}

// An entry is cacheFormat, the SHA-256 of all that follows, the key, and the
// filter: integers little-endian, strings and lists with a 32-bit length.
func encodeEntry(key [sha256.Size]byte, e entry) []byte {
	body := append([]byte{}, key[:]...)
	body = binary.LittleEndian.AppendUint32(body, e.Filter.Flags)
	body = append(body, flagByte(e.Filter.KillsThread), flagByte(e.Filter.Notify))
	body = appendBytes(body, e.Filter.BPF)
	for _, list := range [][]string{e.Filter.Skipped, e.Warnings} {
		body = binary.LittleEndian.AppendUint32(body, uint32(len(list)))
		for _, s := range list {
			body = appendBytes(body, []byte(s))
		}
	}
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(cacheFormat), sum[:], body)
}

func decodeEntry(data []byte, key [sha256.Size]byte) (e entry, err error) {
	const header = len(cacheFormat) + sha256.Size
	if len(data) < header+len(key) || string(data[:len(cacheFormat)]) != cacheFormat {
		return e, errUntrusted
	}
	body := data[header:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(data[len(cacheFormat):header]) {
		return e, errUntrusted
	}
	if string(body[:len(key)]) != string(key[:]) {
		return e, errUntrusted
	}
	r := reader{rest: body[len(key):]}
	e.Filter.Flags = r.uint32()
	e.Filter.KillsThread, e.Filter.Notify = r.flag(), r.flag()
	e.Filter.BPF = r.bytes()
	e.Filter.Skipped, e.Warnings = r.strings(), r.strings()
	if r.short || len(r.rest) != 0 || len(e.Filter.BPF)%instructionSize != 0 || len(e.Filter.BPF) == 0 {
		return entry{}, errUntrusted
	}
	return e, nil
}

func appendBytes(b, p []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(p))), p...)
}

func flagByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// reader takes an entry apart; after a read beyond the end short is set and
// every read gives nothing.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return nil
	}
	p := r.rest[:n:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) uint32() uint32 {
	if p := r.take(4); len(p) == 4 {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *reader) flag() bool {
	p := r.take(1)
	return len(p) == 1 && p[0] == 1
}

func (r *reader) bytes() []byte { return r.take(r.uint32()) }

func (r *reader) strings() (list []string) {
	for n := r.uint32(); n > 0 && !r.short; n-- {
		list = append(list, string(r.bytes()))
	}
	return list
}
