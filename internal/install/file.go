package install

// file.go: files below a root, read and replaced as a whole.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rt/libcontainer/fault"
)

// maxConfig is more than any configuration has.
const maxConfig = 4 << 20

// openDir opens the directory dir below root; nothing that is done through it
// leaves it. With a root of its own dir is resolved inside of that too: an
// absolute link in an image would lead to the host's files.
func openDir(root, dir string) (*os.Root, error) {
	if root == "" {
		return os.OpenRoot(dir)
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.OpenRoot(below(dir))
}

// below is the absolute path as one relative to a root.
func below(path string) string {
	if rel := strings.TrimLeft(filepath.Clean(path), "/"); rel != "" {
		return rel
	}
	return "."
}

// readFile reads a regular file; nil when there is none.
func readFile(root, path string) ([]byte, error) {
	dir, err := openDir(root, filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileFault(path, err)
	}
	defer dir.Close()
	fi, err := regular(dir, path)
	if fi == nil || err != nil {
		return nil, err
	}
	f, err := dir.Open(filepath.Base(path))
	if err != nil {
		return nil, fileFault(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = errors.New("larger than any configuration")
	}
	if err != nil {
		return nil, fileFault(path, err)
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// regular is the file's information, nil when there is no file. What is not a
// regular file is not replaced by one.
func regular(dir *os.Root, path string) (fs.FileInfo, error) {
	fi, err := dir.Lstat(filepath.Base(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fileFault(path, err)
	case fi.Mode()&fs.ModeSymlink != 0:
		target, _ := dir.Readlink(filepath.Base(path))
		return nil, fault.New(step, path, "", errors.New("is a symbolic link to "+target)).
			WithHint("name the file itself with --config")
	case !fi.Mode().IsRegular():
		return nil, fault.New(step, path, "", errors.New("is not a regular file"))
	}
	return fi, nil
}

// Write makes the change. The file is replaced at once and keeps its mode and
// owner; a file that was changed since the plan was made is left alone.
func (c *Change) Write() error {
	if !c.Needed() {
		return nil
	}
	if err := makeDir(c.root, filepath.Dir(c.Path)); err != nil {
		return err
	}
	dir, err := openDir(c.root, filepath.Dir(c.Path))
	if err != nil {
		return fileFault(c.Path, err)
	}
	defer dir.Close()
	fi, err := regular(dir, c.Path)
	if err != nil {
		return err
	}
	if now, err := readFile(c.root, c.Path); err != nil {
		return err
	} else if (now == nil) != (c.Old == nil) || string(now) != string(c.Old) {
		return fault.New(step, c.Path, "", errors.New("has been changed in the meantime")).WithHint("try again")
	}
	if c.backup != "" {
		if err := replace(dir, c.backup, c.Old, fi); err != nil {
			return err
		}
	}
	if c.New == nil {
		if err := dir.Remove(filepath.Base(c.Path)); err != nil {
			return fileFault(c.Path, err)
		}
	} else if err := replace(dir, c.Path, c.New, fi); err != nil {
		return err
	}
	if c.drop != "" {
		if err := dir.Remove(filepath.Base(c.drop)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileFault(c.drop, err)
		}
	}
	return nil
}

// Backup is the path of the copy that Write makes of the file, or "".
func (c *Change) Backup() string { return c.backup }

func makeDir(root, dir string) error {
	mkdir := func() error { return os.MkdirAll(dir, 0o755) }
	if root != "" {
		mkdir = func() error {
			r, err := os.OpenRoot(root)
			if err != nil {
				return err
			}
			defer r.Close()
			return r.MkdirAll(below(dir), 0o755)
		}
	}
	if err := mkdir(); err != nil {
		return fileFault(dir, err)
	}
	return nil
}

// replace puts data in the place of path, with like's mode and owner. A power cut
// leaves the old file or the new one.
func replace(dir *os.Root, path string, data []byte, like fs.FileInfo) error {
	temp := fmt.Sprintf(".%s.%x-%x", filepath.Base(path), os.Getpid(), time.Now().UnixNano())
	f, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fileFault(path, err)
	}
	err = fill(f, data, like)
	if err == nil {
		err = dir.Rename(temp, filepath.Base(path))
	}
	if err != nil {
		_ = dir.Remove(temp) // that of the failure is the error
		return fileFault(path, err)
	}
	return nil
}

func fill(f *os.File, data []byte, like fs.FileInfo) error {
	mode := fs.FileMode(0o644)
	_, err := f.Write(data)
	if st, ok := sysStat(like); ok && err == nil {
		err = f.Chown(int(st.Uid), int(st.Gid))
	}
	if like != nil {
		mode = like.Mode().Perm()
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func sysStat(fi fs.FileInfo) (*syscall.Stat_t, bool) {
	if fi == nil {
		return nil, false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return st, ok
}

// fileFault makes an error of package os one of ours.
func fileFault(path string, err error) error {
	var ours *fault.Error
	if errors.As(err, &ours) {
		return err
	}
	op := ""
	var p *fs.PathError
	if errors.As(err, &p) {
		op, err = p.Op, p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		op, err = l.Op, l.Err
	}
	e := fault.New(step, path, op, err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "the file belongs to another user: as root?"
	case errors.Is(err, syscall.EROFS):
		e.Hint = "the file system is read-only: the configuration is made elsewhere"
	}
	return e
}
