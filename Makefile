# rt: `make run` shows it at work, `make test` proves it, `make help` lists the rest.

VERSION ?= 0.1.0
COMMIT  ?= $(shell git rev-parse --verify --quiet HEAD 2>/dev/null || echo unknown)
PREFIX  ?= /usr/local
OUT     ?= rt
DEB     ?= .
MAN8    ?= $(PREFIX)/share/man/man8
ZSH     ?= $(PREFIX)/share/zsh/site-functions
GO      ?= go

# Static, stripped, the same bytes from the same source wherever it is built.
# musl gives threads small stacks unless told; libseccomp works on one.
TAGS    := urfave_cli_no_docs osusergo netgo
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT) -linkmode=external \
	-extldflags "-static -no-pie -Wl,--build-id=none,-z,stack-size=0x100000"
BUILD   := CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=false -buildmode=exe -tags "$(TAGS)" -ldflags '$(LDFLAGS)'

# With musl where that works; tests are linked with glibc.
MUSL := packaging/musl.sh .bench/musl

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Root is needed to make containers, and to install packages.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

BUILD_NEEDS := gcc libc6-dev libseccomp-dev pkg-config musl-tools
RUN_NEEDS   := $(BUILD_NEEDS) busybox-static
TEST_NEEDS  := $(RUN_NEEDS) git strace debootstrap iproute2 util-linux uidmap bsdutils shellcheck mount procps
BENCH_NEEDS := $(TEST_NEEDS) runc crun hyperfine
CONFORMANCE_NEEDS := $(BUILD_NEEDS) iproute2 tar gzip
COMPAT_NEEDS := $(TEST_NEEDS) gawk jq
PODMAN_NEEDS := $(TEST_NEEDS) podman buildah conmon slirp4netns fuse-overlayfs tini containernetworking-plugins iptables
CONTAINERD_NEEDS := $(TEST_NEEDS) containerd containernetworking-plugins ca-certificates
DOCKER_NEEDS := $(TEST_NEEDS) docker.io containerd iptables ca-certificates tar
VM_NEEDS    := $(BUILD_NEEDS) git debootstrap busybox-static qemu-system-x86 mmdebstrap e2fsprogs cpio xz-utils zstd

.PHONY: help run test test-vm test-binary build install uninstall deb lint fmt golden bench bench-counts clean conformance conformance-page conformance-binary bench-page FORCE compat test-podman test-containerd test-docker compat-vm

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: ## build rt and run a container that prints what it sees
	@tests/demo/needs.sh $(RUN_NEEDS)
	@$(MAKE) --no-print-directory build
	@$(SUDO) tests/demo/run.sh "$(CURDIR)/$(OUT)"

test: ## every test that needs no special host
	@tests/demo/needs.sh $(TEST_NEEDS)
	@$(MAKE) --no-print-directory build
	$(GO) vet ./...
	@mkdir -p .bench
	$(GO) build -buildvcs=false -o .bench/leftovers ./tests/leftovers
	@.bench/leftovers save .bench/before
	@RT="$(abspath $(OUT))"; export RT; tested=0; echo "RT=$$RT" $(GO) test -count=1 -timeout 25m ./...; \
		$(GO) test -count=1 -timeout 25m ./... || tested=$$?; \
		.bench/leftovers check .bench/before || tested=1; exit $$tested

test-containerd: ## containerd 1.6 and 2.x, and their CRI, with rt as the runtime
	@tests/demo/needs.sh $(CONTAINERD_NEEDS)
	@$(MAKE) --no-print-directory build
	$(SUDO) env "PATH=$$PATH" RT="$(abspath $(OUT))" "RT_CLIENT_RUNTIME=$$RT_CLIENT_RUNTIME" \
		$(GO) test -count=1 -tags clients -timeout 25m -parallel 4 ./tests/clients/containerd ./tests/clients/cri

