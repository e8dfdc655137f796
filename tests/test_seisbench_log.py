"""The log of SeisBench is as it was before, also after a block that failed."""

import logging
from contextlib import suppress

import pytest

from seisbench_lcl.seisbench_log import log_from


@pytest.mark.parametrize("before", [logging.DEBUG, logging.CRITICAL])
def test_a_block_logs_from_its_level_on(before: int) -> None:
    logger = logging.getLogger("seisbench")
    with log_from(before):
        with suppress(ValueError), log_from(logging.ERROR):
            assert not logger.isEnabledFor(logging.WARNING)
            assert logger.isEnabledFor(logging.ERROR)
            raise ValueError("in the block")
        assert logger.level == before
