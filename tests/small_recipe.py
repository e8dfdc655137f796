"""The card that recipes of tests share."""

CARD = """
[card]
task = "Tell high from low"
state = "experimental"
summary = "Tells high frequencies from low ones."
calibration = "temperature"
not-for = ["Anything."]
licence = "GPL-3.0-or-later"
citation = ["Nobody (2024)"]

[card.valid-ranges]
"native sampling rate" = "40 Hz or more"

[[card.training-data]]
name = "dataset"
sources = ["a generator of random numbers"]
licence = "none"
"""
