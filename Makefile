# `make demo` and `make test` do all their own set-up and may be repeated. `make help` lists the rest.
SHELL := /bin/bash
TOOLS := tests/tools
CORE := build/venv-2.19

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test setup setup-lab lint docs unit lab integration faults smoke molecule sanity bench test-host test-zfs clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: setup-lab ## a stand-in host, converged by playbooks/pxe, with guests that really boot, from an image and from the network
	$(TOOLS)/demo up

demo-down: ## remove every namespace, process and mount that the demo made
	$(TOOLS)/demo down

test: setup ## everything, cheapest first; what .ci/run calls
	$(TOOLS)/test-all

build:
	@mkdir -p build

setup-lab: build
	@$(TOOLS)/setup-packages lab
	@$(TOOLS)/setup-venv 2.19
	@$(TOOLS)/setup-collections

setup: build
	@$(TOOLS)/setup-packages test
	@$(TOOLS)/setup-venv 2.19
	@$(TOOLS)/setup-venv 2.21 || [ $$? = 3 ]
	@$(TOOLS)/setup-collections

lint: setup ## ruff, mypy --strict, shellcheck, ansible-lint (profile production), changelog, docs
	$(TOOLS)/lint

unit: setup ## unit tests, on both releases of ansible-core
	$(TOOLS)/unit

lab: setup ## the stand-in host's own tests, the runtime's, and the replay of the transcripts
	$(TOOLS)/lab

sanity: setup ## ansible-test sanity, on both releases of ansible-core
	$(TOOLS)/sanity 2.19
	[ ! -d build/venv-2.21 ] || $(TOOLS)/sanity 2.21

integration: setup ## every module, role and playbook through real Ansible on stand-in hosts
	$(TOOLS)/integration 2.19

faults: setup ## a failure at every command that a module starts, each in turn: what `make test` tries a share of
	APIARY_FAULTS=all $(TOOLS)/integration 2.19 -k "fail or did_its_work or cut or hang or killed"

smoke: setup ## a short integration run on the current ansible-core
	[ ! -d build/venv-2.21 ] || $(TOOLS)/integration 2.21 --smoke

molecule: setup ## one scenario a role
	$(TOOLS)/molecule

bench: setup ## how long runs over 1, 50 and 500 guests take
	benchmarks/run

test-host: setup ## the integration tests on a real FreeBSD host: make test-host HOST=root@hive1 [VARS=file.yml]
	@$(TOOLS)/test-host "$(HOST)" "$(VARS)"

test-zfs: setup ## the tests of the stand-in's zfs against OpenZFS itself, in a virtual machine (built once: ten minutes)
	$(TOOLS)/test-zfs

clean: demo-down ## remove build/
	rm -rf build
