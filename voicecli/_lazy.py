"""Public names of a package, each loaded from its module when it is first used (PEP 562)."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # see `voicecli`
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package that loads its names lazily.

    Args:
        package: its ``__name__``.
        modules: for each public name, its module, relative to the package.
    """

    def get_name(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415  0.6 ms, a twentieth of a command for the resident

        value = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted(sys.modules[package].__all__)

    return get_name, list_names
