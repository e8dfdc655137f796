"""Recipes: files from which weights are trained, scored and described again, by whoever has the data."""

from seisbench_lcl.recipes.recipe import About, DataSource, Evaluation, Recipe
from seisbench_lcl.recipes.reproduce import Reproduced, reproduce

__all__ = ["About", "DataSource", "Evaluation", "Recipe", "Reproduced", "reproduce"]
