# make names   sets up everything and trains the names model
# make test    sets up what the tests need and runs every check
# make help    lists the rest
#
# Options: ARGS="--steps 100" go to the program that the target runs; GRADLEFLAGS="-Pnd4j=cuda" to Gradle;
# PYTHON=python3.12 and GRADLE=… name another Python or Gradle.

PYTHON ?= python3
GRADLE ?= gradle
ARGS ?=
GRADLEFLAGS ?=

VENV_PYTHON := .venv/bin/python
PIP_INSTALL := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check
ENGINE_SOURCES := build.gradle settings.gradle pyproject.toml $(wildcard pygpt/data/*.txt pygpt/model/layouts/* pygpt/model/presets/*.toml pygpt/checkpoints/families/*.json) \
    $(shell find java/src/main 2> /dev/null)
ENGINE := jbridge/jars/.stamp
CLIENTS := build/clients/.stamp
CUDA_SOURCES := java/src/main/resources/org/pygpt/kernels/cuda
CUDA_FAKE := build/cuda-fake/libcuda.so.1
PAGE_SOURCES := $(shell find page -name node_modules -prune -o -type f -print 2> /dev/null)
PAGE := pygpt/serve/page/index.html
# Tests that compute and wait for no clock: they run after JUnit, beside the others of Python.
BESIDE := tests/checkpoints tests/datasets tests/generate tests/model tests/reference
PYTEST = $(VENV_PYTHON) -m pytest --durations=25
JBRIDGE = $(PYTHON) -m jbridge --application pygpt.application
JDK = jdk=$$($(JBRIDGE) jdk-home)
RUN_GRADLE = $(JDK) && $(GRADLE) --no-daemon --quiet -Pjdk="$$jdk" $(GRADLEFLAGS)
APT = as_root=$$(test "$$(id -u)" = 0 || echo sudo) && $$as_root apt-get update -qq && \
    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

.DEFAULT_GOAL := help
.PHONY: bench-cuda cuda-fake cuda-kit help names java-names java-jar java-publish show page browser pictures test lint format bench bench-against bench-generate bench-java bench-java-talk bench-names bench-quick bench-recipe bench-serve wheel wheels clean gradle jdk FORCE

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

names: .venv/.installed $(ENGINE)  ## train the talk's GPT on baby names and print 20 new ones
	@$(VENV_PYTHON) -m pygpt names $(ARGS)

show: .venv/.installed-serve $(ENGINE) $(PAGE)  ## show the names model on a page; ARGS=runs/mine: another
	@exec $(VENV_PYTHON) -m pygpt show $(or $(ARGS),names)

page: $(PAGE)  ## build that page anew where it must be (Node 20 and npm)

java-names: $(ENGINE)  ## the same from Java alone
	@$(JDK) && exec "$$jdk/bin/java" @pygpt/data/java.flags -cp 'jbridge/jars/*' org.pygpt.Names $(ARGS)

java-jar: build/pygpt.jar  ## build/pygpt.jar, all in one: java -jar build/pygpt.jar names|train|generate|info

build/pygpt.jar: $(ENGINE_SOURCES) $(wildcard java/src/launcher/java/org/pygpt/launcher/*) pygpt/data/java.flags
	@$(RUN_GRADLE) javaJar

java-publish: $(ENGINE)  ## the engine for Gradle and Maven in build/repository, with sources, Javadoc and natives
	@$(RUN_GRADLE) publish
	@ls -1 build/repository/org/pygpt/*/*/*.jar

test: lint browser $(CUDA_FAKE) $(CLIENTS)  ## lint, then run all tests in two lanes beside each other; the counts come last
	@rm -rf build/pytest build/junit build/beside.log; mkdir -p build/pytest; status=0; \
	{ status=0; (export PYGPT_CUDA="$(CURDIR)/build/cuda-fake"; $(RUN_GRADLE) junit exampleProject) || status=1; \
	  $(if $(ARGS),,$(PYTEST) -p no:cacheprovider --junitxml=build/pytest/beside.xml $(BESIDE) || status=1;) \
	  exit $$status; } > build/beside.log 2>&1 & \
	beside=$$!; trap "kill $$beside; exit 130" INT TERM; \
	$(PYTEST) --junitxml=build/pytest/others.xml $(if $(ARGS),$(ARGS),$(BESIDE:%=--ignore=%)) || status=1; \
	wait $$beside || status=1; cat build/beside.log; \
	$(VENV_PYTHON) tests/packaging/counts.py build/pytest build/junit || status=1; \
	exit $$status

lint: .venv/.installed-test $(ENGINE) $(PAGE)  ## ruff, mypy, javac's warnings, google-java-format
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m mypy
	@{ $(RUN_GRADLE) formatCheck testClasses jmhClasses launcherClasses langchain4jTestClasses; } || \
	    { echo "(make format rewrites sources that are not formatted)" >&2; exit 1; }

format: .venv/.installed-test $(ENGINE)  ## format Java, sort Python's imports
	@$(VENV_PYTHON) -m ruff check --fix-only --select I .
	@$(RUN_GRADLE) format

cuda-fake: $(CUDA_FAKE)  ## build/cuda-fake: CUDA's libraries played on the host, for tests of backend cuda

$(CUDA_FAKE): $(wildcard java/src/test/cpp/*) $(wildcard $(CUDA_SOURCES)/*)
	@command -v g++ > /dev/null || { $(APT) g++; }
	@mkdir -p build/cuda-fake
	@g++ -std=c++20 -O2 -g -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -Wno-unused-parameter \
	    -Wno-sign-compare -Wno-unknown-pragmas -Ijava/src/test/cpp -I$(CUDA_SOURCES) \
	    -o build/cuda-fake/libfake.so java/src/test/cpp/fake_cuda.cpp
	@cd build/cuda-fake && for name in libcublasLt.so.13 libnvrtc.so.13 libcuda.so.1; do ln -sf libfake.so $$name; done
	@touch -h $@

$(CLIENTS): build.gradle | $(ENGINE)
	@$(RUN_GRADLE) clientJars
	@touch $@

pictures: .venv/.installed-test $(ENGINE) $(PAGE) browser  ## make the pictures of docs/page.md anew
	@$(VENV_PYTHON) -m tests.page.make_pictures

bench-names: .venv/.installed-bench $(ENGINE)  ## names beside NumPy and PyTorch (fetches 3 GB)
	@$(VENV_PYTHON) -m benchmarks.names $(ARGS)

bench: .venv/.installed-bench $(ENGINE)  ## training beside PyTorch and JAX, five models, 25 minutes
	@$(VENV_PYTHON) -m benchmarks.train $(ARGS)

bench-quick: .venv/.installed-bench $(ENGINE)  ## the three small ones beside eager PyTorch, 3 minutes
	@$(VENV_PYTHON) -m benchmarks.train --quick $(ARGS)

bench-recipe: .venv/.installed-bench $(ENGINE)  ## nanoGPT's Shakespeare recipe beside PyTorch, 2 minutes
	@$(VENV_PYTHON) -m benchmarks.recipe $(ARGS)

bench-generate: .venv/.installed-bench $(ENGINE)  ## generating beside transformers, CTranslate2, llama.cpp, OpenVINO, 15 minutes
	@$(VENV_PYTHON) -m benchmarks.generate $(ARGS)

bench-serve: .venv/.installed-test $(ENGINE)  ## one client and several of the endpoint; ARGS="--sides …": of other servers
	@$(VENV_PYTHON) -m benchmarks.serve $(ARGS)

bench-cuda: .venv/.installed $(ENGINE)  ## backend cuda on a card: checked, then measured; 8 minutes
	@$(VENV_PYTHON) -m benchmarks.cuda $(ARGS)

cuda-kit: $(ENGINE)  ## build/cuda-kit: the same with a small JRE, for a machine that has a driver and no more
	@rm -rf build/cuda-kit && mkdir -p build/cuda-kit
	@$(JDK) && "$$jdk/bin/jlink" --add-modules java.base,java.logging,jdk.incubator.vector,jdk.unsupported,jdk.management \
	    --strip-debug --no-header-files --no-man-pages --compress zip-9 --output build/cuda-kit/jre
	@cp jbridge/jars/pygpt-engine*.jar build/cuda-kit/pygpt-engine.jar
	@cp benchmarks/cuda/run.sh benchmarks/cuda/torch_side.py build/cuda-kit/
	@du -sh build/cuda-kit

bench-against: .venv/.installed $(ENGINE)  ## beside another commit, 15 minutes; ARGS="COMMIT --quick": 10
	@$(VENV_PYTHON) -m benchmarks.against $(ARGS)

bench-java: $(ENGINE)  ## kernels and a training step in JMH, 30 minutes: a table, build/jmh.json; ARGS are JMH's
	@$(RUN_GRADLE) -Pjmh="$(ARGS)" jmh

bench-java-talk: .venv/.installed $(ENGINE)  ## the talk's program in Java three times, 2 minutes
	@$(VENV_PYTHON) -m benchmarks.talk $(ARGS)

wheel: .venv/.created $(ENGINE) $(PAGE)  ## build dist/pygpt-….whl, jars and page included
	@$(VENV_PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls -1 dist/*.whl

wheels: .venv/.created $(ENGINE) $(PAGE)  ## two of less than 100 MB in dist/: pygpt, and ND4J's natives, which it needs
	@PYGPT_ND4J_APART=1 $(VENV_PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist . packages/nd4j
	@ls -1 dist/*.whl

clean:  ## remove what was built (not .venv)
	rm -rf build dist .gradle examples/java-project/build examples/java-project/.gradle jbridge/jars page/node_modules pygpt/serve/page

# ---- set-up; every step leaves a stamp, so that a second run starts at once -------------------------------------

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	    echo "pygpt needs Python >= 3.11, and '$(PYTHON)' is not: try PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { command -v apt-get > /dev/null && \
	    { $(APT) python3-venv; } || \
	    { echo "pygpt needs Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }; }
	@echo "Creating .venv ..."
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: pyproject.toml hatch_build.py | .venv/.created $(ENGINE)
	@echo "Installing the Python packages ..."
	@$(PIP_INSTALL) -e .
	@touch $@

.venv/.installed-%: pyproject.toml hatch_build.py | .venv/.created $(ENGINE)
	@echo "Installing the Python packages for $* ..."
	@$(PIP_INSTALL) -e '.[$*]'
	@touch .venv/.installed $@

# With flags for Gradle the jars may be others than those that are there: ask Gradle.
$(ENGINE): $(ENGINE_SOURCES) $(if $(strip $(GRADLEFLAGS)),FORCE)
	@command -v $(GRADLE) > /dev/null || $(MAKE) --no-print-directory gradle
	@$(JBRIDGE) jdk-home > /dev/null 2>&1 || $(MAKE) --no-print-directory jdk
	@echo "Building the Java engine (the first time fetches about 150 MB) ..."
	@$(RUN_GRADLE) jars
	@$(JBRIDGE) archive org.pygpt.Names --steps 30 --quiet > /dev/null 2>&1 || true # only a faster start
	@touch $@

page/node_modules/.package-lock.json: page/package-lock.json
	@command -v npm > /dev/null || { command -v apt-get > /dev/null && { $(APT) nodejs npm; } || \
	    { echo "the page is built with Node >= 20 and npm: see nodejs.org" >&2; exit 1; }; }
	@cd page && npm ci --silent --no-audit --no-fund
	@touch $@

$(PAGE): $(PAGE_SOURCES) page/node_modules/.package-lock.json
	@echo "Building the page ..."
	@cd page && npm run --silent build > /dev/null
	@touch $@

browser:
	@command -v chromium > /dev/null || { command -v apt-get > /dev/null && { $(APT) chromium; } || \
	    { echo "the page is tested in Chromium: install it, so that 'chromium' is on PATH" >&2; exit 1; }; }

gradle:  ## install Gradle from the system's packages (Debian, Ubuntu)
	@command -v apt-get > /dev/null || { echo "pygpt is built with Gradle >= 4.4, and '$(GRADLE)' is not on" \
	    "PATH: brew install gradle, or see gradle.org/install" >&2; exit 1; }
	@echo "Installing Gradle ..."
	@$(APT) gradle

jdk: .venv/.created  ## install a JDK 25 for this user, through cjdk
	@$(PIP_INSTALL) cjdk
	@$(VENV_PYTHON) -m jbridge install-jdk
