# make demo   the main job, end to end, on a generated scene
# make test   format and lint, types, tests
# make check  format, lint, types and the tests of what changed since main, within a minute
# make coverage  the tests, and the share of lines that they reach, which may not fall below its floor
# make bench  the speed of every network against its textbook form, kept in benchmarks/history
# make fuzz   10,000 damaged files of every kind
# make qgis   the plug-in for QGIS as a zip
# make site   the documentation as a site, strictly, in build/site
# make notebooks  run the notebooks of docs/notebooks again, and keep what they print
# make dist   both wheels and the source archive, in dist
# make try    geoloupe's wheel and the archive alone in empty environments: doctor and demo; then with the papers' wheel
# make mutants a hundred small bugs, and those that no test notices (hours)
# make format rewrite the code in the house style

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
PIP    := $(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

SINCE  ?= main

.PHONY: demo test check coverage style bench fuzz qgis site notebooks dist try mutants format clean

demo: $(VENV)/core
	$(RUN) -m geoloupe demo demo

# Three processes on two cores: one waits, as often as not, for a program that it started.
test: style
	$(RUN) -m pytest -n 3 --dist worksteal -m "not slow"

check: style
	$(RUN) -m tools.changed --since $(SINCE)

coverage: $(VENV)/dev
	$(RUN) -m pytest -n 3 --dist worksteal -m "not slow" --cov --cov-report=term:skip-covered --cov-report=xml

style: $(VENV)/dev
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

bench: $(VENV)/dev
	$(RUN) -m benchmarks.networks --no-memory --precision bf16 --keep

fuzz: $(VENV)/dev
	GEOLOUPE_FUZZ=10000 $(RUN) -m pytest -m slow -s tests/fuzz

qgis:
	mkdir -p build
	git archive --format=zip -o build/geoloupe-qgis.zip HEAD:qgis

site: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet --strict

notebooks: $(VENV)/dev
	$(RUN) -m tools.notebooks

dist:
	rm -rf build/packing dist
	$(PYTHON) -m venv build/packing
	build/packing/bin/python -m pip install --quiet --disable-pip-version-check build
	build/packing/bin/python -m build
	build/packing/bin/python -m build --wheel --outdir dist papers
	build/packing/bin/python tools/release.py --built

try:
	for made in dist/geoloupe-*.tar.gz dist/geoloupe-*.whl; do \
	  rm -rf build/try && $(PYTHON) -m venv build/try && \
	  build/try/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $$made && \
	  (cd build/try && bin/geoloupe doctor && bin/geoloupe demo demo) || exit 1; \
	done
	build/try/bin/python -m pip install --quiet --disable-pip-version-check --no-index --find-links dist 'geoloupe[papers]'
	cd build/try && bin/geoloupe doctor && bin/geoloupe models hsenet-x4

mutants: $(VENV)/dev
	$(RUN) -m tools.mutants --count 100

format: $(VENV)/dev
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache

$(VENV)/core: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "geoloupe needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/dev: $(VENV)/core papers/pyproject.toml
	$(PIP) --editable ./papers --editable ".[dev,app,notebook,export,hub,cluster,studies,train,zarr]"
	touch $@
