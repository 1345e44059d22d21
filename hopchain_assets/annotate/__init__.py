"""The pages on which people answer questions, blind, and on which somebody leads them (paper, stage 4)."""
