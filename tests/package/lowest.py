"""`python tests/package/lowest.py`: the direct dependencies of pyproject.toml, each at its lowest version, for pip."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def lowest(requirement: str) -> str:
    """Return `name==lower` of a `name>=lower`. Raises ValueError where there is no lower end."""
    parsed = Requirement(requirement)
    (lower,) = (each.version for each in parsed.specifier if each.operator == ">=")
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extras}=={lower}"


def all_lowest() -> list[str]:
    """Return those of the package and of its extras."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [
        lowest(each) for each in (*project["dependencies"], *(e for extra in extras for e in extra))
    ]


if __name__ == "__main__":
    sys.stdout.write("\n".join(all_lowest()) + "\n")
