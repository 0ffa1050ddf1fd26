# make run    see a first container        make test    prove that it works
VERSION  ?= 0.1.0-dev$(addprefix +,$(shell git rev-parse --short HEAD 2>/dev/null))
FUZZTIME ?= 10s

# Static binaries; position-independent ones would start 0.45 ms later.
BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X mydocker/cli.version=$(VERSION) -X mydocker/cli/runtimecmd.version=$(VERSION)"

.PHONY: help build run test check bench fuzz clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/mydocker, bin/mydocker-image for registries, bin/mydocker-monitor that stays with each container, bin/mydocker-runtime for bundles
	$(BUILD) -o bin/ ./cmd/mydocker ./cmd/mydocker-image ./cmd/mydocker-monitor ./cmd/mydocker-runtime

# What the first container shows of itself.
define FIRST
echo "host name   $$(hostname)"; \
echo "processes   $$(cd /proc && echo [0-9]*)"; \
echo "root        $$(grep " / / " /proc/self/mountinfo | sed "s/.* - \([^ ]*\).*/\1/"), a copy-on-write copy of this machine"; \
echo "network     $$(ip -4 -o addr show dev eth0 2>/dev/null | sed "s/.*inet \([^ ]*\).*/\1/"), gateway $$(ip route 2>/dev/null | sed -n "s/^default via \([^ ]*\).*/\1/p")"; \
echo "writes      $$(echo hello >/etc/mydocker-was-here && cat /etc/mydocker-was-here) from /etc/mydocker-was-here"
endef
export FIRST

run: build ## build, then run a first container on a copy of this machine (needs root)
	@[ "$$(id -u)" = 0 ] || { echo 'make run: containers are made by root: sudo make run' >&2; exit 1; }
	@echo
	@echo 'A container of the built-in image "host": this machine as its own copy-on-write copy,'
	@echo 'with processes, names, network and limits of its own. Nothing is downloaded.'
	@echo
	@echo '  # bin/mydocker run --rm --memory 100m --pids-limit 50 host sh -c ...'
	@bin/mydocker run --rm --memory 100m --pids-limit 50 host sh -c "$$FIRST"
	@[ ! -e /etc/mydocker-was-here ] && echo 'It is gone, and so is what it wrote. Next:'
	@echo '  bin/mydocker run --rm -it host bash      the same, to look around in'
	@echo '  bin/mydocker run --explain host bash     how it is made, as a shell script'

test: ## every test: as root all of them, as another user those that need no root
	@[ "$$(id -u)" = 0 ] || echo 'not root: tests that need root are skipped and say so (go test -v names them)'
	go test -timeout 20m ./...
	test/vm/run.sh

check: ## formatting, go vet, staticcheck, the other architecture, who may import whom
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	CGO_ENABLED=0 GOARCH=arm64 go build ./...
	go test -count=1 .

bench: build ## measure against other engines and runtimes, write bench/RESULTS.md (needs root)
	go run ./bench -mydocker bin/mydocker -mydocker-runtime bin/mydocker-runtime -out bench/RESULTS.md

fuzz: ## each fuzz target for FUZZTIME (10s)
	@go list ./... | while read -r package; do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done

clean: ## remove what was built
	rm -rf bin .cache bench/out
