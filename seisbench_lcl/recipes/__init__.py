"""Recipes: files from which weights are trained, scored and described again, by whoever has the data."""

from seisbench_lcl.recipes.recipe import About, Evaluation, Recipe, Source
from seisbench_lcl.recipes.reproduce import Reproduced, reproduce

__all__ = ["About", "Evaluation", "Recipe", "Reproduced", "Source", "reproduce"]
