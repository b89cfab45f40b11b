"""The examples, as `python app.py` would load them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).parents[2]


def load_example(name: str) -> ModuleType:
    """Import `examples/<name>/app.py`."""
    spec = importlib.util.spec_from_file_location(
        f"{name}_example", PROJECT / "examples" / name / "app.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
