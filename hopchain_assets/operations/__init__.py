"""The transactional side, in a database of its own: paid calls to models (and, later, votes)."""
