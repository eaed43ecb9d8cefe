# The commands of README.md. Each does what it needs first: `make demo` or `make test` alone is enough on a bare machine.
BUILD := build
JOBS ?= $(shell nproc)

.PHONY: help setup build test demo check clean
help:
	@echo "make demo   set up, build, run the main job; ends with build/demo/report.html"
	@echo "make test   set up, build, run every test"
	@echo "make build  set up and build; the program is build/holisafe"
	@echo "make check  sanitizers over the layers without LibTorch, formatting, clang-tidy"
	@echo "make setup  install what is missing (Debian packages; LibTorch into build/venv)"

setup:
	@tools/setup.sh

build: setup
	@tools/build.sh release

test: build
	@ctest --preset release --parallel $(JOBS) --timeout 1200

demo: build
	@tools/demo.sh $(BUILD)/holisafe $(BUILD)/demo

check: setup
	@tools/check.sh

clean:
	rm -rf build build-asan build-tsan build-debug