test-docker: ## Docker, Debian's and a current one, with rt as the default runtime
	@tests/demo/needs.sh $(DOCKER_NEEDS)
	@$(MAKE) --no-print-directory build
	$(SUDO) env "PATH=$$PATH" RT="$(abspath $(OUT))" "RT_CLIENT_RUNTIME=$$RT_CLIENT_RUNTIME" \
		$(GO) test -count=1 -tags clients -timeout 25m -parallel 6 ./tests/clients/world ./tests/clients/docker

test-vm: ## every test again on cgroup v2 with systemd, AppArmor and SELinux, in a guest
	@tests/demo/needs.sh $(VM_NEEDS)
	@$(SUDO) env "PATH=$$PATH" tests/vm/test.sh

conformance: conformance-binary ## the OCI's validation programs, against what is expected of each
	@for view in "" -v2; do \
		$(SUDO) env "PATH=$$PATH" .bench/conformance -runtime ./$(OUT) $$view -expected tests/conformance/expected -page docs/conformance.md || exit 1; done

# The results of runc's suite are those that `make compat` left for rt, and
# RUNTIME=module and RUNTIME=crun with it for the others; without rt's as root
# that part of the page stays.
conformance-page: conformance-binary ## docs/conformance.md: rt beside runc and crun
	@tests/demo/needs.sh runc crun
	@for runtime in ./$(OUT) "$$(command -v runc)" "$$(command -v crun)"; do \
		$(SUDO) env "PATH=$$PATH" .bench/conformance -runtime "$$runtime" -results .bench/conformance-$${runtime##*/}.tsv || exit 1; done
	@set -- -expected tests/conformance/expected -compat-expected tests/compat/expected; \
	given() { [ ! -e "$$2" ] || echo "$$1 $$2"; }; \
	.bench/conformance page "$$@" \
		$$(for name in rt runc crun; do echo "-$$name .bench/conformance-$$name.tsv"; done) \
		$$(for name in rt runc crun; do results=.bench/compat-$$name; [ $$name != runc ] || results=.bench/compat-module; \
			given "-compat-$$name" "$$results.tsv"; given "-compat-user-$$name" "$$results-user.tsv"; done)

conformance-binary:
	@tests/demo/needs.sh $(CONFORMANCE_NEEDS)
	@$(MAKE) --no-print-directory build
	@mkdir -p .bench
	$(GO) build -buildvcs=false -o .bench/conformance ./tests/conformance

compat: ## runc's own suite with rt; COMPAT="-only exec -run user" is for some tests of it
	@tests/demo/needs.sh $(COMPAT_NEEDS)
	@$(MAKE) --no-print-directory build
	@$(SUDO) env "PATH=$$PATH" tests/compat/compat.sh $(COMPAT)
	@$(GO) build -buildvcs=false -o .bench/conformance ./tests/conformance
	@[ -n "$(COMPAT)" ] || { .bench/conformance compat -results .bench/compat-rt.tsv && \
		.bench/conformance compat -world user -results .bench/compat-rt-user.tsv; }

test-podman: ## Podman, conmon and buildah with rt, for root and for a user
	@tests/demo/needs.sh $(PODMAN_NEEDS)
	@$(MAKE) --no-print-directory build
	$(SUDO) env "PATH=$$PATH" RT="$(abspath $(OUT))" "RT_CLIENT_RUNTIME=$$RT_CLIENT_RUNTIME" \
		$(GO) test -count=1 -tags clients -timeout 25m -parallel 4 ./tests/clients/podman

compat-vm: ## those tests of it that need cgroup v2, systemd or SELinux, in the guest
	@tests/demo/needs.sh $(COMPAT_NEEDS) $(VM_NEEDS)
	@$(MAKE) --no-print-directory build
	@$(SUDO) env "PATH=$$PATH" tests/compat/guest-run.sh

# The tests of PKG as a program for the guest.
test-binary:
	@CGO_ENABLED=1 $(GO) test -c -trimpath -buildvcs=false -tags "$(TAGS)" -o "$(BINARY)" \
		-ldflags '-s -w -linkmode=external -extldflags "-static -no-pie"' "$(PKG)"

build: ## ./rt: static, stripped, reproducible
	@eval "$$($(MUSL))" && set -x && $(BUILD) -o $(OUT) .

# Without Go, as under sudo, what has been built before is installed.
install: ## into $(PREFIX)/sbin, with man pages and completions
	@if command -v $(GO) >/dev/null || [ ! -x $(OUT) ]; then $(MAKE) --no-print-directory build; fi
	install -D -m 0755 $(OUT) "$(DESTDIR)$(PREFIX)/sbin/rt"
	@install -d "$(DESTDIR)$(MAN8)"
	@install -m 0644 docs/man/*.8 "$(DESTDIR)$(MAN8)/"
	@install -D -m 0644 docs/completion/rt.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rt"
	@install -D -m 0644 docs/completion/_rt "$(DESTDIR)$(ZSH)/_rt"
	@install -D -m 0644 docs/completion/rt.fish "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rt.fish"

uninstall: ## remove what install has put there
	rm -f "$(DESTDIR)$(PREFIX)/sbin/rt"
	@for page in docs/man/*.8; do rm -f "$(DESTDIR)$(MAN8)/$${page##*/}"; done
	@rm -f "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rt" "$(DESTDIR)$(ZSH)/_rt" \
		"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rt.fish"

