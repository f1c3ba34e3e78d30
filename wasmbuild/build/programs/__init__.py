"""Small programs that run as actions, under the same limits as compilers.

They are started as ``python -P -m wasmbuild.build.programs.NAME``, get paths as arguments, write files,
and say what is wrong on standard error. Not here: which action runs which of them
(``wasmbuild.toolchains`` decides).
"""
