"""From windows to events: arrivals, votes, decisions, catalogues."""
