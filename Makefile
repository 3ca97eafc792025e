# Short names for what people do here; the work is done by Meson (meson.build) and the programs in tools/. `make help` lists them.
SHELL := /bin/sh
export PATH := $(CURDIR)/.node/bin:$(PATH)
# A Node that brings its own list of authorities should know this machine's too.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export NODE_EXTRA_CA_CERTS ?= /etc/ssl/certs/ca-certificates.crt
endif
SETUP := sh tools/setup.sh
RELEASE := build/release
TALLY := $(RELEASE)/tools/tally
JOBS ?= $(shell nproc)
# How long `make fuzz` tries each parser.
SECONDS ?= 60
# ThreadSanitizer and AddressSanitizer of older clangs cannot live with much address randomness; a container may forbid to turn it off.
STEADY := $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: help run build test lint format asan tsan fuzz coverage bench docs clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: build ## build, then start Weir on 127.0.0.1:8080 with its data in ./weir-data
	@exec build/weir serve $(ARGS)

build: ## build/weir and build/weir-sim
	@$(SETUP) build
	@sh tools/configure.sh $(RELEASE)
	@ninja -C $(RELEASE) --quiet src/weir src/weir-sim
	@ln -sfn release/src/weir build/weir
	@ln -sfn release/src/weir-sim build/weir-sim

test: build ## every test of a change; the last line is the totals
	@$(SETUP) test
	@ninja -C $(RELEASE) --quiet
	@$(TALLY) -C $(RELEASE) $(if $(wildcard tests/sdk/run.sh),-x 'sdk:900:sh tests/sdk/run.sh')

asan: ## the unit and fault tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(SETUP) build test clang
	@CC=clang sh tools/configure.sh build/asan -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build/asan --quiet
	@ASAN_OPTIONS=strict_string_checks=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(STEADY) build/asan/tools/tally -t 5 -C build/asan

tsan: ## the unit and fault tests under ThreadSanitizer
	@$(SETUP) build test clang
	@CC=clang sh tools/configure.sh build/tsan -Db_sanitize=thread -Db_lundef=false
	@ninja -C build/tsan --quiet
	@TSAN_OPTIONS=second_deadlock_stack=1 $(STEADY) build/tsan/tools/tally -t 8 -C build/tsan

fuzz: ## every parser under libFuzzer, SECONDS=60 each
	@$(SETUP) build clang
	@CC=clang sh tools/configure.sh build/fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build/fuzz --quiet
	@sh tools/fuzz.sh build/fuzz $(SECONDS)

coverage: ## which lines the tests reach: build/coverage/index.html
	@$(SETUP) build test coverage
	@sh tools/configure.sh build/coverage -Db_coverage=true
	@ninja -C build/coverage --quiet
	@find build/coverage -name '*.gcda' -delete
	@build/coverage/tools/tally -t 2 -C build/coverage
	@gcovr --root . --filter src/ --html-details build/coverage/index.html --print-summary build/coverage

lint: ## everything CI checks without running the program
	@$(SETUP) build test clang lint
	@sh tools/lint.sh $(JOBS)

format: ## let clang-format rewrite every C file
	@$(SETUP) lint
	@git ls-files '*.c' '*.h' | xargs clang-format -i

bench: build ## side by side with nginx and HAProxy; results in bench/results
	@$(SETUP) bench
	@sh bench/run.sh
	@sh bench/store.sh
	@sh bench/feed.sh

docs: build ## write docs/generated from the program's tables and the fixtures
	@mkdir -p docs/generated
	@build/weir reference >docs/generated/configuration.md
	@build/weir reference failures >docs/generated/failures.md
	@build/weir openapi >docs/generated/openapi.json
	@ninja -C $(RELEASE) --quiet tools/fidelity
	@$(RELEASE)/tools/fidelity tests/fixtures >docs/generated/fidelity.md

clean: ## forget everything built (the data in ./weir-data stays)
	@rm -rf build
