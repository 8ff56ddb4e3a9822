from __future__ import annotations

import sys

import pytest

from voicecli.sources.without_types import private_copy


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose module ``work`` imports ``types`` for its annotations."""
    folder = tmp_path / "parcel"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "types.py").write_text("class Event:\n    weight = 7\n")
    (folder / "work.py").write_text(
        "from __future__ import annotations\n"
        "from .types import Event\n"
        "def weigh(event: Event):\n"
        "    return getattr(Event, 'weight', None)\n"
    )
    (folder / "needy.py").write_text("from .types import Event\nWEIGHT = Event.weight\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "parcel"
    for name in [name for name in sys.modules if name.partition(".")[0] == "parcel"]:
        del sys.modules[name]


def test_the_copy_has_placeholders_and_nothing_else_is_changed(package):
    copy = private_copy("parcel.work", ["parcel.types"])
    assert copy.weigh(None) is None
    assert "parcel.types" not in sys.modules
    assert "parcel.work" not in sys.modules
    from parcel import types
    from parcel.work import weigh

    assert types.Event.weight == 7
    assert weigh(None) == 7
    assert not hasattr(types, "Other")


def test_what_is_loaded_already_is_used(package):
    import parcel.types

    assert private_copy("parcel.work", ["parcel.types"]).weigh(None) == 7
    assert sys.modules["parcel.types"] is parcel.types


def test_a_module_that_needs_more_is_loaded_as_it_is(package):
    module = private_copy("parcel.needy", ["parcel.types"])
    assert module is sys.modules["parcel.needy"]
    assert module.WEIGHT == 7


def test_a_module_that_does_not_exist(package):
    with pytest.raises(ImportError):
        private_copy("parcel.nowhere", ["parcel.types"])
