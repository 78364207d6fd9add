"""The `tidegate` command."""


def main() -> None:
    """Runs the command with the arguments of this process and exits with its code."""
    import signal
    import sys

    from . import _native

    # Python's own handler only notes a Ctrl-C for bytecode to act on, and none runs from here on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    raise SystemExit(_native.cli_main(["tidegate", *sys.argv[1:]]))
