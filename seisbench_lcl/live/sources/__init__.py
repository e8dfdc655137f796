"""Where packets come from: SeedLink, FDSN services, folders that fill, replays."""

from seisbench_lcl.live.sources.base import PacketSource
from seisbench_lcl.live.sources.fdsn_polling import FdsnPollingSource
from seisbench_lcl.live.sources.folder import FolderSource
from seisbench_lcl.live.sources.opening import ADDRESSES, open_source
from seisbench_lcl.live.sources.replay import ReplaySource
from seisbench_lcl.live.sources.seedlink import SeedLinkSource
from seisbench_lcl.live.sources.selection import StreamId, StreamPattern, StreamSelection

__all__ = [
    "ADDRESSES",
    "FdsnPollingSource",
    "FolderSource",
    "PacketSource",
    "ReplaySource",
    "SeedLinkSource",
    "StreamId",
    "StreamPattern",
    "StreamSelection",
    "open_source",
]
