"""The line of a `.env` file that holds the signing secrets. Every other line stays as it is."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from coinpurse.errors import ConfigurationError

NAME = "STRIPE_WEBHOOK_SECRET"
LINE = re.compile(rf"^[ \t]*(?:export[ \t]+)?{NAME}[ \t]*=(?P<value>.*)$", re.MULTILINE)
Change = Callable[[list[str]], list[str]]


def require_writable(path: Path) -> None:
    """Raise ConfigurationError unless the file can be written: a secret that cannot be kept must not be made."""
    folder = path.resolve().parent
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigurationError(f"{path} cannot be written; name another file.")
    _read(path)


def prepend_secret(path: Path, secret: str) -> int:
    """Put a secret before those that the file has, and return how many it has then. The file is its owner's alone.

    Raises ConfigurationError where the file cannot be read or written.
    """
    return _replace(path, lambda known: [secret, *(item for item in known if item != secret)])


def rolled_secrets(path: Path) -> int:
    """Keep only the newest of the secrets, and return how many are left: 1, or 0 where the file has none."""
    return _replace(path, lambda known: known[:1])


def _replace(path: Path, change: Change) -> int:
    text = _read(path)
    lines = list(LINE.finditer(text))
    # Whoever reads the file takes the last of several lines.
    known = _secrets_of(lines[-1]["value"]) if lines else []
    wanted = change(known)
    line = f"{NAME}={','.join(wanted)}"
    if lines:
        start, end = lines[-1].span()
        text = text[:start] + line + text[end:]
    elif wanted:
        text += ("" if not text or text.endswith("\n") else "\n") + line + "\n"
    _write(path, text)
    return len(wanted)


def _secrets_of(value: str) -> list[str]:
    plain = value.strip()
    quoted = plain[:1] in ("'", '"')
    plain = plain[1:].partition(plain[0])[0] if quoted else plain.partition(" #")[0]
    return [part.strip() for part in plain.split(",") if part.strip()]


def _read(path: Path) -> str:
    try:
        # As bytes: reading as text would turn the file's own line ends into others.
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None


def _write(path: Path, text: str) -> None:
    """Write the file whole or not at all, for its owner alone. A link stays one."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        try:
            if target.exists():
                # Root may write what the store's own user has to read.
                kept = target.stat()
                os.chown(draft, kept.st_uid, kept.st_gid)
            draft.write_bytes(text.encode())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}).") from None
