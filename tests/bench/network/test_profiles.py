from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.bench.network.profiles import PROFILES, Network, parse_network
from voicecli.errors import ConfigError


class TestProfiles:
    def test_the_documented_profiles_exist(self):
        assert {"wifi", "lte", "3g", "train", "satellite"} <= set(PROFILES)
        assert all(name == network.name for name, network in PROFILES.items())

    @pytest.mark.parametrize("name", PROFILES)
    def test_names_ignore_case_and_spaces(self, name):
        assert parse_network(f" {name.upper()} ") is PROFILES[name]

    def test_published_figures(self):
        """WebPageTest's 3G and LTE; the speed of light to a geostationary satellite and back."""
        three, lte = PROFILES["3g"], PROFILES["lte"]
        assert (three.latency_ms, three.down_kbit_s, three.up_kbit_s) == (150, 1600, 768)
        assert (lte.latency_ms, lte.down_kbit_s) == (35, 12_000)
        assert 2 * PROFILES["satellite"].latency_ms >= 558

    @pytest.mark.parametrize("network", PROFILES.values(), ids=PROFILES)
    def test_each_carries_speech_in_pcm(self, network):
        """24 kHz in 16 bits: a network that cannot keep up would only show that."""
        assert network.down_kbit_s > 24_000 * 16 / 1000


class TestText:
    def test_figures_left_out_have_no_effect(self):
        assert parse_network("latency=80") == Network("latency=80", latency_ms=80)
        text = "latency=80,jitter=20.5,down=2000,up=500,stall=5000/400"
        assert parse_network(text) == Network(text, 80, 20.5, 2000, 500, 5000, 400)

    def test_spaces_do_not_matter(self):
        read = parse_network(" Latency = 80 , stall = 5000 / 400 ")
        assert (read.latency_ms, read.stall_every_ms, read.stall_ms) == (80, 5000, 400)

    @pytest.mark.parametrize("text", ["", "wi-fi", "5g", "latency", "80"])
    def test_an_unknown_name_lists_the_known_ones(self, text):
        with pytest.raises(ConfigError, match="unknown network") as caught:
            parse_network(text)
        assert all(name in caught.value.remedy for name in PROFILES)
        assert "latency=80" in caught.value.remedy

    def test_the_example_in_a_remedy_works(self):
        with pytest.raises(ConfigError) as caught:
            parse_network("latency=x")
        assert parse_network(caught.value.remedy.removeprefix("e.g. ")).down_kbit_s == 2000

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("delay=80", "'delay' is not one of latency, jitter, down, up, stall"),
            ("latency=80,", "'' is not one of"),
            ("latency=80,train", "'train' is not one of"),
            ("latency=1,latency=2", "latency is given twice"),
            ("stall=1/2,stall=3/4", "stall is given twice"),
            ("latency=fast", "'latency=fast' must be of the form latency=80"),
            ("latency=", "'latency=' must be of the form latency=80"),
            ("latency=1/2", "'latency=1/2' must be of the form latency=80"),
            ("stall=5000", "'stall=5000' must be of the form stall=5000/400"),
            ("stall=1/2/3", "'stall=1/2/3' must be of the form stall=5000/400"),
            ("latency=-1", "latency must be from 0 to 60000 ms, not -1"),
            ("latency=nan", "latency must be"),
            ("jitter=inf", "jitter must be"),
            ("jitter=60001", "jitter must be"),
            ("down=0", "down must be from 1 to 10000000 kbit/s, not 0"),
            ("up=-5", "up must be"),
            ("stall=0/400", "stall's time between two must be from 1 "),
            ("stall=5000/0", "stall needs both"),
            ("stall=5000/-1", "stall's length must be from 1 "),
        ],
    )
    def test_invalid_figures_are_rejected(self, text, complaint):
        with pytest.raises(ConfigError, match=complaint) as caught:
            parse_network(text)
        assert caught.value.remedy

    def test_escape_sequences_do_not_reach_messages(self):
        for text in ("\x1b[31mred", "latency=\x1b[31m", "\x1b[31m=1"):
            with pytest.raises(ConfigError) as caught:
                parse_network(text)
            assert "\x1b" not in caught.value.message

    @given(st.text(max_size=40))
    def test_any_text_is_a_network_or_a_config_error(self, text):
        with contextlib.suppress(ConfigError):
            assert isinstance(parse_network(text), Network)

    @given(
        st.floats(0, 60_000),
        st.floats(0, 60_000),
        st.none() | st.floats(1, 1e7),
        st.none() | st.floats(1, 1e7),
        st.none() | st.tuples(st.floats(1, 8e7), st.floats(1, 6e4)),
    )
    def test_all_valid_figures_are_accepted(self, latency, jitter, down, up, stall):
        text = f"latency={latency!r},jitter={jitter!r}"
        text += "" if down is None else f",down={down!r}"
        text += "" if up is None else f",up={up!r}"
        text += "" if stall is None else f",stall={stall[0]!r}/{stall[1]!r}"
        read = parse_network(text)
        assert (read.latency_ms, read.jitter_ms) == (latency, jitter)
        assert (read.down_kbit_s, read.up_kbit_s) == (down, up)
        assert (read.stall_every_ms, read.stall_ms) == (stall or (None, 0.0))


class TestFigures:
    @pytest.mark.parametrize(
        "figures",
        [
            {"latency_ms": -0.1},
            {"jitter_ms": math.nan},
            {"down_kbit_s": 0},
            {"up_kbit_s": math.inf},
            {"stall_every_ms": 1000},
            {"stall_ms": 10},
        ],
    )
    def test_invalid_networks_are_rejected(self, figures):
        with pytest.raises(ValueError, match=r"must be|needs both"):
            Network("x", **figures)
