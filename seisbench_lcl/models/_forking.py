"""Models in forked processes, the default of `multiprocessing` on Linux before Python 3.14.

A fork copies the process without the threads of torch's OpenMP pool, and the child would wait for them forever. With
one thread it never asks for the pool. The kernels of numba start their threads at each call, as many as torch has.
"""

import os

import torch

if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
