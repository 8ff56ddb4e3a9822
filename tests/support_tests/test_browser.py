from __future__ import annotations

import pytest

from tests.support import browser as module
from tests.support.browser import Browser

LOUD = "data:text/html,<body style='margin:0'><script>console.error('x'); fail()</script>"


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


def test_events_of_a_page(browser):
    browser.open(LOUD)
    assert [e["args"][0]["value"] for e in browser.events_named("Runtime.consoleAPICalled")] == [
        "x"
    ]
    assert len(browser.events_named("Runtime.exceptionThrown")) == 1
    assert [e["request"]["url"] for e in browser.events_named("Network.requestWillBeSent")] == [
        LOUD
    ]
    browser.open("data:text/html,quiet")
    assert browser.events_named("Runtime.consoleAPICalled") == []


def test_violations_of_a_policy(browser):
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    browser.open(f"data:text/html,{policy}<img src=http://127.0.0.1:9/x>")
    assert [e["entry"]["level"] for e in browser.events_named("Log.entryAdded")] == ["error"]


def test_windows_have_the_given_width_and_scheme(browser):
    for width, scheme in ((360, "dark"), (1280, "light")):
        browser.set_window(width=width, scheme=scheme)
        browser.open("data:text/html,<meta name=viewport content='width=device-width'>")
        assert browser.evaluate("innerWidth") == width
        assert browser.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    browser.emulate_media("dark", "print")
    assert browser.evaluate("matchMedia('print').matches")


def test_a_screenshot_includes_what_is_below_the_fold(browser):
    browser.set_window(width=700, height=300)
    browser.open(
        "data:text/html,<body style='margin:0'><div style='height:999px;background:white'></div>"
        "<div style='height:1px;background:rgb(1,2,3)'>"
    )
    picture = browser.screenshot()
    assert picture.size == (700, 1000)
    assert picture.getpixel((200, 999)) == (1, 2, 3)
    assert picture.getpixel((200, 500)) == (255, 255, 255)


def test_a_failing_script_is_an_error(browser):
    with pytest.raises(AssertionError, match="nothing"):
        browser.evaluate("nothing.here")


def test_the_browser_ends_with_the_block():
    with Browser() as browser:
        assert browser.process.poll() is None
    assert browser.process.poll() is not None


def test_a_browser_that_does_not_start_is_an_error(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(AssertionError, match="exit status"), Browser():
        pass
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(AssertionError, match="not installed"):
        Browser()
