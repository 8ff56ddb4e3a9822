from __future__ import annotations

import pytest

from tests.support import browser as module
from tests.support.browser import Browser

LOUD = "data:text/html,<body style='margin:0'><script>console.error('x'); fail()</script>"


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


def test_it_hears_what_a_page_complains_of_and_asks_for(browser):
    browser.open(LOUD)
    assert [e["args"][0]["value"] for e in browser.of("Runtime.consoleAPICalled")] == ["x"]
    assert len(browser.of("Runtime.exceptionThrown")) == 1
    assert [e["request"]["url"] for e in browser.of("Network.requestWillBeSent")] == [LOUD]
    browser.open("data:text/html,quiet")
    assert browser.of("Runtime.consoleAPICalled") == []


def test_it_hears_what_a_policy_forbids(browser):
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    browser.open(f"data:text/html,{policy}<img src=http://127.0.0.1:9/x>")
    assert [e["entry"]["level"] for e in browser.of("Log.entryAdded")] == ["error"]


def test_windows_are_as_wide_and_as_dark_as_was_asked(browser):
    for width, scheme in ((360, "dark"), (1280, "light")):
        browser.show(width=width, scheme=scheme)
        browser.open("data:text/html,<meta name=viewport content='width=device-width'>")
        assert browser.evaluate("innerWidth") == width
        assert browser.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    browser.media("dark", "print")
    assert browser.evaluate("matchMedia('print').matches")


def test_a_screenshot_has_what_is_below_the_fold(browser):
    browser.show(width=700, height=300)
    browser.open(
        "data:text/html,<body style='margin:0'><div style='height:999px;background:white'></div>"
        "<div style='height:1px;background:rgb(1,2,3)'>"
    )
    picture = browser.screenshot()
    assert picture.size == (700, 1000)
    assert picture.getpixel((200, 999)) == (1, 2, 3)
    assert picture.getpixel((200, 500)) == (255, 255, 255)


def test_a_script_that_fails_is_no_answer(browser):
    with pytest.raises(AssertionError, match="nothing"):
        browser.evaluate("nothing.here")


def test_it_is_gone_afterwards():
    with Browser() as browser:
        assert browser.process.poll() is None
    assert browser.process.poll() is not None


def test_a_browser_that_does_not_start_is_told(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(AssertionError, match="exit status"), Browser():
        pass
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(AssertionError, match="not installed"):
        Browser()
