"""Formats that leave the line: pictures with marks, Markdown, HTML pages and shards, one file each."""
