# The commands of README.md. Each does what it needs first: `make demo` or `make test` alone is enough on a bare machine.
BUILD := build
JOBS ?= $(shell nproc)
CTEST := ctest --preset release --parallel $(JOBS) --timeout 1200

.PHONY: help setup setup-test build tests test quick demo ablation base check clean
help:
	@echo "make demo      set up, build, run the main job; ends with build/demo/report.html"
	@echo "make test      set up, build, run every test"
	@echo "make quick     set up, build, run the tests that take seconds"
	@echo "make build     set up and build the program, build/holisafe"
	@echo "make check     sanitizers, formatting, clang-tidy"
	@echo "make ablation  the demo, and the same without the guard and without each kind of training data"
	@echo "make base      train the demo's base model anew, into build/base"
	@echo "make setup     install what the program is built of (Debian packages; LibTorch into build/venv)"

setup:
	@tools/setup.sh program

setup-test:
	@tools/setup.sh test

# What needs no LibTorch is built while LibTorch is fetched.
build:
	@tools/setup.sh program tools/build.sh program -DHOLISAFE_TORCH=OFF
	@tools/build.sh program -DHOLISAFE_TORCH=ON

tests: setup-test
	@tools/build.sh release

test: tests
	@$(CTEST)

quick: tests
	@$(CTEST) --label-exclude slow

demo: build
	@tools/demo.sh $(BUILD)/holisafe $(BUILD)/demo

ablation: build
	@tools/demo.sh $(BUILD)/holisafe $(BUILD)/demo --ablation

base: build
	@tools/base.sh $(BUILD)/holisafe $(BUILD)/base

check: setup-test
	@tools/check.sh

clean:
	rm -rf build build-asan build-tsan build-debug
