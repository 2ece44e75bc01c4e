"""Identity similarity: is the person of the clip the person of the reference?"""
