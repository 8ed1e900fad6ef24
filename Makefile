# Camtrail: every command that a person or CI needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# Everything of ours is named by its folder; a build never asks for anything that a lock file doesn't name.
CARGO_FLAGS := --locked

.PHONY: help demo build test setup-demo setup-test web deb lint rust-test docs web-test browser-test guide-test check-template deploy-test audit lambda \
        bench bench-all bench-idle bench-ingest bench-latency bench-api soak simulate-scale bench-cameras bench-media bench-function bench-counts bench-dynamodb bench-web pictures kill \
        faults fsync-order rebuild retention catalogs fuzz fuzz-api fuzz-api-short streams clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: setup-demo build ## build everything and run it with simulated cameras; Ctrl-C stops it
	@./target/release/camtrail demo

build: web ## build the web app and the program (target/release/camtrail)
	@scripts/say "building the program (the first time takes a few minutes)"
	cargo build $(CARGO_FLAGS) --release -p camtrail

deb: build ## build a Debian package (target/debian; installs cargo-deb if it is missing)
	@command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
	@scripts/dist target/release/camtrail target/release/dist
	cargo deb --locked --no-build -p camtrail

test: setup-test web lint check-template rust-test fuzz-api-short docs web-test browser-test guide-test deploy-test ## run every test, as CI does
	@scripts/say "all tests passed"

setup-demo: ## install what the demo needs: ffmpeg
	@scripts/setup demo

setup-test: ## install what the tests need: ffmpeg, FTP clients, a browser, an S3-compatible server, DynamoDB Local
	@scripts/setup test
	@scripts/services

web: ## build the web app (web/dist), which the program then holds
	@scripts/build-web

lint: ## formatting and lints, Rust and web
	@scripts/say "checking formatting and lints"
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) -p camtrail --no-default-features -- -D warnings
	cd fuzz && cargo update --quiet --workspace --locked # its lock file goes with ours, or "make fuzz" is broken
	cd web && npm run --silent lint && npm run --silent check && npm run --silent check:generated

rust-test: ## unit tests, and whole-path tests of the built program
	@scripts/say "building the program for its tests"
	cargo build $(CARGO_FLAGS) --workspace --bins
	@scripts/say "running the Rust tests"
	cargo test $(CARGO_FLAGS) --workspace

fuzz-api-short: ## the API's fuzzer for some 2,000 requests, against the built program
	@scripts/fuzz-api short

docs: ## the API docs of all crates, warnings refused
	@scripts/say "building the documentation"
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --workspace --no-deps --quiet

web-test: web ## unit tests of the web app
	@scripts/say "running the web app's unit tests"
	cd web && npm test --silent

browser-test: ## a real browser against the built program, with clips uploaded by FTP
	@scripts/say "running the browser tests"
	cargo build $(CARGO_FLAGS) --workspace --bins --quiet
	cd web && npm run --silent test:browser

guide-test: ## the commands in README.md and docs/guide, run against the built program
	@scripts/say "running what the guides say"
	cargo build $(CARGO_FLAGS) --quiet -p camtrail
	@scripts/check-guides

check-template: ## the deployment template: cfn-lint, and what only the template itself can tell
	@scripts/check-template

deploy-test: setup-test lambda ## the template with the real functions on an emulator of AWS that enforces its policies
	cargo build $(CARGO_FLAGS) --workspace --bins --quiet
	@CAMTRAIL_BIN=$${CAMTRAIL_BIN:-$${CARGO_TARGET_DIR:-target}/debug/camtrail} scripts/deploy-test

audit: ## licences, advisories and sources of all dependencies (installs cargo-deny if it is missing; needs github.com)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check
	cd web && npm audit --audit-level=high

lambda: web ## build and pack the three functions of deploy/aws (target/lambda/*.zip)
	@scripts/build-lambda

bench: setup-test web ## start time, idle memory and the like, as ratios (docs/ref/benchmarks.md)
	cargo build $(CARGO_FLAGS) --release -p camtrail
	@scripts/bench-start

bench-all: bench bench-ingest bench-latency bench-api bench-idle bench-cameras bench-media bench-function bench-counts bench-dynamodb bench-web ## all of them, in turn: an hour and a half on an idle machine

bench-idle: setup-test web ## cameras logged in and idle: memory, descriptors, logins a second: CAMTRAIL_BENCH_CAMERAS ("1 10 100 1000")
	cargo build $(CARGO_FLAGS) --release -p camtrail
	@scripts/bench-idle

