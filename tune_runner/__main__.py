"""python -m tune_runner"""

from tune_runner.interruption import EXIT_CODE, exit_at_once

exit_at_once()  # first of all: the imports take seconds


def main() -> int:
    """The command line as a process of its own. The exit code."""
    from tune_runner.output import flushed, say, usable_streams

    exit_at_once()
    with usable_streams() as output:
        from tune_runner.cli import main as run

        try:
            code = run()
        except SystemExit as end:  # argparse's
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except KeyboardInterrupt:
            say("interrupted")
            code = EXIT_CODE
        exit_at_once()
        return flushed(output, code)


if __name__ == "__main__":
    import sys

    sys.exit(main())
