"""Questions that people answer, their votes and who they are, as the operations database keeps them.

Everything that is written goes through `ReviewBook`, a transaction at a time; the other files hold what is said within
one. Rules are those of `domain/review.py`.
"""
