"""``python -m dense_cli`` and ``densecli``."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback while it is still being imported, too."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from dense_cli.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
