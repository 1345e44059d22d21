"""A stand-in for a vision-language model: a server that knows the truth of its pictures, and lies by rate."""
