from __future__ import annotations

import pytest

from tests.support.outside import Harness


@pytest.mark.slow
def test_odd_input_from_outside_is_never_an_internal_error_and_shows_no_key():
    with Harness(seed=14) as harness:
        for _ in range(60):
            case = harness.generator.case()
            assert harness.run(case) is None, case
