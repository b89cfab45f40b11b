# The two commands of the README, and the ones that developers use. Each sets up what it needs.

PYTHON ?= python3
PORT ?= 5000
SANDBOX_PORT ?= 12111
SEED ?= 1
SEEDS ?= 1
STEPS ?= 40
JOBS ?= 2
MINUTES ?= 6
VENV := .venv
BIN := $(VENV)/bin
CLI := .tools/node_modules/.bin/stripe
# What shows whether another version of Python or of a dependency will do: each is used at least once, some minutes in all.
SHORT := tests/test_money.py tests/test_settings.py tests/test_jobs.py tests/test_logs.py tests/test_operations.py \
	tests/accounts tests/api_keys tests/catalog tests/db/test_migrate.py tests/db/test_engine.py tests/db/test_joining.py \
	tests/endpoints/test_webhooks.py tests/inbox tests/notifications/test_alerts.py tests/outbox tests/purchases \
	tests/package/test_public_names.py tests/web/test_accounts_api.py tests/web/test_admin_pages.py \
	tests/web/test_pages_translations.py tests/web/test_payment.py tests/web/test_service.py tests/processes/test_demo.py tests/processes/test_overload.py
BANDIT := src examples
AXE := .tools/node_modules/axe-core/axe.min.js

.DEFAULT_GOAL := help
.PHONY: help demo test test-system test-lowest test-python test-wheel nightly simulate fuzz bench bench-quick bench-load bench-plans soak docs stripe-check lint audit format translations constraints stripe-cli axe clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/demo.stamp  ## Run the store with a sandbox for Stripe on http://127.0.0.1:5000 (or PORT=…).
	@exec $(BIN)/coinpurse demo --port $(PORT) --sandbox-port $(SANDBOX_PORT)

test: $(VENV)/dev.stamp  ## Set everything up and run the tests.
	$(BIN)/python -m pytest -n auto -m "not system" --cov --cov-report=term

test-system: $(VENV)/dev.stamp  ## Run what takes longer: servers killed and restarted, browsers, failover, a short simulation.
	$(BIN)/python -m pytest -n auto -m system

test-lowest:  ## Run a short set with the lowest versions of what we depend on (PYTHON=… for another Python).
	@rm -rf build/lowest && mkdir -p build
	@$(PYTHON) -m venv build/lowest
	@build/lowest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip packaging
	build/lowest/bin/python tests/package/lowest.py > build/lowest.txt
	@build/lowest/bin/python -m pip install --quiet --disable-pip-version-check -r build/lowest.txt --group short -e '.[demo]'
	build/lowest/bin/python -m pytest -n auto $(SHORT)

test-python:  ## Run the same set on another Python: make test-python PYTHON=/path/to/python3.13
	@rm -rf build/python && mkdir -p build
	@$(PYTHON) -m venv build/python
	@build/python/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip
	@build/python/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group short -e '.[demo]'
	build/python/bin/python -m pytest -n auto $(SHORT)

test-wheel:  ## Install what would be released into an empty environment; follow the tutorial and test the example hosts there.
	@rm -rf build/wheel && mkdir -p build
	@$(PYTHON) -m venv build/wheel
	@build/wheel/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip build
	@build/wheel/bin/python -m build --outdir build/wheel/dist . >build/wheel/build.log || (cat build/wheel/build.log; exit 1)
	@build/wheel/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group short \
		"$$(ls build/wheel/dist/*.whl)[demo]"
	build/wheel/bin/python -m pytest -n auto tests/documentation/test_tutorial.py tests/examples tests/embedding

nightly: $(VENV)/dev.stamp  ## Look for rare faults for some hours: twenty thousand walks of the ledger beside its model, a thousand simulations.
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -n auto tests/ledger/test_model.py tests/ledger/test_claim_order.py
	$(BIN)/python -m tests.simulation --seed $(SEED) --seeds 1000 --steps $(STEPS) --jobs $(JOBS)

simulate: $(VENV)/dev.stamp  ## Run the store under faults: SEED=… SEEDS=… STEPS=… JOBS=… (docs/testing.md).
	$(BIN)/python -m tests.simulation --seed $(SEED) --seeds $(SEEDS) --steps $(STEPS) --jobs $(JOBS) $(if $(MUTANT),--mutant $(MUTANT))

fuzz: $(VENV)/dev.stamp  ## Feed odd input to all that reads what others send: MINUTES=… (docs/testing.md).
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group fuzz || \
		echo "Atheris cannot be installed here: mutations go on without guidance"
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

bench: $(VENV)/dev.stamp  ## Measure speed beside PostgreSQL itself: a quarter of an hour, 6 GB of disk for a while.
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/dev.stamp  ## The same, small: a minute, for a first impression.
	$(BIN)/python -m benchmarks --quick

docs: $(VENV)/dev.stamp  ## Build the documentation into build/docs.
	$(BIN)/python -m sphinx -W --keep-going -q -E -j auto -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

stripe-check: $(VENV)/dev.stamp  ## Make our calls on a test account of yours at Stripe (docs/stripe-check.md).
	$(BIN)/python -m tests.stripe_check

bench-load: $(VENV)/dev.stamp  ## More and more visitors until the store has enough, and then more: some minutes.
	$(BIN)/python -m benchmarks.load

bench-plans: $(VENV)/dev.stamp  ## How PostgreSQL finds things among ten million ledger rows: some minutes, 6 GB of disk.
	$(BIN)/python -m benchmarks.plans

soak: MINUTES := 30
soak: $(VENV)/dev.stamp  ## An ordinary load for MINUTES=30; fails where memory or connections go on growing.
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

lint: $(VENV)/dev.stamp  ## Check form, types, the direction of imports.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(BANDIT)

audit: $(VENV)/dev.stamp  ## Look for insecure code (bandit) and for known holes in what we depend on (pip-audit, asks pypi.org).
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(BANDIT)
	$(BIN)/pip-audit --strict --progress-spinner off --disable-pip --no-deps --requirement constraints.txt

format: $(VENV)/dev.stamp  ## Bring the code into form.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

translations: $(VENV)/dev.stamp  ## Collect the texts, bring the catalogues up to date and compile them.
	@mkdir -p build
	$(BIN)/pybabel -q extract -F babel.cfg -k _ -k lazy_gettext -k ngettext:1,2 --no-location -o build/coinpurse.pot .
	$(BIN)/pybabel -q update -D coinpurse -i build/coinpurse.pot -d src/coinpurse/web/translations --no-fuzzy-matching
	$(BIN)/pybabel -q compile -D coinpurse -d src/coinpurse/web/translations

stripe-cli: $(CLI)  ## Install the official Stripe CLI, which some tests drive.

$(CLI):
	npm install --silent --no-audit --no-fund --prefix .tools @stripe/cli@1.52.0

axe: $(AXE)  ## Install axe-core, which looks for barriers in the pages that tests open.

$(AXE):
	npm install --silent --no-audit --no-fund --prefix .tools axe-core@4.14.1

constraints: $(VENV)/dev.stamp  ## Write the exact versions of this environment into constraints.txt.
	$(BIN)/pip freeze --exclude-editable --exclude coinpurse | grep -E '^[A-Za-z0-9_.-]+==' > constraints.txt
	$(BIN)/pip freeze --all | grep '^pip==' >> constraints.txt

clean:  ## Remove what was set up; .coinpurse/, the demo's data, stays.
	rm -rf $(VENV) .tools build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Coinpurse needs Python 3.11 or newer; name one with PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip

$(VENV)/demo.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Coinpurse …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev --group docs
	@touch $@
