from __future__ import annotations

import threading

import pytest

from tests.session.fakes import FORMAT, FakeClock, FakeSpeaker, seen, settings
from voicecli.errors import DeviceError
from voicecli.playback.null import DiscardSink
from voicecli.session import outlet as module
from voicecli.session.outlet import Outlet

FAULT = DeviceError("no device")


@pytest.fixture
def speaker():
    made = FakeSpeaker(FakeClock())
    return made.made_by(settings().speaker, None, None)


def test_what_was_prepared_is_opened(speaker):
    outlet = Outlet(speaker, without_device=False)
    outlet.prepare()
    assert outlet.open(FORMAT, is_pcm=True) is speaker.sink
    assert (speaker.prepared, speaker.is_pcm, outlet.no_device) == (1, True, None)


def test_what_was_skipped_may_be_needed_after_all(speaker):
    outlet = Outlet(speaker, without_device=False)
    outlet.skip()
    assert outlet.open(FORMAT, is_pcm=False) is speaker.sink
    assert speaker.prepared == 0


def test_opening_waits_for_the_preparation(speaker):
    outlet, preparing, prepared = (
        Outlet(speaker, without_device=False),
        threading.Event(),
        threading.Event(),
    )

    def slowly():
        preparing.set()
        seen(prepared)

    speaker.prepare = slowly
    threads = [
        threading.Thread(target=outlet.prepare),
        threading.Thread(target=lambda: outlet.open(FORMAT, is_pcm=True)),
    ]
    for thread in threads:
        thread.start()
    seen(preparing)
    assert not speaker.opened.is_set()
    prepared.set()
    for thread in threads:
        thread.join()
    assert speaker.opened.is_set()


@pytest.mark.parametrize("where", ["prepare_fault", "open_fault"])
def test_without_a_device_it_says_so(speaker, where):
    setattr(speaker, where, FAULT)
    outlet = Outlet(speaker, without_device=False)
    raised = []
    for step in (outlet.prepare, lambda: outlet.open(FORMAT, is_pcm=True)):
        try:
            step()
        except DeviceError as error:
            raised.append(error)
    assert raised == ([FAULT, FAULT] if where == "prepare_fault" else [FAULT])
    assert outlet.no_device is None


@pytest.mark.parametrize("where", ["prepare_fault", "open_fault"])
def test_without_a_device_it_may_go_on(speaker, where):
    setattr(speaker, where, FAULT)
    outlet = Outlet(speaker, without_device=True)
    outlet.prepare()
    sink = outlet.open(FORMAT, is_pcm=True)
    assert isinstance(sink, DiscardSink)
    assert sink.format == FORMAT
    assert outlet.no_device is FAULT


def test_a_defect_while_preparing_leaves_nobody_waiting(speaker):
    speaker.prepare_fault = ZeroDivisionError()
    outlet = Outlet(speaker, without_device=True)
    with pytest.raises(ZeroDivisionError):
        outlet.prepare()
    assert outlet.open(FORMAT, is_pcm=True) is speaker.sink


def test_it_does_not_wait_for_ever(speaker, monkeypatch):
    monkeypatch.setattr(module, "DEVICE_S", 0.0)
    with pytest.raises(DeviceError, match="has not answered"):
        Outlet(speaker, without_device=False).open(FORMAT, is_pcm=True)
