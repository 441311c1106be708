"""Finds plugins: the modules of a package that define one thing each (probes, monitors, signs, commands)."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from types import ModuleType

T = TypeVar("T")


def names(package: ModuleType) -> list[str]:
    """The modules directly in ``package``, sorted; none of them is imported."""
    modules = (m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg)
    return sorted(set(modules) - {"__main__"})


def collect(package: ModuleType, attribute: str, kind: type[T]) -> dict[str, T]:
    """All ``attribute``s of the modules directly in ``package``, by module name, sorted.

    Strict: a module that fails to import, or lacks the attribute, or names itself otherwise, is an
    error. A folder in the package holds what several of its modules share, and is passed over.

    Raises:
        TypeError: a module does not define ``attribute`` as a ``kind`` of its own name.
    """
    found: dict[str, T] = {}
    for name in names(package):
        value = getattr(importlib.import_module(f"{package.__name__}.{name}"), attribute, None)
        if not isinstance(value, kind) or getattr(value, "name", None) != name:
            raise TypeError(
                f"{package.__name__}.{name} must define {attribute}, a {kind.__name__} named {name!r}"
            )
        found[name] = value
    return found
