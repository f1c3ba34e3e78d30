"""Trust policies: a file that says who must have signed what, and the verdict on an artifact.

Another thing than the policy of ``run``, which says what a program is given (``wasmbuild.run.deciding``).
"""
