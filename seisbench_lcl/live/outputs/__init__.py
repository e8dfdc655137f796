"""What becomes of decisions: lines of JSON, QuakeML, hints for SeisComP, commands, web requests, metrics, a view."""

from seisbench_lcl.live.outputs.base import Output
from seisbench_lcl.live.outputs.hook import Hook
from seisbench_lcl.live.outputs.json_lines import JsonLines, last_written, written
from seisbench_lcl.live.outputs.quakeml import QuakeMLFolder
from seisbench_lcl.live.outputs.seiscomp import SeisComPComments
from seisbench_lcl.live.outputs.serving import Metrics, serve_metrics
from seisbench_lcl.live.outputs.terminal import TerminalView
from seisbench_lcl.live.outputs.webhook import Webhook

__all__ = [
    "Hook",
    "JsonLines",
    "Metrics",
    "Output",
    "QuakeMLFolder",
    "SeisComPComments",
    "TerminalView",
    "Webhook",
    "last_written",
    "serve_metrics",
    "written",
]
