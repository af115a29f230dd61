package main

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// What is tested with. The sums keep the versions from changing under us.
const (
	module     = "github.com/opencontainers/runc"
	release    = "v1.5.2"
	releaseSum = "h1:eUUowc2WJCnFYzI87C1WqRcu356Dk/wsoi90y+2wEfE="

	batsRelease = "1.13.0"
	batsSum     = "giSYKGTOcPZyJDbfbTtzAedLcNWdjCLbXYU3/MwPnjyvDXzu6Dgw8d2M+8jHhZXSmsCMSQqCp+YBsJ603UO4vQ=="

	// layout changes whenever this program prepares things in another way.
	layout = "4"
)

// ground is what a run stands on: a copy of the release with its helper
// programs and the images, and bats.
type ground struct{ dir string }

func (g ground) release() string { return filepath.Join(g.dir, "runc") }
func (g ground) suite() string   { return filepath.Join(g.release(), "tests/integration") }
func (g ground) bats() string    { return filepath.Join(g.dir, "bats/bin/bats") }
func (g ground) bin() string     { return filepath.Join(g.dir, "bin") }

// prepare makes the ground in the cache directory, once for these versions of
// everything, and returns it. The images are made from Debian's packages.
func prepare(cache, debian string) (ground, error) {
	g := ground{filepath.Join(cache, "compat-"+strings.Join([]string{release, batsRelease, runtime.GOARCH, filepath.Base(debian), layout}, "-"))}
	lock, err := locked(cache)
	if err != nil {
		return g, err
	}
	defer lock.Close()
	if _, err := os.Stat(g.dir); err == nil {
		return g, nil
	}
	building := ground{g.dir + ".building"}
	for _, step := range []func() error{
		func() error { return os.RemoveAll(building.dir) },
		func() error { return os.MkdirAll(building.bin(), 0o755) },
		building.fetchRelease,
		building.fetchBats,
		building.buildHelpers,
		func() error { return building.makeImages(debian) },
		building.standIns,
		func() error { return os.Rename(building.dir, g.dir) },
	} {
		if err := step(); err != nil {
			return g, err
		}
	}
	return g, nil
}

// locked keeps two runs from preparing at the same time.
func locked(cache string) (*os.File, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(cache, "compat.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

// fetchRelease copies the release from the module cache. There it is
// read-only, and modules know no executable files.
func (g ground) fetchRelease() error {
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+release)
	cmd.Dir, cmd.Env = g.dir, goEnv()
	out, err := cmd.Output()
	var found struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &found); jsonErr != nil || found.Error != "" {
		return fmt.Errorf("go mod download %s@%s: %s %w", module, release, found.Error, errors.Join(err, jsonErr))
	}
	if found.Sum != releaseSum {
		return fmt.Errorf("%s@%s has the sum %s, not %s", module, release, found.Sum, releaseSum)
	}
	if err := os.CopyFS(g.release(), os.DirFS(found.Dir)); err != nil {
		return err
	}
	return filepath.WalkDir(g.release(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, 0o755)
		}
		mode := fs.FileMode(0o644)
		if script, err := isScript(path); err != nil {
			return err
		} else if script {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
}

func isScript(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	start := make([]byte, 2)
	n, _ := f.Read(start)
	return string(start[:n]) == "#!", nil
}

func (g ground) fetchBats() error {
	cmd := exec.Command("npm", "pack", "--silent", "--pack-destination", g.dir, "bats@"+batsRelease)
	cmd.Dir, cmd.Stderr = g.dir, os.Stderr
	if _, err := cmd.Output(); err != nil {
		return fmt.Errorf("npm pack bats@%s: %w", batsRelease, err)
	}
	packed := filepath.Join(g.dir, "bats-"+batsRelease+".tgz")
	data, err := os.ReadFile(packed)
	if err != nil {
		return err
	}
	if sum := sha512.Sum512(data); base64.StdEncoding.EncodeToString(sum[:]) != batsSum {
		return fmt.Errorf("bats@%s does not have the sum that is expected", batsRelease)
	}
	if err := os.Mkdir(filepath.Join(g.dir, "bats"), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("tar", "-xzf", packed, "-C", filepath.Join(g.dir, "bats"), "--strip-components=1").CombinedOutput(); err != nil {
		return fmt.Errorf("unpack bats: %w\n%s", err, out)
	}
	return os.Remove(packed)
}

// buildHelpers builds the programs that the suite calls: static, for the guest.
func (g ground) buildHelpers() error {
	bin := filepath.Join(g.release(), "tests/cmd/_bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	return g.build("-tags", "seccomp netgo osusergo", "-ldflags", `-s -w -linkmode external -extldflags "-static"`, "-o", bin, "./tests/cmd/...")
}

// runc builds the release itself, to compare with.
func (g ground) runc() (string, error) {
	program := filepath.Join(g.bin(), "runc-"+release)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	return program, g.build("-tags", "seccomp urfave_cli_no_docs netgo osusergo", "-ldflags",
		`-X main.gitCommit=`+release+` -linkmode external -extldflags "-static"`, "-o", program, ".")
}

func (g ground) build(args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false"}, args...)...)
	cmd.Dir, cmd.Env = g.release(), append(goEnv(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", args[len(args)-1], err, out)
	}
	return nil
}

// goEnv keeps the environment of a build of ours out of that of the release.
func goEnv() []string { return append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off") }

// makeImages puts the images where get-images.sh looks before it downloads.
// Its names say xz; tar looks at the file.
func (g ground) makeImages(debian string) error {
	testdata := filepath.Join(g.suite(), "testdata")
	return errors.Join(
		busyboxImage(filepath.Join(testdata, "busybox-"+runtime.GOARCH+".tar.xz")),
		debianImage(filepath.Join(testdata, "debian-"+runtime.GOARCH+".tar.xz"), debian))
}

// standIns are programs that the suite's scripts call and that may be missing
// where it runs: get-images.sh asks go for the architecture.
func (g ground) standIns() error {
	return os.WriteFile(filepath.Join(g.bin(), "go"), []byte("#!/bin/sh\necho "+runtime.GOARCH+"\n"), 0o755)
}