bench-cameras: setup-test web ## 20 cameras on one core and 256 MB: CAMTRAIL_BENCH_MINUTES (5)
	cargo build $(CARGO_FLAGS) --release -p camtrail
	@scripts/bench-cameras

bench-media: setup-test web ## CPU of a remux and a poster beside plain ffmpeg, and the memory of ten clips at once: CAMTRAIL_BENCH_RUNS (7)
	cargo build $(CARGO_FLAGS) --release -p camtrail -p camtrail-media --bins --examples
	@scripts/bench-media

bench-ingest: web ## uploads a second beside vsftpd, pyftpdlib and the disk: CAMTRAIL_BENCH_ROUNDS (5), _STILLS (2000), _CLIPS (40)
	@scripts/setup bench
	cargo build $(CARGO_FLAGS) --release -p camtrail -p camtrail-benches --bins --examples
	$${CARGO_TARGET_DIR:-target}/release/examples/ingest $${CAMTRAIL_BENCH_ROUNDS:-5} $${CAMTRAIL_BENCH_STILLS:-2000} $${CAMTRAIL_BENCH_CLIPS:-40}

bench-latency: web ## from 226 to the live stream at 1, 20 and 200 events a second: CAMTRAIL_BENCH_SECONDS (60)
	@scripts/setup demo
	cargo build $(CARGO_FLAGS) --release -p camtrail -p camtrail-benches --bins --examples
	$${CARGO_TARGET_DIR:-target}/release/examples/latency $${CAMTRAIL_BENCH_SECONDS:-60}

bench-api: web ## answers a second beside HTTP alone and Python: CAMTRAIL_BENCH_SECONDS (3), _STILLS (2000) or _DATA (a kept data dir)
	@scripts/setup demo
	cargo build $(CARGO_FLAGS) --release -p camtrail -p camtrail-benches --bins --examples
	$${CARGO_TARGET_DIR:-target}/release/examples/api $${CAMTRAIL_BENCH_SECONDS:-3} $${CAMTRAIL_BENCH_STILLS:-2000}

soak: web ## hours of a busy day: memory, descriptors, threads and disk stay flat: CAMTRAIL_SOAK_MINUTES (60), _RATE (20)
	@scripts/setup demo
	cargo build $(CARGO_FLAGS) --release -p camtrail -p camtrail-benches --bins --examples
	$${CARGO_TARGET_DIR:-target}/release/examples/soak $${CAMTRAIL_SOAK_MINUTES:-60} $${CAMTRAIL_SOAK_RATE:-20}

simulate-scale: ## ten thousand sites of twenty cameras, on paper (docs/design/scale.md)
	cargo run $(CARGO_FLAGS) -p camtrail-benches --example scale

bench-function: setup-test web ## the arrival function beside the article's: size, cold start, warm time, memory
	@scripts/bench-function

bench-counts: ## counts, incidents and lists in SQLite catalogs of CAMTRAIL_BENCH_EVENTS ("10000 1000000") events; CAMTRAIL_BENCH_DIR keeps them
	cargo run $(CARGO_FLAGS) --release -p camtrail-aws --example catalog_cost -- sqlite $${CAMTRAIL_BENCH_EVENTS:-10000 1000000}

bench-dynamodb: ## the same in tables of DynamoDB Local, with CAMTRAIL_BENCH_DYNAMODB_EVENTS ("1000 20000") events
	@scripts/services
	cargo run $(CARGO_FLAGS) --release -p camtrail-aws --example catalog_cost -- dynamodb $${CAMTRAIL_BENCH_DYNAMODB_EVENTS:-1000 20000}

bench-web: setup-test web ## the web app over a million events: CAMTRAIL_BENCH_WEB_EVENTS, _RUNS (5), _SCROLL (100000), _MINUTES (10); TMPDIR needs 10 GB
	cargo build $(CARGO_FLAGS) --release -p camtrail
	cd web && CAMTRAIL_BINARY=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/camtrail npm run --silent bench

pictures: setup-test web ## the pictures of docs/guide, taken of the demo in a real browser
	cargo build $(CARGO_FLAGS) --release -p camtrail
	cd web && CAMTRAIL_BINARY=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/camtrail npm run --silent pictures

