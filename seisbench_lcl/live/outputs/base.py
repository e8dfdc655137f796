"""What every output does: take a change of a decision, and say so if it cannot."""

from typing import Protocol

from seisbench_lcl.live.changes import Change


class Output(Protocol):
    """Somewhere that changes of decisions go.

    Examples
    --------
    >>> class Printed:
    ...     def write(self, change):
    ...         print(change.kind, change.decision.label)
    ...
    ...     def close(self):
    ...         pass
    >>> output: Output = Printed()  # for `watch(..., outputs=[output])`
    >>> output.close()
    """

    def write(self, change: Change) -> None:
        """Take a change, in the order in which they are made.

        Raises
        ------
        OSError
            If it cannot be written; the watcher counts this, says it, and goes on.
        """

    def close(self) -> None:
        """Finish what is begun, within seconds."""
