SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
LINTER   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PACKAGER := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
FUZZTIME ?= 10s
SOAK     ?= 30m
SOAK_RUNS ?= 1000
CHECKS   ?= 5000

# The packages with property tests, in each module.
PROPERTIES_LIGHT = $(shell cd moesif && grep -rl --include='*_test.go' pgregory.net/rapid . | xargs -n1 dirname | sort -u)
PROPERTIES       = $(shell grep -rl --include='*_test.go' --exclude-dir=moesif --exclude-dir=node_modules pgregory.net/rapid . | xargs -n1 dirname | sort -u)

WEB_SOURCES := $(shell find web/src web/index.html web/public -type f 2>/dev/null) $(wildcard web/*.json web/*.ts)

.PHONY: help
help: ## show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build everything and start the demo: platform, gateway, upstream, traffic
	@exec bin/gatemeter demo

.PHONY: build
build: need-build web/site/console/index.html ## build bin/gatemeter, console included
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/gatemeter ./cmd/gatemeter

.PHONY: gateway
gateway: ## build bin/gatemeter-gateway, the gateway alone: static, without cgo
	CGO_ENABLED=0 go build -tags gateway -trimpath -ldflags '$(LDFLAGS)' -o bin/gatemeter-gateway ./cmd/gatemeter

.PHONY: plugin
plugin: need-build ## build bin/gatemeter-krakend.so, for a KrakenD CE 2.x that was built with this very Go
	cd plugin/krakend && CGO_ENABLED=1 go build -buildmode=plugin -ldflags '-X main.version=$(VERSION)' -o ../../bin/gatemeter-krakend.so .

.PHONY: packages
packages: build gateway ## build .deb and .rpm of the whole program, and of the gateway alone, into bin/
	@case "$(VERSION)" in v[0-9]*) version=$(VERSION) ;; *) version=0.0.0+$(VERSION) ;; esac; \
	for kind in deb rpm; do for spec in nfpm nfpm-gateway; do \
	  GOARCH=$$(go env GOARCH) VERSION=$$version go run $(PACKAGER) package -f deploy/packages/$$spec.yaml -p $$kind -t bin/; done; done

.PHONY: test
test: need-test build test-web test-go test-console ## every test: Go with the race detector, web, browser

.PHONY: test-go
test-go:
	cd moesif && go test -race ./...
	cd examples/library && go test -race ./...
	cd plugin/krakend && CGO_ENABLED=1 go test -race ./...
	CGO_ENABLED=0 go build -tags gateway -o bin/gatemeter-gateway ./cmd/gatemeter
	go test -race ./...

.PHONY: test-web
test-web: web/node_modules/.package-lock.json
	cd web && npm test --silent

.PHONY: test-console
test-console: need-test build
	cd web && npm run --silent e2e

.PHONY: lint
lint: need-build ## golangci-lint over the Go modules, eslint and tsc over the console
	cd moesif && go run $(LINTER) run --config ../.golangci.yml ./...
	cd examples/library && go run $(LINTER) run --config ../../.golangci.yml ./...
	cd plugin/krakend && go run $(LINTER) run --config ../../.golangci.yml ./... ./testdata/host
	go run $(LINTER) run ./...
	$(MAKE) --no-print-directory lint-web

.PHONY: lint-web
lint-web: web/node_modules/.package-lock.json
	cd web && npm run --silent lint

.PHONY: bench
bench: build ## measure what the integration and each kind of endpoint cost, against what is promised (about 17 minutes)
	go run ./bench

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	@for module in moesif .; do (cd $$module; \
	  grep -rl --include='*_test.go' --exclude-dir=node_modules $$([ $$module = . ] && echo --exclude-dir=moesif) '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	    grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go | cut -c6- | while read -r target; do \
	      echo "== $$module $$dir $$target"; go test $$dir -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME); \
	    done; done); done

.PHONY: soak
soak: build soak-gateway ## long seeded runs: for SOAK (30m) the gateway at full speed, the platform killed under load, a bad link; SOAK_RUNS (1000) crashes; every property with more seeds
	go test -tags soak ./test -run TestSoak -timeout 0 -v -soak $(SOAK) -crashes $(SOAK_RUNS)
	go test ./test -run TestSlowConnections -v -slow-connections 10000
	cd moesif && go test $(PROPERTIES_LIGHT) -timeout 0 -rapid.checks $(CHECKS)
	go test $(PROPERTIES) -timeout 0 -rapid.checks $(CHECKS)

.PHONY: soak-gateway
soak-gateway: ## of these, the gateway alone: every kind of endpoint at full speed for SOAK (30m), reloads, bad backends, a moody collector
	go test ./test -run TestGatewayGoesOn -timeout 0 -v -gateway-soak $(SOAK)

.PHONY: generate
generate: web/node_modules/.package-lock.json ## write the OpenAPI file and the console's types from the Go types
	go test ./platform/api -run TestTheCommittedDocumentIsTheAPI -update
	cd web && npm run --silent generate

.PHONY: clean
clean: ## remove what was built, keep data
	rm -rf bin web/site/console web/node_modules test/sdk/node_modules

.PHONY: need-build need-test
need-build:
	@deploy/need.sh go node c++
need-test:
	@deploy/need.sh go node c++ chromium redis

web/node_modules/.package-lock.json: web/package-lock.json
	@deploy/need.sh node
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/site/console/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch $@
