"""Models on data under protocols: rows, tables and what they mean."""