deb: ## rt_VERSION_ARCH.deb in $(DEB)
	@tests/demo/needs.sh $(BUILD_NEEDS)
	@root=$$(mktemp -d) && trap 'rm -rf "$$root"' EXIT && \
		$(MAKE) --no-print-directory install DESTDIR="$$root" PREFIX=/usr ZSH=/usr/share/zsh/vendor-completions && \
		GO=$(GO) TAGS="$(TAGS)" LIBC="$$([ -z "$$($(MUSL))" ] && echo glibc || echo musl)" packaging/deb.sh "$(VERSION)" "$$root" "$(DEB)"

lint: ## gofmt, go vet, staticcheck, shellcheck
	@unformatted="$$(gofmt -l $$(find . -name '*.go' -not -path './.*'))"; \
		[ -z "$$unformatted" ] || { echo "not as gofmt writes it:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) vet -tags clients ./tests/clients/...
	$(GO) run $(STATICCHECK) -tags clients ./tests/clients/...
	@tests/demo/needs.sh shellcheck
	shellcheck .ci/run packaging/*.sh tests/demo/*.sh tests/vm/*.sh tests/compat/*.sh

fmt: ## gofmt everything
	gofmt -w $$(find . -name '*.go' -not -path './.*')

golden: ## rewrite the golden files; look at the diff
	$(GO) test -count=1 $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n 1 dirname | sort -u) -update

.bench/bench: FORCE
	@tests/demo/needs.sh $(BENCH_NEEDS)
	@$(MAKE) --no-print-directory build
	@mkdir -p .bench
	$(GO) build -buildvcs=false -o $@ ./tests/bench
	for program in floor peak; do \
		gcc -O2 -Wall -Wextra -static -o .bench/$$program tests/bench/floor/$$program.c || exit 1; done
	install -m 0755 $(OUT) .bench/rt

# The others are measured as they were installed, and so is rt: what the linker
# has just written lies in single pages in memory, and starts a tenth slower.
bench: .bench/bench ## what rt, runc and crun do and how long it takes, in turns; BENCH="-peer NAME=PATH …" for others
	$(SUDO) env "PATH=$$PATH" .bench/bench -rt "$(CURDIR)/.bench/rt" $(BENCH)

bench-counts: .bench/bench ## the counts alone, against their budgets
	$(SUDO) env "PATH=$$PATH" .bench/bench -rt "$(CURDIR)/.bench/rt" -counts

bench-page: .bench/bench ## three sittings of make bench, written into docs/performance.md and its charts
	$(SUDO) env "PATH=$$PATH" .bench/bench -rt "$(CURDIR)/.bench/rt" -sittings 3 -docs docs $(BENCH)

clean: ## remove what was built
	rm -rf $(OUT) .bench rt_*.deb
