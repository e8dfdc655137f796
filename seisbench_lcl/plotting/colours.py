"""Colours of all figures."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000")
"""Eight colours that readers with any colour vision can distinguish (Okabe and Ito 2008)."""
