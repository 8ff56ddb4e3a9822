"""Load a module without the types that it names only in annotations.

The SDK's Realtime resource imports 180 modules of event types, 60 ms of the time to the first
sound, to annotate and to parse what `voicecli` parses itself. `private_copy` executes its file
under a name of its own, with placeholders for these. The module of the real name, and the types,
stay as they are for every other program in the process.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def private_copy(name: str, unneeded: Collection[str]) -> ModuleType:
    """Return a copy of the module ``name``, with placeholders for the modules ``unneeded``.

    Those that are already loaded are used. If the copy cannot be made, because a new version
    needs one of them, the module itself is returned.
    """
    finder = _PlaceholderFinder(unneeded)
    sys.meta_path.insert(0, finder)
    try:
        found = find_spec(name)
        if found is None or found.origin is None:
            return import_module(name)
        spec = spec_from_file_location(f"{name}_of_voicecli", found.origin)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception:  # noqa: BLE001  whatever a new version does with a placeholder
        module = None
    finally:
        sys.meta_path.remove(finder)
        finder.remove_placeholders()
    return module or import_module(name)


class _PlaceholderFinder(MetaPathFinder):
    """Finds the unneeded modules, as placeholders in which every name exists."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._loader = _PlaceholderLoader()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  placeholders are nowhere
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return the spec of a placeholder; None leaves a module to other finders."""
        return ModuleSpec(fullname, self._loader) if fullname in self._names else None

    def remove_placeholders(self) -> None:
        """Let the next import of these modules load them."""
        for name in self._names:
            module = sys.modules.get(name)
            if isinstance(module, _Placeholder):
                del sys.modules[name]
                parent, _, child = name.rpartition(".")
                if vars(sys.modules.get(parent, module)).get(child) is module:
                    delattr(sys.modules[parent], child)


class _PlaceholderLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Create a module in which every name exists."""
        return _Placeholder(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing."""


class _Placeholder(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
