# Dispatcher only: the plugin builds with PGXS (plugin/Makefile), the worker with CMake (worker/CMakePresets.json), and
# what it takes to test them is in .ci/. Start with `make demo` or `make check`; `make help` lists the rest.

PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config
JOBS ?= $(shell nproc)
preset ?= release
target = cdc-worker

all: plugin worker ## build the plugin and the worker

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

plugin: ## build the output plugin
	$(MAKE) -C plugin PG_CONFIG='$(PG_CONFIG)' -j$(JOBS) all

worker: ## build the worker, into build/release
worker-tests: target = all
worker worker-tests:
	cd worker && cmake --preset $(preset) $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
	cmake --build build/$(preset) -j$(JOBS) --target $(target)

install: all ## install the plugin into PostgreSQL and cdc-worker into /usr/local (DESTDIR is honoured)
	$(MAKE) -C plugin PG_CONFIG='$(PG_CONFIG)' install
	cmake --install build/$(preset)

check: ## install what is missing, build, run every test, say how many passed
	.ci/check plugin worker tap

check-plugin: ## the plugin's tests alone (pg_regress, isolation)
	.ci/check plugin

check-proofs: ## the plugin against PostgreSQL's own suite, random tables and huge data
	.ci/check differential types-random roundtrip huge sessions regression-suite

check-worker: ## the worker's unit and contract tests alone (ctest)
	.ci/check worker

check-tap: ## the tests of the whole way alone (TAP)
	.ci/check tap

check-integration: ## the tests against a real Apache Kafka broker
	.ci/check integration

fuzz: ## the plugin's pure parts and the worker's readers on made-up inputs, a minute each (FUZZ_SECONDS)
	.ci/check fuzz

plugin-asan: ## the plugin's tests in a server under AddressSanitizer, which is built first
	.ci/check plugin:asan

check-symbols: plugin ## no C++ runtime in the plugin
	$(MAKE) -C plugin PG_CONFIG='$(PG_CONFIG)' check-symbols

demo: ## the main job, in a throwaway place
	examples/demo/run

bench: ## how fast plugin and worker are on this machine
	bench/run

bench-projection: ## a projection beside PostgreSQL's own subscription and Debezium's JDBC sink, on the same WAL
	bench/projection --debezium

bench-worker: ## delivery to Kafka and to a projection beside Debezium and PostgreSQL's own subscription, on the same WAL
	bench/worker

bench-decode: ## what decoding costs the server, beside every other output plugin that is here
	bench/decode

lint: ## format, include arrows, file lengths; changes nothing
	.ci/lint

format: ## apply the format rules
	find plugin worker -name '*.h' -o -name '*.cpp' | xargs $${CLANG_FORMAT:-clang-format-14} -i

asan tsan: ## the worker's tests under a sanitizer
	.ci/check worker:$@

check-sanitizers: ## the worker's tests, and nearly all of the whole way, under ASan, UBSan and TSan: hours
	CDC_SANITIZE=whole .ci/check worker:asan worker:tsan tap:asan tap:tsan integration:asan integration:tsan

clean: ## remove what was built
	-$(MAKE) -C plugin PG_CONFIG='$(PG_CONFIG)' clean
	rm -rf build

.PHONY: all help plugin worker worker-tests install check check-plugin check-proofs check-worker check-tap check-integration fuzz plugin-asan check-symbols \
	demo bench bench-decode bench-projection bench-worker lint format asan tsan check-sanitizers clean
