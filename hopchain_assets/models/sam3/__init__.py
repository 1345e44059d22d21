"""SAM3 (Meta; SAM licence) as a segmenter: on transformers' network anywhere, on Meta's own package on CUDA machines.

`segmenter.py` is imported without torch; the other modules need it, and are imported when the first picture comes.
"""
