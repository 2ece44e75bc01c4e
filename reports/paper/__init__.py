"""This package writes what goes into a paper: one table that fits its page, an appendix with everything, and macros.

`options` holds what the author asks for (a `table.toml`, or options of `report`), `arrangement` chooses rows and
columns, `main_table`, `appendix` and `macros` write LaTeX that needs booktabs alone, and `reported` sets the numbers of
other papers apart from ours.
"""
