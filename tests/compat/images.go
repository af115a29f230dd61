package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// busyboxImage writes the root file system that most tests run in: Debian's
// static busybox in the shape of Docker's image of that name, every applet a
// hard link in /bin.
func busyboxImage(path string) error {
	program, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	applets, err := exec.Command(program, "--list").Output()
	if err != nil {
		return fmt.Errorf("%s --list: %w", program, err)
	}
	return atomically(path, func(f *os.File) error {
		w := tar.NewWriter(f)
		return errors.Join(busyboxTree(w, program, strings.Fields(string(applets))), w.Close())
	})
}

func busyboxTree(w *tar.Writer, program string, applets []string) error {
	for _, d := range []struct {
		name string
		mode int64
	}{
		{"bin/", 0o755}, {"dev/", 0o755}, {"etc/", 0o755}, {"home/", 0o755}, {"root/", 0o700}, {"tmp/", 0o1777},
		{"usr/", 0o755}, {"usr/sbin/", 0o755}, {"var/", 0o755}, {"var/spool/", 0o755}, {"var/spool/mail/", 0o755}, {"var/www/", 0o755},
	} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d.name, Mode: d.mode}); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbin:x:2:2:bin:/bin:/bin/false\nmail:x:8:8:mail:/var/spool/mail:/bin/false\n" +
			"www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
		"etc/group":         "root:x:0:\nbin:x:2:\ntty:x:5:\nmail:x:8:\nwheel:x:10:root\nwww-data:x:33:\nnobody:x:65534:\n",
		"etc/shadow":        "root::10933:0:99999:7:::\nnobody:*:10933:0:99999:7:::\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(data))}); err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	for _, applet := range applets {
		if applet == "busybox" {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "bin/" + applet, Linkname: "bin/busybox", Mode: 0o755}); err != nil {
			return err
		}
	}
	// env is expected where POSIX has it, too.
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "usr/bin/", Mode: 0o755}); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "usr/bin/env", Linkname: "../../bin/env", Mode: 0o777})
}

// debianImage packs the directory that debootstrap made, but for what only
// costs time: it is unpacked for every test.
func debianImage(path, root string) error {
	return atomically(path, func(f *os.File) error {
		args := []string{"-C", root}
		for _, dir := range []string{"dev", "usr/share", "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/x86_64-linux-gnu/gconv", "var/lib/apt", "var/lib/dpkg", "var/cache"} {
			args = append(args, "--exclude=./"+dir+"/*")
		}
		cmd := exec.Command("tar", append(args, "-cf", "-", ".")...)
		cmd.Stdout, cmd.Stderr = f, os.Stderr
		return cmd.Run()
	})
}

// atomically makes the file that write fills appear whole, or not at all.
func atomically(path string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
