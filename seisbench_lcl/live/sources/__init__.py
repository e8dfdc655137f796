"""Where packets come from."""

from seisbench_lcl.live.sources.base import PacketSource

__all__ = ["PacketSource"]
