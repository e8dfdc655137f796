"""Decisions while the ground still moves: packets from SeedLink and other sources, and what becomes of decisions."""
