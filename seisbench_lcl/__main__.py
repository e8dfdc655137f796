"""``python -m seisbench_lcl``: the command line."""

from seisbench_lcl.cli import main

if __name__ == "__main__":
    main()
