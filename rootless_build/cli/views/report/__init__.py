"""A kept run as one page to look at: `reading` reads it, `content` says what stands on the page,
`html` writes it.
"""
