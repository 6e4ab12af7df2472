# make app     set up and open the page
# make test    set up and pass the tests       (make fast: those that need seconds, no torch and no browser)
# make lint    ruff and mypy
# make bench   measure the page against the usual fastai + gr.Interface template and, in a browser, a plain gr.Interface,
#              downloading against img2dataset and fastai, a million hashes, names to a link, the heat map, ways to make
#              pictures square (DATA), and the recipes against the usual one (DATA5), and write what was measured into
#              bench/README.md; an hour on two cores
# make soak    32 clients for five minutes, 30 % of what they send broken: what fails, what grows
# make newest  all tests with the newest version of every package, in an environment of its own
# make fuzz    crafted and mutated files through the loader, wrong requests to the page: what came of them; ten minutes on two cores
# make examples  draw the PNGs of examples/ and tests/drawings/ from the SVG beside them, and photograph the page
# make model   train a model of the four characters on DATA, and measure it, sources held out
# make embed   make that the embedded model, asked about the drawings of tests/drawings

PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
DATA ?= ../shared/data/four
DATA5 ?= ../shared/data/five
# Else every program that a test starts compiles the project anew, and every worker all tests.
export PYTHONDONTWRITEBYTECODE =
# A worker per core: the threads of each one's numpy would wait for those of the other.
test fast: export OPENBLAS_NUM_THREADS = 1
PIP = pip install --quiet --disable-pip-version-check

.PHONY: app test fast lint bench fuzz soak newest model embed examples browser clean

app: .venv/ready
	.venv/bin/python app.py

test: .venv-dev/ready browser
	.venv-dev/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests

fast: .venv-dev/ready
	.venv-dev/bin/python -m pytest -n 2 --dist loadfile -m "not slow"

newest: .venv-newest/ready browser
	.venv-newest/bin/python -m bench.newest

lint: .venv-dev/ready
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/ruff check .
	.venv-dev/bin/mypy

bench: .venv-dev/ready .venv-img2dataset/ready browser
	DATA=$(DATA) DATA5=$(DATA5) .venv-dev/bin/python -m bench.record

soak fuzz: .venv-dev/ready
	.venv-dev/bin/python -m bench.record $@

model: .venv-dev/ready
	.venv-dev/bin/python train.py $(DATA) --out runs/embedded --recipe thorough --split source --rounds 5 --name "Four cartoon characters"

embed: .venv-dev/ready
	.venv-dev/bin/python -m bench.embed runs/embedded

examples: .venv-dev/ready browser
	.venv-dev/bin/python -m bench.draw_examples
	.venv-dev/bin/python -m bench.screenshot

.venv/ready: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/$(PIP) -r requirements.txt
	touch $@

.venv-dev/ready: tests/requirements.txt requirements-train.txt requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/$(PIP) -r tests/requirements.txt
	touch $@

.venv-newest/ready: tests/requirements.txt requirements-train.txt requirements.txt
	$(PYTHON) -m venv --clear .venv-newest
	sed -E 's/^-r .*//; s/==.*//' $^ > .venv-newest/newest.txt
	.venv-newest/bin/$(PIP) --upgrade -r .venv-newest/newest.txt
	touch $@

.venv-img2dataset/ready: bench/requirements-img2dataset.txt
	$(PYTHON) -m venv .venv-img2dataset
	.venv-img2dataset/bin/$(PIP) -r bench/requirements-img2dataset.txt
	touch $@

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	{ apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	{ echo "The browser tests need Chromium: install the package chromium."; exit 1; }

clean:
	rm -rf .venv .venv-dev .venv-img2dataset .venv-newest .mypy_cache .ruff_cache .pytest_cache
