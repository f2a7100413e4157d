# How a layer gets its dependencies; each layer's Makefile includes this and adds what is its own.
# `sam build` runs the target `build-<LogicalId>` in a copy of the layer's folder, with ARTIFACTS_DIR set.
#
# FLUXION_LAYER_PLATFORM  aws (default): wheels for Lambda's x86_64, whatever machine builds them;
#                         host: wheels for this machine, to run the functions right here. `sam build --cached` does
#                         not see this choice, so give each platform a --cache-dir of its own.
# FLUXION_LAYER_CACHE     a folder that keeps installed dependencies by the digest of their lock file: a second
#                         build copies them, and needs no network. Without it each build installs anew.
# FLUXION_PYTHON          a Python 3.13 with pip (default: python3.13 on PATH, the one that `sam build` takes too).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help

FLUXION_LAYER_PLATFORM ?= aws
FLUXION_PYTHON ?= python3.13
SHARED := $(lastword $(MAKEFILE_LIST))
PACKAGES = $(ARTIFACTS_DIR)/python

# Lambda's python3.13 runs on Amazon Linux 2023 (glibc 2.34), which takes both of these wheel tags.
PIP_PLATFORM_aws = --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
	--implementation cp --python-version 3.13 --only-binary :all:
PIP_PLATFORM_host = --only-binary :all:
PIP_PLATFORM = $(or $(PIP_PLATFORM_$(FLUXION_LAYER_PLATFORM)),$(error FLUXION_LAYER_PLATFORM is "$(FLUXION_LAYER_PLATFORM)"; it must be aws or host))

help:
	@echo "Run 'sam build': it calls the targets of this file."

# $(call compile,FOLDER,NAME): bytecode beside the sources of FOLDER, known to Lambda as /opt/python/NAME.
# /opt is read-only there, so without it every cold start would compile everything again. Unchecked: an archive does
# not keep the time stamps that Python would compare, and the same sources give the same bytes.
compile = $(FLUXION_PYTHON) -m compileall -q -f -j 0 --invalidation-mode unchecked-hash -s "$(1)" -p /opt/python/$(2) "$(1)"

# $(call install-dependencies,TRIM,FILES): requirements.txt into PACKAGES, less what no function needs.
# TRIM is a command run inside the installed folder, `true` for none; FILES are those that it consists of.
# METADATA and licences stay for vulnerability scanners and lawyers; what pip notes about the installation differs from
# run to run, so it goes.
define install-dependencies
@$(FLUXION_PYTHON) -c 'import pip, sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	echo "Building this layer needs Python 3.13 with pip: put python3.13 on PATH or set FLUXION_PYTHON." >&2; exit 1; }
@set -eu; \
key=`cat requirements.txt "$(firstword $(MAKEFILE_LIST))" "$(SHARED)" $(2) | $(FLUXION_PYTHON) -c \
	'import hashlib, platform, sys; print(hashlib.sha256(sys.stdin.buffer.read() + repr((sys.argv[1], platform.platform() if sys.argv[1] == "host" else "")).encode()).hexdigest()[:24])' \
	$(FLUXION_LAYER_PLATFORM)`; \
kept="$${FLUXION_LAYER_CACHE:+$$FLUXION_LAYER_CACHE/$$key}"; \
mkdir -p "$(ARTIFACTS_DIR)"; \
if [ -n "$$kept" ] && [ -d "$$kept" ]; then cp -R "$$kept" "$(PACKAGES)"; else \
	$(FLUXION_PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-compile \
		--root-user-action ignore --require-hashes $(PIP_PLATFORM) --target "$(PACKAGES)" --requirement requirements.txt; \
	cd "$(PACKAGES)"; \
	$(1); \
	rm -rf bin *.dist-info/RECORD *.dist-info/INSTALLER *.dist-info/REQUESTED *.dist-info/WHEEL *.dist-info/sboms; \
	find . \( -name '*.pyi' -o -name py.typed \) -type f -exec rm -f {} +; \
	$(call compile,$(PACKAGES),); \
	if [ -n "$$kept" ]; then \
		mkdir -p "$$FLUXION_LAYER_CACHE"; \
		cp -R "$(PACKAGES)" "$$kept.$$$$"; mv "$$kept.$$$$" "$$kept" 2>/dev/null || rm -rf "$$kept.$$$$"; \
	fi; \
fi
endef