kill: setup-test web ## a long kill -9 campaign: CAMTRAIL_KILL_UPLOADS, CAMTRAIL_KILLS
	cargo build $(CARGO_FLAGS) --workspace --bins
	CAMTRAIL_KILL_UPLOADS=$${CAMTRAIL_KILL_UPLOADS:-2000} CAMTRAIL_KILLS=$${CAMTRAIL_KILLS:-30} \
	  cargo test $(CARGO_FLAGS) -p camtrail-tests kill -- --nocapture

faults: setup-test web ## a long campaign of faults: CAMTRAIL_FAULTS_UPLOADS, _KILLS, _SEED, _STORE=s3|local
	cargo build $(CARGO_FLAGS) --release -p camtrail
	CAMTRAIL_FAULTS_UPLOADS=$${CAMTRAIL_FAULTS_UPLOADS:-2000} CAMTRAIL_FAULTS_KILLS=$${CAMTRAIL_FAULTS_KILLS:-30} \
	  cargo test $(CARGO_FLAGS) --release -p camtrail-tests faults::campaign -- --nocapture

fsync-order: setup-test web ## the order of fsyncs, renames and 226 in a trace of the real program: CAMTRAIL_FSYNC_UPLOADS
	cargo build $(CARGO_FLAGS) --workspace --bins
	CAMTRAIL_FSYNC_UPLOADS=$${CAMTRAIL_FSYNC_UPLOADS:-400} \
	  cargo test $(CARGO_FLAGS) -p camtrail-tests fsync_order -- --nocapture

rebuild: setup-test web ## a lost catalog comes back from the store alone: CAMTRAIL_REBUILD_OBJECTS (100000)
	cargo build $(CARGO_FLAGS) --release -p camtrail
	CAMTRAIL_REBUILD_OBJECTS=$${CAMTRAIL_REBUILD_OBJECTS:-100000} \
	  cargo test $(CARGO_FLAGS) --release -p camtrail-tests rebuild::a_lost_catalog -- --nocapture

catalogs: setup-test ## the catalogs' long forms: CAMTRAIL_BURST_EVENTS (5000), _RANDOM_CASES (200), _BUSY_SECONDS (60), _INCIDENT_ROUNDS (10)
	CAMTRAIL_BURST_EVENTS=$${CAMTRAIL_BURST_EVENTS:-5000} CAMTRAIL_RANDOM_CASES=$${CAMTRAIL_RANDOM_CASES:-200} \
	CAMTRAIL_BUSY_SECONDS=$${CAMTRAIL_BUSY_SECONDS:-60} CAMTRAIL_INCIDENT_ROUNDS=$${CAMTRAIL_INCIDENT_ROUNDS:-10} \
	  cargo test $(CARGO_FLAGS) -p camtrail-catalog -p camtrail-aws -- --nocapture

retention: setup-test web ## retention over a full catalog, killed on the way: CAMTRAIL_RETENTION_EVENTS (100000), _KILLS (10)
	cargo build $(CARGO_FLAGS) --release -p camtrail
	CAMTRAIL_RETENTION_EVENTS=$${CAMTRAIL_RETENTION_EVENTS:-100000} CAMTRAIL_RETENTION_KILLS=$${CAMTRAIL_RETENTION_KILLS:-10} \
	  cargo test $(CARGO_FLAGS) --release -p camtrail-tests retention_campaign -- --nocapture

fuzz: web ## fuzz what reads strangers' bytes: FUZZ_TARGETS (all), FUZZ_SECONDS (600) each; FUZZ_KEEP=1 keeps what was reached
	@scripts/fuzz $(FUZZ_TARGETS)

fuzz-api: setup-test ## every call of the OpenAPI document fuzzed as admin, viewer, token and nobody: CAMTRAIL_FUZZ_REQUESTS (20000), _SEED
	cargo build $(CARGO_FLAGS) --workspace --bins
	@scripts/fuzz-api long

streams: setup-test web ## many live streams over restarts: CAMTRAIL_STREAMS (200), CAMTRAIL_STREAM_EVENTS (5000)
	cargo build $(CARGO_FLAGS) --release -p camtrail
	CAMTRAIL_STREAMS=$${CAMTRAIL_STREAMS:-200} CAMTRAIL_STREAM_EVENTS=$${CAMTRAIL_STREAM_EVENTS:-5000} \
	  cargo test $(CARGO_FLAGS) --release -p camtrail-tests --test it -- --nocapture streams

clean: ## remove everything that was built
	cargo clean
	rm -rf web/dist web/node_modules .services
