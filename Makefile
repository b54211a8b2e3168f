# A thin front door over CMake's presets. `make run` and `make test` do everything, installs included.
SHELL := /bin/bash
BUILD := build/release
ARGS ?=

.PHONY: run test build all configure deps e2e-deps clean unit e2e asan tsan fuzz soak bench lint format

run: build ## build and run the daemon in the foreground; ARGS="--config my.yaml" are passed on
	@exec $(BUILD)/bctrl-bridge serve $(ARGS)

test: all e2e-deps ## every test: units, lints, end-to-end with real Chromium and real clients
	ctest --preset release

build: configure ## build/release/bctrl-bridge
	cmake --build --preset release --target bctrl-bridge

all: configure ## the program and its tests
	cmake --build --preset release

configure: deps
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release

deps: ## Debian packages the build and the local backend need (says which it installs)
	@tools/install-deps.sh

e2e-deps: ## npm packages of the end-to-end tests, from their lock file
	@tools/install-npm.sh

unit: all ## unit tests only
	ctest --preset release --label-regex unit

e2e: all e2e-deps ## end-to-end tests only
	ctest --preset release --label-regex e2e

asan: deps ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake --preset asan && cmake --build --preset asan && ctest --preset asan --label-regex unit

tsan: deps ## unit tests under ThreadSanitizer
	cmake --preset tsan && cmake --build --preset tsan && ctest --preset tsan --label-regex unit

fuzz: deps ## fuzzers of what others send (messages, uploads), FUZZ_SECONDS (30) each; needs clang-16 and libclang-rt-16-dev
	cmake --preset fuzz && cmake --build --preset fuzz && tests/fuzz/run.sh

soak: export BCTRL_BRIDGE_BIN := $(CURDIR)/$(BUILD)/bctrl-bridge
soak: export E2E_SECONDS := 1800
soak: all e2e-deps ## what takes too long for make test: a million messages, many clients for minutes, 440 kills, 50 cuts, an hour of fuzzing
	SOAK_MESSAGES=1000000 tests/e2e/run.sh tests/e2e/soak.test.mjs
	E2E_ROUNDS=20 tests/e2e/run.sh tests/e2e/attach.test.mjs
	BURDEN_DIRECT=1 tests/e2e/run.sh tests/e2e/burden.test.mjs
	TOGETHER_SECONDS=300 TOGETHER_ROUNDS=20 tests/e2e/run.sh tests/e2e/together.test.mjs
	CUTS=50 CUT_EVERY_MS=3000 AWAY_MS=30000 OWN_NETWORK=1 unshare -rn sh -c "ip link set lo up && tests/e2e/run.sh tests/e2e/cuts.test.mjs"
	CRASH_CASES=240 CRASH_AT_ONCE=4 tests/e2e/run.sh tests/e2e/crash_matrix.test.mjs
	DURABILITY_ROUNDS=200 tests/e2e/run.sh tests/e2e/durability.test.mjs
	API_LOAD_REQUESTS=10000 tests/e2e/run.sh tests/e2e/api_load.test.mjs
	$(MAKE) fuzz FUZZ_SECONDS=280

bench: all e2e-deps ## CPU, memory and round trips beside HAProxy, nginx and none: writes docs/performance.md; BENCH_REPETITIONS (5)
	@tools/install-deps.sh haproxy nginx-light libbenchmark-dev
	cmake --preset release
	cmake --build --preset release --target hot-path
	@tests/e2e/node_modules/node-linux-*/bin/node bench/run.mjs $(BUILD) --repetitions $(or $(BENCH_REPETITIONS),5)

lint: all ## layer rules, coroutine traps, systemd units
	ctest --preset release --label-regex lint

format: ## clang-format over all sources
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean:
	rm -rf build tests/e2e/node_modules
