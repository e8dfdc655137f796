"""Decisions while the ground still moves: packets from SeedLink and other sources, and what becomes of decisions."""

from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.engine import Watcher
from seisbench_lcl.live.health import Health, StationHealth
from seisbench_lcl.live.settings import WatchSettings, default_margin
from seisbench_lcl.live.watching import watch

__all__ = ["Change", "Health", "StationHealth", "WatchSettings", "Watcher", "default_margin", "watch"]
