"""Chains in words: `wording` writes them, `reading` reads them back; the two share no code."""
