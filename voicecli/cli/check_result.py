"""The result of one check of ``voicecli doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from voicecli.cli.output import flush, print_table
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from voicecli.errors import VoiceError

_WIDTH = 100
"""Columns of a report in a pipe or a file, as for an issue."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check; ``exit_status`` counts only if it failed."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str
    remedy: str | None = None
    exit_status: ExitStatus = ExitStatus.OK

    @classmethod
    def of_error(cls, name: str, error: VoiceError) -> CheckResult:
        """Make the result of a check that failed with one of our errors."""
        return cls(name, "fail", error.message, error.remedy, error.exit_status)

    def to_json(self) -> dict[str, str | None]:
        """Return the JSON object, without the exit status."""
        fields = ("name", "status", "message", "remedy")
        return {field: getattr(self, field) for field in fields}

    def show(self) -> None:
        """Print the result, with its remedy below."""
        mark = "FAIL" if self.status == "fail" else self.status
        rows = [(f"{mark:<4}", f"{self.name:<11}", self.message)]
        if self.remedy:
            rows.append(("    ", f"{'':<11}", self.remedy))
        print_table(rows, _WIDTH)
        flush()
