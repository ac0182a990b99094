"""Start the command line: ``dateline``, or ``python -m dateline``."""

import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its status."""
    try:
        from dateline.cli.app import app
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="dateline")


if __name__ == "__main__":
    main()
