"""``voicecli bench``: options → plan → run → report."""
