"""Import a package without running its ``__init__`` until one of its names is used.

``import openai`` executes ``openai.types``, and with it about 400 modules of types for
chat, responses, evaluations and grading, none of which speech needs: 125 of the 190 ms
before the request can leave. Once deferred, these packages exist, their submodules can
be imported as usual, and their ``__init__`` runs when a name is used that no submodule
has.

`importlib.util.LazyLoader` does not work here: importing a submodule reads its package's
``__path__``, and any attribute access ends that laziness.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import contextmanager
from functools import partial
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType


@contextmanager
def deferred(packages: Collection[str], functions: Collection[str] = ()) -> Iterator[None]:
    """Defer the ``__init__`` of these packages if the block is the first to import them.

    Importing one of the ``functions`` from them does not run it either: what is imported
    looks the function up when it is called.

    The packages keep working after the block, for every thread, and for programs that
    import them themselves.
    """
    finder = _DeferringFinder(frozenset(packages), frozenset(functions))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _DeferringFinder:
    """Finds the packages on the path, and wraps their loaders."""

    def __init__(self, packages: frozenset[str], functions: frozenset[str]) -> None:
        self._packages = packages
        self._functions = functions

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the spec of a package to defer; None leaves a module to other finders."""
        if fullname not in self._packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _DeferringLoader(spec.loader, self._functions)  # type: ignore[assignment]
        return spec


class _DeferringLoader:
    """Gives the module a ``__getattr__`` (PEP 562) in place of its contents.

    It has the methods of `importlib.abc.Loader` but not that base: importing it takes 5 ms.
    """

    def __init__(self, loader: Loader, functions: frozenset[str]) -> None:
        self._loader = loader
        self._functions = functions

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as the real loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty until a name is looked up, or one of the functions called."""
        # Two threads may both run the code: it only fills in names. A lock held across imports
        # could deadlock with the import system's own.
        running: set[int] = set()
        loader, functions = self._loader, self._functions

        def look_up(name: str) -> Any:
            if name in functions:
                return partial(call, name)
            submodule = f"{module.__name__}.{name}"
            if PathFinder.find_spec(submodule, module.__path__) is not None:
                return importlib.import_module(submodule)
            return run(name)

        def call(function: str, /, *args: Any, **named: Any) -> Any:
            return run(function)(*args, **named)

        def run(name: str) -> Any:
            thread = threading.get_ident()
            if thread not in running:
                running.add(thread)
                try:
                    loader.exec_module(module)
                finally:
                    running.discard(thread)
            if name in module.__dict__:
                return module.__dict__[name]
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__getattr__ = look_up  # type: ignore[method-assign]  # PEP 562, which typeshed lacks
