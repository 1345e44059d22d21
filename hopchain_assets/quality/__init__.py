"""Data-quality rules over frames: what must hold of stored rows before anything downstream may use them."""
