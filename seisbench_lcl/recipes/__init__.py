"""Recipes: files from which anyone with the data can train, score and describe weights again."""

from seisbench_lcl.recipes.recipe import About, DataSource, Evaluation, Recipe
from seisbench_lcl.recipes.reproduce import Reproduced, reproduce

__all__ = ["About", "DataSource", "Evaluation", "Recipe", "Reproduced", "reproduce"]
