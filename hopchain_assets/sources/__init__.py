"""Where pictures and their truth come from: one outside format each, and no table."""
